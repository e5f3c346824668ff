#include "report/prometheus.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report_samples.hpp"

namespace shmsem::test {
namespace {

using report::charset;
using report::prometheus_text;

using label_set = std::map<std::string, std::string>;

struct sample {
    std::string family;
    label_set labels;
    double value = 0;
};

struct exposition {
    std::map<std::string, std::string> types;
    std::vector<sample> samples;
    std::string problem;  // the first one, in words
};

// As strict as the format's description, and stricter: HELP, then TYPE, then all samples of that family, and no other line.
class strict_parser {
   public:
    static exposition parse(const std::string& text) {
        strict_parser parser;
        if (!text.empty() && text.back() != '\n') parser.fail("the last line does not end");
        std::istringstream lines(text);
        for (std::string line; parser.result_.problem.empty() && std::getline(lines, line);) parser.read(line);
        return std::move(parser.result_);
    }

   private:
    void fail(const std::string& why) {
        if (result_.problem.empty()) result_.problem = why + " in: " + line_;
    }
    bool take(std::string_view token) {
        if (!rest_.starts_with(token)) return false;
        rest_.remove_prefix(token.size());
        return true;
    }
    std::string name(bool colon) {
        std::size_t n = 0;
        const auto fits = [&](char c) {
            return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || (colon && c == ':') ||
                   (n > 0 && std::isdigit(static_cast<unsigned char>(c)) != 0);
        };
        while (n < rest_.size() && fits(rest_[n])) ++n;
        if (n == 0) fail("a name is missing");
        std::string found(rest_.substr(0, n));
        rest_.remove_prefix(n);
        return found;
    }
    std::string label_value() {
        std::string value;
        if (!take("\"")) fail("no opening quote");
        while (!rest_.empty() && rest_[0] != '"') {
            const auto byte = static_cast<unsigned char>(rest_[0]);
            if (byte < 0x20 || byte == 0x7f) fail("a control character");
            if (take("\\")) {
                if (rest_.empty() || (rest_[0] != '\\' && rest_[0] != '"' && rest_[0] != 'n')) fail("an unknown escape");
            }
            if (rest_.empty()) break;
            value += rest_[0];
            rest_.remove_prefix(1);
        }
        if (!take("\"")) fail("no closing quote");
        return value;
    }
    void read(const std::string& line) {
        line_ = line;
        rest_ = line_;
        if (take("# HELP ")) {
            family_ = name(true);
            if (!families_.insert(family_).second) fail("a family that comes twice");
            if (!take(" ") || rest_.empty()) fail("no help");
            typed_ = false;
        } else if (take("# TYPE ")) {
            if (name(true) != family_ || typed_) fail("TYPE does not follow its HELP");
            if (!take(" ")) fail("no type");
            const std::string type(rest_);
            if (!std::set<std::string>{"counter", "gauge", "untyped"}.contains(type)) fail("an unknown type");
            if ((type == "counter") != family_.ends_with("_total")) fail("a name that misleads");
            result_.types[family_] = type;
            typed_ = true;
        } else {
            read_sample();
        }
    }
    void read_sample() {
        sample found;
        found.family = name(true);
        if (found.family != family_ || !typed_) fail("a sample outside of its family");
        if (take("{")) {
            do {
                const std::string label = name(false);
                if (!take("=")) fail("no =");
                if (!found.labels.emplace(label, label_value()).second) fail("a label that comes twice");
            } while (take(","));
            if (!take("}")) fail("no closing brace");
        }
        if (!take(" ")) fail("no space before the value");
        const std::string value(rest_);
        char* end = nullptr;
        found.value = std::strtod(value.c_str(), &end);
        if (value.empty() || *end != '\0' || std::isspace(static_cast<unsigned char>(value[0])) != 0) fail("not a number");
        if (!seen_.emplace(found.family, found.labels).second) fail("the same series twice");
        result_.samples.push_back(std::move(found));
    }

    exposition result_;
    std::string line_;
    std::string_view rest_;
    std::string family_;
    bool typed_ = false;
    std::set<std::string> families_;
    std::set<std::pair<std::string, label_set>> seen_;
};

exposition parsed(const report::snapshot& what) {
    auto result = strict_parser::parse(prometheus_text(what, charset::utf8));
    EXPECT_EQ(result.problem, "");
    return result;
}

double value_of(const exposition& from, const std::string& family, const label_set& labels) {
    for (const auto& one : from.samples) {
        if (one.family == family && one.labels == labels) return one.value;
    }
    ADD_FAILURE() << "no such sample of " << family;
    return -1;
}

TEST(Prometheus, TheParserOfThisTestIsStrict) {
    const std::string head = "# HELP a b\n# TYPE a gauge\n";
    EXPECT_EQ(strict_parser::parse(head + "a 1\n").problem, "");
    EXPECT_EQ(strict_parser::parse(head + "a{l=\"x\\\\\\\"\",m=\"\"} +Inf\n").problem, "");
    for (const char* bad : {"a 1", "b 1\n", "a{l=\"x\"}1\n", "a{l=\"x} 1\n", "a{l=\"\\x\"} 1\n", "a{1=\"\"} 1\n", "a one\n",
                            "a 1\na 2\n", "a{l=\"\",l=\"\"} 1\n", "\n", "# TYPE a gauge\n"}) {
        EXPECT_NE(strict_parser::parse(head + bad).problem, "") << bad;
    }
}

TEST(Prometheus, IsWellFormedWhateverProcessesWrote) {
    for (const auto& what :
         {busy_snapshot(), broken_snapshot(), hostile_snapshot(), deadlock_snapshot(), report::snapshot{}}) {
        EXPECT_FALSE(parsed(what).types.empty());
        EXPECT_EQ(strict_parser::parse(prometheus_text(what, charset::ascii)).problem, "");
    }
}

TEST(Prometheus, SaysWhatTheSnapshotHolds) {
    const auto found = parsed(busy_snapshot());
    const label_set encode{{"segment", "jobs"}, {"semaphore", "encode"}};
    EXPECT_EQ(value_of(found, "shmsem_permits", encode), 4);
    EXPECT_EQ(value_of(found, "shmsem_held", encode), 3);
    EXPECT_EQ(value_of(found, "shmsem_waiting", encode), 2);
    EXPECT_EQ(value_of(found, "shmsem_oldest_wait_seconds", encode), 1.52);
    EXPECT_EQ(value_of(found, "shmsem_acquired_total", encode), 120'431);
    EXPECT_EQ(value_of(found, "shmsem_reaped_total", encode), 7);
    EXPECT_EQ(found.types.at("shmsem_acquired_total"), "counter");
    EXPECT_EQ(found.types.at("shmsem_held"), "gauge");
    EXPECT_EQ(value_of(found, "shmsem_tenant_held", {{"segment", "jobs"}, {"semaphore", "encode"}, {"tenant", "acme"}}), 1);
    EXPECT_EQ(value_of(found, "shmsem_segment_readable", {{"segment", "jobs"}, {"error", ""}}), 1);
    EXPECT_EQ(value_of(parsed(broken_snapshot()), "shmsem_segment_readable",
                       {{"segment", "torn"}, {"error", "segment_truncated"}}),
              0);
    EXPECT_EQ(value_of(parsed(deadlock_snapshot()), "shmsem_deadlocks", {}), 1);
}

TEST(Prometheus, BucketsAreCumulativeAndTheLastOneIsTheCount) {
    const auto found = parsed(busy_snapshot());
    for (const std::string name : {"shmsem_wait_seconds", "shmsem_hold_seconds"}) {
        std::map<label_set, std::pair<double, double>> last;  // bound and value, of each semaphore
        std::map<label_set, double> infinite;
        for (const auto& one : found.samples) {
            if (one.family != name + "_bucket") continue;
            label_set of = one.labels;
            const double bound = std::strtod(of.at("le").c_str(), nullptr);
            of.erase("le");
            if (last.contains(of)) {
                EXPECT_GT(bound, last[of].first);
                EXPECT_GE(one.value, last[of].second);
            }
            last[of] = {bound, one.value};
            if (one.labels.at("le") == "+Inf") infinite[of] = one.value;
        }
        ASSERT_EQ(infinite.size(), 4U);
        for (const auto& [of, value] : infinite) EXPECT_EQ(value, value_of(found, name + "_count", of));
        EXPECT_EQ(found.types.at(name + "_bucket"), "untyped") << "a histogram would need a sum, which nobody counts";
    }
    EXPECT_EQ(value_of(found, "shmsem_wait_seconds_count", {{"segment", "jobs"}, {"semaphore", "encode"}}), 5'100);
}

TEST(Prometheus, ANameStaysInsideItsQuotes) {
    const auto found = parsed(hostile_snapshot());
    EXPECT_EQ(value_of(found, "shmsem_held", {{"segment", "evil\\x1b[2J"}, {"semaphore", "\\x1b]0;owned\\x07"}}), 1)
        << "after unescaping it reads as everywhere else";
    report::snapshot quoting = busy_snapshot();
    std::get<segment_snapshot>(quoting.segments[0].contents).semaphores[0].name = "a\"} 1\n# EVIL \\";
    EXPECT_EQ(value_of(parsed(quoting), "shmsem_held", {{"segment", "jobs"}, {"semaphore", "a\"} 1\\x0a# EVIL \\\\"}}), 2);
}

TEST(Prometheus, HasTheDocumentedFamilies) {
    std::set<std::string> found;
    for (const auto& [family, type] : parsed(busy_snapshot()).types) found.insert(family);
    EXPECT_EQ(found, documented_in_readme("| family `"));
}

}  // namespace
}  // namespace shmsem::test
