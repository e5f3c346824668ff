#include "report_samples.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "report/deadlock.hpp"

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

// A histogram whose counted durations are all in the buckets given.
histogram counted(std::initializer_list<std::pair<std::size_t, std::uint64_t>> buckets) {
    histogram result{};
    for (const auto& [bucket, count] : buckets) result[bucket] = count;
    return result;
}

report::segment_sample sampled(segment_snapshot contents) {
    return {.name = contents.name, .reaped = 0, .contents = std::move(contents)};
}

segment_snapshot empty_segment(const std::string& name) {
    segment_snapshot result;
    result.name = name;
    result.id = 0x0123456789abcdef;
    result.layout_version = 1;
    result.bytes = 1'300'000;
    result.age = 2h + 5min + 7s;
    return result;
}

semaphore_snapshot encode() {
    semaphore_snapshot s;
    s.name = "encode";
    s.ttl = 30s;
    s.max_hold = forever;
    s.max_permits = 8;
    s.max_waiters = 1024;
    s.stats.acquired = 3;
    s.stats.capacity = 4;
    s.stats.available = 1;
    s.stats.percent = 75;
    s.stats.waiting = 2;
    s.stats.total_acquired = 120'431;
    s.stats.total_released = 120'420;
    s.stats.total_queued = 5'120;
    s.stats.total_granted = 5'101;
    s.stats.total_expired = 1;
    s.stats.total_reaped = 7;
    s.stats.total_timed_out = 12;
    s.stats.total_cancelled = 5;
    s.stats.wait = counted({{9, 4'000}, {12, 1'000}, {20, 100}});
    s.stats.hold = counted({{14, 1'900}, {17, 40}});
    s.holders = {
        {.seat = 0,
         .token = 40'961,
         .pid = 71'204,
         .tid = 71'204,
         .command = "ffmpeg",
         .tenant = "acme",
         .label = "trailer-4k",
         .held = 12s + 340ms,
         .ttl_left = 27s + 900ms,
         .state = "held",
         .life = "alive"},
        {.seat = 1,
         .token = 40'770,
         .process = 1,
         .pid = 71'198,
         .tid = 71'201,
         .command = "worker",
         .tenant = "globex",
         .label = {},
         .held = 95s,
         .ttl_left = duration::zero(),
         .state = "held",
         .life = "dead"},
        {.seat = 3,
         .token = 1'180'591,
         .pid = 9,
         .tid = 9,
         .command = "worker",
         .tenant = {},
         .label = "r\u00e9sum\u00e9",
         .held = 180us,
         .ttl_left = forever,
         .state = "granted",
         .life = "unknown"},
    };
    s.waiters = {
        {.ticket = 5'119,
         .pid = 71'230,
         .tid = 71'230,
         .command = "worker",
         .tenant = "acme",
         .label = "bulk",
         .permits = 2,
         .waited = 1s + 520ms},
        {.ticket = 5'120,
         .pid = 71'231,
         .tid = 71'240,
         .command = "ffmpeg",
         .tenant = {},
         .label = {},
         .permits = 1,
         .waited = 85ms},
    };
    return s;
}

semaphore_snapshot shrunk() {
    semaphore_snapshot s;
    s.name = "gpu-shards-in-the-north-west-rack-of-building-7";
    s.order = order::throughput;
    s.renewal = renewal::manual;
    s.ttl = forever;
    s.max_hold = 1h;
    s.max_permits = 2;
    s.max_waiters = 16;
    s.stats.acquired = 2;
    s.stats.capacity = 1;
    s.stats.percent = 200;
    s.stats.total_acquired = 2;
    s.stats.inversions = 1;
    s.stats.recoveries = 3;
    s.holders = {
        {.seat = 0,
         .token = 1,
         .pid = 400,
         .tid = 400,
         .command = "train",
         .tenant = {},
         .label = {},
         .held = 2h + 4min,
         .ttl_left = forever,
         .state = "held",
         .life = "alive"},
        {.seat = 1,
         .token = 1,
         .pid = 401,
         .tid = 401,
         .command = "train",
         .tenant = {},
         .label = {},
         .held = 26h + 4min,
         .ttl_left = forever,
         .state = "retiring",
         .life = "alive"},
    };
    return s;
}

semaphore_snapshot ownerless() {
    semaphore_snapshot s;
    s.name = "items";
    s.kind = kind::ownerless;
    s.ttl = forever;
    s.max_hold = forever;
    s.max_waiters = 1024;
    s.stats.capacity = 2'147'483'647;
    s.stats.waiting = 1;
    s.stats.total_acquired = 3;
    s.stats.total_queued = 4;
    s.stats.total_granted = 3;
    s.waiters = {{.ticket = 4,
                  .pid = 500,
                  .tid = 500,
                  .command = "consumer",
                  .tenant = {},
                  .label = {},
                  .permits = 1,
                  .waited = 3min + 7s}};
    return s;
}

semaphore_snapshot idle() {
    semaphore_snapshot s;
    s.name = "upload";
    s.ttl = 30s;
    s.max_hold = forever;
    s.max_permits = 20;
    s.max_waiters = 1024;
    s.stats.capacity = 10;
    s.stats.available = 10;
    s.stats.total_acquired = 40;
    s.stats.total_released = 40;
    return s;
}

}  // namespace

report::snapshot busy_snapshot() {
    segment_snapshot jobs = empty_segment("jobs");
    jobs.processes = {
        {.index = 0,
         .pid = 71'204,
         .uid = 1000,
         .pid_namespace = 4026531836,
         .command = "ffmpeg",
         .state = "alive",
         .life = "alive",
         .attached = 2h},
        {.index = 1,
         .pid = 71'198,
         .uid = 1000,
         .pid_namespace = 4026531836,
         .command = "worker",
         .state = "alive",
         .life = "dead",
         .attached = 99s},
    };
    jobs.semaphores = {shrunk(), encode(), ownerless(), idle()};
    jobs.events = {
        {.number = 41, .kind = event_kind::died, .ago = 62s, .semaphore = {}, .process = 7, .pid = 71'190},
        {.number = 42,
         .kind = event_kind::reaped,
         .ago = 62s,
         .semaphore = "encode",
         .permits = 1,
         .seat = 3,
         .token = 1'180'590,
         .process = 7,
         .pid = 71'190},
        {.number = 43,
         .kind = event_kind::timed_out,
         .ago = 30s,
         .lasted = 5s,
         .semaphore = "items",
         .permits = 1,
         .token = 3,
         .pid = 500},
        {.number = 44, .kind = event_kind::resized, .ago = 20s, .semaphore = "encode", .permits = 4, .pid = 71'204},
        {.number = 45,
         .kind = event_kind::granted,
         .ago = 180us,
         .lasted = 340ms,
         .semaphore = "encode",
         .permits = 1,
         .seat = 3,
         .token = 1'180'591,
         .pid = 9},
    };
    report::snapshot result;
    result.taken = std::chrono::system_clock::time_point{1'700'000'000s};
    result.segments = {sampled(std::move(jobs))};
    return result;
}

report::snapshot deadlock_snapshot() {
    const auto semaphore = [](const std::string& name, std::uint32_t holder, const std::vector<std::uint32_t>& waiters) {
        semaphore_snapshot s;
        s.name = name;
        s.ttl = s.max_hold = forever;
        s.max_permits = 2;
        s.stats.acquired = s.stats.capacity = 1;
        s.stats.percent = 100;
        s.stats.waiting = static_cast<std::uint32_t>(waiters.size());
        s.holders = {{.seat = 0,
                      .token = 1,
                      .pid = holder,
                      .tid = holder,
                      .command = "worker",
                      .tenant = {},
                      .label = {},
                      .held = 65s,
                      .ttl_left = forever,
                      .state = "held",
                      .life = "alive"}};
        for (const std::uint32_t pid : waiters) {
            s.waiters.push_back({.ticket = s.waiters.size() + 1,
                                 .pid = pid,
                                 .tid = pid,
                                 .command = "worker",
                                 .tenant = {},
                                 .label = {},
                                 .permits = 1,
                                 .waited = 60s});
        }
        return s;
    };
    segment_snapshot disks = empty_segment("disks");
    disks.semaphores = {semaphore("scratch", 301, {302, 303})};
    segment_snapshot jobs = empty_segment("jobs");
    jobs.semaphores = {semaphore("ledger", 302, {301})};
    report::snapshot result;
    result.taken = std::chrono::system_clock::time_point{1'700'000'000s};
    result.segments = {sampled(std::move(disks)), sampled(std::move(jobs))};
    result.deadlocks = report::find_deadlocks(result.segments);
    return result;
}

std::set<std::string> documented_in_readme(const std::string& start) {
    const auto readme = std::filesystem::path(__FILE__).parent_path() / "../../tools/semtop/README.md";
    std::ifstream file(readme);
    EXPECT_TRUE(file) << readme;
    std::set<std::string> result;
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with(start)) continue;
        EXPECT_TRUE(result.insert(line.substr(start.size(), line.find('`', start.size()) - start.size())).second)
            << "documented twice: " << line;
    }
    return result;
}

report::snapshot broken_snapshot() {
    report::snapshot result;
    result.taken = std::chrono::system_clock::time_point{1'700'000'000s};
    auto quiet = sampled(empty_segment("quiet"));
    quiet.reaped = 1;
    result.segments = {std::move(quiet),
                       {.name = "torn",
                        .reaped = 0,
                        .contents = report::failure{"segment_truncated",
                                                    "the file is shorter than its header says; remove it when "
                                                    "no process uses it any more, and create it again"}}};
    return result;
}

report::snapshot hostile_snapshot() {
    segment_snapshot evil = empty_segment("evil\x1b[2J");
    semaphore_snapshot s;
    s.name = "\x1b]0;owned\x07";
    s.stats.acquired = 1;
    s.stats.capacity = 1;
    s.holders = {{.seat = 0,
                  .token = 1,
                  .pid = 1,
                  .tid = 1,
                  .command = "a\nSEAT",
                  .tenant = "\u202eyaj\xff",
                  .label = "back\\slash\u009b31m",
                  .held = 1s,
                  .ttl_left = 1s,
                  .state = "held",
                  .life = "alive"}};
    evil.semaphores = {s};
    report::snapshot result;
    result.segments = {sampled(std::move(evil)),
                       {.name = "\r\x1b[1A", .reaped = 0, .contents = report::failure{"segment_foreign", "no\ttabs\a"}}};
    return result;
}

}  // namespace shmsem::test
