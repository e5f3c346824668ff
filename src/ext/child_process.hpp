#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <system_error>
#include <utility>

namespace shmsem::ext {

/// One process that this process forked. Nobody else's child is ever waited for, and a pid is signalled only while it is
/// certain to be ours: an ended child keeps its pid until it is reaped here.
class child_process {
   public:
    struct ending {
        bool signalled = false;
        int status = 0;  ///< -1: somebody else collected it
    };

    child_process() noexcept = default;
    child_process(child_process&& other) noexcept { swap(other); }
    child_process& operator=(child_process&& other) noexcept {
        child_process moved(std::move(other));
        swap(moved);
        return *this;
    }
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;
    /// Closes the descriptor; neither signals nor waits.
    ~child_process();

    /// Forks. The child runs `body`, flushes standard output and leaves with its result, without exit handlers. It has
    /// default signal handlers and an empty mask, and is killed when the calling thread ends.
    /// @param with_descriptor  also opens a pidfd, so that its end can be polled for
    static child_process fork(const std::function<int()>& body, bool with_descriptor, std::error_code& ec);
    /// In a child: leaves as if `body` had returned.
    [[noreturn]] static void leave(int status) noexcept;

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    /// Readable once the child has ended; -1 where the kernel has none to give.
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    void signal(int number) const noexcept;
    /// How it ended, and then it is gone; nothing while it runs.
    [[nodiscard]] std::optional<ending> reap() noexcept;

    void swap(child_process& other) noexcept {
        std::swap(pid_, other.pid_);
        std::swap(descriptor_, other.descriptor_);
    }

   private:
    pid_t pid_ = 0;
    int descriptor_ = -1;
};

}  // namespace shmsem::ext
