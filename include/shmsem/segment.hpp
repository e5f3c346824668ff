#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "shmsem/export.hpp"
#include "shmsem/inspect.hpp"
#include "shmsem/options.hpp"
#include "shmsem/ownerless.hpp"
#include "shmsem/semaphore.hpp"

namespace shmsem {

namespace core {
class attachment;
struct handle_access;
}  // namespace core

enum class access : std::uint8_t { read_write = 0, read_only = 1 };

/// What list() says of one file; a segment that cannot be opened is listed with its error.
struct segment_entry {
    std::string name;
    std::uint64_t bytes = 0;
    std::uint32_t uid = 0;
    std::uint32_t attached = 0;  ///< processes not known to be dead
    std::error_code error;
};

/// One application's namespace: a named file in /dev/shm that holds semaphores, and everything about them. Copyable handle.
///
/// Opening maps the file. A process is attached, with an entry in the process table and a background thread, from when it
/// first makes a semaphore, takes a permit, waits, or reaps. That takes some system calls once, and can give errc::read_only
/// (opened read-only), errc::too_many_processes and errc::thread_failed. Of an empty handle calls give
/// errc::invalid_argument; those that report no errors answer empty then.
class SHMSEM_API segment {
   public:
    segment() noexcept = default;

    /// @param name    1..47 bytes, no '/', no control characters, not "." or ".."; the file is /dev/shm/shmsem.<name>
    /// @param sizes   how many of each it has room for; the memory is reserved at once
    /// @param mode    who may attach
    /// @throws shmsem::error errc::segment_exists, errc::segment_no_space, errc::segment_permission, errc::invalid_name,
    ///         errc::invalid_argument (a limit out of range), errc::kernel_unsupported
    /// @cost   some system calls, and the memory
    /// @crash  a creator that dies leaves nothing behind: the name appears when the segment is ready
    static segment create(const std::string& name, const limits& sizes = {}, sharing mode = sharing::owner);
    static segment create(const std::string& name, const limits& sizes, sharing mode, std::error_code& ec) noexcept;

    /// @param how  with read_only nothing is ever changed: find(), inspect() and stats() work, and nothing can be taken
    /// @throws shmsem::error errc::invalid_name, errc::segment_not_found, errc::segment_permission, errc::segment_owner,
    ///         errc::segment_half_made, errc::segment_truncated, errc::segment_foreign, errc::segment_version,
    ///         errc::segment_abi, errc::segment_corrupt, errc::foreign_clock
    /// @cost   some system calls
    /// @crash  opening changes nothing; SIGBUS, if its action is the default one, is handled from then on: see README.md, what is
    ///         defended
    static segment open(const std::string& name, access how = access::read_write);
    static segment open(const std::string& name, access how, std::error_code& ec) noexcept;

    /// Opens it, or creates it; replaces one that its creator left half-made. An existing one must have the same limits
    /// (errc::segment_limits) unless they are left at their defaults. Another user's is opened only with a `mode` other than
    /// sharing::owner (errc::segment_owner).
    /// @throws shmsem::error also those of create() and open(), but for errc::segment_exists, errc::segment_not_found and
    ///         errc::segment_half_made; errc::timed_out when somebody had a half-made file locked (flock) for a second
    /// @cost   as create() or open()
    /// @crash  as create()
    static segment open_or_create(const std::string& name, const limits& sizes = {}, sharing mode = sharing::owner);
    static segment open_or_create(const std::string& name, const limits& sizes, sharing mode, std::error_code& ec) noexcept;

    /// Unlinks the name, whatever the file holds; processes that are attached go on with what they have.
    /// @return false when there was none
    /// @throws shmsem::error errc::invalid_name, errc::segment_permission; errc::timed_out when somebody had the file locked
    ///         (flock) for a second
    /// @cost   some system calls
    /// @crash  the name is there or gone
    static bool remove(const std::string& name);
    static bool remove(const std::string& name, std::error_code& ec) noexcept;
    /// Only if nobody uses it: errc::segment_in_use otherwise. Users are the processes that are attached, see above, and those
    /// that have it open as far as this one may see (/proc: its own user's, as root all, in its pid namespace).
    /// @throws shmsem::error also those of remove(); errc::segment_version, errc::segment_abi and errc::foreign_clock, since
    ///         then it cannot be told who is attached
    /// @cost   milliseconds: a look at each process that it has room for, and at /proc
    static bool remove_if_unused(const std::string& name);
    static bool remove_if_unused(const std::string& name, std::error_code& ec) noexcept;

    /// Every segment in /dev/shm, by name; what cannot be opened is listed with its error.
    /// @cost   some system calls for each, and one for each process that it has room for
    static std::vector<segment_entry> list();

    /// The semaphore of that name, created if it is not there.
    /// @throws shmsem::error errc::semaphore_mismatch (naming both values), errc::semaphore_kind, errc::invalid_argument,
    ///         errc::invalid_name, errc::too_many_semaphores, errc::too_many_permits, errc::segment_corrupt,
    ///         errc::segment_truncated, errc::read_only, errc::too_many_processes, errc::thread_failed; errc::timed_out
    ///         when a process was stopped inside the directory's lock for 10 s, or with if_different::resize inside the queue's
    /// @cost   a look at the names; to create it also the directory's lock, and a write to each slot
    /// @crash  killed at any instruction: it is there, or not there and its place free
    [[nodiscard]] shmsem::semaphore semaphore(const std::string& name, const semaphore_options& options = {});
    [[nodiscard]] shmsem::semaphore semaphore(const std::string& name, const semaphore_options& options,
                                              std::error_code& ec) noexcept;
    /// The existing semaphore of that name, also of a segment opened read-only.
    /// @throws shmsem::error errc::semaphore_not_found, errc::semaphore_kind, errc::segment_corrupt,
    ///         errc::segment_truncated, errc::invalid_argument (empty handle)
    /// @cost   a look at the names
    [[nodiscard]] shmsem::semaphore find(const std::string& name);
    [[nodiscard]] shmsem::semaphore find(const std::string& name, std::error_code& ec) noexcept;

    /// The ownerless semaphore of that name, created if it is not there. Of an existing one `max` and `max_waiters` are
    /// compared, with if_different::fail.
    /// @throws shmsem::error as semaphore(), but for errc::too_many_permits
    /// @cost   as semaphore(), without slots
    /// @crash  as semaphore()
    [[nodiscard]] ownerless_semaphore ownerless(const std::string& name, const ownerless_options& options = {});
    [[nodiscard]] ownerless_semaphore ownerless(const std::string& name, const ownerless_options& options,
                                                std::error_code& ec) noexcept;

    /// Takes back every permit whose lease expired or whose holder died, in all semaphores. @return how many
    /// @throws shmsem::error errc::invalid_argument (empty handle), errc::read_only, errc::too_many_processes,
    ///         errc::thread_failed
    /// @cost   a look at each slot; for each dead process it waits 100 ms at most for locks whose owners are stopped
    /// @crash  every step may be repeated by another process
    std::uint32_t reap();
    std::uint32_t reap(std::error_code& ec) noexcept;

    /// What inspect.hpp describes. Cost: a look at each slot and process, and for each semaphore at each waiter node.
    [[nodiscard]] segment_snapshot inspect() const;
    /// Checks every structure against every other, under the locks where the mapping can be written.
    /// @return the problems; a lock that cannot be had within 10 s is one of them
    [[nodiscard]] invariants_report check_invariants() const;

    [[nodiscard]] std::string name() const;
    [[nodiscard]] shmsem::limits limits() const;

    explicit operator bool() const noexcept { return home_ != nullptr; }

   private:
    friend struct core::handle_access;
    std::shared_ptr<core::attachment> home_;
};

}  // namespace shmsem
