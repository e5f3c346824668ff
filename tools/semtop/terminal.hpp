#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "semtop/palette.hpp"
#include "semtop/screen.hpp"
#include "semtop/update.hpp"

// The terminal, and the only place that knows ncurses.

namespace shmsem::semtop {

struct terminal_options {
    std::optional<colours> with;  ///< nothing: as many as the terminal says it has
    bool mouse = false;
};

class terminal {
   public:
    /// Takes the terminal of standard input and output over, until it is destroyed.
    /// @throws std::runtime_error that says what is wrong with TERM, and what to do
    explicit terminal(const terminal_options& options);
    ~terminal();
    terminal(const terminal&) = delete;
    terminal& operator=(const terminal&) = delete;

    [[nodiscard]] size extent() const;
    void show(const screen& what);

    struct input {
        bool resized = false;
        std::optional<key> pressed;
    };
    /// What comes first: a key, another size, or the end of the time (then neither). After a signal to end it comes back at once.
    [[nodiscard]] input wait(std::chrono::nanoseconds at_most);
    /// The signal that asked the program to end, or 0; SIGHUP too when there is no input any more.
    [[nodiscard]] int told_to_end() const noexcept;

   private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace shmsem::semtop
