#include "semtop/fields.hpp"

#include <algorithm>

namespace shmsem::semtop {
namespace {

std::size_t line_of(const std::vector<std::size_t>& widths) {
    std::size_t sum = 0;
    for (const std::size_t one : widths) {
        if (one != 0) sum += one + (sum == 0 ? 0 : 1);
    }
    return sum;
}

}  // namespace

std::vector<std::size_t> fitted_widths(const std::vector<field>& fields, std::size_t width) {
    int last = 0;
    for (const auto& one : fields) last = std::max(last, one.group);
    std::vector<std::size_t> widths(fields.size());
    for (;; --last) {
        for (std::size_t i = 0; i < fields.size(); ++i) widths[i] = fields[i].group <= last ? fields[i].width : 0;
        if (last == 0 || line_of(widths) <= width) break;
    }
    // What is left over goes to those who want it, the first of them first.
    std::size_t sum = line_of(widths);
    for (std::size_t i = 0; i < fields.size() && sum < width; ++i) {
        if (widths[i] == 0) continue;
        const std::size_t more = std::min(fields[i].most - widths[i], width - sum);
        widths[i] += more;
        sum += more;
    }
    return widths;
}

}  // namespace shmsem::semtop
