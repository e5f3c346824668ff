#include "support/seed.hpp"

#include <cstdio>
#include <cstdlib>
#include <random>

namespace shmsem::test {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* given = std::getenv(name);
    return given == nullptr ? otherwise : std::strtoull(given, nullptr, 0);
}

std::uint64_t seed_of_this_run() {
    const std::uint64_t seed = from_environment("SHMSEM_SEED", std::random_device{}());
    std::printf("repeat with SHMSEM_SEED=%llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    return seed;
}

}  // namespace shmsem::test
