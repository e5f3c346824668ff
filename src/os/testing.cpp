#include "os/testing.hpp"

#if SHMSEM_TESTING

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace shmsem::os {
namespace {

enum class action : int { none, die, stop, call };

// One trap per kind of action; written by the test before the code under test runs.
struct trap {
    std::atomic<const char*> point{nullptr};
    std::atomic<int> left{0};
    std::atomic<void (*)()> fn{nullptr};
};
std::array<trap, 4> traps;
std::array<std::atomic<bool>, 4> refusals;
std::atomic<std::int64_t> shift{0};
std::atomic<void (*)()> clock_changed{nullptr};

void arm(action what, const char* point, int nth, void (*fn)() = nullptr) {
    trap& t = traps[static_cast<std::size_t>(what)];
    t.left.store(nth);
    t.fn.store(fn);
    t.point.store(point);
}

bool springs(action what, const char* name) noexcept {
    trap& t = traps[static_cast<std::size_t>(what)];
    const char* point = t.point.load(std::memory_order_relaxed);
    return point != nullptr && std::strcmp(point, name) == 0 && t.left.fetch_sub(1) == 1;
}

}  // namespace

void kill_point(const char* name) noexcept {
    if (springs(action::die, name)) {
        ::kill(::getpid(), SIGKILL);
        for (;;) ::pause();
    }
    if (springs(action::stop, name)) ::kill(::getpid(), SIGSTOP);
    if (springs(action::call, name)) traps[static_cast<std::size_t>(action::call)].fn.load()();
}

bool refused(syscall_kind what) noexcept { return refusals[static_cast<std::size_t>(what)].load(std::memory_order_relaxed); }

std::chrono::nanoseconds clock_shift() noexcept { return std::chrono::nanoseconds{shift.load(std::memory_order_relaxed)}; }

void expect_below(std::size_t index, std::size_t count) noexcept {
    if (index < count) [[likely]]
        return;
    std::fprintf(stderr, "index %zu in a table of %zu\n", index, count);
    std::abort();
}

namespace testing {
void advance_clock(std::chrono::nanoseconds by) {
    shift.fetch_add(by.count());
    if (auto* fn = clock_changed.load()) fn();
}
void die_at(const char* point, int nth) { arm(action::die, point, nth); }
void stop_at(const char* point, int nth) { arm(action::stop, point, nth); }
void call_at(const char* point, void (*fn)()) { arm(action::call, point, 1, fn); }
void refuse(syscall_kind what) { refusals[static_cast<std::size_t>(what)].store(true); }
void allow_all() {
    for (auto& r : refusals) r.store(false);
}
void on_clock_change(void (*fn)()) { clock_changed.store(fn); }
}  // namespace testing

}  // namespace shmsem::os

#endif
