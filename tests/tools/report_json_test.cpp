#include "report/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "report_samples.hpp"

namespace shmsem::test {
namespace {

using nlohmann::ordered_json;
using report::json_text;
using report::to_json;
using keys = std::set<std::string>;

void collect(const ordered_json& value, const std::string& path, keys& found) {
    if (value.is_object()) {
        for (const auto& [key, member] : value.items()) {
            const std::string here = path.empty() ? key : path + '.' + key;
            found.insert(here);
            collect(member, here, found);
        }
    } else if (value.is_array()) {
        for (const auto& item : value) collect(item, path + "[]", found);
    }
}

TEST(ReportJson, HasExactlyTheDocumentedKeys) {
    keys found;
    collect(to_json(busy_snapshot()), "", found);
    collect(to_json(broken_snapshot()), "", found);
    collect(to_json(deadlock_snapshot()), "", found);
    EXPECT_THAT(found, ::testing::ContainerEq(documented_in_readme("| `")));
}

TEST(ReportJson, HasTheSameKeysWhateverTheValues) {
    const auto json = to_json(busy_snapshot());
    const auto& semaphores = json["segments"][0]["semaphores"];
    ASSERT_EQ(semaphores.size(), 4U) << "idle ones too";
    const auto names = [](const ordered_json& object) {
        keys result;
        for (const auto& [key, member] : object.items()) result.insert(key);
        return result;
    };
    for (const auto& semaphore : semaphores) EXPECT_EQ(names(semaphore), names(semaphores[0]));
}

TEST(ReportJson, SaysWhatTheSnapshotHolds) {
    const auto json = to_json(busy_snapshot());
    EXPECT_EQ(json["format"], 1);
    EXPECT_EQ(json["taken_unix_ns"], 1'700'000'000'000'000'000);
    const auto& segment = json["segments"][0];
    EXPECT_EQ(segment["name"], "jobs");
    EXPECT_TRUE(segment["error"].is_null());
    EXPECT_EQ(segment["id"], "0x0123456789abcdef");
    EXPECT_EQ(segment["limits"]["processes"], 512);
    EXPECT_EQ(segment["processes"][1]["life"], "dead");
    EXPECT_EQ(segment["processes"][1]["attached_ns"], 99'000'000'000);

    const auto& encode = segment["semaphores"][1];
    EXPECT_EQ(encode["name"], "encode");
    EXPECT_EQ(encode["kind"], "leased");
    EXPECT_EQ(encode["order"], "fifo");
    EXPECT_EQ(encode["renewal"], "automatic");
    EXPECT_EQ(encode["ttl_ns"], 30'000'000'000);
    EXPECT_TRUE(encode["max_hold_ns"].is_null()) << "no cap";
    EXPECT_EQ(encode["acquired"], 3);
    EXPECT_EQ(encode["waiting"], 2);
    EXPECT_EQ(encode["oldest_wait_ns"], 1'520'000'000);
    EXPECT_EQ(encode["totals"]["reaped"], 7);
    EXPECT_EQ(encode["wait"]["count"], 5'100);
    EXPECT_EQ(encode["wait"]["buckets"].size(), histogram_buckets);
    EXPECT_EQ(encode["holders"][0]["token"], 40'961);
    EXPECT_EQ(encode["holders"][1]["ttl_left_ns"], 0) << "expired";
    EXPECT_TRUE(encode["holders"][2]["ttl_left_ns"].is_null()) << "does not expire";
    EXPECT_EQ(encode["waiters"][0]["permits"], 2);

    const auto& shrunk = segment["semaphores"][0];
    EXPECT_EQ(shrunk["order"], "throughput");
    EXPECT_EQ(shrunk["renewal"], "manual");
    EXPECT_TRUE(shrunk["ttl_ns"].is_null());
    EXPECT_TRUE(shrunk["oldest_wait_ns"].is_null());
    EXPECT_TRUE(shrunk["wait"]["p99_ns"].is_null()) << "nothing counted";
    EXPECT_EQ(segment["semaphores"][2]["kind"], "ownerless");
}

TEST(ReportJson, SaysWhyASegmentCouldNotBeRead) {
    const auto json = to_json(broken_snapshot());
    EXPECT_EQ(json["segments"][0]["reaped"], 1);
    const auto& torn = json["segments"][1];
    EXPECT_EQ(torn["name"], "torn");
    EXPECT_EQ(torn["error"]["code"], "segment_truncated");
    EXPECT_EQ(torn.size(), 2U);
}

TEST(ReportJson, IsAsciiThatParsesWhateverProcessesWrote) {
    const std::string text = json_text(hostile_snapshot());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        ASSERT_TRUE((byte >= 0x20 && byte < 0x7f) || c == '\n') << int{byte};
    }
    const auto parsed = ordered_json::parse(text);
    const auto& holder = parsed["segments"][0]["semaphores"][0]["holders"][0];
    EXPECT_EQ(holder["command"], "a\nSEAT");
    EXPECT_EQ(holder["tenant"], "\u202eyaj\ufffd");
}

}  // namespace
}  // namespace shmsem::test
