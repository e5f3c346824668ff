#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "shmsem/segment.hpp"
#include "support/watchdog.hpp"

namespace shmsem::test {

/// Yes, or every problem in words.
[[nodiscard]] ::testing::AssertionResult invariants_hold(const segment& home);

/// A segment name that no other test uses, now or at the same time.
[[nodiscard]] std::string unique_name(const std::string& stem = "t");
/// Where the segment of that name lies.
[[nodiscard]] std::string path_of(const std::string& name);

/// Small tables, so that tests run side by side in little memory.
inline constexpr limits small_limits{.processes = 64, .semaphores = 16, .permits = 256, .waiters = 128, .tenants = 16};

/// A segment of its own for one test. At the end, in the process that made it, the invariants are checked and the name is
/// removed.
class test_segment {
   public:
    explicit test_segment(const limits& sizes = small_limits, sharing mode = sharing::owner);
    ~test_segment();
    test_segment(const test_segment&) = delete;
    test_segment& operator=(const test_segment&) = delete;

    [[nodiscard]] segment& operator*() noexcept { return home_; }
    [[nodiscard]] segment* operator->() noexcept { return &home_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::string path() const { return path_of(name_); }
    /// For a test that breaks the segment on purpose.
    void expect_broken() noexcept { check_ = false; }

   private:
    std::string name_;
    segment home_;
    pid_t maker_ = 0;
    bool check_ = true;
};

/// A name without a segment yet; whatever has that name at the end is removed.
class test_name {
   public:
    explicit test_name(const std::string& stem = "t");
    ~test_name();
    test_name(const test_name&) = delete;
    test_name& operator=(const test_name&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::string path() const { return path_of(name_); }

   private:
    std::string name_;
    pid_t maker_ = 0;
};

/// For tests that need nothing but a segment: `home`.
class WithSegment : public ::testing::Test {
   protected:
    watchdog guard{std::chrono::seconds{60}};
    test_segment home;
};

/// Returns when `n` calls are queued on it; "that one waits now" is proved by this, not by time passing. False after 30 s.
[[nodiscard]] bool queued(const semaphore& on, std::uint32_t n);
[[nodiscard]] bool queued(const ownerless_semaphore& on, std::uint32_t n);

}  // namespace shmsem::test
