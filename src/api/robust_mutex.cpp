#include "shmsem/robust_mutex.hpp"

#include <errno.h>

#include <algorithm>

#include "api/access.hpp"

namespace shmsem {
namespace {

timespec since_start(deadline when) noexcept {
    const auto since = std::max(when.time_since_epoch(), duration::zero()).count();
    return {.tv_sec = since / 1'000'000'000, .tv_nsec = since % 1'000'000'000};
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
bool robust_mutex::lock_until(deadline when) {
    const timespec ts = since_start(when);
    return settle(::pthread_mutex_clocklock(&mutex_, CLOCK_MONOTONIC, &ts));
}
void robust_mutex::unlock() noexcept { ::pthread_mutex_unlock(&mutex_); }

}  // namespace shmsem
