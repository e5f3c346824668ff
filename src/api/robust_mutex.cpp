#include "shmsem/robust_mutex.hpp"

#include <errno.h>

#include "api/access.hpp"

namespace shmsem {
namespace {

template <clockid_t Clock, class TimePoint>
int lock_by(pthread_mutex_t& mutex, TimePoint when) noexcept {
    const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count();
    const timespec ts{.tv_sec = since / 1'000'000'000, .tv_nsec = since % 1'000'000'000};
    return ::pthread_mutex_clocklock(&mutex, Clock, &ts);
}

}  // namespace

robust_mutex::robust_mutex() {
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    // The normal kind: the others compare thread ids, which are not unique across pid namespaces.
    ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    const int error = ::pthread_mutex_init(&mutex_, &attributes);
    ::pthread_mutexattr_destroy(&attributes);
    if (error != 0) api::fail({error, std::system_category()}, "robust mutex");
}

robust_mutex::~robust_mutex() { ::pthread_mutex_destroy(&mutex_); }

// Declared consistent to the C library at once, which would make it unusable for ever otherwise; what it protects is another
// matter, and stays on record until the user has repaired it.
bool robust_mutex::settle(int result) {
    if (result == EOWNERDEAD) {
        inconsistent_.store(1, std::memory_order_relaxed);
        ::pthread_mutex_consistent(&mutex_);
        return true;
    }
    if (result == 0) return true;
    if (result == EBUSY || result == ETIMEDOUT) return false;
    api::fail({result, std::system_category()}, "robust mutex");
}

previous_owner robust_mutex::lock() {
    (void)settle(::pthread_mutex_lock(&mutex_));
    return owner_died() ? previous_owner::died : previous_owner::left;
}

bool robust_mutex::try_lock() { return settle(::pthread_mutex_trylock(&mutex_)); }
bool robust_mutex::try_lock_until(std::chrono::steady_clock::time_point when) {
    return settle(lock_by<CLOCK_MONOTONIC>(mutex_, when));
}
bool robust_mutex::try_lock_until(std::chrono::system_clock::time_point when) {
    return settle(lock_by<CLOCK_REALTIME>(mutex_, when));
}
void robust_mutex::unlock() noexcept { ::pthread_mutex_unlock(&mutex_); }

}  // namespace shmsem
