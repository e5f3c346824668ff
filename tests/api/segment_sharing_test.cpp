#include <sys/stat.h>
#include <unistd.h>

#include "support/other_user.hpp"
#include "support/shmsem_test.hpp"

// Who may attach is what the creator said, whatever the umask says.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class Sharing : public ::testing::Test {
   protected:
    watchdog guard{60s};
    test_name wanted;

    [[nodiscard]] unsigned mode() const {
        struct stat facts {};
        if (::stat(wanted.path().c_str(), &facts) != 0) return 0;
        return facts.st_mode & 07777;
    }
};

struct mode_of {
    sharing how;
    unsigned bits;
};
class SharingMode : public Sharing, public ::testing::WithParamInterface<mode_of> {};

TEST_P(SharingMode, SetsThePermissionBitsWhateverTheUmaskIs) {
    for (const mode_t mask : {0000U, 0022U, 0077U, 0777U}) {
        in_child([&] {
            ::umask(mask);
            (void)segment::create(wanted.name(), small_limits, GetParam().how);
        });
        EXPECT_EQ(mode(), GetParam().bits) << "umask " << std::oct << mask;
        segment::remove(wanted.name());
        in_child([&] {
            ::umask(mask);
            (void)segment::open_or_create(wanted.name(), small_limits, GetParam().how);
        });
        EXPECT_EQ(mode(), GetParam().bits) << "umask " << std::oct << mask;
        segment::remove(wanted.name());
    }
}

INSTANTIATE_TEST_SUITE_P(Each, SharingMode,
                         ::testing::Values(mode_of{sharing::owner, 0600}, mode_of{sharing::group, 0660},
                                           mode_of{sharing::everyone, 0666}),
                         [](const auto& each) {
                             return each.param.how == sharing::owner   ? "Owner"
                                    : each.param.how == sharing::group ? "Group"
                                                                       : "Everyone";
                         });

TEST_F(Sharing, IsPrivateByDefault) {
    const segment mine = segment::create(wanted.name());
    EXPECT_EQ(mode(), 0600U);
}

TEST_F(Sharing, WithEveryoneLetsAnotherUserHoldAndWait) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    segment mine = segment::create(wanted.name(), small_limits, sharing::everyone);
    auto work = mine.semaphore("work");
    auto held = work.acquire();
    shared<flag> done;
    auto other = fork_child([&] {
        become(nobody, nobody);
        segment theirs = segment::open(wanted.name());
        auto lease = theirs.semaphore("work").acquire();
        EXPECT_TRUE(lease.valid());
        done->raise();
    });
    ASSERT_TRUE(queued(work, 1));
    EXPECT_TRUE(held.release());
    done->wait();
    EXPECT_EQ(other.wait_exit(), 0);
    EXPECT_TRUE(work.acquire().valid());
    EXPECT_TRUE(invariants_hold(mine));
}

TEST_F(Sharing, WithTheGroupLetsAMemberInAndNobodyElse) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    const segment mine = segment::create(wanted.name(), small_limits, sharing::group);
    as_nobody([&] { EXPECT_TRUE(segment::open(wanted.name()).semaphore("s").acquire().valid()); }, ::getegid());
    as_nobody([&] {
        EXPECT_EQ(code_from([&](auto& ec) { (void)segment::open(wanted.name(), access::read_write, ec); }),
                  errc::segment_permission);
    });
}

TEST_F(Sharing, OfAnotherUsersSegmentIsRefusedToWhoAskedForAPrivateOne) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    const segment mine = segment::create(wanted.name(), small_limits, sharing::everyone);
    as_nobody([&] {
        expect_both(
            errc::segment_owner, [&] { (void)segment::open_or_create(wanted.name(), small_limits); },
            [&](std::error_code& ec) { (void)segment::open_or_create(wanted.name(), small_limits, sharing::owner, ec); });
        EXPECT_TRUE(segment::open_or_create(wanted.name(), small_limits, sharing::everyone));
    });
}

TEST_F(Sharing, ShowsTheUserOfEachProcess) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    segment mine = segment::create(wanted.name(), small_limits, sharing::everyone);
    auto work = mine.semaphore("work");
    shared<flag> attached;
    shared<flag> leave;
    auto other = fork_child([&] {
        become(nobody, nobody);
        auto lease = segment::open(wanted.name()).semaphore("work").acquire();
        attached->raise();
        leave->wait();
    });
    attached->wait();
    bool seen = false;
    for (const auto& process : mine.inspect().processes) {
        if (process.pid != static_cast<std::uint32_t>(other.pid())) continue;
        EXPECT_EQ(process.uid, nobody);
        seen = true;
    }
    EXPECT_TRUE(seen);
    leave->raise();
    EXPECT_EQ(other.wait_exit(), 0);
}

}  // namespace
}  // namespace shmsem::test
