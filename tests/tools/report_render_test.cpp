#include "report/render.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "report_samples.hpp"

// Golden texts: what a reader sees is reviewed here, not only that something is drawn.

namespace shmsem::test {
namespace {

using report::charset;
using report::render;
using report::view;

constexpr view kAscii{};
constexpr view kUtf8{.all = false, .terminal = charset::utf8};

TEST(ReportText, FoldsUnderEachRowWhatDoesNotFitIntoEightyColumns) {
    EXPECT_EQ('\n' + render(busy_snapshot(), kAscii, 80),
              R"(
segment jobs: 4 semaphores (1 idle, not shown), 2 processes, 1.2 MiB, up 2h05m

NAME                           KIND       USE           HELD     WAITING  OLDEST
gpu-shards-in-the-n~uilding-7  leased     [##########]  2/1            0
    acquired 2  released 0  inversions 1  recoveries 3
encode                         leased     [#######...]  3/4            2    1.5s
    wait p50 <1.0ms  wait p99 <2.0s  hold p50 <32ms  hold p99 <262ms
    acquired 120431  released 120420  queued 5120  granted 5101  expired 1
    reaped 7  timed out 12  cancelled 5
items                          ownerless                count 0        1   3m07s
    acquired 3  queued 4  granted 3

gpu-shards-in-the-north-west-rack-of-building-7: holders by seat
SEAT  PID  COMMAND   HELD  TTL LEFT  STATE     LIFE   TOKEN
   0  400  train    2h04m    no ttl  held      alive      1
   1  401  train    1d02h    no ttl  retiring  alive      1

encode: holders by seat
SEAT    PID  COMMAND   HELD  TTL LEFT  STATE    LIFE
   0  71204  ffmpeg     12s       27s  held     alive
    tenant acme  label trailer-4k  token 40961
   1  71198  worker   1m35s   expired  held     dead
    tenant globex  token 40770
   3      9  worker   180us    no ttl  granted  unknown
    label r\u{e9}sum\u{e9}  token 1180591

encode: waiters in ticket order
TICKET    PID  COMMAND  TENANT  LABEL  PERMITS  WAITED
  5119  71230  worker   acme    bulk         2    1.5s
  5120  71231  ffmpeg                        1    85ms

items: waiters in ticket order
TICKET  PID  COMMAND   PERMITS  WAITED
     4  500  consumer        1   3m07s
)");
}

TEST(ReportText, ShowsEverythingInColumnsWhenTheTerminalIsWide) {
    EXPECT_EQ('\n' + render(busy_snapshot(), kUtf8, 200),
              R"(
segment jobs: 4 semaphores (1 idle, not shown), 2 processes, 1.2 MiB, up 2h05m

NAME                                             KIND       USE         HELD     WAITING  OLDEST  WAIT P50  WAIT P99  HOLD P50  HOLD P99
gpu-shards-in-the-north-west-rack-of-building-7  leased     ██████████  2/1            0
    acquired 2  released 0  inversions 1  recoveries 3
encode                                           leased     ███████░░░  3/4            2    1.5s    <1.0ms     <2.0s     <32ms    <262ms
    acquired 120431  released 120420  queued 5120  granted 5101  expired 1  reaped 7  timed out 12  cancelled 5
items                                            ownerless              count 0        1   3m07s
    acquired 3  queued 4  granted 3

gpu-shards-in-the-north-west-rack-of-building-7: holders by seat
SEAT  PID  COMMAND   HELD  TTL LEFT  STATE     LIFE   TOKEN
   0  400  train    2h04m    no ttl  held      alive      1
   1  401  train    1d02h    no ttl  retiring  alive      1

encode: holders by seat
SEAT    PID  COMMAND  TENANT  LABEL        HELD  TTL LEFT  STATE    LIFE       TOKEN
   0  71204  ffmpeg   acme    trailer-4k    12s       27s  held     alive      40961
   1  71198  worker   globex              1m35s   expired  held     dead       40770
   3      9  worker           résumé      180us    no ttl  granted  unknown  1180591

encode: waiters in ticket order
TICKET    PID  COMMAND  TENANT  LABEL  PERMITS  WAITED
  5119  71230  worker   acme    bulk         2    1.5s
  5120  71231  ffmpeg                        1    85ms

items: waiters in ticket order
TICKET  PID  COMMAND   PERMITS  WAITED
     4  500  consumer        1   3m07s
)");
}

TEST(ReportText, ShowsASegmentThatCannotBeReadAsALine) {
    EXPECT_EQ('\n' + render(broken_snapshot(), kAscii, 80),
              R"(
segment quiet: 0 semaphores, 0 processes, 1.2 MiB, up 2h05m, took back 1 permit

segment torn: cannot be read (segment_truncated): the file is shorter than its
    header says; remove it when no process uses it any more, and create it again
)");
}

TEST(ReportText, EscapesTextThatOtherProcessesWrote) {
    EXPECT_EQ('\n' + render(hostile_snapshot(), kAscii, 80),
              R"(
segment evil\x1b[2J: 1 semaphore, 0 processes, 1.2 MiB, up 2h05m

NAME              KIND    USE           HELD  WAITING  ACQUIRED  RELEASED
\x1b]0;owned\x07  leased  [##########]  1/1         0         0         0

\x1b]0;owned\x07: holders by seat
SEAT  PID  COMMAND    HELD  TTL LEFT  STATE  LIFE
   0    1  a\x0aSEAT  1.0s      1.0s  held   alive
    tenant \u{202e}yaj\xff  label back\\slash\u{9b}31m  token 1

segment \x0d\x1b[1A: cannot be read (segment_foreign): no\x09tabs\x07
)");
}

TEST(ReportText, ShowsIdleSemaphoresOnRequest) {
    const std::string without = render(busy_snapshot(), kAscii, 80);
    EXPECT_EQ(without.find("upload"), std::string::npos);
    EXPECT_NE(without.find("(1 idle, not shown)"), std::string::npos);

    const std::string with = render(busy_snapshot(), {.all = true}, 80);
    EXPECT_NE(with.find("\nupload "), std::string::npos);
    EXPECT_NE(with.find("(1 idle)"), std::string::npos);
}

TEST(ReportText, SaysSoWhenThereAreNoSegments) { EXPECT_EQ(render({}, kAscii, 80), "no segments\n"); }

TEST(ReportText, NeverExceedsTheWidthNorPrintsAControlCharacter) {
    for (const auto& snapshot : {busy_snapshot(), broken_snapshot(), hostile_snapshot()}) {
        for (const charset terminal : {charset::ascii, charset::utf8}) {
            for (std::size_t width = 20; width <= 260; ++width) {
                std::istringstream lines(render(snapshot, {.all = true, .terminal = terminal}, width));
                for (std::string line; std::getline(lines, line);) {
                    ASSERT_LE(report::columns(line), width) << line;
                    ASSERT_EQ(line.find_last_not_of(' ') + 1, line.size()) << "'" << line << "'";
                    for (const char c : line) {
                        const auto byte = static_cast<unsigned char>(c);
                        ASSERT_TRUE(byte >= 0x20 && byte != 0x7f && (byte < 0x80 || terminal == charset::utf8)) << line;
                    }
                }
            }
        }
    }
}

TEST(ReportText, LosesNothingAtEightyColumns) {
    const auto holds_all = [](const std::string& text, std::initializer_list<const char*> parts) {
        for (const char* part : parts) EXPECT_NE(text.find(part), std::string::npos) << part;
    };
    holds_all(render(busy_snapshot(), kAscii, 80), {"71204",
                                                    "ffmpeg",
                                                    "acme",
                                                    "trailer-4k",
                                                    "40961",
                                                    "12s",
                                                    "27s",
                                                    "held",
                                                    "alive",
                                                    "expired",
                                                    "dead",
                                                    "granted",
                                                    "unknown",
                                                    "no ttl",
                                                    "1180591",
                                                    "5119",
                                                    "bulk",
                                                    "1.5s",
                                                    "85ms",
                                                    "acquired 120431",
                                                    "released 120420",
                                                    "queued 5120",
                                                    "expired 1",
                                                    "reaped 7",
                                                    "timed out 12",
                                                    "cancelled 5",
                                                    "wait p50 <1.0ms",
                                                    "hold p99 <262ms"});
}

}  // namespace
}  // namespace shmsem::test
