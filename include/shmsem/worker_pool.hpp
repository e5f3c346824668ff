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
    int workers = 4;                                             ///< 1..4096
    restart_policy restart = restart_policy::on_failure;
    duration initial_backoff = std::chrono::milliseconds{10};    ///< before the first restart of an index; doubles each time
    duration max_backoff = std::chrono::seconds{5};
    duration healthy_after = std::chrono::seconds{10};           ///< a worker that lived this long resets its back-off
    int max_restarts = -1;                                       ///< of one index; -1: no limit
    duration stop_timeout = std::chrono::seconds{10};            ///< from SIGTERM to SIGKILL
    bool handle_signals = true;  ///< run() turns SIGTERM into drain and a second one, or SIGINT, into stop
};

/// How one life of one worker ended.
struct worker_exit {
    int index = 0;
    pid_t pid = 0;
    bool signalled = false;
    int status = 0;  ///< exit status, or the signal's number
    duration lived{};
};

/// A fork-based pool: N processes that run `body(index, context)`, restarted with back-off when they die. Leases of a worker that
/// died were given back by the library before it is restarted. Fork it before starting threads of your own.
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
    /// Its result is the worker's exit status; an exception that leaves it is printed to stderr and makes the status 70.
    using body = std::function<int(int index, const context&)>;

    /// @throws shmsem::error errc::invalid_argument
    worker_pool(const worker_pool_options& options, body work);
    /// Stops, and waits for every worker: no process and no zombie is left behind.
    ~worker_pool();
    worker_pool(const worker_pool&) = delete;
    worker_pool& operator=(const worker_pool&) = delete;

    /// Forks the workers and returns. @throws std::system_error when fork fails (workers started so far are stopped)
    void start();
    /// Reaps and restarts what ended; waits at most `timeout` for something to happen.
    /// @return false once no worker runs and none is to be restarted
    bool poll(duration timeout);
    /// start() if needed, then poll() until the end. @return 0 when every index ended with status 0
    int run();

    /// Asks workers to finish their piece of work; they are not signalled (async-signal-safe).
    void drain() noexcept;
    /// SIGTERM to all, SIGKILL to those left after stop_timeout; returns when all are gone.
    void stop();

    /// The pid of a running worker, 0 if that index does not run now.
    [[nodiscard]] pid_t pid(int index) const noexcept;
    [[nodiscard]] int running() const noexcept;
    [[nodiscard]] std::uint64_t restarts() const noexcept;
    /// Every life that has ended so far, in order.
    [[nodiscard]] const std::vector<worker_exit>& exits() const noexcept;

   private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace shmsem
