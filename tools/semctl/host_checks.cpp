#include <algorithm>

#include "report/format.hpp"
#include "semctl/diagnosis.hpp"

// What is wrong with the machine: /dev/shm, systemd-logind, the kernel.

namespace shmsem::semctl {
namespace {

using report::human_bytes;

findings look_at_shm(const facts& seen) {
    const shm_facts& shm = seen.shm;
    if (!shm.exists) {
        return {{severity::problem,
                 {},
                 "there is no /dev/shm, where segments lie",
                 "mount a tmpfs there: mount -t tmpfs -o mode=1777 tmpfs /dev/shm"}};
    }
    findings found;
    if (!shm.tmpfs) {
        found.push_back({severity::warning,
                         {},
                         "/dev/shm is no tmpfs: segments lie on a disk, and outlive a reboot",
                         "mount a tmpfs there: mount -t tmpfs -o mode=1777 tmpfs /dev/shm"});
    }
    if (shm.read_only) {
        found.push_back({severity::problem,
                         {},
                         "/dev/shm is mounted read-only: no segment can be made or used",
                         "mount -o remount,rw /dev/shm; of a container, leave out the read-only mount of it"});
    } else if (!shm.writable) {
        found.push_back({severity::problem,
                         {},
                         seen.caller.name + " may not create files in /dev/shm",
                         "give it its usual mode: chmod 1777 /dev/shm"});
    } else if (!shm.nameless_files && shm.bytes_free != 0 && (shm.inodes_total == 0 || shm.inodes_free != 0)) {
        found.push_back({severity::problem,
                         {},
                         "files without a name (O_TMPFILE) cannot be made in /dev/shm: no segment can be",
                         "use Linux 4.14 or later, with a tmpfs at /dev/shm"});
    }
    return found;
}

std::string share_of_segments(const facts& seen) {
    std::uint64_t bytes = 0;
    for (const auto& segment : seen.segments) bytes += segment.file.bytes;
    return report::count_of(seen.segments.size(), "segment looked at has ", "segments looked at have ") + human_bytes(bytes);
}

findings look_for_room(const facts& seen) {
    constexpr std::uint64_t least = 256 << 10;  // of any use: a small segment
    constexpr std::uint64_t ample = 64 << 20;   // as much as many containers have in all
    constexpr const char* remedy =
        "remove what nobody uses (semctl remove --orphans; ls -l /dev/shm shows what is not of shmsem), or enlarge it "
        "(mount -o "
        "remount,size=SIZE /dev/shm; docker run --shm-size)";
    const shm_facts& shm = seen.shm;
    findings found;
    if (!shm.exists) return found;
    if (shm.bytes_total != 0) {
        const std::string rest = human_bytes(shm.bytes_free) + " of " + human_bytes(shm.bytes_total) + " are free, the " +
                                 share_of_segments(seen);
        if (shm.bytes_free < least) {
            found.push_back({severity::problem, {}, "/dev/shm is full: " + rest, remedy});
        } else if (shm.bytes_free < ample && shm.bytes_free < shm.bytes_total / 10) {
            found.push_back({severity::warning, {}, "/dev/shm is nearly full: " + rest, remedy});
        }
    }
    if (shm.inodes_total != 0) {
        const std::string rest = std::to_string(shm.inodes_free) + " of " + std::to_string(shm.inodes_total) + " are free";
        constexpr const char* more = "remove files that nobody uses, or mount -o remount,nr_inodes=NUMBER /dev/shm";
        if (shm.inodes_free == 0) {
            found.push_back({severity::problem, {}, "/dev/shm has no room for another file: of its inodes " + rest, more});
        } else if (shm.inodes_free < 100 && shm.inodes_free < shm.inodes_total / 10) {
            found.push_back({severity::warning, {}, "/dev/shm has little room for more files: of its inodes " + rest, more});
        }
    }
    return found;
}

// Who is not a system user loses files in /dev/shm when the last session ends.
findings look_at_remove_ipc(const facts& seen) {
    if (!seen.logind.runs || !seen.logind.removes_ipc) return {};
    std::vector<account_facts> losers;
    const auto add = [&](const account_facts& who) {
        const auto same = [&](const account_facts& other) { return other.uid == who.uid; };
        if (!who.system && !who.lingers && std::none_of(losers.begin(), losers.end(), same)) losers.push_back(who);
    };
    for (const auto& segment : seen.segments) add(segment.owner);
    const bool has_segments = !losers.empty();
    if (!has_segments) add(seen.caller);
    findings found;
    for (const auto& who : losers) {
        const std::string by = seen.logind.said_by.empty() ? "by default" : "as " + seen.logind.said_by + " says";
        found.push_back(
            {has_segments ? severity::warning : severity::note,
             {},
             "systemd-logind removes " +
                 (has_segments ? "the segments of " + who.name : "segments that " + who.name + " may make") +
                 " when the last session of that user ends (RemoveIPC=yes, " + by + ")",
             "set RemoveIPC=no in /etc/systemd/logind.conf.d/shmsem.conf under [Login] and restart systemd-logind, or "
             "loginctl enable-linger " +
                 operand(who.name) + ", or run the work as a system user"});
    }
    return found;
}

findings look_at_kernel(const facts& seen) {
    const kernel_facts& kernel = seen.kernel;
    findings found;
    const auto lacks = [&](severity how_bad, const std::string& what, const std::string& remedy) {
        found.push_back({how_bad, {}, what + " (Linux " + kernel.release + ")", remedy});
    };
    if (!kernel.wipe_on_fork) {
        lacks(severity::problem, "the kernel lacks MADV_WIPEONFORK: no segment can be used", "use Linux 4.14 or later");
    }
    if (!kernel.robust_lists) {
        lacks(severity::warning,
              "robust futexes cannot be had: a death is known " +
                  std::string(kernel.pidfd ? "by pidfd, later" : "by pid and start time, or only when a ttl passes"),
              "allow get_robust_list in the seccomp filter of the container");
    }
    if (!kernel.futex_waitv) {
        lacks(severity::note, "FUTEX_WAITV cannot be had: deaths are looked for every 50 ms instead of being told",
              "use Linux 5.16 or later, or allow futex_waitv in the seccomp filter of the container");
    }
    if (!kernel.pidfd && kernel.robust_lists) {
        lacks(severity::note, "pidfd_open cannot be had, which is a fallback for telling a death", "use Linux 5.3 or later");
    }
    return found;
}

}  // namespace

const std::vector<check>& host_checks() {
    static const std::vector<check> checks{
        {"shm", "/dev/shm is a tmpfs that can be written", look_at_shm},
        {"space", "/dev/shm has room", look_for_room},
        {"remove_ipc", "systemd-logind removes no segment", look_at_remove_ipc},
        {"kernel", "the kernel has all that is made use of", look_at_kernel},
    };
    return checks;
}

}  // namespace shmsem::semctl
