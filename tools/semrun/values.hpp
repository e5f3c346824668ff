#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "shmsem/options.hpp"

namespace shmsem::semrun {

/// A decimal number without sign, no larger than `most`.
[[nodiscard]] std::optional<std::int64_t> number_of(std::string_view text, std::int64_t most) noexcept;

/// "90", "1.5s", "250ms", "2m", "8h", "3d", "forever"; without a unit seconds, as in sleep(1). Longer than max_ttl is forever.
[[nodiscard]] std::optional<duration> duration_of(std::string_view text) noexcept;

}  // namespace shmsem::semrun
