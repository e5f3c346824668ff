#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "shmsem/inspect.hpp"

// What sampling produces, and all that drawing and conversion see.

namespace shmsem::report {

/// Why a segment could not be read.
struct failure {
    std::string code;     ///< the word for the error, as name_of(errc) gives it; "system_error" for any other
    std::string message;  ///< what is wrong and what to do, without the name and the code
};

struct segment_sample {
    std::string name;          ///< as asked for
    std::uint64_t reaped = 0;  ///< permits that were taken back while this sample was made, if that was asked for
    std::variant<segment_snapshot, failure> contents;
};

/// A thread, as it is told from every other one of this host.
struct thread_id {
    std::uint64_t pid_namespace = 0;
    std::uint32_t pid = 0;
    std::uint32_t tid = 0;
    friend auto operator<=>(const thread_id&, const thread_id&) = default;
};

/// A thread that waits and cannot be served: what it holds that others want, and what it waits for.
struct stuck_thread {
    struct permit {
        std::string segment;
        std::string semaphore;
        std::uint32_t seat = 0;
        std::uint64_t token = 0;
    };
    struct wait {
        std::string segment;
        std::string semaphore;
        std::uint64_t ticket = 0;
        std::uint32_t permits = 1;
    };
    thread_id thread;
    std::string command;
    std::vector<permit> holds;
    wait waits;
};

/// Threads that wait for each other, so that none of them is ever served unless somebody interferes.
struct deadlock {
    std::vector<stuck_thread> members;  ///< in a simple cycle: each waits for what the next one holds
    std::vector<stuck_thread> blocked;  ///< no part of it, but waiting behind it
};

struct snapshot {
    std::chrono::system_clock::time_point taken;
    std::vector<segment_sample> segments;
    std::vector<deadlock> deadlocks;
};

/// True when every segment could be read.
[[nodiscard]] inline bool complete(const snapshot& seen) noexcept {
    for (const auto& segment : seen.segments) {
        if (!std::holds_alternative<segment_snapshot>(segment.contents)) return false;
    }
    return true;
}

}  // namespace shmsem::report
