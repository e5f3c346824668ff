#include <gmock/gmock.h>
#include <sys/stat.h>

#include "semtop/actions.hpp"
#include "shmsem/shmsem.hpp"
#include "support/other_user.hpp"
#include "support/shmsem_test.hpp"

// What is confirmed in the live view is done to what was seen, or not at all, in words.

namespace shmsem::test {
namespace {

using ::testing::HasSubstr;
using verb = semtop::action::verb;

class SemtopAction : public WithSegment {
   protected:
    /// On "encode" as it is now.
    [[nodiscard]] semtop::action action(verb what) const {
        semtop::action result;
        result.what = what;
        result.segment = home.name();
        result.segment_id = segment::open(home.name(), access::read_only).inspect().id;
        result.semaphore = "encode";
        result.permits = 2;
        return result;
    }
    semaphore encode = home->semaphore("encode", {.permits = 1});
};

TEST_F(SemtopAction, OfAnotherUserIsRefusedInWordsThatNameTheSegment) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    ASSERT_EQ(::chmod(home.path().c_str(), 0644), 0);
    as_nobody([&] {
        for (const auto what : {verb::pause, verb::reap}) {
            const auto refused = perform(action(what), report::charset::ascii);
            EXPECT_FALSE(refused.done);
            EXPECT_THAT(refused.words, HasSubstr(home.name()));
            EXPECT_THAT(refused.words, HasSubstr("refused access: check"));
        }
    });
    EXPECT_FALSE(encode.paused());
}

TEST_F(SemtopAction, LeavesASegmentThatWasCreatedAnewAlone) {
    const lease held = encode.acquire();
    for (const auto what : {verb::pause, verb::resume, verb::reap, verb::end, verb::resize}) {
        semtop::action stale = action(what);
        stale.segment_id += 1;
        stale.seat = held.seat();
        stale.token = held.token();
        const auto refused = perform(stale, report::charset::ascii);
        EXPECT_FALSE(refused.done);
        EXPECT_THAT(refused.words, HasSubstr("created anew"));
    }
    EXPECT_FALSE(encode.paused());
    EXPECT_EQ(encode.permits(), 1U);
    EXPECT_TRUE(held.valid());
}

}  // namespace
}  // namespace shmsem::test
