#pragma once

#include <fcntl.h>
#include <semaphore.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <unistd.h>

#include <boost/interprocess/sync/interprocess_semaphore.hpp>
#include <boost/interprocess/sync/named_semaphore.hpp>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "support/shmsem_test.hpp"

// The semaphores of the README's comparison behind one face: one unit, which processes take and give back. Made by one
// process, used by it and its children.

namespace shmsem::test {

class posix_peer {
   public:
    posix_peer() {
        if (::sem_init(&*word_, 1, 1) != 0) throw std::runtime_error("sem_init");
    }
    void take() {
        while (::sem_wait(&*word_) != 0) {
        }
    }
    bool try_take() { return ::sem_trywait(&*word_) == 0; }
    void give() { ::sem_post(&*word_); }
    void attach() {}
    bool has_waiter(pid_t waiter) { return sleeps(waiter); }

   private:
    shared<sem_t> word_;
};

class sysv_peer {
   public:
    sysv_peer() : id_(::semget(IPC_PRIVATE, 1, IPC_CREAT | 0600)), maker_(::getpid()) {
        if (id_ < 0 || ::semctl(id_, 0, SETVAL, 1) != 0) throw std::runtime_error("semget");
    }
    ~sysv_peer() {
        if (::getpid() == maker_) ::semctl(id_, 0, IPC_RMID);
    }
    sysv_peer(const sysv_peer&) = delete;
    sysv_peer& operator=(const sysv_peer&) = delete;
    void take() {
        while (!operate(-1, SEM_UNDO)) {
        }
    }
    bool try_take() { return operate(-1, SEM_UNDO | IPC_NOWAIT); }
    void give() { operate(1, SEM_UNDO); }
    void attach() {}
    bool has_waiter(pid_t) { return ::semctl(id_, 0, GETNCNT) == 1; }
    [[nodiscard]] int value() const { return ::semctl(id_, 0, GETVAL); }
    [[nodiscard]] int last_pid() const { return ::semctl(id_, 0, GETPID); }

   private:
    bool operate(short by, short flags) {
        sembuf operation{0, by, flags};
        return ::semop(id_, &operation, 1) == 0;
    }
    int id_;
    pid_t maker_;
};

class flock_peer {
   public:
    flock_peer() : path_("/tmp/shmsem-facts-XXXXXX") {
        fd_ = ::mkstemp(path_.data());
        if (fd_ < 0) throw std::runtime_error("mkstemp");
        maker_ = ::getpid();
    }
    ~flock_peer() {
        ::close(fd_);
        if (::getpid() == maker_) ::unlink(path_.c_str());
    }
    flock_peer(const flock_peer&) = delete;
    flock_peer& operator=(const flock_peer&) = delete;
    void take() {
        while (::flock(fd_, LOCK_EX) != 0) {
        }
    }
    bool try_take() { return ::flock(fd_, LOCK_EX | LOCK_NB) == 0; }
    void give() { ::flock(fd_, LOCK_UN); }
    /// An open file of its own: the one that came through fork is the same lock.
    void attach() {
        ::close(fd_);
        fd_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    }
    bool has_waiter(pid_t waiter) { return sleeps(waiter); }

   private:
    std::string path_;
    int fd_ = -1;
    pid_t maker_ = 0;
};

class boost_peer {
   public:
    void take() { word_->wait(); }
    bool try_take() { return word_->try_wait(); }
    void give() { word_->post(); }
    void attach() {}
    bool has_waiter(pid_t waiter) { return sleeps(waiter); }

   private:
    shared<boost::interprocess::interprocess_semaphore> word_{1U};
};

class boost_named_peer {
    using named = boost::interprocess::named_semaphore;

   public:
    boost_named_peer() : name_(unique_name("facts")), maker_(::getpid()) {
        named::remove(name_.c_str());
        word_ = std::make_unique<named>(boost::interprocess::create_only, name_.c_str(), 1);
    }
    ~boost_named_peer() {
        if (::getpid() == maker_) named::remove(name_.c_str());
    }
    boost_named_peer(const boost_named_peer&) = delete;
    boost_named_peer& operator=(const boost_named_peer&) = delete;
    void take() { word_->wait(); }
    bool try_take() { return word_->try_wait(); }
    void give() { word_->post(); }
    void attach() {}
    bool has_waiter(pid_t waiter) { return sleeps(waiter); }

   private:
    std::string name_;
    pid_t maker_;
    std::unique_ptr<named> word_;
};

class shmsem_peer {
   public:
    void take() { mine_ = unit_.acquire(); }
    bool try_take() {
        auto got = unit_.try_acquire();
        if (got) mine_ = std::move(*got);
        return got.has_value();
    }
    void give() { mine_.release(); }
    void attach() {}
    bool has_waiter(pid_t) { return unit_.stats().waiting == 1; }

   private:
    test_segment home_;
    semaphore unit_ = home_->semaphore("unit", {.permits = 1, .ttl = forever});
    lease mine_;
};

}  // namespace shmsem::test
