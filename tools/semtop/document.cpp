#include "semtop/document.hpp"

#include <algorithm>

namespace shmsem::semtop {

void document::add(line one) {
    add(1, [kept = std::move(one)](std::size_t) { return kept; });
}

void document::add(std::size_t count, std::function<line(std::size_t)> at) {
    if (count == 0) return;
    parts_.push_back({lines_, count, std::move(at)});
    lines_ += count;
}

line document::at(std::size_t index) const {
    const auto after = std::upper_bound(parts_.begin(), parts_.end(), index,
                                        [](std::size_t wanted, const part& one) { return wanted < one.first; });
    if (after == parts_.begin() || index >= lines_) return {};
    const part& one = *std::prev(after);
    return one.at(index - one.first);
}

void document::draw(screen& on, std::size_t row, std::size_t rows, std::size_t from, std::size_t left,
                    std::size_t right) const {
    for (std::size_t i = 0; i < rows && from + i < lines_; ++i) {
        std::size_t column = left;
        for (const auto& [text, look] : at(from + i)) {
            if (column >= right) break;
            column = on.put(row + i, column, report::cut(text, right - column), look);
        }
    }
}

}  // namespace shmsem::semtop
