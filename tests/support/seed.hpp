#pragma once

#include <cstdint>

namespace shmsem::test {

/// The seed of this run: SHMSEM_SEED, or by chance; it is printed.
std::uint64_t seed_of_this_run();
/// A number from the environment, or `otherwise`.
std::uint64_t from_environment(const char* name, std::uint64_t otherwise);

}  // namespace shmsem::test
