#pragma once

#include <optional>
#include <string_view>

#include "semrun/progress.hpp"

namespace shmsem::semrun {

/// Shows progress on the standard error: a bar on a terminal, now and then a line elsewhere.
class progress_display {
   public:
    /// @param quiet  shows nothing
    explicit progress_display(bool quiet);

    /// Draws it if it is to be seen. On a terminal to be called whenever something changed, elsewhere as often as one likes.
    void show(const progress& now, bool at_line_start);
    /// Takes the bar away, before something else is printed.
    void hide();
    /// A line of its own, without losing the bar.
    void say_beside(std::string_view what);

    /// How often show() should be called without news.
    [[nodiscard]] duration period() const noexcept;

   private:
    bool quiet_;
    bool terminal_;
    bool visible_ = false;
    report::charset charset_;
    std::string drawn_;
    duration last_{};
};

}  // namespace shmsem::semrun
