#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <string>

#include "support/other_user.hpp"
#include "support/private_mounts.hpp"
#include "support/raw_segment.hpp"
#include "support/shmsem_test.hpp"

// Each reason not to open a segment has its own code (I8), brought about here as it comes about in life.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Refusal : public ::testing::Test {
   protected:
    watchdog guard{60s};
    test_name wanted;

    /// @return the words
    std::string expect_open(errc want) {
        std::string words = expect_both(
            want, [&] { (void)segment::open(wanted.name()); },
            [&](std::error_code& ec) { EXPECT_FALSE(segment::open(wanted.name(), access::read_write, ec)); });
        EXPECT_THAT(words, HasSubstr(wanted.name()));
        return words;
    }
    std::string expect_open_or_create(errc want) {
        return expect_both(
            want, [&] { (void)segment::open_or_create(wanted.name(), small_limits); },
            [&](std::error_code& ec) {
                EXPECT_FALSE(segment::open_or_create(wanted.name(), small_limits, sharing::owner, ec));
            });
    }
    void expect_open_or_create_replaces() {
        segment made = segment::open_or_create(wanted.name(), small_limits);
        EXPECT_TRUE(made.semaphore("s").acquire().valid());
        EXPECT_TRUE(invariants_hold(segment::open(wanted.name())));
    }
    /// A good segment whose maker has gone, to be spoilt.
    void make_good() { make_abandoned_segment(wanted.name(), small_limits); }
};

TEST_F(Refusal, OfAnEmptyFileIsHalfMadeAndOpenOrCreateReplacesIt) {
    make_file(wanted.name(), "");
    expect_open(errc::segment_half_made);
    expect_open_or_create_replaces();
}

TEST_F(Refusal, OfAFileThatWasOnlySizedIsHalfMadeAndOpenOrCreateReplacesIt) {
    make_file(wanted.name(), std::string(1 << 16, '\0'));
    expect_open(errc::segment_half_made);
    expect_open_or_create_replaces();
}

TEST_F(Refusal, OfAHeaderWithoutItsReadyMarkIsHalfMadeAndOpenOrCreateReplacesIt) {
    make_good();
    raw_segment(wanted.name()).header().ready.store(0);
    expect_open(errc::segment_half_made);
    expect_open_or_create_replaces();
}

TEST_F(Refusal, OfAFileShorterThanItsHeaderSaysIsTruncated) {
    make_good();
    raw_segment raw(wanted.name());
    raw.truncate(raw.bytes() - 4096);
    expect_open(errc::segment_truncated);
    expect_open_or_create(errc::segment_truncated);
}

TEST_F(Refusal, OfAFileCutInsideItsHeaderIsTruncated) {
    make_good();
    raw_segment(wanted.name()).truncate(64);
    expect_open(errc::segment_truncated);
}

TEST_F(Refusal, OfSomethingThatIsNoSegmentIsForeign) {
    make_file(wanted.name(), std::string(1 << 16, 'x'));
    expect_open(errc::segment_foreign);
    expect_open_or_create(errc::segment_foreign);
    struct stat facts {};
    ASSERT_EQ(::stat(wanted.path().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_size, 1 << 16) << "somebody else's file is left alone";
}

TEST_F(Refusal, OfADirectoryIsForeign) {
    ASSERT_EQ(::mkdir(wanted.path().c_str(), 0700), 0);
    expect_open(errc::segment_foreign);
    ::rmdir(wanted.path().c_str());
}

TEST_F(Refusal, OfASymbolicLinkIsForeignEvenToAGoodSegment) {
    const test_name target;
    make_abandoned_segment(target.name(), small_limits);
    ASSERT_EQ(::symlink(target.path().c_str(), wanted.path().c_str()), 0);
    expect_open(errc::segment_foreign);
}

TEST_F(Refusal, OfAFifoIsForeignAndDoesNotHang) {
    ASSERT_EQ(::mkfifo(wanted.path().c_str(), 0600), 0);
    expect_open(errc::segment_foreign);
    EXPECT_EQ(code_from([&](auto& ec) { (void)segment::open(wanted.name(), access::read_only, ec); }),
              errc::segment_foreign);
}

TEST_F(Refusal, OfAnotherLayoutVersionNamesBothVersions) {
    make_good();
    raw_segment(wanted.name()).header().version = 4711;
    const auto both = AllOf(HasSubstr("version 4711"), HasSubstr("version " + std::to_string(layout::layout_version)));
    EXPECT_THAT(without(expect_open(errc::segment_version), wanted.name()), both);
    EXPECT_THAT(without(expect_open_or_create(errc::segment_version), wanted.name()), both);
}

TEST_F(Refusal, OfAnotherAbi) {
    make_good();
    raw_segment(wanted.name()).header().abi ^= 1;
    expect_open(errc::segment_abi);
    expect_open_or_create(errc::segment_abi);
}

TEST_F(Refusal, OfLimitsThatNoSegmentHasIsCorrupt) {
    make_good();
    raw_segment(wanted.name()).header().permits = 0xffff'ffff;
    expect_open(errc::segment_corrupt);
    expect_open_or_create(errc::segment_corrupt);
}

TEST_F(Refusal, OfASizeThatDoesNotFollowFromTheLimitsIsCorrupt) {
    make_good();
    raw_segment(wanted.name()).header().total_size += 64;
    expect_open(errc::segment_corrupt);
}

TEST_F(Refusal, OfOtherLimitsNamesBothValues) {
    const segment first = segment::create(wanted.name(), small_limits);
    limits other = small_limits;
    other.semaphores = 37;
    const std::string words = expect_both(
        errc::segment_limits, [&] { (void)segment::open_or_create(wanted.name(), other); },
        [&](std::error_code& ec) { EXPECT_FALSE(segment::open_or_create(wanted.name(), other, sharing::owner, ec)); });
    EXPECT_THAT(words, HasSubstr(wanted.name()));
    EXPECT_THAT(without(words, wanted.name()), HasSubstr("37"));
    EXPECT_THAT(without(words, wanted.name()), HasSubstr(std::to_string(small_limits.semaphores)));
}

TEST_F(Refusal, OfLimitsOutOfRangeIsAnInvalidArgument) {
    for (const auto& one : std::initializer_list<std::pair<const char*, limits>>{
             {"processes 0", {.processes = 0}},
             {"processes 4097", {.processes = 4097}},
             {"semaphores 0", {.semaphores = 0}},
             {"semaphores 65537", {.semaphores = 65537}},
             {"permits 0", {.permits = 0}},
             {"permits 1048577", {.permits = 1048577}},
             {"waiters 0", {.waiters = 0}},
             {"waiters 1048577", {.waiters = 1048577}},
             {"tenants 0", {.tenants = 0}},
             {"tenants 4097", {.tenants = 4097}},
         }) {
        const limits& sizes = one.second;
        SCOPED_TRACE(one.first);
        expect_both(
            errc::invalid_argument, [&] { (void)segment::create(wanted.name(), sizes); },
            [&](std::error_code& ec) { (void)segment::create(wanted.name(), sizes, sharing::owner, ec); });
        EXPECT_EQ(code_from([&](auto& ec) { (void)segment::open_or_create(wanted.name(), sizes, sharing::owner, ec); }),
                  errc::invalid_argument);
        EXPECT_NE(::access(wanted.path().c_str(), F_OK), 0);
    }
}

TEST_F(Refusal, OfAnotherUsersPrivateSegmentIsAMatterOfPermission) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    const segment mine = segment::create(wanted.name(), small_limits);
    as_nobody([&] {
        expect_open(errc::segment_permission);
        expect_open_or_create(errc::segment_permission);
    });
}

TEST_F(Refusal, OfAnotherUsersSegmentThatIsNotOpenedToUsIsAMatterOfItsOwner) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    // The operating system lets root in; the library does not trust what an unprivileged user laid there for it.
    as_nobody([&] { (void)segment::create(wanted.name(), small_limits); });
    expect_open(errc::segment_owner);
    expect_open_or_create(errc::segment_owner);
    EXPECT_FALSE(code_from([&](auto& ec) { (void)segment::open(wanted.name(), access::read_only, ec); }))
        << "looking at it is harmless";
}

TEST_F(Refusal, OfRemovingAnotherUsersSegmentIsAMatterOfPermission) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    const segment mine = segment::create(wanted.name(), small_limits);
    as_nobody([&] {
        expect_both(
            errc::segment_permission, [&] { segment::remove(wanted.name()); },
            [&](std::error_code& ec) { EXPECT_FALSE(segment::remove(wanted.name(), ec)); });
    });
    EXPECT_EQ(::access(wanted.path().c_str(), F_OK), 0);
}

TEST_F(Refusal, WithoutRoomInShmIsNoSpaceAtCreationAndLeavesNothing) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    in_child([&] {
        if (!has_private_mounts()) return;
        ASSERT_EQ(::mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=64k"), 0) << std::strerror(errno);
        const std::string words = expect_both(
            errc::segment_no_space, [&] { (void)segment::create(wanted.name()); },
            [&](std::error_code& ec) { EXPECT_FALSE(segment::create(wanted.name(), {}, sharing::owner, ec)); });
        EXPECT_THAT(words, HasSubstr(wanted.name()));
        EXPECT_EQ(code_from([&](auto& ec) { (void)segment::open_or_create(wanted.name(), {}, sharing::owner, ec); }),
                  errc::segment_no_space);
        EXPECT_NE(::access(wanted.path().c_str(), F_OK), 0);
    });
}

TEST_F(Refusal, OnAFileSystemWithoutNamelessFilesIsAnUnsupportedKernel) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    in_child([&] {
        if (!has_private_mounts()) return;
        ASSERT_EQ(::mount("/proc", "/dev/shm", nullptr, MS_BIND, nullptr), 0) << std::strerror(errno);
        EXPECT_EQ(code_from([&](auto& ec) { (void)segment::create(wanted.name(), {}, sharing::owner, ec); }),
                  errc::kernel_unsupported);
    });
}

TEST_F(Refusal, InAnotherTimeNamespaceIsAForeignClock) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    make_good();
    in_child([&] {
        // 0x80: CLONE_NEWTIME, for children of the caller; older headers lack the name.
        if (::unshare(0x80) != 0) {
            std::puts("no time namespaces here");
            return;
        }
        in_child([&] {
            expect_open(errc::foreign_clock);
            expect_open_or_create(errc::foreign_clock);
        });
    });
}

}  // namespace
}  // namespace shmsem::test
