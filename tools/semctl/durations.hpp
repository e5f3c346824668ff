#pragma once

#include <optional>
#include <string_view>

#include "shmsem/options.hpp"

namespace shmsem::semctl {

/// "30s", "1.5h", "250ms", "forever"; a number without a unit is seconds. Nothing for what is no duration, is negative or is too
/// long to be told.
[[nodiscard]] std::optional<duration> parse_duration(std::string_view text);

}  // namespace shmsem::semctl
