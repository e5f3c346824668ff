#pragma once

#include <system_error>

#include "shmsem/export.hpp"

namespace shmsem {

/// Every error that shmsem reports, with the remedy in its message. Expected outcomes (a time-out, "would block", a lost
/// lease) are return values; these codes stand for arguments that cannot be right and for broken worlds. Besides these, a
/// call may report std::errc::not_enough_memory, and an error of the operating system that none of them stands for with a
/// code of std::system_category().
enum class errc {
    // what the caller asked for
    invalid_argument = 1,  ///< permits <= 0, ttl <= 0, more permits than the semaphore has, a limit out of range
    invalid_name,          ///< empty, over-long, or with a '/' or a control character in it
    lease_lost,            ///< the lease expired, was reaped, or belongs to the parent process
    cancelled,             ///< a stop was requested while the call waited
    overflow,              ///< a release would raise an ownerless count above its maximum
    timed_out,             ///< the deadline passed (where a call has no better way to say it)
    read_only,             ///< the segment was opened read-only

    // the segment
    segment_not_found,   ///< no segment has this name
    segment_exists,      ///< create() found the name taken
    segment_half_made,   ///< its creator died before it was ready; open_or_create() replaces it
    segment_truncated,   ///< the file is shorter than its header says, or was cut short while attached
    segment_foreign,     ///< the file is not a shmsem segment
    segment_version,     ///< made by another layout version
    segment_abi,         ///< made by a build with other word sizes or another architecture
    segment_owner,       ///< owned by another user, and not opened to this one
    segment_permission,  ///< the operating system refused access
    segment_corrupt,     ///< the contents contradict themselves
    segment_no_space,    ///< /dev/shm has no room for it
    segment_limits,      ///< exists with other limits
    segment_in_use,      ///< processes are attached to it
    foreign_clock,       ///< another time namespace: its clock cannot be compared with ours

    // what lies in it
    semaphore_not_found,  ///< no semaphore has this name
    semaphore_mismatch,   ///< exists with other options, and neither adopting nor resizing was asked for
    semaphore_kind,       ///< exists as the other kind (leased, ownerless)
    too_many_semaphores,  ///< the segment's directory is full
    too_many_permits,     ///< the segment's slot table is full, or max_permits is reached
    too_many_waiters,     ///< max_waiters of the semaphore, or of the segment, is reached
    too_many_processes,   ///< the segment's process table is full
    too_many_tenants,     ///< the segment's tenant table is full

    // the machine
    thread_failed,       ///< the background thread could not be started
    kernel_unsupported,  ///< the kernel lacks a call that cannot be done without
};

/// The category of errc, named "shmsem". Common codes compare equal to the conditions of std::errc, such as timed_out.
SHMSEM_API const std::error_category& error_category() noexcept;
SHMSEM_API std::error_code make_error_code(errc code) noexcept;

/// The stable, machine-readable word for a code, e.g. "lease_lost".
SHMSEM_API const char* name_of(errc code) noexcept;

/// What every throwing call throws: the code, and a message that names the segment or semaphore and what to do.
class SHMSEM_API error : public std::system_error {
   public:
    using std::system_error::system_error;
};

}  // namespace shmsem

template <>
struct std::is_error_code_enum<shmsem::errc> : std::true_type {};
