#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace shmsem::test {

/// A forked process under test. Checks that fail inside it are printed at once and fail the parent's test when it is
/// reaped, however it ended; what it returns becomes its exit status. It never runs the parent's destructors or exit handlers,
/// and dies with the thread group that forked it.
class child {
   public:
    child() noexcept = default;
    child(child&& other) noexcept { swap(other); }
    child& operator=(child&& other) noexcept {
        child moved(std::move(other));
        swap(moved);
        return *this;
    }
    child(const child&) = delete;
    child& operator=(const child&) = delete;
    /// SIGKILL if it still runs, and always reaped.
    ~child();

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    [[nodiscard]] bool reaped() const noexcept { return reaped_; }

    /// Waits for its end. @return the signal that killed it; anything else is a failure of the test, and 0
    int wait_signal();
    /// Waits for its end. @return its exit status; death by a signal is a failure of the test, and -1
    int wait_exit();
    /// SIGKILL, and waits: afterwards the process is gone, not only told to go. False if it had ended otherwise before.
    bool kill();
    /// Sends a signal without waiting.
    void send(int signal) const;

    /// SIGSTOP; returns when the kernel says that it has stopped.
    void stop();
    /// Returns when it has stopped itself (stop_at). False, and a failure, if it ended instead.
    bool wait_stopped();
    /// SIGCONT; returns when the kernel says that it goes on, or that it has ended since.
    void cont();

    void swap(child& other) noexcept {
        std::swap(pid_, other.pid_);
        std::swap(reaped_, other.reaped_);
        std::swap(status_, other.status_);
        std::swap(report_, other.report_);
    }

   private:
    friend child fork_body(const std::function<int()>& body);
    struct report;

    int wait_end();
    void settle(int status);
    [[nodiscard]] std::string ending() const;

    pid_t pid_ = 0;
    bool reaped_ = true;
    int status_ = 0;
    std::shared_ptr<report> report_;
};

child fork_body(const std::function<int()>& body);

/// Runs `body` in a forked child; if it returns an int, that is the exit status.
template <class Body>
[[nodiscard]] child fork_child(Body&& body) {
    if constexpr (std::is_void_v<std::invoke_result_t<Body&>>) {
        return fork_body([&body] {
            body();
            return 0;
        });
    } else {
        return fork_body([&body] { return static_cast<int>(body()); });
    }
}

/// Runs `body` in a forked child to its end, as a test of its own.
template <class Body>
void in_child(Body&& body) {
    auto runner = fork_child(std::forward<Body>(body));
    EXPECT_EQ(runner.wait_exit(), 0);
}

/// True once the kernel says that this process (or thread) sleeps; for "it really blocks", after which it must be woken.
bool sleeps(pid_t pid);

/// The exit status of a child in which a check failed or from which an exception escaped.
inline constexpr int failed_in_child = 99;

}  // namespace shmsem::test
