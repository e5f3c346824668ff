#include "crash/failing_calls.hpp"

#include <chrono>
#include <cstring>
#include <map>

#include "crash/actors.hpp"

// Each system call of each operation fails once, in each way that its manual allows. The operation succeeds all the same or says
// why not; afterwards it can be done again, and others have noticed nothing.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using marks = stepped_process::marks;

struct piece {
    const char* name;
    /// In the process in question: does it between the marks, and again, with success, afterwards.
    void (*deed)(const scene&, const marks&);
};

/// For what may throw: an error in the library's own words, or that memory is short.
template <class Call>
void may_fail(Call&& call) {
    try {
        call();
    } catch (const error& e) {
        EXPECT_FALSE(std::string(e.what()).empty());
    } catch (const std::bad_alloc&) {
    }
}

void create(const scene&, const marks& at) {
    const test_name name("refused");
    segment made;
    at.begin();
    may_fail([&] { made = segment::create(name.name(), crash_limits); });
    at.end();
    EXPECT_EQ(files_of(name.name()), made ? 1U : 0U);
    if (!made) made = segment::create(name.name(), crash_limits);
    EXPECT_TRUE(made.semaphore("s").acquire().release());
    EXPECT_TRUE(segment::remove(name.name()));
}

void attach(const scene& where, const marks& at) {
    segment home;
    at.begin();
    may_fail([&] { home = where.open(); });
    at.end();
    if (!home) home = where.open();
    EXPECT_TRUE(home.find(scene::permits).acquire().release());
}

void attach_and_acquire(const scene& where, const marks& at) {
    at.begin();
    may_fail([&] { EXPECT_TRUE(where.open().find(scene::permits).acquire().release()); });
    at.end();
    EXPECT_TRUE(where.open().find(scene::permits).acquire().release());
}

void make_semaphore(const scene& where, const marks& at) {
    segment home = where.open();
    at.begin();
    may_fail([&] { (void)home.semaphore("other", unexpiring(1)); });
    at.end();
    EXPECT_TRUE(home.semaphore("other", unexpiring(1)).acquire().release());
}

void wait_in_vain(const scene& where, const marks& at) {
    segment home = where.open();
    auto permits = home.find(scene::permits);
    lease mine = permits.acquire();
    at.begin();
    may_fail([&] { EXPECT_FALSE(permits.try_acquire_for(1ms)); });
    at.end();
    EXPECT_TRUE(mine.release());
    EXPECT_TRUE(permits.acquire().release());
}

void leave(const scene& where, const marks& at) {
    segment home = where.open();
    EXPECT_TRUE(home.find(scene::permits).acquire().release());
    at.begin();
    home = segment();
    at.end();
    EXPECT_TRUE(where.open().find(scene::permits).acquire().release());
}

void look(const scene& where, const marks& at) {
    at.begin();
    may_fail([&] { (void)where.look_around(); });
    may_fail([&] { (void)segment::open(where.name(), access::read_only).inspect(); });
    may_fail([&] { (void)segment::list(); });
    at.end();
    EXPECT_EQ(segment::open(where.name(), access::read_only).inspect().semaphores.size(), 1U);
}

void reap(const scene& where, const marks& at) {
    segment home = where.open();
    at.begin();
    may_fail([&] { (void)home.reap(); });
    may_fail([&] { EXPECT_TRUE(invariants_hold(home)); });
    at.end();
    (void)home.reap();
}

void remove(const scene&, const marks& at) {
    const test_name name("refused");
    (void)segment::create(name.name(), crash_limits);
    at.begin();
    may_fail([&] { (void)segment::remove_if_unused(name.name()); });
    may_fail([&] { (void)segment::remove(name.name()); });
    at.end();
    (void)segment::remove(name.name());
    EXPECT_EQ(files_of(name.name()), 0U);
}

void PrintTo(const piece& which, std::ostream* out) { *out << which.name; }

class RefusedCalls : public ::testing::TestWithParam<piece> {};

TEST_P(RefusedCalls, FailAnOperationAtMostAndHarmNobody) {
    watchdog guard{280s};
    if (const std::string reason = no_refusing(); !reason.empty()) GTEST_SKIP() << reason;
    if (thread_sanitizer || address_sanitizer) GTEST_SKIP() << "a sanitizer's runtime does not survive it";
    long refusals = 0;
    std::vector<system_call> calls;
    {
        const scene set(unexpiring(1));
        refused_process whole([&](const marks& at) { GetParam().deed(set, at); });
        calls = whole.run_watched();
        EXPECT_EQ(whole.wait_exit(), 0);
    }
    std::map<long, int> tried;
    for (std::size_t n = 0; n < calls.size() && !HasFailure(); ++n) {
        // A loop over all files or processes of the machine makes the same call again and again.
        if (++tried[calls[n].number] > 16) continue;
        for (const int error : plausible_errors(calls[n])) {
            const scene set(unexpiring(1));
            holder other(set);
            other.let_go();
            refused_process one([&](const marks& at) { GetParam().deed(set, at); });
            if (one.run_refusing(n, calls[n], error)) ++refusals;
            EXPECT_EQ(one.wait_exit(), 0);
            expect_unharmed(set);
            if (HasFailure()) {
                std::printf("call %zu (number %ld): %s\n", n, calls[n].number, std::strerror(error));
                break;
            }
        }
    }
    std::printf("%zu calls, %ld refusals, %s\n", calls.size(), refusals, HasFailure() ? "FAILED" : "0 violations");
}

INSTANTIATE_TEST_SUITE_P(Of, RefusedCalls,
                         ::testing::Values(piece{"Create", create}, piece{"Attach", attach},
                                           piece{"AttachAndAcquire", attach_and_acquire},
                                           piece{"MakeSemaphore", make_semaphore}, piece{"WaitInVain", wait_in_vain},
                                           piece{"Leave", leave}, piece{"Look", look}, piece{"Reap", reap},
                                           piece{"Remove", remove}),
                         [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace shmsem::test
