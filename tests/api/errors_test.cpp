#include "shmsem/errors.hpp"

#include <set>
#include <string>

#include "support/each_errc.hpp"
#include "support/shmsem_test.hpp"

// What the codes are called and what they say. That each of them comes up is in bad_input_test.cpp.

namespace shmsem::test {
namespace {

TEST(Errors, AreAllThere) { EXPECT_GE(each_errc().size(), 30U); }

TEST(Errors, AreNamedAsTheHeaderSpellsThem) {
    for (const errc code : each_errc()) EXPECT_EQ(name_of(code), spelling_of(code));
}

TEST(Errors, EachHaveAMessageOfTheirOwn) {
    std::set<std::string> seen;
    for (const errc code : each_errc()) {
        const std::string message = make_error_code(code).message();
        EXPECT_GT(message.size(), 10U) << name_of(code);
        EXPECT_TRUE(seen.insert(message).second) << name_of(code) << " says what another says: " << message;
    }
}

TEST(Errors, BelongToOneCategory) {
    EXPECT_STREQ(error_category().name(), "shmsem");
    for (const errc code : each_errc()) {
        const std::error_code made = code;
        EXPECT_EQ(&made.category(), &error_category());
        EXPECT_EQ(made, make_error_code(code));
        EXPECT_EQ(made.value(), static_cast<int>(code));
        EXPECT_TRUE(made) << "no code may stand for success";
    }
}

TEST(Errors, OfAnUnknownNumberStillSaySomething) {
    EXPECT_FALSE(error_category().message(0).empty());
    EXPECT_FALSE(error_category().message(-1).empty());
    EXPECT_FALSE(error_category().message(99999).empty());
    EXPECT_NE(name_of(static_cast<errc>(99)), nullptr);
}

TEST(Errors, ThrownAreSystemErrors) {
    try {
        throw error(make_error_code(errc::lease_lost), "words");
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code(), errc::lease_lost);
        EXPECT_NE(std::string(e.what()).find("words"), std::string::npos);
    }
}

}  // namespace
}  // namespace shmsem::test
