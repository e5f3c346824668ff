#include <atomic>
#include <cstdio>
#include <string>

#include "fuzz/choices.hpp"
#include "fuzz/image.hpp"
#include "support/seed.hpp"
#include "support/shmsem_test.hpp"

// I8: whatever the bytes of a segment are, before a process opens it and while it is attached, every call answers: with a value or
// an error of this library's, by its deadline, without touching what lies outside of the segment's tables. And the process is none
// the worse for it.
//
//   SHMSEM_IMAGES=1000000 SHMSEM_SEED=7 build/bin/fuzz_test --gtest_filter='*Alone'
//
// runs so many images, numbered from the seed on. Each stands for itself, so the one that fails is repeated by its number, with
// SHMSEM_IMAGES=1; the command is printed. Where several threads meet in an image it may take some tries, and what a process has
// seen before counts too: then repeat all images of that process, which begin with the number that is printed as well.
//
// That it finds what it is to find was tried by taking one check at a time out of the library:
//
//   taken out                                              found as                           by image (SHMSEM_SEED=1)
//   slots_of(): first and capacity within the table        an index outside of its table      41
//   owner_is_dead(): has_process()                         the same                           2
//   queued_here(): has_node()                              the same                           40
//   check_invariants(): "the queue runs in a circle"       a call that outlives its deadline  10
//
// An index is judged by layout::view itself, in the variant of the library that tests link: all tables lie in one mapping, so a
// sanitizer alone would not see that one of them was left for the next.

namespace shmsem::test {
namespace {

constexpr std::uint64_t images_in_a_process = 200;
constexpr std::uint64_t usual_images = thread_sanitizer ? 550 : 5500;  // of each test, so tools/check runs 22,000

struct share {
    const char* name;
    std::uint64_t usual;  // images
    bool beside;
};

class Damaged : public ::testing::TestWithParam<share> {};

TEST_P(Damaged, ASegmentGetsAnAnswerFromEveryCallAndHarmsNobody) {
    watchdog guard{std::chrono::hours{12}};  // each call has one of its own: see warden.hpp
    const std::uint64_t count = from_environment("SHMSEM_IMAGES", GetParam().usual);
    std::printf("images: %llu\n", static_cast<unsigned long long>(count));
    const std::uint64_t begin = seed_of_this_run();
    const std::vector<fuzz::picture> pictures = fuzz::take_pictures();
    shared<std::atomic<std::uint64_t>> at;
    for (std::uint64_t done = 0; done < count && !HasFailure(); done += images_in_a_process) {
        const std::uint64_t end = begin + std::min(done + images_in_a_process, count);
        auto batch = fork_child([&] {
            fuzz::images each(pictures, GetParam().beside);
            for (at->store(begin + done); at->load() < end; at->fetch_add(1)) {
                fuzz::now_running("image " + std::to_string(at->load()));
                each.run(fuzz::image_of(at->load()));
            }
            each.expect_unharmed();
        });
        EXPECT_EQ(batch.wait_exit(), 0) << "image " << at->load() << " of the process's that began with " << begin + done
                                        << "; repeat it with\n  SHMSEM_SEED=" << at->load()
                                        << " SHMSEM_IMAGES=1 fuzz_test --gtest_filter='*" << GetParam().name << "'";
        if (!HasFailure()) continue;
        const std::string left = "fuzz-" + std::to_string(batch.pid());
        for (const std::string& path : {path_of(left), path_of(left + "-fresh"), fuzz::kept_path(left)})
            ::unlink(path.c_str());
    }
}

std::string name_of(const ::testing::TestParamInfo<share>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(By, Damaged,
                         ::testing::Values(share{"Alone", usual_images, false}, share{"AmongOthers", usual_images, true}),
                         name_of);

}  // namespace
}  // namespace shmsem::test
