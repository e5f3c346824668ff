#pragma once

#include <cstddef>
#include <string>

#include "report/printable.hpp"
#include "shmsem/options.hpp"

namespace shmsem::semrun {

/// How far --each has come. What is said of it are pure functions of this.
struct progress {
    std::size_t known = 0;  ///< lines read so far
    bool all_known = false;
    std::size_t running = 0;
    std::size_t succeeded = 0;
    std::size_t failed = 0;
    bool waiting = false;  ///< for a permit that others hold
    bool halted = false;   ///< no more are started
    duration elapsed{};

    [[nodiscard]] std::size_t done() const noexcept { return succeeded + failed; }
};

/// For a terminal: one line without its end, `width` columns at most.
[[nodiscard]] std::string progress_bar(const progress& now, std::size_t width, report::charset terminal);

/// For a log: "12 of 40 done, 3 running, 1 failed, 1m05s".
[[nodiscard]] std::string progress_line(const progress& now);

/// At the end: "40 jobs in 2m07s: 38 succeeded, 1 failed, 1 not run".
[[nodiscard]] std::string summary(const progress& at_end);

}  // namespace shmsem::semrun
