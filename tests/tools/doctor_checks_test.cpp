#include <gmock/gmock.h>

#include <algorithm>
#include <string>

#include "semctl/diagnosis.hpp"
#include "semctl/gather.hpp"

// Each judgement of the doctor, from facts that no machine has to have.

namespace shmsem::semctl {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::uint64_t mib = 1 << 20;

// A host and a segment with a semaphore, all of it well.
facts well() {
    facts seen;
    seen.caller = {.uid = 0, .name = "root"};
    seen.shm = {.bytes_total = 1024 * mib, .bytes_free = 1000 * mib, .inodes_total = 100000, .inodes_free = 99000};
    seen.kernel.release = "6.1";
    segment_facts segment;
    segment.name = "jobs";
    segment.file = {.exists = true, .regular = true, .bytes = mib, .uid = 0, .gid = 0, .mode = 0600, .age = 1h};
    segment.owner = seen.caller;
    segment.attached = 1;
    segment_snapshot contents;
    contents.name = "jobs";
    contents.age = 2h;
    contents.limits = {};
    contents.processes.push_back({.index = 0,
                                  .pid = 7,
                                  .uid = 0,
                                  .pid_namespace = 0,
                                  .command = "worker",
                                  .state = "alive",
                                  .life = "alive",
                                  .attached = 1h});
    semaphore_snapshot gpu;
    gpu.name = "gpu";
    gpu.max_permits = 2;
    gpu.max_waiters = 100;
    gpu.ttl = 30s;
    gpu.stats.capacity = 2;
    gpu.stats.acquired = 1;
    gpu.stats.total_acquired = 9;
    gpu.holders.push_back({.seat = 0,
                           .token = 9,
                           .process = 0,
                           .pid = 7,
                           .tid = 7,
                           .command = "worker",
                           .tenant = "",
                           .label = "",
                           .held = 3s,
                           .ttl_left = 20s,
                           .state = "held",
                           .life = "alive"});
    contents.semaphores.push_back(gpu);
    segment.contents = contents;
    seen.segments.push_back(segment);
    return seen;
}

segment_facts& jobs(facts& seen) { return seen.segments.front(); }
semaphore_snapshot& gpu(facts& seen) { return jobs(seen).contents->semaphores.front(); }
holder_info& holder(facts& seen) { return gpu(seen).holders.front(); }

void unreadable(facts& seen, const char* code) {
    jobs(seen).contents.reset();
    jobs(seen).attached = 0;
    jobs(seen).unreadable = report::failure{code, "what the library says"};
}

struct sick {
    const char* title;
    void (*make)(facts&);
    const char* check;
    severity how_bad;
    const char* what;
    const char* remedy;
};

class DoctorFinds : public ::testing::TestWithParam<sick> {};

TEST_P(DoctorFinds, ItAndNothingElse) {
    facts seen = well();
    GetParam().make(seen);
    const findings found = diagnose(seen);
    ASSERT_EQ(found.size(), 1U) << (found.size() > 1 ? found[1].what : "nothing was found");
    EXPECT_STREQ(found[0].check, GetParam().check);
    EXPECT_EQ(word(found[0].how_bad), std::string(word(GetParam().how_bad)));
    EXPECT_THAT(found[0].what, HasSubstr(GetParam().what));
    EXPECT_THAT(found[0].remedy, HasSubstr(GetParam().remedy));
    EXPECT_EQ(anything_wrong(found), GetParam().how_bad != severity::note);
}

constexpr auto note = severity::note;
constexpr auto warning = severity::warning;
constexpr auto problem = severity::problem;

const sick hosts[] = {
    {"ShmMissing", [](facts& f) { f.shm.exists = false; }, "shm", problem, "there is no /dev/shm", "mount -t tmpfs"},
    {"ShmOnDisk", [](facts& f) { f.shm.tmpfs = false; }, "shm", warning, "no tmpfs", "mount -t tmpfs"},
    {"ShmReadOnly", [](facts& f) { f.shm.read_only = true; }, "shm", problem, "read-only", "remount,rw"},
    {"ShmForbidden", [](facts& f) { f.shm.writable = false; }, "shm", problem, "may not create files", "chmod 1777"},
    {"ShmWithoutNamelessFiles", [](facts& f) { f.shm.nameless_files = false; }, "shm", problem, "O_TMPFILE", "4.14"},
    {"ShmFull", [](facts& f) { f.shm.bytes_free = 4096; }, "space", problem, "is full: 4.0 KiB of 1.0 GiB are free",
     "semctl remove --orphans"},
    {"ShmNearlyFull", [](facts& f) { f.shm.bytes_free = 10 * mib; }, "space", warning, "nearly full", "--shm-size"},
    {"ShmWithoutInodes", [](facts& f) { f.shm.inodes_free = 0; }, "space", problem, "inodes", "nr_inodes"},
    {"ShmWithFewInodes", [](facts& f) { f.shm.inodes_free = 5; }, "space", warning, "inodes", "nr_inodes"},
    {"RemoveIpcOfAnOwner",
     [](facts& f) {
         f.logind.runs = true;
         jobs(f).owner = {.uid = 1000, .name = "ann", .system = false};
     },
     "remove_ipc", warning, "removes the segments of ann when the last session", "loginctl enable-linger ann"},
    {"RemoveIpcOfTheCaller",
     [](facts& f) {
         f.logind = {.runs = true, .removes_ipc = true, .said_by = "/etc/systemd/logind.conf"};
         f.caller = {.uid = 1000, .name = "ann", .system = false};
     },
     "remove_ipc", note, "as /etc/systemd/logind.conf says", "RemoveIPC=no"},
    {"NoWipeOnFork", [](facts& f) { f.kernel.wipe_on_fork = false; }, "kernel", problem, "MADV_WIPEONFORK", "4.14"},
    {"NoRobustLists", [](facts& f) { f.kernel.robust_lists = false; }, "kernel", warning, "by pidfd", "seccomp"},
    {"NoFutexWaitv", [](facts& f) { f.kernel.futex_waitv = false; }, "kernel", note, "every 50 ms", "5.16"},
    {"NoPidfd", [](facts& f) { f.kernel.pidfd = false; }, "kernel", note, "pidfd_open", "5.3"},
};

const sick files[] = {
    {"Missing",
     [](facts& f) {
         unreadable(f, "segment_not_found");
         jobs(f).file = {};
     },
     "unreadable", problem, "there is no segment of this name", "semctl create"},
    {"Truncated", [](facts& f) { unreadable(f, "segment_truncated"); }, "unreadable", problem, "shorter than it was made",
     "semctl remove --force jobs"},
    {"OtherVersion", [](facts& f) { unreadable(f, "segment_version"); }, "unreadable", problem, "another version",
     "tools of that version"},
    {"OtherAbi", [](facts& f) { unreadable(f, "segment_abi"); }, "unreadable", problem, "architecture",
     "tools of that build"},
    {"HalfMade", [](facts& f) { unreadable(f, "segment_half_made"); }, "unreadable", problem, "creator died",
     "semctl remove jobs"},
    {"ForeignFile", [](facts& f) { unreadable(f, "segment_foreign"); }, "unreadable", problem, "not a shmsem segment",
     "choose another name"},
    {"Corrupt", [](facts& f) { unreadable(f, "segment_corrupt"); }, "unreadable", problem, "contradict",
     "semctl remove --force"},
    {"ForeignClock", [](facts& f) { unreadable(f, "foreign_clock"); }, "unreadable", problem, "time namespace",
     "that container"},
    {"SomethingElse", [](facts& f) { unreadable(f, "system_error"); }, "unreadable", problem, "what the library says",
     "try again"},
    {"PermissionToRead",
     [](facts& f) {
         unreadable(f, "segment_permission");
         f.caller = {.uid = 7, .name = "bob"};
         jobs(f).owner = {.uid = 8, .name = "ann"};
     },
     "unreadable", warning, "its file is ann's, mode owner", "sudo -u"},
    {"PermissionToWrite",
     [](facts& f) {
         f.caller = {.uid = 7, .name = "bob"};
         jobs(f).owner = {.uid = 8, .name = "ann"};
         jobs(f).unwritable = report::failure{"segment_permission", ""};
     },
     "unwritable", note, "bob may look at it but not use it", "--mode group"},
    {"OwnFileThatCannotBeWritten",
     [](facts& f) {
         jobs(f).file.mode = 0400;
         jobs(f).unwritable = report::failure{"segment_permission", ""};
     },
     "unwritable", warning, "mode 0400", "chmod 600 /dev/shm/shmsem.jobs"},
    {"OpenToAll", [](facts& f) { jobs(f).file.mode = 0666; }, "open_to_all", note, "every user", "--mode owner"},
    {"Orphaned",
     [](facts& f) {
         jobs(f).attached = 0;
         jobs(f).contents->processes.clear();
     },
     "orphaned", warning, "nobody is attached to it, and it was used: made by root 2h00m ago, 1.0 MiB",
     "semctl remove jobs"},
    {"SemrunsBetweenTwoRuns",
     [](facts& f) {
         jobs(f).name = "semrun.0";
         jobs(f).attached = 0;
     },
     "orphaned", note, "nobody is attached to it, and it was used", "semctl remove semrun.0"},
    {"NotYetUsed",
     [](facts& f) {
         jobs(f).attached = 0;
         jobs(f).contents->processes.clear();
         jobs(f).contents->semaphores.clear();
         jobs(f).contents->age = 5s;
     },
     "orphaned", note, "never used", "semctl remove jobs"},
    {"NeverUsedForHours",
     [](facts& f) {
         jobs(f).attached = 0;
         jobs(f).contents->processes.clear();
         jobs(f).contents->semaphores.clear();
     },
     "orphaned", warning, "never used", "semctl remove jobs"},
    {"Violation", [](facts& f) { jobs(f).violations = {"semaphore 'gpu': a queue that bites"}; }, "invariants", problem,
     "a queue that bites", "semctl show --json jobs"},
    {"ProcessesFull", [](facts& f) { jobs(f).contents->limits.processes = 1; }, "tables", problem,
     "processes is full: 1 of 1", "--processes"},
    {"WaitersNearlyFull",
     [](facts& f) {
         jobs(f).contents->limits.waiters = 10;
         gpu(f).stats.waiting = 9;
     },
     "tables", warning, "waiters is nearly full: 9 of 10", "--waiters"},
    {"SemaphoresFull", [](facts& f) { jobs(f).contents->limits.semaphores = 1; }, "tables", note, "semaphores is full",
     "--semaphores"},
    {"PermitsFull", [](facts& f) { jobs(f).contents->limits.permits = 2; }, "tables", note, "permits", "--total-permits"},
    {"DeadProcess", [](facts& f) { jobs(f).contents->processes.front().life = "dead"; }, "dead_processes", warning,
     "1 process that has died", "semctl reap jobs"},
};

const sick semaphores[] = {
    {"DeadHolder", [](facts& f) { holder(f).life = "dead"; }, "dead_holders", warning,
     "seat 0 is held by pid 7 (worker), which has died", "semctl reap jobs"},
    {"ExpiredLease", [](facts& f) { holder(f).ttl_left = 0s; }, "expired", warning, "whose lease has expired",
     "semctl reap jobs"},
    {"Deadlock",
     [](facts& f) {
         const auto thread = [](std::uint32_t pid, const char* holds, std::uint64_t token, const char* waits) {
             return report::stuck_thread{.thread = {1, pid, pid},
                                         .command = "worker",
                                         .holds = {{"jobs", holds, 0, token}},
                                         .waits = {"jobs", waits, 3, 1}};
         };
         f.deadlocks.push_back({.members = {thread(7, "gpu", 9, "disk"), thread(8, "disk", 4, "gpu")}, .blocked = {}});
     },
     "deadlocks", warning, "pid 7 (worker) holds seat 0 of 'gpu' in 'jobs' and waits for 'disk' in 'jobs'; pid 8",
     "semctl end jobs gpu 0 --token 9"},
    {"LeaseWithoutEnd",
     [](facts& f) {
         holder(f).life = "unknown";
         holder(f).ttl_left = forever;
         holder(f).label = "x";
     },
     "endless", warning, "label 'x'", "semctl end jobs gpu 0"},
    {"Paused",
     [](facts& f) {
         gpu(f).paused = true;
         gpu(f).stats.waiting = 2;
     },
     "paused", warning, "nothing is granted, and 2 waiters wait", "semctl resume jobs gpu"},
    {"QueueFull", [](facts& f) { gpu(f).stats.waiting = 100; }, "queues", problem, "100 of at most 100", "semctl resize"},
    {"QueueNearlyFull", [](facts& f) { gpu(f).stats.waiting = 90; }, "queues", warning, "nearly full", "--max-waiters"},
    {"Shrunk", [](facts& f) { gpu(f).stats.acquired = 3; }, "shrunk", note, "3 of 2", "semctl end"},
    {"Inversions", [](facts& f) { gpu(f).stats.inversions = 1; }, "inversions", problem, "1 grant was out of ticket order",
     "bug"},
    {"Recoveries", [](facts& f) { gpu(f).stats.recoveries = 3; }, "recoveries", note, "3 times", "killed"},
};

std::string title(const ::testing::TestParamInfo<sick>& instance) { return instance.param.title; }

INSTANTIATE_TEST_SUITE_P(OfTheHost, DoctorFinds, ::testing::ValuesIn(hosts), title);
INSTANTIATE_TEST_SUITE_P(OfSegments, DoctorFinds, ::testing::ValuesIn(files), title);
INSTANTIATE_TEST_SUITE_P(OfSemaphores, DoctorFinds, ::testing::ValuesIn(semaphores), title);

TEST(Doctor, FindsNothingWhereAllIsWell) {
    const findings found = diagnose(well());
    EXPECT_TRUE(found.empty()) << found.front().what;
}

TEST(Doctor, EachCheckHasAFindingThatIsTried) {
    for (const auto* checks : {&host_checks(), &segment_checks(), &semaphore_checks()}) {
        for (const check& each : *checks) {
            const auto is_it = [&](const sick& one) { return std::string(one.check) == each.name; };
            EXPECT_TRUE(std::any_of(std::begin(hosts), std::end(hosts), is_it) ||
                        std::any_of(std::begin(files), std::end(files), is_it) ||
                        std::any_of(std::begin(semaphores), std::end(semaphores), is_it))
                << each.name;
        }
    }
}

TEST(Doctor, QuotesNamesInRemediesAsAShellTakesThem) {
    facts seen = well();
    jobs(seen).name = "it's";
    gpu(seen).name = "a b";
    gpu(seen).paused = true;
    EXPECT_THAT(diagnose(seen).at(0).remedy, HasSubstr("semctl resume 'it'\\''s' 'a b'"));
}

TEST(Doctor, LeavesDeadlocksOfOtherSegmentsAlone) {
    facts seen = well();
    const report::stuck_thread elsewhere{
        .thread = {1, 7, 7}, .command = "worker", .holds = {{"others", "a", 0, 1}}, .waits = {"others", "a", 3, 1}};
    seen.deadlocks.push_back({.members = {elsewhere}, .blocked = {}});
    EXPECT_TRUE(diagnose(seen).empty());
}

TEST(Doctor, LeavesAnUnlimitedShmAlone) {
    facts seen = well();
    seen.shm = {.bytes_total = 0, .bytes_free = 0, .inodes_total = 0, .inodes_free = 0};
    EXPECT_TRUE(diagnose(seen).empty());
}

TEST(Doctor, LeavesUsersAloneWhomLogindLeavesAlone) {
    facts seen = well();
    seen.logind.runs = true;
    jobs(seen).owner = {.uid = 1000, .name = "ann", .system = false, .lingers = true};
    EXPECT_TRUE(diagnose(seen).empty()) << "she lingers";
    jobs(seen).owner.lingers = false;
    seen.logind.removes_ipc = false;
    EXPECT_TRUE(diagnose(seen).empty()) << "RemoveIPC=no";
    seen.logind.removes_ipc = true;
    jobs(seen).owner.system = true;
    EXPECT_TRUE(diagnose(seen).empty()) << "a system user";
}

TEST(DoctorReadsLogindConf, AsSystemdDoes) {
    EXPECT_TRUE(remove_ipc_of({}).removes_ipc) << "the default";
    EXPECT_TRUE(remove_ipc_of({{"a", "[Login]\n#RemoveIPC=no\n"}}).removes_ipc) << "a comment";
    EXPECT_TRUE(remove_ipc_of({{"a", "[Other]\nRemoveIPC=no\n"}}).removes_ipc) << "another section";
    EXPECT_TRUE(remove_ipc_of({{"a", "[Login]\nRemoveIPC=perhaps\n"}}).removes_ipc) << "no boolean";
    EXPECT_FALSE(remove_ipc_of({{"a", "[Login]\r\n RemoveIPC = Off \r\n"}}).removes_ipc);
    const auto later = remove_ipc_of({{"a", "[Login]\nRemoveIPC=yes\n"}, {"b", "[Login]\nRemoveIPC=no\n"}});
    EXPECT_FALSE(later.removes_ipc) << "the later file wins";
    EXPECT_EQ(later.said_by, "b");
}

}  // namespace
}  // namespace shmsem::semctl
