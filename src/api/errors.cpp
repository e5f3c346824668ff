#include "shmsem/errors.hpp"

#include "api/access.hpp"

namespace shmsem {
namespace {

struct entry {
    errc code;
    const char* name;
    const char* message;  // what is wrong, and what to do
};

constexpr entry table[] = {
    {errc::invalid_argument, "invalid_argument",
     "an argument is out of range: permits, ttl, max_hold and limits have documented bounds"},
    {errc::invalid_name, "invalid_name", "names have 1 to 47 bytes, none of them '/' or a control character"},
    {errc::lease_lost, "lease_lost", "the lease expired, was reaped, or belongs to the parent process: acquire anew"},
    {errc::cancelled, "cancelled",
     "a stop was requested while waiting, nothing was taken: call again with another stop token"},
    {errc::overflow, "overflow",
     "the release would raise the count above its maximum, nothing was added: release only what was acquired, or create the "
     "semaphore with a higher max"},
    {errc::timed_out, "timed_out",
     "the deadline passed: a process may be stopped inside a critical section (see semtop); let it go on, or kill it"},
    {errc::read_only, "read_only", "the segment was opened read-only: open it with access::read_write"},
    {errc::segment_not_found, "segment_not_found", "there is no segment of this name: create it, or use open_or_create"},
    {errc::segment_exists, "segment_exists", "a segment of this name exists: open it, or remove it first"},
    {errc::segment_half_made, "segment_half_made",
     "its creator died before it was ready: open_or_create replaces it, or remove it"},
    {errc::segment_truncated, "segment_truncated", "the file is shorter than its header says: remove it and create it anew"},
    {errc::segment_foreign, "segment_foreign", "the file is not a shmsem segment: choose another name, or remove the file"},
    {errc::segment_version, "segment_version", "made by another version of the library: end its processes and remove it"},
    {errc::segment_abi, "segment_abi",
     "made by a build with other word sizes or for another architecture: choose another name, or end its processes and "
     "remove it"},
    {errc::segment_owner, "segment_owner",
     "owned by another user, who has not shared it: choose another name, or have it created with another sharing"},
    {errc::segment_permission, "segment_permission",
     "the operating system refused access: check the owner and mode of the file in /dev/shm"},
    {errc::segment_corrupt, "segment_corrupt",
     "its contents contradict themselves: a process has damaged it; remove it and create it anew"},
    {errc::segment_no_space, "segment_no_space",
     "/dev/shm has no room: enlarge it, remove segments that nobody uses, or ask for lower limits"},
    {errc::segment_limits, "segment_limits",
     "the segment exists with other limits: use its limits, or leave them at their defaults"},
    {errc::segment_in_use, "segment_in_use",
     "processes are attached to it: end them (semtop --json lists them), or use remove(), which asks nobody"},
    {errc::foreign_clock, "foreign_clock",
     "made in another time namespace, whose clock cannot be compared with ours: choose another name, or run in that one"},
    {errc::semaphore_not_found, "semaphore_not_found",
     "the segment has no semaphore of this name: check the name, or create it with segment::semaphore()"},
    {errc::semaphore_mismatch, "semaphore_mismatch",
     "the semaphore exists with other options: use them, or if_different::adopt or resize"},
    {errc::semaphore_kind, "semaphore_kind",
     "the semaphore exists as the other kind (leased, ownerless): choose another name, or ask for that kind"},
    {errc::too_many_semaphores, "too_many_semaphores",
     "the segment's directory is full: create it with a higher limits::semaphores"},
    {errc::too_many_permits, "too_many_permits",
     "no room for so many: create the segment with a higher limits::permits, or the semaphore with a higher max_permits"},
    {errc::too_many_waiters, "too_many_waiters",
     "max_waiters of the semaphore or limits::waiters of the segment is reached: try again later, or create it with a "
     "higher one"},
    {errc::too_many_processes, "too_many_processes",
     "the segment's process table is full: create it with a higher limits::processes"},
    {errc::too_many_tenants, "too_many_tenants",
     "the segment's tenant table is full: create it with a higher limits::tenants"},
    {errc::thread_failed, "thread_failed", "the background thread could not be started: check RLIMIT_NPROC and memory"},
    {errc::kernel_unsupported, "kernel_unsupported",
     "the kernel lacks a call that is needed (O_TMPFILE in /dev/shm, MADV_WIPEONFORK): use Linux 4.14 or later, and mount a "
     "tmpfs at /dev/shm"},
};

const entry* find(int code) noexcept {
    for (const entry& e : table) {
        if (static_cast<int>(e.code) == code) return &e;
    }
    return nullptr;
}

class category final : public std::error_category {
   public:
    [[nodiscard]] const char* name() const noexcept override { return "shmsem"; }
    [[nodiscard]] std::string message(int code) const override {
        const entry* e = find(code);
        return e == nullptr ? "unknown error" : e->message;
    }
    // So that callers who know only the standard's conditions can test for the common ones.
    [[nodiscard]] std::error_condition default_error_condition(int code) const noexcept override {
        switch (static_cast<errc>(code)) {
            case errc::invalid_argument:
            case errc::invalid_name: return std::errc::invalid_argument;
            case errc::cancelled: return std::errc::operation_canceled;
            case errc::overflow: return std::errc::value_too_large;
            case errc::timed_out: return std::errc::timed_out;
            case errc::read_only: return std::errc::read_only_file_system;
            case errc::segment_not_found: return std::errc::no_such_file_or_directory;
            case errc::segment_exists: return std::errc::file_exists;
            case errc::segment_permission:
            case errc::segment_owner: return std::errc::permission_denied;
            case errc::segment_no_space: return std::errc::no_space_on_device;
            default: return {code, *this};
        }
    }
};

// Never destroyed: static semaphores may be used after us. And there from the start: a child that is forked while a guarded static
// is made would find it closed for ever.
union immortal_category {
    category value;
    constexpr immortal_category() noexcept : value() {}
    ~immortal_category() {}
};
constinit const immortal_category the_category;

}  // namespace

const std::error_category& error_category() noexcept { return the_category.value; }

std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), error_category()}; }

const char* name_of(errc code) noexcept {
    const entry* e = find(static_cast<int>(code));
    return e == nullptr ? "unknown" : e->name;
}

namespace api {

void fail(std::error_code ec, const std::string& subject, const std::string& detail) {
    std::string what = subject;
    if (ec.category() == error_category()) what += std::string(": ") + name_of(static_cast<errc>(ec.value()));
    if (!detail.empty()) what += ": " + detail;
    throw error(ec, what);
}

}  // namespace api
}  // namespace shmsem
