#include "demo_main/outcome.hpp"

#include <cstdarg>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace demo {
namespace {

__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...) {
    va_list arguments;
    va_start(arguments, pattern);
    char line[512];
    std::vsnprintf(line, sizeof line, pattern, arguments);
    va_end(arguments);
    return line;
}

double microseconds(std::chrono::nanoseconds t) { return static_cast<double>(t.count()) / 1000.0; }

std::chrono::nanoseconds median(const std::vector<std::chrono::nanoseconds>& sorted) {
    if (sorted.empty()) return {};
    const std::size_t middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

}  // namespace

bool outcome::right() const {
    const auto wanted = static_cast<std::size_t>(kills_wanted);
    return files_done == files_found && duplicates == 0 && missing == 0 &&                       //
           killed == wanted && restarted == wanted && failed == 0 && never_granted == 0 &&       //
           in_use == 0 && lost == 0 && reaped == wanted && overlaps == 0 && leases_lost == 0 &&  //
           broken_invariants.empty() && inversions_counted == 0 && inversions_recorded == 0;
}

std::string text_of(const outcome& o) {
    std::string text = format("checksums of %s: %d workers, %d permits\n", o.directory.c_str(), o.workers, o.permits);
    text += format("files           %zu of %zu done, each exactly once (%zu twice, %zu missing)", o.files_done,
                   o.files_found, o.duplicates, o.missing);
    if (o.passes > 1) text += format(" in each of %zu passes", o.passes);
    if (o.unreadable > 0) text += format("; %zu unreadable", o.unreadable);
    if (o.unreadable_directories > 0) text += format("; %zu directories unreadable", o.unreadable_directories);
    if (o.changed > 0) text += format("; %zu changed between passes", o.changed);
    text += format("\nbytes           %.1f MB in %.2f s, FNV-1a of all %016llx\n", static_cast<double>(o.bytes) / 1e6,
                   o.elapsed.count(), static_cast<unsigned long long>(o.checksum));
    text += format("workers         %zu killed while they held a permit (%d asked for), %zu restarted, %zu failed\n",
                   o.killed, o.kills_wanted, o.restarted, o.failed);
    text += format("taken over      %zu files of the killed, done by others\n", o.taken_over);
    text +=
        format("permits         %u in use at the end, %u lost (all %d acquired at once), %llu taken back from the dead\n",
               o.in_use, o.lost, o.permits, static_cast<unsigned long long>(o.reaped));
    text +=
        format("exclusion       %zu permits held twice at once, %zu leases lost by the living\n", o.overlaps, o.leases_lost);
    text += format(
        "order           %llu FIFO inversions counted by the semaphore, %zu found in the tickets of %zu leases (%zu "
        "queued)\n",
        static_cast<unsigned long long>(o.inversions_counted), o.inversions_recorded, o.leases, o.queued);
    if (o.not_recorded > 0) text += format("                %zu leases were not recorded\n", o.not_recorded);
    if (o.kill_to_grant.empty()) {
        text += "kill to grant   nothing to measure\n";
    } else {
        text +=
            format("kill to grant   median %.0f us, worst %.0f us, from SIGKILL to the next lease of that permit (%zu)\n",
                   microseconds(median(o.kill_to_grant)), microseconds(o.kill_to_grant.back()), o.kill_to_grant.size());
    }
    if (o.never_granted > 0) text += format("                %zu never granted again, though awaited\n", o.never_granted);
    text += format("cost            acquire + release %.1f ns, sem_t wait + post %.1f ns: %.2f times\n",
                   o.cost.acquire_release, o.cost.sem_wait_post, o.cost.acquire_release / o.cost.sem_wait_post);
    for (const std::string& problem : o.broken_invariants) text += "broken          " + problem + "\n";
    text += o.right() ? "result          all right\n" : "result          WRONG\n";
    return text;
}

std::string json_of(const outcome& o) {
    std::vector<double> grants;
    for (const auto t : o.kill_to_grant) grants.push_back(microseconds(t));
    const nlohmann::ordered_json json{
        {"directory", o.directory},
        {"workers", o.workers},
        {"permits", o.permits},
        {"files",
         {{"found", o.files_found},
          {"done", o.files_done},
          {"twice", o.duplicates},
          {"missing", o.missing},
          {"unreadable", o.unreadable},
          {"unreadable_directories", o.unreadable_directories},
          {"changed", o.changed},
          {"passes", o.passes},
          {"rounds", o.rounds}}},
        {"bytes", o.bytes},
        {"checksum", format("%016llx", static_cast<unsigned long long>(o.checksum))},
        {"seconds", o.elapsed.count()},
        {"killed", o.killed},
        {"restarted", o.restarted},
        {"failed", o.failed},
        {"taken_over", o.taken_over},
        {"permits_in_use", o.in_use},
        {"permits_lost", o.lost},
        {"permits_reaped", o.reaped},
        {"overlaps", o.overlaps},
        {"leases_lost", o.leases_lost},
        {"leases", {{"recorded", o.leases}, {"queued", o.queued}, {"not_recorded", o.not_recorded}}},
        {"inversions", {{"counted", o.inversions_counted}, {"recorded", o.inversions_recorded}}},
        {"kill_to_grant_us", grants},
        {"never_granted", o.never_granted},
        {"cost_ns", {{"acquire_release", o.cost.acquire_release}, {"sem_wait_post", o.cost.sem_wait_post}}},
        {"broken_invariants", o.broken_invariants},
        {"right", o.right()},
    };
    return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace demo
