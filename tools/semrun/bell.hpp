#pragma once

namespace shmsem::semrun {

/// Wakes whoever polls fd(), from any thread.
class bell {
   public:
    bell();
    ~bell();
    bell(const bell&) = delete;
    bell& operator=(const bell&) = delete;

    void ring() noexcept;
    void hush() noexcept;
    [[nodiscard]] int fd() const noexcept { return fd_; }

   private:
    int fd_;
};

}  // namespace shmsem::semrun
