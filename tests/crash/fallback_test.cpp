#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "crash/actors.hpp"
#include "os/testing.hpp"
#include "support/raw_segment.hpp"

// Kernels and seccomp filters that refuse some of the calls that liveness stands on: a death is noticed all the same.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using os::testing::syscall_kind;

struct refusals {
    bool holder_robust_list;
    bool watcher_robust_list;
    bool futex_waitv;
    bool pidfd;
};

std::string name_of(const ::testing::TestParamInfo<refusals>& info) {
    const refusals& no = info.param;
    std::string name;
    if (no.holder_robust_list) name += "HoldersRobustList";
    if (no.watcher_robust_list) name += "WatchersRobustList";
    if (no.futex_waitv) name += "FutexWaitv";
    if (no.pidfd) name += "Pidfd";
    return name.empty() ? "Nothing" : name;
}

class WithoutTheKernels : public ::testing::TestWithParam<refusals> {
   protected:
    // Each process is asked on its own what its kernel refuses; only the actors are forked with it.
    struct refused {
        refused(bool robust_list, bool futex_waitv, bool pidfd) {
            if (robust_list) os::testing::refuse(syscall_kind::robust_list);
            if (futex_waitv) os::testing::refuse(syscall_kind::futex_waitv);
            if (pidfd) os::testing::refuse(syscall_kind::pidfd);
        }
        ~refused() { os::testing::allow_all(); }
        refused(const refused&) = delete;
        refused& operator=(const refused&) = delete;
    };
    [[nodiscard]] static refused for_the_holder() {
        return {GetParam().holder_robust_list, GetParam().futex_waitv, GetParam().pidfd};
    }
    [[nodiscard]] static refused for_the_watcher() {
        return {GetParam().watcher_robust_list, GetParam().futex_waitv, GetParam().pidfd};
    }

    scene set;
};

TEST_P(WithoutTheKernels, HelpAHoldersDeathIsNoticedByTheWaiter) {
    watchdog guard{120s};
    std::unique_ptr<holder> first;
    std::unique_ptr<waiter> next;
    {
        const auto without = for_the_holder();
        first = std::make_unique<holder>(set);
    }
    {
        const auto without = for_the_watcher();
        next = std::make_unique<waiter>(set);
    }
    EXPECT_TRUE(first->process.kill());
    EXPECT_TRUE(next->granted());
    next->done();
    expect_whole(set);
}

TEST_P(WithoutTheKernels, HelpALivingHolderIsLeftAlone) {
    watchdog guard{120s};
    std::unique_ptr<holder> first;
    {
        const auto without = for_the_holder();
        first = std::make_unique<holder>(set);
    }
    {
        const auto without = for_the_watcher();
        in_child([&] {
            segment home = set.open();
            EXPECT_EQ(home.reap(), 0U);
            EXPECT_FALSE(home.find(scene::permits).try_acquire_for(100ms));
            EXPECT_EQ(home.reap(), 0U);
        });
    }
    first->let_go();
    expect_whole(set);
}

TEST_P(WithoutTheKernels, HelpAWaitersDeathDelaysNobody) {
    watchdog guard{120s};
    std::unique_ptr<holder> first;
    std::unique_ptr<waiter> dies;
    std::unique_ptr<waiter> behind;
    {
        const auto without = for_the_holder();
        first = std::make_unique<holder>(set);
        dies = std::make_unique<waiter>(set);
    }
    {
        const auto without = for_the_watcher();
        behind = std::make_unique<waiter>(set);
    }
    EXPECT_TRUE(dies->process.kill());
    first->let_go();
    EXPECT_TRUE(behind->granted());
    behind->done();
    expect_whole(set);
}

void releases(const stage& on) {
    segment home = on.open();
    lease held = home.find(scene::permits).acquire();
    on.ready();
    held.release();
}

TEST_P(WithoutTheKernels, HelpADeathInTheLockIsNoticed) {
    watchdog guard{120s};
    for (const char* point : {"lock.taken", "grant.after_commit", "grant.unlinked"}) {
        std::unique_ptr<victim> dies;
        std::unique_ptr<waiter> due;
        {
            const auto without = for_the_holder();
            dies = std::make_unique<victim>(set, releases, point);
        }
        {
            const auto without = for_the_watcher();
            due = std::make_unique<waiter>(set);
        }
        dies->dies_unobserved_by({&due->process});
        EXPECT_TRUE(due->granted()) << point;
        due->done();
        expect_whole(set);
    }
}

std::vector<refusals> combinations() {
    std::vector<refusals> all;
    for (unsigned bits = 0; bits < 16; ++bits) {
        all.push_back({(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0});
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(By, WithoutTheKernels, ::testing::ValuesIn(combinations()), name_of);

// Where the kernel signs nothing a process is known by its pid and by when it started: the pid may be another's by now.
class PidOfALaterProcess : public ::testing::TestWithParam<bool> {
   protected:
    void SetUp() override {
        os::testing::refuse(syscall_kind::robust_list);
        first_ = std::make_unique<holder>(set);
        os::testing::allow_all();
    }
    void TearDown() override {
        EXPECT_TRUE(first_->process.kill());
        expect_whole(set);
    }
    /// From now on whoever has the holder's pid is not the one that joined, and does nothing in its name.
    void give_the_holders_pid_to_another() {
        first_->process.stop();
        const raw_segment raw(set.name());
        for (layout::process_index p = 0; p < raw.header().processes_used.load(); ++p) {
            layout::process_entry& entry = raw.view().process(p);
            if (entry.pid.load() != static_cast<std::uint32_t>(first_->process.pid())) continue;
            EXPECT_EQ(entry.kernel_signed.load(), 0U);
            entry.start_time.fetch_sub(1);
            return;
        }
        ADD_FAILURE() << "the holder has no entry";
    }

    scene set;

   private:
    std::unique_ptr<holder> first_;
};

TEST_P(PidOfALaterProcess, KeepsNoPermitFromAWaiter) {
    watchdog guard{120s};
    if (GetParam()) os::testing::refuse(syscall_kind::pidfd);
    waiter next(set);
    os::testing::allow_all();
    give_the_holders_pid_to_another();
    EXPECT_TRUE(next.granted());
    next.done();
}

TEST_P(PidOfALaterProcess, IsReaped) {
    watchdog guard{120s};
    give_the_holders_pid_to_another();
    in_child([&] {
        if (GetParam()) os::testing::refuse(syscall_kind::pidfd);
        segment home = set.open();
        (void)home.reap();  // what the background thread has not taken back already
        EXPECT_EQ(home.inspect().processes.size(), 1U);
        EXPECT_TRUE(home.find(scene::permits).try_acquire());
    });
}

INSTANTIATE_TEST_SUITE_P(By, PidOfALaterProcess, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "WithoutPidfd" : "WithPidfd"; });

// The real thing: a filter such as a container's, which answers `error` to all of these calls.
bool filter_calls(int error) {
    const auto refuse =
        static_cast<std::uint32_t>(SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(error) & SECCOMP_RET_DATA));
    std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    for (const long call : {SYS_set_robust_list, SYS_get_robust_list, SYS_pidfd_open, SYS_futex_waitv}) {
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, refuse));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

class UnderASeccompFilter : public ::testing::TestWithParam<int> {};

TEST_P(UnderASeccompFilter, DeathsAreNoticedAndPermitsComeBack) {
    watchdog guard{120s};
    scene set;
    // Filters are inherited and cannot be taken off: all that happens under it happens below this child.
    in_child([&] {
        if (!filter_calls(GetParam())) {
            std::fprintf(stderr, "no seccomp filters here: %s\n", std::strerror(errno));
            return;
        }
        holder first(set);
        waiter next(set);
        EXPECT_TRUE(first.process.kill());
        EXPECT_TRUE(next.granted());
        next.done();
        kill_during(set, releases, "release.opened");
        expect_served(set);
        expect_whole(set);
    });
    expect_whole(set);
}

std::string error_name(const ::testing::TestParamInfo<int>& info) { return info.param == ENOSYS ? "ENOSYS" : "EPERM"; }

INSTANTIATE_TEST_SUITE_P(ThatAnswers, UnderASeccompFilter, ::testing::Values(ENOSYS, EPERM), error_name);

}  // namespace
}  // namespace shmsem::test
