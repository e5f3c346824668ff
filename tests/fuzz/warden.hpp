#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace shmsem::fuzz {

/// Says what is wrong and with which image, and aborts: what is left of this process is of no use any more.
[[noreturn]] void defect(const std::string& what);
/// For the words of defect().
void now_running(const std::string& image);

/// Sees to it that every call ends. A call that has taken some milliseconds is asked to stop, and time passes for it, 20 s at a
/// time, so that whatever it waits for, its deadline comes soon. One that goes on for half a real minute all the same has outlived its
/// deadline: that is a defect.
class warden {
   public:
    /// Who calls: each thread has its own place.
    enum place : std::size_t { first = 0, second = 1 };

    warden();
    ~warden();
    warden(const warden&) = delete;
    warden& operator=(const warden&) = delete;

    /// Makes a call. No exception may come out of it. @param stop  what ends it, should it have no deadline
    template <class Body>
    void call(place who, const char* what, Body&& body, const std::stop_source& stop = std::stop_source(std::nostopstate)) {
        begin(who, what, stop);
        try {
            body();
        } catch (const std::exception& e) {
            defect(std::string(what) + " threw " + e.what());
        }
        end(who);
    }
    /// Time passes.
    void forward(std::chrono::nanoseconds by);
    /// Time as it was; between two images, when nothing is attached.
    void turn_back();

   private:
    struct under_way {
        std::atomic<const char*> what{nullptr};
        std::atomic<std::int64_t> since_ns{0};
        std::mutex lock;
        std::stop_source stop{std::nostopstate};
    };

    void begin(place who, const char* what, const std::stop_source& stop);
    void end(place who) noexcept;
    void watch(const std::stop_token& ended);

    std::array<under_way, 2> calls_;
    std::atomic<std::int64_t> passed_ns_{0};
    std::jthread thread_;
};

}  // namespace shmsem::fuzz
