#pragma once

#include <sys/types.h>

#include <deque>
#include <memory>

namespace shmsem::semrun {

/// A file without a name that keeps what a job prints until the job has ended. It takes any amount, and nobody has to read
/// while the job runs.
class spool {
   public:
    /// In $TMPDIR or /tmp, or in memory where that is not to be had. @throws std::system_error
    spool();
    ~spool();
    spool(const spool&) = delete;
    spool& operator=(const spool&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] off_t size() const noexcept;

   private:
    int fd_;
};

/// Copies spools to where they belong, one after the other, never so much at once that a slow reader would hold us up.
class printer {
   public:
    void add(std::unique_ptr<spool> what, int target);

    [[nodiscard]] bool idle() const noexcept { return queue_.empty(); }
    [[nodiscard]] std::size_t waiting() const noexcept { return queue_.size(); }
    /// Where the next piece goes; poll it for POLLOUT, then print_some().
    [[nodiscard]] int target() const noexcept { return queue_.front().target; }
    /// False, with errno, when it cannot be written; then the rest of this one is forgotten.
    bool print_some();
    /// The last thing that was printed ended a line.
    [[nodiscard]] bool at_line_start() const noexcept { return at_line_start_; }

   private:
    struct entry {
        std::unique_ptr<spool> what;
        int target = -1;
        off_t done = 0;
    };
    std::deque<entry> queue_;
    bool at_line_start_ = true;
};

}  // namespace shmsem::semrun
