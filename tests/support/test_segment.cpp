#include "support/test_segment.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>

#include "support/eventually.hpp"
#include "support/watchdog.hpp"

namespace shmsem::test {

::testing::AssertionResult invariants_hold(const segment& home) {
    const invariants_report report = home.check_invariants();
    if (report.ok()) return ::testing::AssertionSuccess();
    auto result = ::testing::AssertionFailure();
    result << "invariants of segment " << home.name() << ":";
    for (const auto& problem : report.problems) result << "\n  " << problem;
    return result;
}

std::string unique_name(const std::string& stem) {
    // Process ids come round again, and a run that was killed leaves its segments behind; the clock does not come round.
    static std::atomic<int> serial{0};
    const auto now = std::chrono::system_clock::now().time_since_epoch() / std::chrono::microseconds{1};
    return "test-" + stem + "-" + std::to_string(::getpid()) + "-" + std::to_string(now % 1'000'000'000'000) + "-" +
           std::to_string(serial.fetch_add(1));
}

std::string path_of(const std::string& name) { return "/dev/shm/shmsem." + name; }

test_segment::test_segment(const limits& sizes, sharing mode) : name_(unique_name()), maker_(::getpid()) {
    remember_file(path().c_str());
    home_ = segment::create(name_, sizes, mode);
}

test_segment::~test_segment() {
    if (::getpid() != maker_) return;
    if (check_ && home_) {
        EXPECT_TRUE(invariants_hold(home_));
    }
    std::error_code ignored;
    (void)segment::remove(name_, ignored);
    ::unlink(path().c_str());
    forget_file(path().c_str());
}

test_name::test_name(const std::string& stem) : name_(unique_name(stem)), maker_(::getpid()) {
    remember_file(path().c_str());
}

test_name::~test_name() {
    if (::getpid() != maker_) return;
    ::unlink(path().c_str());
    forget_file(path().c_str());
}

bool queued(const semaphore& on, std::uint32_t n) {
    return eventually([&] { return on.stats().waiting == n; });
}

bool queued(const ownerless_semaphore& on, std::uint32_t n) {
    return eventually([&] { return on.stats().waiting == n; });
}

}  // namespace shmsem::test
