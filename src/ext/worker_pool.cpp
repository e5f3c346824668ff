#include "shmsem/worker_pool.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <system_error>

#include "ext/backoff.hpp"
#include "ext/child_process.hpp"
#include "ext/signal_bell.hpp"
#include "os/clock.hpp"
#include "shmsem/errors.hpp"

namespace shmsem {
namespace {

constexpr int max_workers = 4096;
constexpr int status_of_exception = 70;  // EX_SOFTWARE of sysexits.h
constexpr duration shortest_nap = std::chrono::milliseconds{1};
constexpr duration longest_nap = std::chrono::milliseconds{20};

// What parent and workers share: one page, because it has to be shared and nothing else has.
struct shared_page {
    std::atomic<std::uint32_t> stopping{0};
    static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

    static shared_page* make() {
        void* memory = ::mmap(nullptr, sizeof(shared_page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "worker_pool: mmap");
        return ::new (memory) shared_page;
    }
};

// A worker's index:
//   waiting   for `due`, to be forked          -> running; finished, when the pool drains or tries are used up
//   running   a process, perhaps a zombie      -> waiting or finished, when it is reaped
//   finished  for good
enum class phase : std::uint8_t { waiting, running, finished };

struct worker {
    explicit worker(const worker_pool_options& options) : wait(options.initial_backoff, options.max_backoff) {}

    ext::child_process process;
    phase now = phase::finished;
    bool ended = false;  // its descriptor says so
    bool clean = false;  // the last life ended with status 0
    int life = -1;       // that runs, or ran last
    int restarts = 0;    // tried
    ext::backoff wait;
    deadline born{};
    deadline due{};
};

void validate(const worker_pool_options& o, bool has_body) {
    const auto refuse = [](const char* what) {
        throw error(make_error_code(errc::invalid_argument), std::string("worker_pool: ") + what);
    };
    if (!has_body) refuse("the body is empty");
    if (o.workers < 1 || o.workers > max_workers) refuse("workers must be within 1..4096");
    if (o.restart > restart_policy::never) refuse("restart is no restart_policy");
    if (o.initial_backoff <= duration::zero()) refuse("initial_backoff must be longer than 0");
    if (o.max_backoff < o.initial_backoff) refuse("max_backoff must not be shorter than initial_backoff");
    if (o.healthy_after < duration::zero()) refuse("healthy_after must not be negative");
    if (o.stop_timeout < duration::zero()) refuse("stop_timeout must not be negative");
    if (o.max_restarts < -1) refuse("max_restarts must be -1 or more");
}

// Up to a quarter of the descriptors that the process may have; beyond that the rest of the program would run out.
bool affords_descriptors(int workers) noexcept {
    rlimit files{};
    return ::getrlimit(RLIMIT_NOFILE, &files) == 0 && static_cast<rlim_t>(workers) <= files.rlim_cur / 4;
}

}  // namespace

struct worker_pool::state {
    state(const worker_pool_options& o, body b)
        : options(o), work(std::move(b)), bell(ext::signal_bell::take()), with_descriptors(affords_descriptors(o.workers)) {
        try {
            page = shared_page::make();
            workers.reserve(static_cast<std::size_t>(o.workers));
            for (int i = 0; i < o.workers; ++i) workers.emplace_back(o);
        } catch (...) {
            release();
            throw;
        }
    }
    ~state() { release(); }
    state(const state&) = delete;
    state& operator=(const state&) = delete;

    void release() noexcept {
        if (page != nullptr) ::munmap(page, sizeof(shared_page));
        if (ours()) bell.give_back();
    }

    // False in every forked child: there these are copies of somebody else's processes.
    [[nodiscard]] bool ours() const noexcept { return !in_worker && ::getpid() == owner; }
    [[nodiscard]] bool draining() const noexcept { return page->stopping.load(std::memory_order_acquire) != 0; }
    [[nodiscard]] bool active() const noexcept {
        return std::any_of(workers.begin(), workers.end(), [](const worker& w) { return w.now != phase::finished; });
    }

    std::error_code spawn(int index);
    int live(int index, int life) noexcept;
    bool sleep(deadline until);
    bool collect();
    bool restart_due();
    [[nodiscard]] deadline next_restart() const noexcept;
    void wait_to_restart(worker& w);
    void signal_all(int number) const noexcept;

    const worker_pool_options options;
    const body work;
    ext::signal_bell& bell;
    const bool with_descriptors;
    const pid_t owner = ::getpid();
    bool in_worker = false;
    bool started = false;
    shared_page* page = nullptr;
    std::vector<worker> workers;
    int running = 0;
    std::uint64_t restarts = 0;
    std::vector<worker_exit> exits;

    // Kept between calls of sleep().
    std::vector<pollfd> polled;
    std::vector<worker*> polled_workers;
    duration nap = shortest_nap;
};

// In the worker.
int worker_pool::state::live(int index, int life) noexcept {
    in_worker = true;
    for (worker& w : workers) w.process = {};  // descriptors of the others
    const context view(page, life);
    try {
        return work(index, view);
    } catch (const std::exception& e) {
        ::dprintf(STDERR_FILENO, "worker %d (pid %d, life %d): exception: %s\n", index, ::getpid(), life, e.what());
        ext::child_process::leave(status_of_exception);
    } catch (...) {
        // Also what pthread_exit() throws, which must not be swallowed: so this handler does not end.
        ::dprintf(STDERR_FILENO, "worker %d (pid %d, life %d): unknown exception\n", index, ::getpid(), life);
        ext::child_process::leave(status_of_exception);
    }
}

std::error_code worker_pool::state::spawn(int index) {
    worker& w = workers[static_cast<std::size_t>(index)];
    std::error_code ec;
    const int life = w.life + 1;
    auto process = ext::child_process::fork([=, this] { return live(index, life); }, with_descriptors, ec);
    if (ec) return ec;
    w.process = std::move(process);
    w.life = life;
    w.ended = false;
    w.now = phase::running;
    w.born = os::now();
    ++running;
    return {};
}

// Sleeps until a worker ends, the bell rings, a signal handler has run, or `until`; without a descriptor for every worker
// possibly less. @return true when it was the bell or a handler, so that somebody may want to look around
bool worker_pool::state::sleep(deadline until) {
    polled.assign(1, pollfd{.fd = bell.descriptor(), .events = POLLIN, .revents = 0});
    polled_workers.assign(1, nullptr);
    bool blind = false;
    for (worker& w : workers) {
        if (w.now != phase::running) continue;
        if (w.process.descriptor() < 0) {
            blind = true;
            continue;
        }
        polled.push_back({.fd = w.process.descriptor(), .events = POLLIN, .revents = 0});
        polled_workers.push_back(&w);
    }
    const auto now = os::now();
    duration left = until == deadline::max() ? duration::max() : until > now ? until - now : duration::zero();
    if (blind) {
        left = std::min(left, nap);
        nap = std::min(nap * 2, longest_nap);
    }
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec limit{.tv_sec = whole.count(), .tv_nsec = static_cast<long>((left - whole).count())};
    if (::ppoll(polled.data(), polled.size(), &limit, nullptr) < 0) return errno == EINTR;
    for (std::size_t i = 1; i < polled.size(); ++i) {
        if (polled[i].revents != 0) polled_workers[i]->ended = true;
    }
    if (polled[0].revents == 0) return false;
    bell.quieten();
    return true;
}

// Reaps what has ended, and decides about each whether it runs again. @return true when something had
bool worker_pool::state::collect() {
    bool any = false;
    for (std::size_t i = 0; i < workers.size(); ++i) {
        worker& w = workers[i];
        if (w.now != phase::running || (!w.ended && w.process.descriptor() >= 0)) continue;
        if (exits.size() == exits.capacity()) exits.reserve(2 * exits.size() + 16);  // before anything is reaped
        const pid_t pid = w.process.pid();
        const auto end = w.process.reap();
        if (!end) {
            w.ended = false;
            continue;
        }
        any = true;
        --running;
        const duration lived = os::now() - w.born;
        exits.push_back({.index = static_cast<int>(i),
                         .life = w.life,
                         .pid = pid,
                         .signalled = end->signalled,
                         .status = end->status,
                         .lived = lived});
        w.clean = !end->signalled && end->status == 0;
        if (lived >= options.healthy_after) w.wait.reset();
        const bool again =
            options.restart == restart_policy::always || (options.restart == restart_policy::on_failure && !w.clean);
        w.now = phase::finished;
        if (again) wait_to_restart(w);
    }
    if (any) nap = shortest_nap;
    return any;
}

void worker_pool::state::wait_to_restart(worker& w) {
    const bool tries_left = options.max_restarts < 0 || w.restarts < options.max_restarts;
    w.now = tries_left && !draining() ? phase::waiting : phase::finished;
    w.due = os::after(os::now(), w.wait.next());
}

// Forks again whose time has come. @return true when it did, or gave one up
bool worker_pool::state::restart_due() {
    bool any = false;
    const auto now = os::now();
    for (std::size_t i = 0; i < workers.size(); ++i) {
        worker& w = workers[i];
        if (w.now != phase::waiting) continue;
        if (draining()) {
            w.now = phase::finished;
            any = true;
            continue;
        }
        if (w.due > now) continue;
        any = true;
        ++w.restarts;
        if (spawn(static_cast<int>(i))) {
            wait_to_restart(w);
        } else {
            ++restarts;
        }
    }
    return any;
}

deadline worker_pool::state::next_restart() const noexcept {
    deadline next = deadline::max();
    for (const worker& w : workers) {
        if (w.now == phase::waiting) next = std::min(next, w.due);
    }
    return next;
}

void worker_pool::state::signal_all(int number) const noexcept {
    for (const worker& w : workers) {
        if (w.now == phase::running) w.process.signal(number);
    }
}

bool worker_pool::context::stopping() const noexcept {
    // acquire: pairs with the release in drain(); what was written before the pool was told to drain is visible.
    return static_cast<const shared_page*>(shared_)->stopping.load(std::memory_order_acquire) != 0;
}

worker_pool::worker_pool(const worker_pool_options& options, body work) {
    validate(options, static_cast<bool>(work));
    state_ = std::make_unique<state>(options, std::move(work));
}

worker_pool::~worker_pool() { stop(); }

void worker_pool::start() {
    state& s = *state_;
    if (!s.ours() || std::exchange(s.started, true) || s.draining()) return;
    for (int i = 0; i < s.options.workers; ++i) {
        if (const std::error_code ec = s.spawn(i)) {
            stop();
            throw std::system_error(ec, "worker_pool: fork");
        }
    }
}

bool worker_pool::poll(duration timeout) {
    state& s = *state_;
    if (!s.ours()) return false;
    const deadline until = os::after(os::now(), std::max(timeout, duration::zero()));
    // A first look without sleeping, so that what has happened already is seen even when `timeout` is 0.
    for (deadline wake = deadline::min();; wake = std::min(until, s.next_restart())) {
        bool happened = s.sleep(wake);
        happened |= s.collect();
        happened |= s.restart_due();
        if (!s.active()) return false;
        if (happened || os::now() >= until) return true;
    }
}

int worker_pool::run() {
    state& s = *state_;
    if (!s.ours()) return 1;

    // Handlers before the mask, and back in the other order, so that no signal meets the old handler in between.
    struct listener {
        explicit listener(ext::signal_bell* b) : bell(b) {
            if (bell == nullptr) return;
            bell->listen();
            sigset_t both;
            ::sigemptyset(&both);
            ::sigaddset(&both, SIGTERM);
            ::sigaddset(&both, SIGINT);
            ::pthread_sigmask(SIG_UNBLOCK, &both, &mask);
        }
        ~listener() {
            if (bell == nullptr) return;
            ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
            bell->stop_listening();
        }
        listener(const listener&) = delete;
        listener& operator=(const listener&) = delete;
        ext::signal_bell* bell;
        sigset_t mask{};
    };
    const listener ears(s.options.handle_signals ? &s.bell : nullptr);

    start();
    while (poll(duration::max())) {
        if (!s.options.handle_signals) continue;
        if (s.bell.interruptions() > 0 || s.bell.terminations() > 1) {
            stop();
        } else if (s.bell.terminations() == 1) {
            drain();
        }
    }
    return std::all_of(s.workers.begin(), s.workers.end(), [](const worker& w) { return w.clean; }) ? 0 : 1;
}

void worker_pool::drain() noexcept {
    const int saved = errno;
    // release: see context::stopping(). The bell after it, for a poll() that sleeps until a restart is due.
    if (state_->page->stopping.exchange(1, std::memory_order_release) == 0) state_->bell.ring();
    errno = saved;
}

void worker_pool::stop() {
    state& s = *state_;
    if (!s.ours()) return;
    drain();
    s.restart_due();  // drops those that wait
    s.signal_all(SIGTERM);
    deadline patience = os::after(os::now(), s.options.stop_timeout);
    while (s.running > 0) {
        s.sleep(patience);
        s.collect();
        if (os::now() < patience) continue;
        s.signal_all(SIGKILL);
        patience = deadline::max();
    }
}

pid_t worker_pool::pid(int index) const noexcept {
    if (index < 0 || index >= state_->options.workers) return 0;
    const worker& w = state_->workers[static_cast<std::size_t>(index)];
    return w.now == phase::running ? w.process.pid() : 0;
}

int worker_pool::running() const noexcept { return state_->running; }
std::uint64_t worker_pool::restarts() const noexcept { return state_->restarts; }
const std::vector<worker_exit>& worker_pool::exits() const noexcept { return state_->exits; }

}  // namespace shmsem
