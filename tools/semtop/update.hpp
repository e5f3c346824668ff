#pragma once

#include <string>
#include <vector>

#include "semtop/model.hpp"

namespace shmsem::semtop {

struct key {
    enum class code : std::uint8_t {
        character,
        up,
        down,
        page_up,
        page_down,
        home,
        end,
        enter,
        escape,
        backspace,
        sort_menu,  ///< F6
        help,       ///< F1
        click,      ///< at row and column
        wheel_up,
        wheel_down,
        other,
    };
    code what = code::other;
    std::string text{};  ///< of a character
    std::size_t row = 0;
    std::size_t column = 0;
};

struct effect {
    enum class kind : std::uint8_t { quit, sample, act };
    kind what{};
    action then{};
};

struct step {
    model state;
    std::vector<effect> effects;
};

/// What the user has pressed. Pure.
[[nodiscard]] step update(model state, const key& pressed);
/// A new sample; a frozen display keeps the old one. Pure.
[[nodiscard]] model receive(model state, report::snapshot seen, history::time_point now);
/// The terminal has another size.
[[nodiscard]] model resized(model state, size extent);

/// What is about to be done, as a question.
[[nodiscard]] std::string question_of(const action& proposed, report::charset terminal);

}  // namespace shmsem::semtop
