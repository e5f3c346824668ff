#pragma once

#include <string>
#include <string_view>

#include "report/printable.hpp"

namespace shmsem::semctl {

/// A segment, or a semaphore in one, as the command line names it.
struct place {
    std::string segment;
    std::string semaphore;  ///< empty: the segment itself
};

/// "segment 'jobs'", "semaphore 'gpu' in segment 'jobs'"; printable.
[[nodiscard]] std::string words_of(const place& where, report::charset terminal);

/// The name as a shell takes it for one operand: quoted where that is needed. Not printable yet.
[[nodiscard]] std::string operand(std::string_view name);

/// `text` with {segment} and {semaphore} replaced by the operands.
[[nodiscard]] std::string fill_in(std::string_view text, const place& where);

}  // namespace shmsem::semctl
