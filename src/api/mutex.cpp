#include "shmsem/mutex.hpp"

#include <sched.h>

#include <atomic>
#include <thread>

#include "os/thread_identity.hpp"

namespace shmsem {

struct mutex::state {
    shmsem::semaphore permit;
    // The hold of the thread that locked last. Another thread's lock may follow an expired hold, so both sides look here.
    mutable std::atomic<std::uint64_t> busy{0};  // the incarnation of the process, one of whose threads is looking
    mutable std::thread::id owner;
    mutable lease held;

    template <class Body>
    auto guarded(Body&& body) const noexcept {
        const std::uint64_t us = os::process_incarnation();
        for (std::uint64_t seen = 0; !busy.compare_exchange_weak(seen, us, std::memory_order_acquire);) {
            if (seen == 0 || seen == us) {
                if (seen == us) ::sched_yield();
                seen = 0;
                continue;
            }
            // A thread of our parent's was looking when we were forked; it is not here to finish.
            if (busy.compare_exchange_strong(seen, us, std::memory_order_acquire)) {
                lease inherited;
                inherited.swap(held);
                owner = {};
                break;
            }
            seen = 0;
        }
        struct clearing {
            std::atomic<std::uint64_t>& flag;
            ~clearing() { flag.store(0, std::memory_order_release); }
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

mutex::mutex(segment& home, const std::string& name, const mutex_options& options) : state_(std::make_unique<state>()) {
    state_->permit = home.semaphore(
        name,
        {.permits = 1, .max_permits = 1, .ttl = options.ttl, .renewal = options.renewal, .max_hold = options.max_hold});
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
