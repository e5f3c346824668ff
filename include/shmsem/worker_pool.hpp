#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "shmsem/export.hpp"
#include "shmsem/options.hpp"

namespace shmsem {

enum class restart_policy : std::uint8_t {
    on_failure,  ///< a worker that ends with status 0 is done; one that fails or is killed is restarted
    always,
    never,
};

struct worker_pool_options {
    int workers = 4;  ///< 1..4096
    restart_policy restart = restart_policy::on_failure;
    duration initial_backoff = std::chrono::milliseconds{10};  ///< > 0; before an index's first restart; doubles each time
    duration max_backoff = std::chrono::seconds{5};            ///< at least initial_backoff
    duration healthy_after = std::chrono::seconds{10};         ///< a worker that lived this long resets its back-off
    int max_restarts = -1;                                     ///< of one index, fork failures included; -1: no limit
    duration stop_timeout = std::chrono::seconds{10};          ///< from SIGTERM to SIGKILL
    bool handle_signals = true;  ///< run() turns SIGTERM into drain and a second one, or SIGINT, into stop
};

/// How one life of one worker ended.
struct worker_exit {
    int index = 0;
    int life = 0;  ///< which life of this index it was, from 0
    pid_t pid = 0;
    bool signalled = false;
    /// Exit status, or the signal's number; -1: unknown, because this process ignores SIGCHLD or waited for it elsewhere.
    int status = 0;
    duration lived{};
};

/// A fork-based pool: N processes that run `body(index, context)`, restarted with back-off when they die. Fork it before starting
/// threads of your own.
///
/// The kernel marks a worker as dead in every segment before the pool learns of its end, so by the time it is restarted whatever
/// it held can be granted again.
///
/// A worker starts with default signal handlers and no signal blocked, whatever the parent has. It ends when its body returns:
/// with what it printed to stdout and std::cout flushed, but without exit handlers and destructors of static objects, which are
/// the parent's; a body that calls exit() runs them. It is killed when the thread that forked it ends, so call start(), poll()
/// and run() on a thread that lasts as long as the pool. In a forked process, a worker too, an inherited pool is inert but
/// for drain().
///
/// Not thread-safe, but for drain(); different pools are independent. No other child of this process is ever waited for.
class SHMSEM_API worker_pool {
   public:
    /// What the body sees of the pool.
    class SHMSEM_API context {
       public:
        /// True once the pool drains or stops: finish the piece of work at hand and return.
        [[nodiscard]] bool stopping() const noexcept;
        /// Which life of this index this is, from 0.
        [[nodiscard]] int life() const noexcept { return life_; }
        context(const void* shared, int life) noexcept : shared_(shared), life_(life) {}

       private:
        const void* shared_;
        int life_;
    };
    /// Its result is the worker's exit status, or 255 if it is not within 0..255; an exception that leaves it is printed to
    /// stderr and makes the status 70.
    using body = std::function<int(int index, const context&)>;

    /// @throws shmsem::error errc::invalid_argument; std::system_error when the kernel has no page or descriptor left
    worker_pool(const worker_pool_options& options, body work);
    /// Stops, and waits for every worker: no process and no zombie is left behind.
    ~worker_pool();
    worker_pool(const worker_pool&) = delete;
    worker_pool& operator=(const worker_pool&) = delete;

    /// Forks the workers and returns; a pool starts once, later calls do nothing.
    /// @throws std::system_error when fork fails (workers started so far are stopped)
    void start();
    /// Reaps and restarts what ended; waits at most `timeout` for something to happen, which may also be a signal handler or
    /// drain(). A restart for which fork fails counts as one more life that failed at once.
    /// @param timeout  nanoseconds; 0 or less: does not sleep
    /// @return false once no worker runs and none is to be restarted
    bool poll(duration timeout);
    /// start() if needed, then poll() until the end, with SIGTERM and SIGINT handled (see handle_signals) and unblocked in this
    /// thread; handlers and mask are as before afterwards. @return 0 when every index ended with status 0, else 1
    int run();

    /// Asks workers to finish their piece of work; they are not signalled (async-signal-safe). None is restarted any more.
    void drain() noexcept;
    /// SIGTERM to all, SIGKILL to those left after stop_timeout; returns when all are gone.
    void stop();

    /// The pid of a running worker, 0 if that index does not run now. It stays the worker's until the next call of poll(),
    /// run() or stop(), so it is safe to signal.
    [[nodiscard]] pid_t pid(int index) const noexcept;
    /// How many workers run, and how many restarts there were, as of the last start(), poll(), run() or stop().
    [[nodiscard]] int running() const noexcept;
    [[nodiscard]] std::uint64_t restarts() const noexcept;
    /// Every life that has ended so far, in order.
    [[nodiscard]] const std::vector<worker_exit>& exits() const noexcept;

   private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace shmsem
