#pragma once

#include "semtop/document.hpp"
#include "semtop/rows.hpp"

namespace shmsem::semtop {

/// All about one semaphore. On a wide terminal what is about more than a single holder or waiter lies beside the seats and the
/// queue, otherwise below.
struct detail {
    document left;
    document right;  ///< empty on a narrow terminal
    std::size_t width_of_left = 0;
    std::size_t line_of_seat = 0;
};

[[nodiscard]] detail detail_of(const model& of, const row& one);

/// Index of the selected holder, or of the next one if it has gone; holders.size() if there are none.
[[nodiscard]] std::size_t selected_holder(const model& of, const semaphore_snapshot& semaphore);

}  // namespace shmsem::semtop
