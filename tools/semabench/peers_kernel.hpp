#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "naming.hpp"
#include "session.hpp"

// The locks that the kernel itself keeps, and gives back when their holder dies.

namespace semabench {

/// System V semop with SEM_UNDO.
class sysv_semaphore {
   public:
    static constexpr const char* name = "SysV SEM_UNDO";

    explicit sysv_semaphore(unsigned permits) {
        // A set that an earlier run with this process id left when it was killed is nobody's any more.
        if (const int old = semget(sysv_key(), 0, 0); old >= 0) semctl(old, 0, IPC_RMID);
        id_ = semget(sysv_key(), 1, IPC_CREAT | IPC_EXCL | 0600);
        if (id_ < 0) throw std::system_error(errno, std::generic_category(), "semget");
        union {
            int val;
            void* other;
        } value{.val = static_cast<int>(permits)};
        if (semctl(id_, 0, SETVAL, value) != 0) {
            const int error = errno;
            semctl(id_, 0, IPC_RMID);
            throw std::system_error(error, std::generic_category(), "semctl SETVAL");
        }
    }
    ~sysv_semaphore() { semctl(id_, 0, IPC_RMID); }
    sysv_semaphore(const sysv_semaphore&) = delete;
    sysv_semaphore& operator=(const sysv_semaphore&) = delete;

    struct session {
        int id;
        void add(short by) const {
            sembuf operation{0, by, SEM_UNDO};
            while (semop(id, &operation, 1) != 0) {
                if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "semop");
            }
        }
        nothing acquire() const {
            add(-1);
            return {};
        }
        void release(nothing) const { add(1); }
    };
    session join() const { return {id_}; }
    static int waiting(const session& from) { return semctl(from.id, 0, GETNCNT); }

   private:
    int id_;
};

/// A file to lock; each session opens it for itself, as unrelated processes do.
class lock_file {
   public:
    explicit lock_file(unsigned permits) : path_(std::filesystem::temp_directory_path() / unique_name()) {
        if (permits != 1) throw std::invalid_argument("a file lock has one permit");
        const int fd = open(path_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0) throw std::system_error(errno, std::generic_category(), path_.string());
        close(fd);
    }
    ~lock_file() { unlink(path_.c_str()); }
    lock_file(const lock_file&) = delete;
    lock_file& operator=(const lock_file&) = delete;

    class session {
       public:
        explicit session(const std::filesystem::path& path) : fd_(open(path.c_str(), O_RDWR | O_CLOEXEC)) {
            if (fd_ < 0) throw std::system_error(errno, std::generic_category(), path.string());
        }
        ~session() {
            if (fd_ >= 0) close(fd_);
        }
        session(session&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
        session& operator=(session&&) = delete;

       protected:
        int fd_;
    };

   protected:
    std::filesystem::path path_;
};

class flock_lock : public lock_file {
   public:
    static constexpr const char* name = "flock";
    using lock_file::lock_file;

    struct session : lock_file::session {
        using lock_file::session::session;
        nothing acquire() const {
            while (flock(fd_, LOCK_EX) != 0) {
                if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "flock");
            }
            return {};
        }
        void release(nothing) const { flock(fd_, LOCK_UN); }
    };
    session join() const { return session(path_); }
};

/// fcntl locks that belong to the open file description.
class ofd_lock : public lock_file {
   public:
    static constexpr const char* name = "OFD lock";
    using lock_file::lock_file;

    struct session : lock_file::session {
        using lock_file::session::session;
        void set(short type) const {
            struct flock whole {};
            whole.l_type = type;
            whole.l_whence = SEEK_SET;
            while (fcntl(fd_, F_OFD_SETLKW, &whole) != 0) {
                if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "fcntl F_OFD_SETLKW");
            }
        }
        nothing acquire() const {
            set(F_WRLCK);
            return {};
        }
        void release(nothing) const { set(F_UNLCK); }
    };
    session join() const { return session(path_); }
};

}  // namespace semabench
