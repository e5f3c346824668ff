#include "demo_main/cost.hpp"

#include <semaphore.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "demo_main/shared_memory.hpp"

namespace demo {
namespace {

constexpr int rounds = 41;
constexpr int pairs = 20'000;

template <class Pair>
double time_of(const Pair& pair) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < pairs; ++i) pair();
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
    return spent.count() / pairs;
}

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + rounds / 2, values.end());
    return values[rounds / 2];
}

}  // namespace

cost compare(shmsem::semaphore& permits) {
    const shared_value<sem_t> plain;
    ::sem_init(&*plain, 1, permits.permits());
    std::vector<double> ours;
    std::vector<double> theirs;
    for (int i = 0; i < rounds; ++i) {
        ours.push_back(time_of([&] { (void)permits.acquire().release(); }));
        theirs.push_back(time_of([&] {
            ::sem_wait(&*plain);
            ::sem_post(&*plain);
        }));
    }
    ::sem_destroy(&*plain);
    return {.acquire_release = median(ours), .sem_wait_post = median(theirs)};
}

}  // namespace demo
