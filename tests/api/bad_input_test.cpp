#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <climits>
#include <cstring>
#include <functional>
#include <future>
#include <map>
#include <string>
#include <thread>

#include "support/clock_shift.hpp"
#include "support/each_errc.hpp"
#include "support/other_user.hpp"
#include "support/private_mounts.hpp"
#include "support/raw_segment.hpp"
#include "support/shmsem_test.hpp"

// Every code in errors.hpp has a row here that brings about the situation which its documentation names, and is given that code
// by both forms of a call. A code without a row fails.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

struct row {
    const char* situation;
    std::function<void(errc)> check;
    bool as_root = false;
};

/// One segment with one semaphore of one permit.
struct one_permit {
    test_segment home;
    semaphore s = home->semaphore("s");
};

limits with(void (*change)(limits&)) {
    limits sizes = small_limits;
    change(sizes);
    return sizes;
}

void open_both(errc want, const std::string& name) {
    expect_both(
        want, [&] { (void)segment::open(name); },
        [&](std::error_code& ec) { (void)segment::open(name, access::read_write, ec); });
}

/// A segment file, good but for one thing, is opened.
void open_spoilt(errc want, void (*spoil)(raw_segment&)) {
    const test_name wanted;
    make_abandoned_segment(wanted.name(), small_limits);
    {
        raw_segment raw(wanted.name());
        spoil(raw);
    }
    open_both(want, wanted.name());
}

/// Runs in a child with a file system of its own at /dev/shm.
void with_other_shm(const char* source, const char* type, unsigned long flags, const char* data, void (*body)(errc),
                    errc want) {
    in_child([&] {
        if (!has_private_mounts()) return;
        ASSERT_EQ(::mount(source, "/dev/shm", type, flags, data), 0) << std::strerror(errno);
        body(want);
    });
}

void create_both(errc want) {
    const std::string name = unique_name();
    expect_both(
        want, [&] { (void)segment::create(name); },
        [&](std::error_code& ec) { (void)segment::create(name, {}, sharing::owner, ec); });
}

std::map<errc, row> arguments() {
    return {
        {errc::invalid_argument,
         {"no permits are asked for",
          [](errc want) {
              one_permit w;
              expect_both(
                  want, [&] { (void)w.s.acquire({.permits = 0}); },
                  [&](std::error_code& ec) { (void)w.s.acquire({.permits = 0}, ec); });
          }}},
        {errc::invalid_name, {"a name has a slash", [](errc want) { open_both(want, "a/b"); }}},
        {errc::lease_lost,
         {"a lease is renewed after it expired and was granted to another",
          [](errc want) {
              in_child([&] {
                  clock_shift time;
                  test_segment home;
                  auto s = home->semaphore("s", {.ttl = 30s, .renewal = renewal::manual});
                  lease late = s.acquire();
                  time.forward(31s);
                  lease successor = s.acquire();
                  EXPECT_EQ(code_from([&](auto& ec) { late.renew(ec); }), want);
                  EXPECT_EQ(code_from([&](auto& ec) { late.release(ec); }), want);
              });
          }}},
        {errc::cancelled,
         {"a stop is requested while the call waits",
          [](errc want) {
              one_permit w;
              auto held = w.s.acquire();
              for (const bool throwing : {true, false}) {
                  std::stop_source source;
                  std::jthread waiter([&] {
                      const acquire_options how{.stop = source.get_token()};
                      if (throwing) {
                          expect_throws(want, [&] { (void)w.s.acquire(how); });
                      } else {
                          EXPECT_EQ(code_from([&](auto& ec) { (void)w.s.acquire(how, ec); }), want);
                      }
                  });
                  EXPECT_TRUE(queued(w.s, 1));
                  source.request_stop();
              }
          }}},
        {errc::overflow,
         {"a release raises an ownerless count above its maximum",
          [](errc want) {
              test_segment home;
              auto full = home->ownerless("full", {.initial = 5, .max = 5});
              expect_both(
                  want, [&] { full.release(); }, [&](std::error_code& ec) { full.release(1, ec); });
          }}},
        {errc::timed_out,
         {"a process was stopped inside a critical section that the call needs",
          [](errc want) {
              one_permit w;
              auto stopped = fork_child([&] {
                  os::testing::stop_at("lock.taken");
                  w.s.resize(2);
              });
              ASSERT_TRUE(stopped.wait_stopped());
              in_child([&] {
                  std::jthread time_passes([](const std::stop_token& over) {
                      for (clock_shift time; !over.stop_requested(); time.forward(1s)) std::this_thread::sleep_for(1ms);
                  });
                  expect_both(
                      want, [&] { w.s.resize(2); }, [&](std::error_code& ec) { w.s.resize(2, ec); });
              });
              stopped.cont();
              EXPECT_EQ(stopped.wait_exit(), 0);
          }}},
        {errc::read_only,
         {"a permit is taken through a read-only mapping",
          [](errc want) {
              one_permit w;
              auto seen = segment::open(w.home.name(), access::read_only).find("s");
              expect_both(
                  want, [&] { (void)seen.acquire(); }, [&](std::error_code& ec) { (void)seen.acquire({}, ec); });
          }}},
    };
}

std::map<errc, row> segments() {
    return {
        {errc::segment_not_found, {"no segment has the name", [](errc want) { open_both(want, unique_name()); }}},
        {errc::segment_exists,
         {"the name is taken",
          [](errc want) {
              test_segment home;
              expect_both(
                  want, [&] { (void)segment::create(home.name()); },
                  [&](std::error_code& ec) { (void)segment::create(home.name(), {}, sharing::owner, ec); });
          }}},
        {errc::segment_half_made,
         {"its creator died before it was ready",
          [](errc want) { open_spoilt(want, [](raw_segment& raw) { raw.header().ready.store(0); }); }}},
        {errc::segment_truncated,
         {"the file is shorter than its header says",
          [](errc want) { open_spoilt(want, [](raw_segment& raw) { raw.truncate(raw.bytes() / 2); }); }}},
        {errc::segment_foreign,
         {"the file is no segment",
          [](errc want) {
              const test_name wanted;
              make_file(wanted.name(), std::string(100000, 'x'));
              open_both(want, wanted.name());
          }}},
        {errc::segment_version,
         {"another layout version made it",
          [](errc want) { open_spoilt(want, [](raw_segment& raw) { raw.header().version += 1; }); }}},
        {errc::segment_abi,
         {"a build with other word sizes made it",
          [](errc want) { open_spoilt(want, [](raw_segment& raw) { raw.header().abi += 1; }); }}},
        {errc::segment_owner,
         {"another user's, and not opened to this one, though the system would let root in",
          [](errc want) {
              const test_name wanted;
              as_nobody([&] { (void)segment::create(wanted.name(), small_limits); });
              open_both(want, wanted.name());
          },
          true}},
        {errc::segment_permission,
         {"the system refuses access",
          [](errc want) {
              test_segment home;
              as_nobody([&] { open_both(want, home.name()); });
          },
          true}},
        {errc::segment_corrupt,
         {"the header contradicts itself",
          [](errc want) { open_spoilt(want, [](raw_segment& raw) { raw.header().total_size += 64; }); }}},
        {errc::segment_no_space,
         {"/dev/shm is too small", [](errc want) { with_other_shm("tmpfs", "tmpfs", 0, "size=64k", create_both, want); },
          true}},
        {errc::segment_limits,
         {"it exists with other limits",
          [](errc want) {
              test_segment home;
              const limits other = with([](limits& sizes) { sizes.tenants += 1; });
              expect_both(
                  want, [&] { (void)segment::open_or_create(home.name(), other); },
                  [&](std::error_code& ec) { (void)segment::open_or_create(home.name(), other, sharing::owner, ec); });
          }}},
        {errc::segment_in_use,
         {"a process is attached",
          [](errc want) {
              one_permit w;
              auto held = w.s.acquire();
              expect_both(
                  want, [&] { (void)segment::remove_if_unused(w.home.name()); },
                  [&](std::error_code& ec) { (void)segment::remove_if_unused(w.home.name(), ec); });
          }}},
        {errc::foreign_clock,
         {"it was made in another time namespace",
          [](errc want) { open_spoilt(want, [](raw_segment& raw) { raw.header().time_namespace += 1; }); }}},
    };
}

std::map<errc, row> contents() {
    return {
        {errc::semaphore_not_found,
         {"no semaphore has the name",
          [](errc want) {
              test_segment home;
              expect_both(
                  want, [&] { (void)home->find("missing"); }, [&](std::error_code& ec) { (void)home->find("missing", ec); });
          }}},
        {errc::semaphore_mismatch,
         {"it exists with other options",
          [](errc want) {
              one_permit w;
              expect_both(
                  want, [&] { (void)w.home->semaphore("s", {.permits = 2}); },
                  [&](std::error_code& ec) { (void)w.home->semaphore("s", {.permits = 2}, ec); });
          }}},
        {errc::semaphore_kind,
         {"it exists as the other kind",
          [](errc want) {
              one_permit w;
              expect_both(
                  want, [&] { (void)w.home->ownerless("s"); },
                  [&](std::error_code& ec) { (void)w.home->ownerless("s", {}, ec); });
          }}},
        {errc::too_many_semaphores,
         {"the directory is full",
          [](errc want) {
              test_segment home(with([](limits& sizes) { sizes.semaphores = 1; }));
              auto first = home->semaphore("first");
              expect_both(
                  want, [&] { (void)home->semaphore("second"); },
                  [&](std::error_code& ec) { (void)home->semaphore("second", {}, ec); });
          }}},
        {errc::too_many_permits,
         {"a semaphore is resized beyond its maximum",
          [](errc want) {
              one_permit w;
              expect_both(
                  want, [&] { w.s.resize(3); }, [&](std::error_code& ec) { w.s.resize(3, ec); });
          }}},
        {errc::too_many_waiters,
         {"as many wait as may",
          [](errc want) {
              test_segment home;
              auto s = home->semaphore("s", {.max_waiters = 1});
              auto held = s.acquire();
              auto waiter = std::async(std::launch::async, [&] { return s.acquire(); });
              EXPECT_TRUE(queued(s, 1));
              expect_both(
                  want, [&] { (void)s.acquire(); }, [&](std::error_code& ec) { (void)s.acquire({}, ec); });
              held.release();
              waiter.get();
          }}},
        {errc::too_many_processes,
         {"the process table is full",
          [](errc want) {
              test_segment home(with([](limits& sizes) { sizes.processes = 1; }));
              auto s = home->semaphore("s", {.permits = 2});
              auto held = s.acquire();
              if (thread_sanitizer)
                  GTEST_SKIP() << "ThreadSanitizer ends a forked child that starts a second thread in vain";
              in_child([&] {
                  expect_both(
                      want, [&] { (void)s.acquire(); }, [&](std::error_code& ec) { (void)s.acquire({}, ec); });
              });
          }}},
        {errc::too_many_tenants,
         {"the tenant table is full",
          [](errc want) {
              test_segment home(with([](limits& sizes) { sizes.tenants = 1; }));
              auto s = home->semaphore("s", {.permits = 2});
              auto held = s.acquire({.tenant = "first"});
              expect_both(
                  want, [&] { (void)s.acquire({.tenant = "second"}); },
                  [&](std::error_code& ec) { (void)s.acquire({.tenant = "second"}, ec); });
              EXPECT_TRUE(s.try_acquire({.tenant = "first"}));
          }}},
    };
}

std::map<errc, row> machine() {
    return {
        {errc::thread_failed,
         {"the system refuses another thread",
          [](errc want) {
              test_segment home(small_limits, sharing::everyone);
              as_nobody([&] {
                  const rlimit none{0, 0};
                  ASSERT_EQ(::setrlimit(RLIMIT_NPROC, &none), 0);
                  segment mine = segment::open(home.name());
                  expect_both(
                      want, [&] { (void)mine.semaphore("s"); },
                      [&](std::error_code& ec) { (void)mine.semaphore("s", {}, ec); });
              });
          },
          true}},
        {errc::kernel_unsupported,
         {"/dev/shm knows no nameless files",
          [](errc want) { with_other_shm("/proc", nullptr, MS_BIND, nullptr, create_both, want); }, true}},
    };
}

const std::map<errc, row>& rows() {
    static const auto all = [] {
        std::map<errc, row> merged;
        for (auto part : {arguments(), segments(), contents(), machine()}) merged.merge(part);
        return merged;
    }();
    return all;
}

class EveryErrc : public ::testing::TestWithParam<errc> {
   protected:
    watchdog guard{60s};
};

TEST_P(EveryErrc, IsGivenByTheSituationThatItsDocumentationNames) {
    const errc code = GetParam();
    const auto it = rows().find(code);
    ASSERT_NE(it, rows().end()) << "errc::" << spelling_of(code) << " has no row in this file";
    SCOPED_TRACE(it->second.situation);
    if (it->second.as_root && !is_root()) GTEST_SKIP() << needs_root;
    it->second.check(code);
}

INSTANTIATE_TEST_SUITE_P(BadInput, EveryErrc, ::testing::ValuesIn(each_errc()),
                         [](const auto& each) { return spelling_of(each.param); });

// Where a number is allowed up to a limit: the limit, and the least that lies beyond it.
class Beyond : public WithSegment {};

TEST_F(Beyond, TheLongestTtlAnAcquireIsAnInvalidArgument) {
    auto s = home->semaphore("s");
    const auto refused = [&](const acquire_options& how) {
        expect_both(
            errc::invalid_argument, [&] { (void)s.acquire(how); }, [&](std::error_code& ec) { (void)s.acquire(how, ec); });
        expect_both(
            errc::invalid_argument, [&] { (void)s.try_acquire(how); },
            [&](std::error_code& ec) { (void)s.try_acquire(how, ec); });
        expect_both(
            errc::invalid_argument, [&] { (void)s.try_acquire_for(1h, how); },
            [&](std::error_code& ec) { (void)s.try_acquire_for(1h, how, ec); });
        expect_both(
            errc::invalid_argument, [&] { (void)s.try_acquire_until(deadline::max(), how); },
            [&](std::error_code& ec) { (void)s.try_acquire_until(deadline::max(), how, ec); });
    };
    refused({.ttl = max_ttl + 1ns});
    refused({.ttl = forever - 1ns});
    EXPECT_EQ(s.available(), 1U);
    for (const duration ttl : {max_ttl, forever}) EXPECT_TRUE(s.try_acquire({.ttl = ttl}));
}

TEST_F(Beyond, TheLongestTtlOrHoldOrTheMostPermitsASemaphoreIsAnInvalidArgument) {
    const auto is = [&](errc want, const char* what, const semaphore_options& options) {
        SCOPED_TRACE(what);
        expect_both(
            want, [&] { (void)home->semaphore(what, options); },
            [&](std::error_code& ec) { (void)home->semaphore(what, options, ec); });
    };
    constexpr std::int64_t most = 1 << 20;
    is(errc::invalid_argument, "ttl", {.ttl = max_ttl + 1ns});
    is(errc::invalid_argument, "ttl, just not forever", {.ttl = forever - 1ns});
    is(errc::invalid_argument, "max_hold", {.max_hold = max_ttl + 1ns});
    is(errc::invalid_argument, "max_hold, just not forever", {.max_hold = forever - 1ns});
    is(errc::invalid_argument, "permits", {.permits = most + 1});
    is(errc::invalid_argument, "max_permits", {.max_permits = most + 1});
    is(errc::too_many_permits, "permits that some segment has room for", {.permits = most});
    is(errc::too_many_permits, "max_permits that some segment has room for", {.max_permits = most});
    EXPECT_TRUE(home->inspect().semaphores.empty());
    EXPECT_TRUE(home->semaphore("the limits", {.ttl = max_ttl, .max_hold = max_ttl}));
}

}  // namespace
}  // namespace shmsem::test
