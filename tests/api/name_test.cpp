#include <unistd.h>

#include <string>
#include <vector>

#include "support/shmsem_test.hpp"

// One rule for the names of segments and of semaphores: 1 to 47 bytes, no '/', no control characters.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

const std::vector<std::string> bad_names = {
    "",
    std::string(max_name_length + 1, 'n'),
    std::string(4096, 'n'),
    "a/b",
    "/a",
    "a/",
    "../a",
    "a\nb",
    "a\tb",
    std::string("a\0b", 3),
    std::string("\0", 1),
    "a\x7f",
    "a\x01",
    "\x1b[31m",
};

std::string visible(const std::string& name) {
    std::string out;
    for (const char c : name.substr(0, 60)) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
    return "name \"" + out + "\" of " + std::to_string(name.size()) + " bytes";
}

TEST(Name, OfASegmentThatBreaksTheRuleIsRefusedByEveryCall) {
    watchdog guard{60s};
    for (const auto& name : bad_names) {
        SCOPED_TRACE(visible(name));
        expect_both(
            errc::invalid_name, [&] { (void)segment::create(name); },
            [&](std::error_code& ec) { (void)segment::create(name, {}, sharing::owner, ec); });
        expect_both(
            errc::invalid_name, [&] { (void)segment::open(name); },
            [&](std::error_code& ec) { (void)segment::open(name, access::read_write, ec); });
        expect_both(
            errc::invalid_name, [&] { (void)segment::open_or_create(name); },
            [&](std::error_code& ec) { (void)segment::open_or_create(name, {}, sharing::owner, ec); });
        expect_both(
            errc::invalid_name, [&] { (void)segment::remove(name); },
            [&](std::error_code& ec) { (void)segment::remove(name, ec); });
        expect_both(
            errc::invalid_name, [&] { (void)segment::remove_if_unused(name); },
            [&](std::error_code& ec) { (void)segment::remove_if_unused(name, ec); });
    }
}

class NameInSegment : public WithSegment {};

TEST_F(NameInSegment, OfASemaphoreThatBreaksTheRuleIsRefusedByEveryCall) {
    for (const auto& name : bad_names) {
        SCOPED_TRACE(visible(name));
        expect_both(
            errc::invalid_name, [&] { (void)home->semaphore(name); },
            [&](std::error_code& ec) { (void)home->semaphore(name, {}, ec); });
        EXPECT_EQ(code_from([&](auto& ec) { (void)home->find(name, ec); }), errc::semaphore_not_found) << "which is true";
        expect_both(
            errc::invalid_name, [&] { (void)home->ownerless(name); },
            [&](std::error_code& ec) { (void)home->ownerless(name, {}, ec); });
    }
    EXPECT_TRUE(home->inspect().semaphores.empty());
}

TEST_F(NameInSegment, MayBeAsLongAsTheLimitAndHoldAnyOtherByte) {
    const std::vector<std::string> good = {
        "x", std::string(max_name_length, 'n'), "with space", "dots.and-dashes_", "\xc3\xa4\xe2\x82\xac", "..x", "%s%n",
        "\\"};
    for (const auto& name : good) {
        SCOPED_TRACE(visible(name));
        auto made = home->semaphore(name);
        EXPECT_EQ(made.name(), name);
        EXPECT_EQ(home->find(name).name(), name);
        EXPECT_TRUE(made.acquire().valid());
    }
}

TEST_F(NameInSegment, OfTheFullLengthIsToldFromOneThatDiffersInItsLastByte) {
    std::string one(max_name_length, 'n');
    std::string two = one;
    two.back() = 'm';
    auto held = home->semaphore(one).acquire();
    EXPECT_TRUE(home->semaphore(two).try_acquire());
}

TEST(Name, OfASegmentMayBeAsLongAsTheLimit) {
    watchdog guard{60s};
    std::string name = unique_name("long");
    name += std::string(max_name_length - name.size(), 'n');
    remember_file(path_of(name).c_str());
    EXPECT_TRUE(segment::create(name, small_limits));
    EXPECT_EQ(segment::open(name).name(), name);
    EXPECT_TRUE(segment::remove(name));
    forget_file(path_of(name).c_str());
}

TEST_F(NameInSegment, OfATenantIsHeldToTheSameLength) {
    auto s = home->semaphore("s");
    const std::string tenant(max_name_length + 1, 't');
    expect_both(
        errc::invalid_name, [&] { (void)s.acquire({.tenant = tenant}); },
        [&](std::error_code& ec) { (void)s.acquire({.tenant = tenant}, ec); });
    EXPECT_EQ(s.available(), 1U);
    const std::string longest(max_name_length, 't');
    auto held = s.acquire({.tenant = longest});
    EXPECT_EQ(s.inspect().holders.at(0).tenant, longest);
}

TEST_F(NameInSegment, OfALabelIsCutAtItsLimit) {
    auto s = home->semaphore("s");
    const std::string label(max_label_length + 10, 'l');
    auto held = s.acquire({.label = label});
    EXPECT_EQ(s.inspect().holders.at(0).label, label.substr(0, max_label_length));
}

}  // namespace
}  // namespace shmsem::test
