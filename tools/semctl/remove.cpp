#include <unistd.h>

#include <algorithm>

#include "report/format.hpp"
#include "semctl/commands.hpp"
#include "semctl/files.hpp"
#include "semctl/opening.hpp"
#include "shmsem/errors.hpp"

namespace shmsem::semctl {
namespace {

std::uint32_t attached_to(const std::string& name) {
    for (const auto& entry : segment::list()) {
        if (entry.name == name) return entry.attached;
    }
    return 0;
}

// The first few, as semctl show --json lists them all.
std::string users_of(const std::string& name) {
    constexpr std::size_t enough = 5;
    std::error_code ec;
    auto processes = segment::open(name, access::read_only, ec).inspect().processes;
    std::erase_if(processes, [](const auto& each) { return each.life == "dead"; });
    if (ec || processes.empty()) return "a process has it open";
    std::string words = report::count_of(processes.size(), "process is", "processes are") + " attached: ";
    for (std::size_t i = 0; i < processes.size() && i < enough; ++i) {
        words += (i == 0 ? "" : ", ") + ("pid " + std::to_string(processes[i].pid)) + " (" + processes[i].command + ")";
    }
    return words + (processes.size() > enough ? ", ..." : "");
}

// What is particular to removing: what would help others to use it does not help them to remove it.
failed refusal(const place& where, const std::system_error& error) {
    if (error.code() == errc::segment_in_use) {
        return failed({where, users_of(where.segment),
                       "end them, or add --force: then they go on among themselves, and new ones make a new segment"});
    }
    trouble known = explain(where, error);
    if (error.code() == errc::segment_permission)
        known.remedy = "run this as its owner (sudo -u; semctl list shows who that is)";
    return failed(std::move(known));
}

void remove_one(const std::string& name, bool force, const console& out) {
    const place where{name, {}};
    const std::uint32_t attached = force ? attached_to(name) : 0;
    const auto remove = [&] {
        if (force) return segment::remove(name);
        // The file of another program is not ours to remove, though no process is attached to it as to a segment.
        std::error_code ec;
        (void)segment::open(name, access::read_only, ec);
        if (ec == errc::segment_foreign) throw failed(explain(where, name_of(errc::segment_foreign), {}));
        return segment::remove_if_unused(name);
    };
    bool removed = false;
    try {
        removed = remove();
    } catch (const std::system_error& error) {
        throw refusal(where, error);
    }
    if (!removed) throw failed(explain(where, name_of(errc::segment_not_found), {}));
    std::string line = "removed " + out.words(where);
    if (attached != 0) line += "; " + report::count_of(attached, "process goes", "processes go") + " on with what it was";
    out.say(line);
}

// What cannot be opened is an orphan only if it is certain that nobody works with it.
bool is_orphan(const segment_entry& entry) {
    if (entry.attached != 0 || (::geteuid() != 0 && file_of(entry.name).uid != ::geteuid())) return false;
    return !entry.error || entry.error == errc::segment_half_made || entry.error == errc::segment_truncated ||
           entry.error == errc::segment_corrupt;
}

int remove_orphans(const console& out) {
    int status = exit_ok;
    std::size_t removed = 0;
    for (const auto& entry : segment::list()) {
        if (!is_orphan(entry)) continue;
        std::error_code ec;
        if (segment::remove_if_unused(entry.name, ec)) {
            ++removed;
            out.say("removed " + out.words({entry.name, {}}) + ", " + report::human_bytes(entry.bytes));
        } else if (ec && ec != errc::segment_in_use) {  // somebody came, or has it open
            out.complain(explain({entry.name, {}}, std::system_error(ec)));
            status = exit_failed;
        }
    }
    if (removed == 0 && status == exit_ok) out.say("nothing to remove: each segment is used, or another user's");
    return status;
}

}  // namespace

int run(const remove_request& asked, const console& out) {
    if (asked.orphans) return remove_orphans(out);
    int status = exit_ok;
    for (const auto& name : asked.segments) {
        try {
            remove_one(name, asked.force, out);
        } catch (const failed& error) {
            out.complain(error.why());
            status = exit_failed;
        }
    }
    return status;
}

}  // namespace shmsem::semctl
