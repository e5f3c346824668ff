#pragma once

#include <pthread.h>
#include <semaphore.h>

#include <cerrno>
#include <stdexcept>

#include "process.hpp"
#include "session.hpp"

namespace semabench {

/// sem_t, process-shared.
class posix_semaphore {
   public:
    static constexpr const char* name = "sem_t";

    explicit posix_semaphore(unsigned permits) {
        if (sem_init(&line_->semaphore, 1, permits) != 0) throw std::runtime_error("sem_init failed");
    }

    struct session {
        sem_t* semaphore;
        nothing acquire() const {
            while (sem_wait(semaphore) != 0) {
            }
            return {};
        }
        void release(nothing) const { sem_post(semaphore); }
    };
    session join() const { return {&line_->semaphore}; }

   private:
    struct alignas(64) line {
        sem_t semaphore{};
    };
    shared<line> line_;
};

/// The same, taken with sem_trywait: what remains without the cancellation point that sem_wait is.
class posix_semaphore_trying : public posix_semaphore {
   public:
    static constexpr const char* name = "sem_t, sem_trywait";
    using posix_semaphore::posix_semaphore;

    struct session : posix_semaphore::session {
        nothing acquire() const {
            if (sem_trywait(semaphore) != 0) throw std::runtime_error("sem_trywait found nothing free");
            return {};
        }
    };
    session join() const { return {posix_semaphore::join()}; }
};

/// A robust process-shared pthread mutex: crash-safe, without leases or order. One permit only.
class robust_pthread_mutex {
   public:
    static constexpr const char* name = "robust mutex";

    explicit robust_pthread_mutex(unsigned permits) {
        if (permits != 1) throw std::invalid_argument("a mutex has one permit");
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        const int error = pthread_mutex_init(&line_->mutex, &attributes);
        pthread_mutexattr_destroy(&attributes);
        if (error != 0) throw std::runtime_error("pthread_mutex_init failed");
    }

    struct session {
        pthread_mutex_t* mutex;
        nothing acquire() const {
            if (pthread_mutex_lock(mutex) == EOWNERDEAD) pthread_mutex_consistent(mutex);
            return {};
        }
        void release(nothing) const { pthread_mutex_unlock(mutex); }
    };
    session join() const { return {&line_->mutex}; }

   private:
    struct alignas(64) line {
        pthread_mutex_t mutex{};
    };
    shared<line> line_;
};

}  // namespace semabench
