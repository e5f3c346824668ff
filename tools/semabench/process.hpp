#pragma once

#include <sys/mman.h>
#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "clock.hpp"

// Child processes: forked without exec, killed with their parent, and never left behind. Parent and children talk through
// anonymous shared memory and event descriptors, so nothing of it has a name that could outlive them.

namespace semabench {

/// A T in memory that forked children share.
template <class T>
class shared {
   public:
    template <class... Arguments>
    explicit shared(Arguments&&... arguments) {
        void* memory = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        value_ = ::new (memory) T(std::forward<Arguments>(arguments)...);
    }
    ~shared() {
        value_->~T();
        munmap(value_, sizeof(T));
    }
    shared(const shared&) = delete;
    shared& operator=(const shared&) = delete;
    T* operator->() const noexcept { return value_; }
    T& operator*() const noexcept { return *value_; }

   private:
    T* value_;
};

/// What a child that fails has to say; its parent reads it.
struct last_words {
    char text[240] = {};
};

/// Wakes one process from another through a descriptor, which the parent can watch together with its signals.
class doorbell {
   public:
    doorbell();
    ~doorbell();
    doorbell(const doorbell&) = delete;
    doorbell& operator=(const doorbell&) = delete;
    void ring() const;
    /// In a child: sleeps until it has been rung.
    void wait() const;
    [[nodiscard]] int fd() const noexcept { return fd_; }

   private:
    int fd_;
};

/// In a child: sleeps. (The parent rests, see interrupt.hpp.)
void nap(duration length);

/// One forked process. Destroyed: killed and reaped.
class child {
   public:
    /// An exception that leaves `body` becomes the message of the std::runtime_error that wait() throws.
    explicit child(const std::function<void()>& body);
    ~child();
    child(const child&) = delete;
    child& operator=(const child&) = delete;

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    [[nodiscard]] int pidfd() const noexcept { return pidfd_; }
    void kill() noexcept;
    /// Reaps it; blocks until it has ended. @throws std::runtime_error unless it ended with status 0
    void wait();
    /// Waits until `bell` rings. @throws std::runtime_error when this process ends instead, or nothing happens for so long
    void await(const doorbell& bell, duration patience);
    /// @throws std::runtime_error, saying why, when it has ended
    void expect_running();
    /// Whether its main thread sleeps in the kernel at this moment.
    [[nodiscard]] bool asleep() const;

   private:
    shared<last_words> words_;
    pid_t pid_ = 0;
    int pidfd_ = -1;
};

/// Many processes that are there and do nothing. Destroyed: killed and reaped.
class crowd {
   public:
    /// Each runs `body`, which calls `stay` when it is as it is to remain; that does not return. Ready when all have.
    /// @throws std::runtime_error when one fails, or not all are ready in time
    crowd(int size, duration patience, const std::function<void(const std::function<void()>& stay)>& body);
    ~crowd();
    crowd(const crowd&) = delete;
    crowd& operator=(const crowd&) = delete;

   private:
    void end() noexcept;
    std::vector<pid_t> members_;
};

/// What a member of a crew sees.
class member {
   public:
    struct meeting;
    static constexpr std::size_t most_values = 4;
    using values = double[most_values];

    member(int rank, meeting& place, values& mine) noexcept : rank_(rank), place_(place), mine_(mine) {}
    [[nodiscard]] int rank() const noexcept { return rank_; }
    /// Waits until every member is here.
    void meet();
    void report(std::size_t index, double value) noexcept { mine_[index] = value; }

   private:
    int rank_;
    meeting& place_;
    values& mine_;
};

/// Runs `body` in `size` processes at once and returns what each reported. All are gone afterwards, whatever happened.
/// @throws std::runtime_error when one fails, or not all have ended in time
std::vector<std::vector<double>> run_crew(int size, duration patience, const std::function<void(member&)>& body);

}  // namespace semabench
