#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "report/printable.hpp"
#include "shmsem/inspect.hpp"
#include "shmsem/lease.hpp"

namespace shmsem::semrun {

/// "1st", "2nd", "11th".
[[nodiscard]] std::string ordinal(std::size_t n);

/// "3rd in line, held by pid 1234 make for 2m07s and 2 others"; nothing when process `pid` does not wait there. Pure.
[[nodiscard]] std::optional<std::string> line_text(const semaphore_snapshot& seen, std::uint32_t pid,
                                                   report::charset terminal);

/// As line_text(), but without the times: as long as this stays the same there is no news.
[[nodiscard]] std::string line_key(const semaphore_snapshot& seen, std::uint32_t pid);

/// "0", or of several permits "0,2,5".
[[nodiscard]] std::string seats_of(const lease& held);

}  // namespace shmsem::semrun
