#include "semctl/trouble.hpp"

#include "shmsem/errors.hpp"

namespace shmsem::semctl {
namespace {

struct entry {
    errc code;
    const char* cause;
    const char* remedy;  // {segment} and {semaphore} are filled in
};

constexpr entry table[] = {
    {errc::invalid_argument, "a number is out of range", "semctl --help and semctl(1) name the bounds"},
    {errc::invalid_name, "this cannot be a name", "names have 1 to 47 bytes, none of them '/' or a control character"},
    {errc::overflow, "the count would exceed its maximum", "create it with a higher --max"},
    {errc::timed_out, "a process is stopped inside a lock of it",
     "find it with: semtop {segment}; let it go on (kill -CONT), or kill it, then try again"},
    {errc::read_only, "it can only be read", "run it as the user who owns the segment, or as one whom it is shared with"},
    {errc::segment_not_found, "there is no segment of this name",
     "semctl list shows those there are, semctl create makes one"},
    {errc::segment_exists, "it exists already",
     "add --if-missing to let that do, or remove it first: semctl remove {segment}"},
    {errc::segment_half_made, "its creator died before it was ready", "remove it: semctl remove {segment}"},
    {errc::segment_truncated, "its file is shorter than it was made: somebody has cut it",
     "end its processes, and remove it: semctl remove --force {segment}"},
    {errc::segment_foreign, "the file of this name is not a shmsem segment",
     "choose another name, or, when nobody needs that file, semctl remove --force {segment}"},
    {errc::segment_version, "it was made by another version of shmsem",
     "use the tools of that version, or end its processes and semctl remove --force {segment}"},
    {errc::segment_abi, "it was made by a build for another architecture or word size",
     "use the tools of that build, or end its processes and semctl remove --force {segment}"},
    {errc::segment_owner, "it belongs to another user, who has not shared it",
     "run this as that user (sudo -u), or have it created with --mode group or everyone"},
    {errc::segment_permission, "the operating system refuses access to its file",
     "run this as its owner (sudo -u; semctl list shows who that is), or have it created with --mode group or everyone"},
    {errc::segment_corrupt, "its contents contradict themselves: a process has damaged it",
     "end its processes, and remove it: semctl remove --force {segment}"},
    {errc::segment_no_space, "/dev/shm has no room for it",
     "remove what nobody uses (semctl remove --orphans), enlarge /dev/shm (mount -o remount,size=SIZE; docker run "
     "--shm-size), "
     "or ask for less room (--processes, --waiters, --total-permits)"},
    {errc::segment_limits, "it exists with other limits",
     "leave the limits out, or remove it first: semctl remove {segment}"},
    {errc::segment_in_use, "processes use it", "end them: semctl show --json {segment} lists those attached"},
    {errc::foreign_clock, "it was made in another time namespace, whose clock cannot be compared with this one",
     "run this inside of that container, or choose another name"},
    {errc::semaphore_not_found, "the segment has no semaphore of this name",
     "semctl list --names {segment} shows those there are, semctl create makes one"},
    {errc::semaphore_mismatch, "it exists with other options",
     "ask for the options that it has, or for a new number of permits: semctl resize {segment} {semaphore} N"},
    {errc::semaphore_kind, "it is of the other kind (leased, ownerless)",
     "choose another name, or leave --ownerless out or in"},
    {errc::too_many_semaphores, "the segment has no room for another semaphore",
     "create a segment with a higher --semaphores"},
    {errc::too_many_permits, "there is no room for so many permits",
     "create the semaphore with a higher --max-permits, or the segment with a higher --total-permits"},
    {errc::too_many_waiters, "there is no room for another waiter", "create the segment with a higher --waiters"},
    {errc::too_many_processes, "its process table is full",
     "end a process that uses it, or create the segment with a higher --processes"},
    {errc::too_many_tenants, "its tenant table is full", "create the segment with a higher --tenants"},
    {errc::thread_failed, "the background thread could not be started",
     "check the limit of processes (ulimit -u) and memory"},
    {errc::kernel_unsupported, "the kernel lacks a call that is needed",
     "use Linux 4.14 or later with a tmpfs at /dev/shm; semctl doctor says what is missing"},
};

const entry* find(std::string_view code) {
    for (const entry& e : table) {
        if (name_of(e.code) == code) return &e;
    }
    return nullptr;
}

}  // namespace

trouble explain(const place& where, std::string_view code, const std::string& message, const std::string& detail) {
    const entry* known = find(code);
    if (known == nullptr) return {where, message, "try again; semctl doctor looks for what is wrong on this host"};
    std::string cause = known->cause;
    if (!detail.empty()) cause += ": " + detail;
    return {where, cause + " (" + std::string(code) + ")", fill_in(known->remedy, where)};
}

trouble explain(const place& where, const report::failure& why) { return explain(where, why.code, why.message); }

trouble explain(const place& where, const std::system_error& error) {
    if (error.code().category() != error_category()) return explain(where, "system_error", error.code().message());
    const std::string code = name_of(static_cast<errc>(error.code().value()));
    // "subject: code: detail: message", the detail being optional.
    std::string text = error.what();
    std::string detail;
    const std::string after = ": " + error.code().message();
    const std::string before = ": " + code + ": ";
    if (text.ends_with(after)) text.resize(text.size() - after.size());
    if (const auto at = text.rfind(before); at != std::string::npos) detail = text.substr(at + before.size());
    return explain(where, code, error.code().message(), detail);
}

std::string line_of(const trouble& what, report::charset terminal) {
    std::string line = words_of(what.where, terminal) + ": " + report::printable(what.cause, terminal);
    if (!what.remedy.empty()) line += "; " + report::printable(what.remedy, terminal);
    return line;
}

}  // namespace shmsem::semctl
