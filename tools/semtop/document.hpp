#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "semtop/screen.hpp"

// A page that may be longer than the screen. Only lines that are shown are made, since a semaphore can have very many holders.

namespace shmsem::semtop {

struct span {
    std::string text;
    role look = role::plain;
};
using line = std::vector<span>;

class document {
   public:
    void add(line one);
    void add(std::size_t count, std::function<line(std::size_t)> at);

    [[nodiscard]] std::size_t lines() const noexcept { return lines_; }
    [[nodiscard]] line at(std::size_t index) const;

    /// Writes `rows` lines from the `from`th on, between two columns.
    void draw(screen& on, std::size_t row, std::size_t rows, std::size_t from, std::size_t left, std::size_t right) const;

   private:
    struct part {
        std::size_t first;
        std::size_t count;
        std::function<line(std::size_t)> at;
    };
    std::size_t lines_ = 0;
    std::vector<part> parts_;
};

}  // namespace shmsem::semtop
