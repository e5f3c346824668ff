#pragma once

#include "semtop/model.hpp"
#include "semtop/rows.hpp"
#include "semtop/screen.hpp"

// From a model to what is to be seen, in the model's size and charset. Pure.

namespace shmsem::semtop {

[[nodiscard]] screen draw(const model& of);

/// Where the lines of a page are: between what is above and below them in every page.
struct body {
    std::size_t first = 0;
    std::size_t rows = 0;
};
[[nodiscard]] body body_of(const model& of);

/// Lines of the page that can be scrolled: detail, deadlocks or help.
[[nodiscard]] std::size_t lines_of_page(const model& of);
/// Of the detail: the line of the selected seat.
[[nodiscard]] std::size_t line_of_seat(const model& of);

void draw_overview(screen& on, const model& of);
void draw_dialog(screen& on, const model& of);

}  // namespace shmsem::semtop
