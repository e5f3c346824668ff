#include "fuzz/warden.hpp"

#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "os/testing.hpp"
#include "support/build_kind.hpp"

namespace shmsem::fuzz {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr nanoseconds look_every = 1ms;
constexpr nanoseconds patience = 2ms;
constexpr nanoseconds leap = 20s;  // the longest wait inside the library is 10 s
constexpr nanoseconds outlived = test::slowness == 1 ? 30s : 60s;

std::mutex image_lock;
std::string image;

// The real one: time passes in the library's only.
std::int64_t real_ns() noexcept {
    timespec ts;
    ::clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1'000'000'000LL + ts.tv_nsec;
}

}  // namespace

void now_running(const std::string& words) {
    const std::lock_guard guard(image_lock);
    image = words;
}

void defect(const std::string& what) {
    {
        const std::lock_guard guard(image_lock);
        std::fprintf(stderr, "\ndefect: %s\nin %s, process %d\n", what.c_str(), image.c_str(), ::getpid());
    }
    std::abort();
}

warden::warden() : thread_([this](const std::stop_token& ended) { watch(ended); }) {}

warden::~warden() = default;

void warden::begin(place who, const char* what, const std::stop_source& stop) {
    under_way& call = calls_[who];
    {
        const std::lock_guard guard(call.lock);
        call.stop = stop;
    }
    call.since_ns.store(real_ns());
    call.what.store(what);
}

void warden::end(place who) noexcept { calls_[who].what.store(nullptr); }

void warden::forward(nanoseconds by) {
    passed_ns_.fetch_add(by.count());
    os::testing::advance_clock(by);
}

void warden::turn_back() { os::testing::advance_clock(nanoseconds{-passed_ns_.exchange(0)}); }

void warden::watch(const std::stop_token& ended) {
    while (!ended.stop_requested()) {
        std::this_thread::sleep_for(look_every);
        bool late = false;
        for (under_way& call : calls_) {
            const char* what = call.what.load();
            const nanoseconds taken{real_ns() - call.since_ns.load()};
            if (what == nullptr || taken < patience) continue;
            if (taken > outlived && call.what.load() == what) defect(std::string(what) + " has outlived its deadline");
            late = true;
            const std::lock_guard guard(call.lock);
            (void)call.stop.request_stop();
        }
        if (late) forward(leap);
    }
}

}  // namespace shmsem::fuzz
