#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include <linux/capability.h>

#include "run_tool.hpp"
#include "shmsem/shmsem.hpp"
#include "support/raw_segment.hpp"
#include "support/shmsem_test.hpp"

// The real program on real segments, with real holders and waiters.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

tool_result semtop(const std::vector<std::string>& arguments, const std::function<void()>& prepare = {}) {
    return run_tool("semtop", arguments, prepare);
}

std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A process that holds the only permit of "encode", and one that waits for it, as processes and not as threads.
class SemtopWithHolderAndWaiter : public ::testing::Test {
   protected:
    SemtopWithHolderAndWaiter() {
        encode = home->semaphore("encode", {.permits = 1, .ttl = 60s});
        (void)home->semaphore("resting", {.permits = 5});
        (void)home->ownerless("items", {.initial = 7});
        holder = fork_child([&] {
            const lease mine = encode.acquire({.tenant = "acme", .label = "trailer"});
            held->raise();
            for (;;) ::pause();
        });
        held->wait();
        waiter = fork_child([&] {
            const lease mine = encode.acquire({.tenant = "globex", .label = "bulk"});
            for (;;) ::pause();
        });
        EXPECT_TRUE(queued(encode, 1));
    }
    // The waiter first: it must not be given the permit by the holder's death.
    ~SemtopWithHolderAndWaiter() override {
        waiter.kill();
        holder.kill();
    }

    watchdog guard{60s};
    test_segment home;
    semaphore encode;
    shared<flag> held;
    child holder;
    child waiter;
};

TEST_F(SemtopWithHolderAndWaiter, OnceShowsBothInATable) {
    const auto result = semtop({"--once", "--ascii", home.name()});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err, "");
    EXPECT_THAT(result.out, AllOf(HasSubstr("segment " + home.name() + ": 3 semaphores (2 idle, not shown)"),
                                  HasSubstr("[##########]  1/1"), HasSubstr("encode: holders by seat"),
                                  HasSubstr("encode: waiters in ticket order")));
    EXPECT_THAT(result.out, AllOf(HasSubstr(std::to_string(holder.pid())), HasSubstr(std::to_string(waiter.pid())),
                                  HasSubstr("acme"), HasSubstr("trailer"), HasSubstr("globex"), HasSubstr("bulk")));
    EXPECT_THAT(result.out, Not(HasSubstr("resting")));
    EXPECT_EQ(semtop({home.name()}).status, 0) << "--once is what it does anyway";
}

TEST_F(SemtopWithHolderAndWaiter, AllShowsIdleSemaphoresToo) {
    const auto result = semtop({"--all", home.name()});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("resting"), HasSubstr("0/5"), HasSubstr("items"), HasSubstr("count 7")));
}

TEST_F(SemtopWithHolderAndWaiter, JsonGivesTheWholeSnapshot) {
    const auto result = semtop({"--json", home.name()});
    ASSERT_EQ(result.status, 0) << result.err;
    const auto parsed = json::parse(result.out);
    ASSERT_EQ(parsed["segments"].size(), 1U);
    const auto& segment = parsed["segments"][0];
    EXPECT_EQ(segment["name"], home.name());
    EXPECT_TRUE(segment["error"].is_null());
    EXPECT_EQ(segment["limits"]["permits"], small_limits.permits);
    ASSERT_EQ(segment["semaphores"].size(), 3U);

    const auto& encode_json = segment["semaphores"][0];
    EXPECT_EQ(encode_json["name"], "encode") << "most loaded first";
    EXPECT_EQ(encode_json["kind"], "leased");
    EXPECT_EQ(encode_json["ttl_ns"], 60'000'000'000);
    EXPECT_TRUE(encode_json["max_hold_ns"].is_null());
    EXPECT_EQ(encode_json["acquired"], 1);
    EXPECT_EQ(encode_json["waiting"], 1);
    EXPECT_GT(encode_json["oldest_wait_ns"], 0);
    EXPECT_EQ(encode_json["totals"]["inversions"], 0);

    ASSERT_EQ(encode_json["holders"].size(), 1U);
    const auto& held_by = encode_json["holders"][0];
    EXPECT_EQ(held_by["seat"], 0);
    EXPECT_EQ(held_by["pid"], holder.pid());
    EXPECT_EQ(held_by["tid"], holder.pid());
    EXPECT_EQ(held_by["tenant"], "acme");
    EXPECT_EQ(held_by["label"], "trailer");
    EXPECT_EQ(held_by["state"], "held");
    EXPECT_EQ(held_by["life"], "alive");
    EXPECT_GT(held_by["token"], 0);
    EXPECT_GT(held_by["ttl_left_ns"], 0);
    EXPECT_LE(held_by["ttl_left_ns"], 61'000'000'000);

    ASSERT_EQ(encode_json["waiters"].size(), 1U);
    const auto& waits = encode_json["waiters"][0];
    EXPECT_EQ(waits["pid"], waiter.pid());
    EXPECT_EQ(waits["tenant"], "globex");
    EXPECT_EQ(waits["permits"], 1);
    EXPECT_GT(waits["ticket"], 0);

    bool found = false;
    for (const auto& process : segment["processes"]) found = found || process["pid"] == holder.pid();
    EXPECT_TRUE(found) << "the holder is an attached process";
}

TEST_F(SemtopWithHolderAndWaiter, WithoutANameShowsEverySegment) {
    const auto result = semtop({"--json"});
    const auto parsed = json::parse(result.out);
    bool found = false;
    for (const auto& segment : parsed["segments"]) found = found || segment["name"] == home.name();
    EXPECT_TRUE(found);
}

TEST_F(SemtopWithHolderAndWaiter, ASegmentThatCannotBeReadDoesNotHideTheOthers) {
    const auto result = semtop({"no-such-segment", home.name(), "--ascii"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.out, AllOf(HasSubstr("segment no-such-segment: cannot be read (segment_not_found)"),
                                  HasSubstr("encode: holders by seat")));
}

TEST_F(SemtopWithHolderAndWaiter, OutputThatCannotBeWrittenIsNotSuccess) {
    const auto result = semtop({home.name()}, [] { (void)!std::freopen("/dev/full", "w", stdout); });
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("cannot write"));
}

// Root may write what is marked read-only; without this capability, which an exec by root would give back, it may not.
void obey_file_modes() { ::prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE); }

TEST(Semtop, ChangesNothingUnlessAskedToReap) {
    watchdog guard{60s};
    test_name name;
    make_abandoned_segment(name.name(), small_limits);
    ASSERT_EQ(::chmod(name.path().c_str(), 0400), 0);
    const std::string before = bytes_of(name.path());

    const auto look = semtop({"--all", name.name()}, obey_file_modes);
    EXPECT_EQ(look.status, 0) << look.out << look.err;
    const auto reap = semtop({"--reap", name.name()}, obey_file_modes);
    EXPECT_EQ(reap.status, 1) << "the file cannot be opened for writing";
    EXPECT_THAT(reap.out, HasSubstr("segment_permission"));
    EXPECT_EQ(bytes_of(name.path()), before);
}

// Nobody is left to notice the death: its holder was the only process attached.
void abandon_a_held_permit(const std::string& name) {
    auto last = fork_child([&] {
        auto home = segment::create(name, small_limits);
        auto encode = home.semaphore("encode", {.permits = 2, .ttl = forever});
        const lease mine = encode.acquire({.label = "lost"});
        ::kill(::getpid(), SIGKILL);
    });
    ASSERT_EQ(last.wait_signal(), SIGKILL);
}

TEST(Semtop, ShowsThatAHolderIsDead) {
    watchdog guard{60s};
    test_name name;
    abandon_a_held_permit(name.name());
    const auto result = semtop({"--json", name.name()});
    ASSERT_EQ(result.status, 0) << result.err;
    const auto parsed = json::parse(result.out);
    const auto& encode = parsed["segments"][0]["semaphores"][0];
    ASSERT_EQ(encode["holders"].size(), 1U);
    EXPECT_EQ(encode["holders"][0]["life"], "dead");
    EXPECT_EQ(encode["holders"][0]["label"], "lost");
    EXPECT_TRUE(encode["holders"][0]["ttl_left_ns"].is_null()) << "no ttl would ever free it";
    EXPECT_EQ(parsed["segments"][0]["reaped"], 0);
}

TEST(Semtop, ReapFreesThePermitOfADeadHolder) {
    watchdog guard{60s};
    test_name name;
    abandon_a_held_permit(name.name());
    const auto result = semtop({"--reap", "--json", name.name()});
    ASSERT_EQ(result.status, 0) << result.err;
    const auto segment_json = json::parse(result.out)["segments"][0];
    EXPECT_EQ(segment_json["reaped"], 1);
    EXPECT_EQ(segment_json["semaphores"][0]["acquired"], 0);
    EXPECT_EQ(segment_json["semaphores"][0]["totals"]["reaped"], 1);
    EXPECT_EQ(segment_json["semaphores"][0]["holders"].size(), 0U);

    auto home = segment::open(name.name());
    EXPECT_EQ(home.find("encode").available(), 2U);
    EXPECT_TRUE(invariants_hold(home));
    EXPECT_THAT(semtop({"--reap", name.name()}).out, Not(HasSubstr("took back"))) << "there was nothing more to take back";
}

struct broken {
    const char* what;
    void (*make)(const std::string& name);
    const char* code;
};

class SemtopOnABrokenSegment : public ::testing::TestWithParam<broken> {};

TEST_P(SemtopOnABrokenSegment, SaysSoInALineAndExitsWithOne) {
    watchdog guard{60s};
    test_name name;
    GetParam().make(name.name());

    const auto table = semtop({"--once", name.name()});
    EXPECT_EQ(table.status, 1) << table.err;
    EXPECT_THAT(table.out, HasSubstr("segment " + name.name() + ": cannot be read (" + GetParam().code + ")"));

    const auto text = semtop({"--json", name.name()});
    EXPECT_EQ(text.status, 1) << text.err;
    const auto segment = json::parse(text.out)["segments"][0];
    EXPECT_EQ(segment["name"], name.name());
    EXPECT_EQ(segment["error"]["code"], GetParam().code);
    EXPECT_NE(segment["error"]["message"], "");

    EXPECT_EQ(semtop({"--reap", name.name()}).status, 1);
}

INSTANTIATE_TEST_SUITE_P(Each, SemtopOnABrokenSegment,
                         ::testing::Values(broken{"Missing", [](const std::string&) {}, "segment_not_found"},
                                           broken{"Foreign",
                                                  [](const std::string& name) { make_file(name, std::string(8192, 'x')); },
                                                  "segment_foreign"},
                                           broken{"Truncated",
                                                  [](const std::string& name) {
                                                      make_abandoned_segment(name, small_limits);
                                                      raw_segment(name).truncate(8192);
                                                  },
                                                  "segment_truncated"},
                                           broken{"OtherVersion",
                                                  [](const std::string& name) {
                                                      make_abandoned_segment(name, small_limits);
                                                      raw_segment(name).header().version += 1;
                                                  },
                                                  "segment_version"},
                                           broken{"Corrupt",
                                                  [](const std::string& name) {
                                                      make_abandoned_segment(name, small_limits);
                                                      raw_segment(name).header().total_size += 4096;
                                                  },
                                                  "segment_corrupt"}),
                         [](const auto& instance) { return std::string(instance.param.what); });

// Whatever a process with write access does to the file while it is read, semtop ends by itself with a line.
void look_while(const std::string& name, const std::function<void()>& destroy) {
    auto destroyer = fork_child([&] {
        for (;;) destroy();
    });
    for (int i = 0; i < rounds(40); ++i) {
        const auto result = semtop({"--json", name});
        ASSERT_TRUE(result.status == 0 || result.status == 1) << result.status << result.err;
        ASSERT_EQ(json::parse(result.out)["segments"].size(), 1U);
    }
    destroyer.kill();
}

TEST(Semtop, SurvivesASegmentThatIsTruncatedWhileItIsRead) {
    watchdog guard{120s};
    test_name name;
    abandon_a_held_permit(name.name());
    raw_segment file(name.name());
    look_while(name.name(), [&, long_enough = file.bytes(), short_now = true]() mutable {
        file.truncate(short_now ? 4096 : long_enough);
        short_now = !short_now;
    });
}

TEST(Semtop, SurvivesASegmentThatIsScribbledOnWhileItIsRead) {
    watchdog guard{120s};
    test_name name;
    abandon_a_held_permit(name.name());
    raw_segment file(name.name());
    auto* words = static_cast<std::uint64_t*>(file.view().base());
    std::mt19937_64 random{7};
    look_while(name.name(), [&] {
        const std::size_t at = sizeof(layout::header) / 8 + random() % (file.bytes() / 8 - sizeof(layout::header) / 8);
        std::atomic_ref(words[at]).store(random(), std::memory_order_relaxed);
    });
}

TEST(Semtop, HelpDocumentsOptionsAndExitCodes) {
    const auto result = semtop({"--help"});
    EXPECT_EQ(result.status, 0);
    EXPECT_THAT(result.out, AllOf(HasSubstr("--once"), HasSubstr("--json"), HasSubstr("--all"), HasSubstr("--reap"),
                                  HasSubstr("Exit status"), HasSubstr("SEGMENT")));
}

TEST(Semtop, AWrongOptionIsAUsageError) {
    const auto unknown = semtop({"--no-such-option"});
    EXPECT_EQ(unknown.status, 2);
    EXPECT_EQ(unknown.out, "");
    EXPECT_NE(unknown.err, "");
    EXPECT_EQ(semtop({"--once", "--json"}).status, 2) << "a table or JSON, not both";
}

}  // namespace
}  // namespace shmsem::test
