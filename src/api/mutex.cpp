#include "shmsem/mutex.hpp"

#include <sched.h>

#include <atomic>
#include <thread>

namespace shmsem {

struct mutex::state {
    shmsem::semaphore permit;
    // The hold of the thread that locked last. Another thread's lock may follow an expired hold, so both sides look here.
    mutable std::atomic_flag busy;
    std::thread::id owner;
    lease held;

    template <class Body>
    auto guarded(Body&& body) const noexcept {
        while (busy.test_and_set(std::memory_order_acquire)) ::sched_yield();
        struct clearing {
            std::atomic_flag& flag;
            ~clearing() { flag.clear(std::memory_order_release); }
        } const at_end{busy};
        return body();
    }
    void keep(lease&& fresh) noexcept {
        guarded([&] {
            held.swap(fresh);
            owner = std::this_thread::get_id();
        });
        // `fresh` is now the hold of a thread that lost it; its release, at the end of our caller, touches nobody.
    }
    [[nodiscard]] bool mine() const noexcept { return owner == std::this_thread::get_id() && static_cast<bool>(held); }
};

mutex::mutex(segment& home, const std::string& name, const mutex_options& options)
    : state_(std::make_unique<state>()) {
    state_->permit = home.semaphore(name, {.permits = 1, .max_permits = 1, .ttl = options.ttl, .renewal = options.renewal,
                                           .max_hold = options.max_hold});
}

mutex::~mutex() = default;

void mutex::lock() {
    lease fresh = state_->permit.acquire();
    state_->keep(std::move(fresh));
}

bool mutex::try_lock() {
    auto fresh = state_->permit.try_acquire();
    if (!fresh) return false;
    state_->keep(std::move(*fresh));
    return true;
}

bool mutex::lock_until(deadline when) {
    auto fresh = state_->permit.try_acquire_until(when);
    if (!fresh) return false;
    state_->keep(std::move(*fresh));
    return true;
}

void mutex::unlock() noexcept {
    lease mine;
    state_->guarded([&] {
        if (state_->mine()) mine.swap(state_->held);
    });
    (void)mine.release();
}

bool mutex::owned() const noexcept {
    return state_->guarded([&] { return state_->mine() && state_->held.valid(); });
}

std::uint64_t mutex::token() const noexcept {
    return state_->guarded([&] { return state_->mine() && state_->held.valid() ? state_->held.token() : 0; });
}

}  // namespace shmsem
