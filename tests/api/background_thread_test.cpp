#include <pthread.h>
#include <signal.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/shmsem_test.hpp"

// The thread that the library starts in a process is none of the application's business: the application's signals, for one, are
// handled by the application's threads.

namespace shmsem::test {
namespace {

namespace fs = std::filesystem;

/// /proc/self/task/TID of each background thread of this process: one for each segment that it is attached to.
std::vector<fs::path> background_threads() {
    std::vector<fs::path> all;
    for (const auto& task : fs::directory_iterator("/proc/self/task")) {
        std::string name;
        std::getline(std::ifstream(task.path() / "comm"), name);
        if (name == "shmsem") all.push_back(task.path());
    }
    return all;
}

/// The signals that the kernel says are blocked in that thread: bit s - 1 stands for signal s.
std::uint64_t blocked_in(const fs::path& task) {
    std::ifstream status(task / "status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("SigBlk:")) return std::stoull(line.substr(7), nullptr, 16);
    }
    ADD_FAILURE() << "no SigBlk in the status of " << task;
    return 0;
}

/// All but the two that nobody can block, and those that the C library keeps for itself.
std::uint64_t all_blockable() {
    std::uint64_t mask = 0;
    for (int s = 1; s <= SIGRTMAX; ++s) {
        const bool the_c_librarys = s >= 32 && s < SIGRTMIN;
        if (s != SIGKILL && s != SIGSTOP && !the_c_librarys) mask |= std::uint64_t{1} << (s - 1);
    }
    return mask;
}

using BackgroundThread = WithSegment;

TEST_F(BackgroundThread, HasAllSignalsBlockedButForItsOwnFaultsInAFileThatIsCutShort) {
    EXPECT_TRUE(home->semaphore("one").acquire().release());
    const auto threads = background_threads();
    ASSERT_EQ(threads.size(), 1U);
    EXPECT_EQ(blocked_in(threads.front()), all_blockable() & ~(std::uint64_t{1} << (SIGBUS - 1)));
}

TEST_F(BackgroundThread, LeavesTheSignalsOfTheThreadThatStartedItAsTheyWere) {
    sigset_t ours;
    ::sigemptyset(&ours);
    ::sigaddset(&ours, SIGUSR2);
    sigset_t before;
    ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, &ours, &before), 0);
    EXPECT_TRUE(home->semaphore("one").acquire().release());
    EXPECT_EQ(background_threads().size(), 1U);
    EXPECT_EQ(blocked_in("/proc/thread-self"), std::uint64_t{1} << (SIGUSR2 - 1));
    EXPECT_EQ(::pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
}

}  // namespace
}  // namespace shmsem::test
