#pragma once

#include <cstddef>
#include <string>

#include "report/printable.hpp"
#include "report/snapshot.hpp"

namespace shmsem::report {

/// How to show a snapshot.
struct view {
    bool all = false;  ///< idle semaphores too
    charset terminal = charset::ascii;
};

/// True when nobody holds a permit of it, as far as that can be known, nobody waits, and granting is not paused.
[[nodiscard]] bool is_idle(const semaphore_snapshot& semaphore) noexcept;

/// The snapshot as text of lines no wider than `width` columns, 20 at least. Pure: no I/O, no locale, no clock.
[[nodiscard]] std::string render(const snapshot& what, const view& how, std::size_t width);

}  // namespace shmsem::report
