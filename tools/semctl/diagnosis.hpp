#pragma once

#include <string>
#include <vector>

#include "semctl/facts.hpp"
#include "semctl/words.hpp"

namespace shmsem::semctl {

/// Notes are worth knowing; warnings and problems are what makes the doctor's exit status 3.
enum class severity { note, warning, problem };

[[nodiscard]] constexpr const char* word(severity s) noexcept {
    return s == severity::note ? "note" : s == severity::warning ? "warning" : "problem";
}

struct finding {
    severity how_bad{};
    place where;  ///< without a segment: this host
    std::string what;
    std::string remedy;
    const char* check = "";  ///< filled in by diagnose()
};

using findings = std::vector<finding>;

/// One thing that may be wrong.
struct check {
    const char* name;  ///< one word for programs and for the table in README.md
    const char* fine;  ///< what is so when it finds nothing
    findings (*look)(const facts&);
};

[[nodiscard]] const std::vector<check>& host_checks();
[[nodiscard]] const std::vector<check>& segment_checks();
[[nodiscard]] const std::vector<check>& semaphore_checks();

/// Every check in order, each finding with the name of its check.
[[nodiscard]] findings diagnose(const facts& seen);

[[nodiscard]] bool anything_wrong(const findings& found) noexcept;

}  // namespace shmsem::semctl
