#include "semrun/say.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "shmsem/errors.hpp"

namespace shmsem::semrun {
namespace {

/// The library's remedies are for those who write programs; here are those for who types commands.
struct words {
    errc code;
    const char* text;
};

constexpr auto table = std::to_array<words>({
    {errc::invalid_argument, "it has fewer permits than --weight asks for, or a number is out of range: see semtop --all"},
    {errc::invalid_name,
     "names of segments, semaphores and tenants have 1 to 47 bytes, none of them '/' or a control character: choose "
     "another"},
    {errc::segment_owner,
     "it belongs to another user, who has not shared it: choose another --segment, or have it made anew with --share"},
    {errc::segment_permission,
     "the operating system refused access: check the owner and mode of its file in /dev/shm, or choose another --segment"},
    {errc::segment_foreign, "its file in /dev/shm is not a shmsem segment: choose another --segment, or remove the file"},
    {errc::segment_version,
     "another version of shmsem made it: end the processes that use it and remove its file in /dev/shm"},
    {errc::segment_abi, "a program of another architecture made it: choose another --segment"},
    {errc::segment_corrupt, "a process has damaged it: end the processes that use it and remove its file in /dev/shm"},
    {errc::segment_truncated, "its file in /dev/shm was cut short: end the processes that use it and remove the file"},
    {errc::segment_no_space, "/dev/shm has no room for it: enlarge it, or remove what nobody uses there"},
    {errc::foreign_clock, "it was made in another time namespace, with another clock: choose another --segment"},
    {errc::semaphore_kind, "that is an ownerless semaphore, of which nobody holds permits: choose another name"},
    {errc::too_many_semaphores,
     "it has no room for another semaphore, and they last as long as it does: use fewer names, or another --segment"},
    {errc::too_many_permits, "it has no room for so many permits: ask for fewer, or use another --segment"},
    {errc::too_many_waiters, "so many wait already that there is no room for one more: try again later"},
    {errc::too_many_processes, "so many processes use it that there is no room for one more: try again later"},
    {errc::too_many_tenants, "it has no room for another tenant: use one of those that are there"},
    {errc::thread_failed, "a thread could not be started: check the limits on processes (ulimit -u) and memory"},
    {errc::kernel_unsupported, "the kernel lacks what is needed: use Linux 4.14 or later, with a tmpfs at /dev/shm"},
});

const words* words_for(const std::error_code& code) noexcept {
    if (code.category() != error_category()) return nullptr;
    const auto* found =
        std::find_if(table.begin(), table.end(), [&](const words& w) { return static_cast<int>(w.code) == code.value(); });
    return found == table.end() ? nullptr : found;
}

}  // namespace

report::charset terminal_charset() noexcept {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* value = std::getenv(name);
        if (value == nullptr || *value == '\0') continue;
        const std::string_view locale = value;
        const bool utf8 = locale.ends_with("UTF-8") || locale.ends_with("utf8") || locale.ends_with("utf-8");
        return utf8 ? report::charset::utf8 : report::charset::ascii;
    }
    return report::charset::ascii;
}

void say(std::string_view what) {
    std::string line = "semrun: ";
    line += what;
    line += '\n';
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, line.data(), line.size());
}

std::string place_named(const std::string& segment, const std::string& semaphore) {
    const report::charset terminal = terminal_charset();
    return "segment \"" + report::printable(segment, terminal) + "\", semaphore \"" +
           report::printable(semaphore, terminal) + '"';
}

std::string complaint(const std::exception& error, const std::string& segment, const std::string& semaphore) {
    const std::string place = place_named(segment, semaphore) + ": ";
    const auto* coded = dynamic_cast<const std::system_error*>(&error);
    if (coded == nullptr || coded->code().category() != error_category()) return place + error.what();
    const words* ours = words_for(coded->code());
    return place + (ours != nullptr ? ours->text : coded->code().message());
}

bool of_the_arguments(const std::exception& error) noexcept {
    const auto* coded = dynamic_cast<const std::system_error*>(&error);
    return coded != nullptr && (coded->code() == errc::invalid_name || coded->code() == errc::invalid_argument);
}

}  // namespace shmsem::semrun
