#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "support/shmsem_test.hpp"

// Where a crash test plays. The segment is made by a process that has left again, and the test itself only looks, through a
// read-only mapping: so nobody but the actors (actors.hpp) can notice a death, take a lock or repair anything.

namespace shmsem::test {

/// For what follows from a death that the kernel reports. The leases in these tests last far longer, so nothing but that
/// report can have freed them.
inline constexpr std::chrono::seconds liveness_bound{30 * slowness};

/// Small tables: whatever a crash leaks is missed soon.
inline constexpr limits crash_limits{.processes = 32, .semaphores = 4, .permits = 32, .waiters = 6, .tenants = 2};

/// Permits that never expire.
[[nodiscard]] semaphore_options unexpiring(std::int64_t permits, std::int64_t max_permits = 0);

class scene {
   public:
    explicit scene(const semaphore_options& options = unexpiring(1), const limits& sizes = crash_limits);

    [[nodiscard]] const std::string& name() const noexcept { return name_.name(); }
    /// Attaches; for the actors.
    [[nodiscard]] segment open() const { return segment::open(name()); }
    /// Looks without attaching.
    [[nodiscard]] semaphore_snapshot look(const std::string& semaphore = permits) const;
    [[nodiscard]] segment_snapshot look_around() const { return seen_.inspect(); }
    /// Returns when `n` calls wait in the queue. False after the bound.
    [[nodiscard]] bool queued(std::uint32_t n) const;

    static constexpr const char* permits = "permits";

   private:
    test_name name_;
    segment seen_;
};

/// Files in /dev/shm whose name contains that of the segment.
[[nodiscard]] std::size_t files_of(const std::string& name);

/// What must hold after any crash, found out by a process that was not there: every permit can be taken at once and given
/// back, the queue holds as many waiters as it ever could, no entry of a dead process is left, and all invariants hold (I2, I4).
void expect_whole(const scene& after);
/// The same but for the queue's room, of which raw eyes see that nothing is missing: quick enough to follow each of thousands of
/// deaths. @param also what else the survivor is to look at
void expect_unharmed(const scene& after, const std::function<void(segment&)>& also = {});
/// A segment that was perhaps only just made, by several at once: a semaphore made in it works.
void expect_usable(segment& home);
/// No entry in the process table of a process that has died, or will have none soon.
void expect_only_the_living(segment& home);

}  // namespace shmsem::test
