#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "crash/actors.hpp"
#include "support/other_user.hpp"
#include "support/private_mounts.hpp"
#include "support/raw_segment.hpp"

// Not enough memory, of either kind, and tables as large as they get.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

// All that a segment will ever need is reserved when it is made: there is no growth that could fail later.
TEST(FullShm, HindersNobodyInASegmentThatExistsAndRefusesOthersCleanly) {
    watchdog guard{120s};
    if (!is_root()) GTEST_SKIP() << needs_root;
    in_child([&] {
        if (!has_private_mounts()) return;
        ASSERT_EQ(::mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=1m"), 0) << std::strerror(errno);
        const test_name name("full");
        constexpr limits sizes{.processes = 8, .semaphores = 8, .permits = 64, .waiters = 16, .tenants = 8};
        segment home = segment::create(name.name(), sizes);
        {
            const int fd = ::open("/dev/shm/ballast", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
            const std::vector<char> block(4096, 'x');
            while (::write(fd, block.data(), block.size()) > 0) {
            }
            EXPECT_EQ(errno, ENOSPC);
            ::close(fd);
        }
        std::error_code ec;
        EXPECT_FALSE(segment::create(name.name() + "-2", sizes, sharing::owner, ec));
        EXPECT_EQ(ec, errc::segment_no_space);
        EXPECT_EQ(files_of(name.name()), 1U);

        // Every record of every table is used for the first time now.
        std::vector<lease> all;
        for (std::uint32_t s = 0; s < sizes.semaphores; ++s) {
            auto permits = home.semaphore("s" + std::to_string(s), {.permits = 8, .max_permits = 8});
            for (int i = 0; i < 8; ++i) all.push_back(permits.acquire({.tenant = "t" + std::to_string(s)}));
        }
        std::vector<std::thread> waiters;
        auto last = home.find("s7");
        for (std::uint32_t i = 0; i < sizes.waiters; ++i) {
            waiters.emplace_back([&] { EXPECT_TRUE(last.try_acquire_for(liveness_bound)); });
        }
        EXPECT_TRUE(queued(last, sizes.waiters));
        all.clear();
        for (auto& one : waiters) one.join();
        EXPECT_TRUE(invariants_hold(home));

        EXPECT_EQ(::unlink("/dev/shm/ballast"), 0);
        EXPECT_TRUE(segment::create(name.name() + "-2", sizes));
        segment::remove(name.name() + "-2");
    });
}

std::uint64_t address_space() {
    std::ifstream file("/proc/self/statm");
    std::uint64_t pages = 0;
    file >> pages;
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

TEST(TooLittleAddressSpace, IsAnErrorUntilThereIsEnough) {
    watchdog guard{120s};
    if (address_sanitizer || thread_sanitizer) GTEST_SKIP() << "a sanitizer maps its shadow without limit";
    const scene set(unexpiring(1));
    auto cramped = fork_child([&] {
        int refused = 0;
        bool done = false;
        for (std::uint64_t spare = 0; !done && spare < (64U << 20); spare += 128U << 10) {
            const rlimit most{address_space() + spare, RLIM_INFINITY};
            if (::setrlimit(RLIMIT_AS, &most) != 0) ADD_FAILURE() << std::strerror(errno);
            try {
                segment home = set.open();
                done = home.find(scene::permits).acquire().release();
            } catch (const error&) {
                ++refused;
            } catch (const std::bad_alloc&) {
                ++refused;
            }
        }
        EXPECT_TRUE(done);
        EXPECT_GT(refused, 0);
    });
    EXPECT_EQ(cramped.wait_exit(), 0);
    expect_unharmed(set);
}

// 4,096 processes that have all died at once, each with a permit: their entries are written as the kernel would leave them.
TEST(AFullTableOfTheDead, IsTakenBackByWhoeverComes) {
    watchdog guard{280s};
    constexpr std::uint32_t many = 4096;
    constexpr limits sizes{.processes = many, .semaphores = 2, .permits = many, .waiters = 8, .tenants = 1};
    const scene set(unexpiring(many), sizes);
    {
        holder pattern(set);
        pattern.process.stop();  // so that its background thread does not see what follows
        const raw_segment raw(set.name());
        layout::process_entry& model = raw.view().process(0);
        const std::uint32_t taken = pattern.held().seat;
        const auto lease_word = layout::slot_word::unpack(raw.view().slot(taken).word.load());
        for (std::uint32_t p = 1; p < many; ++p) {
            layout::process_entry& entry = raw.view().process(p);
            entry.pid.store(model.pid.load());
            entry.kernel_signed.store(1);
            entry.life.store(0x4000'0000);  // FUTEX_OWNER_DIED
            entry.word.store(model.word.load());
            auto word = lease_word;
            word.process = p;
            raw.view().slot(p == taken ? 0 : p).word.store(word.pack());
        }
        raw.header().processes_used.store(many);
        EXPECT_EQ(set.look().stats.acquired, many);
        EXPECT_TRUE(pattern.process.kill());
    }
    expect_served(set, many);
    expect_unharmed(set);
    EXPECT_EQ(set.look().stats.total_reaped, many);
}

}  // namespace
}  // namespace shmsem::test
