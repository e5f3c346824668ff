#include "report/table.hpp"

#include <algorithm>
#include <cctype>

namespace shmsem::report {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kFoldIndent = 4;
constexpr std::size_t kComfortable = 20;  // names cut to this are still told apart
constexpr std::size_t kNarrowest = 6;

std::string lower(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

// Widths of the columns as their contents want them; 0: no row has a value.
std::vector<std::size_t> natural_widths(const table& what) {
    std::vector<std::size_t> widths(what.headings.size(), 0);
    for (std::size_t i = 0; i < widths.size(); ++i) {
        for (const auto& row : what.rows) widths[i] = std::max(widths[i], columns(row[i]));
        if (widths[i] != 0) widths[i] = std::max(widths[i], columns(what.headings[i].title));
    }
    return widths;
}

std::size_t total(const table& what, const std::vector<std::size_t>& widths, int last_group) {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < widths.size(); ++i) {
        if (widths[i] != 0 && what.headings[i].group <= last_group) sum += widths[i] + (sum == 0 ? 0 : kGap);
    }
    return sum;
}

// The widths with the widest cells of text in group 0 made narrower, though not below `floor`, until it fits or cannot.
std::vector<std::size_t> shrunk(const table& what, std::vector<std::size_t> widths, int last_group, std::size_t floor,
                                std::size_t width) {
    while (total(what, widths, last_group) > width) {
        std::size_t* widest = nullptr;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            if (what.headings[i].group != 0 || what.headings[i].side != align::left || widths[i] <= floor) continue;
            if (widest == nullptr || widths[i] > *widest) widest = &widths[i];
        }
        if (widest == nullptr) break;
        --*widest;
    }
    return widths;
}

struct fitted {
    std::vector<std::size_t> widths;
    int last_group;
};

fitted fit(const table& what, int groups, std::size_t width) {
    const std::vector<std::size_t> natural = natural_widths(what);
    for (int last = groups; last > 0; --last) {
        if (total(what, natural, last) <= width) return {natural, last};
    }
    const auto clipped = shrunk(what, natural, std::min(groups, 1), kComfortable, width);
    if (total(what, clipped, 1) <= width) return {clipped, std::min(groups, 1)};
    return {shrunk(what, natural, 0, kNarrowest, width), 0};
}

std::string line_of(const table& what, const std::vector<std::size_t>& widths, int last_group, charset terminal,
                    std::size_t width, const auto& text) {
    std::string line;
    std::string blanks;
    bool first = true;
    for (std::size_t i = 0; i < widths.size(); ++i) {
        if (widths[i] == 0 || what.headings[i].group > last_group) continue;
        if (!first) blanks.append(kGap, ' ');
        first = false;
        const std::string cell = clip(text(i), widths[i], terminal);
        const std::size_t spare = widths[i] - columns(cell);
        if (what.headings[i].side == align::right) blanks.append(spare, ' ');
        if (!cell.empty()) {
            line += blanks + cell;
            blanks.clear();
        }
        if (what.headings[i].side == align::left) blanks.append(spare, ' ');
    }
    line = cut(line, width);
    line.erase(line.find_last_not_of(' ') + 1);
    return line + '\n';
}

}  // namespace

std::string wrap(const std::vector<std::string>& items, std::size_t indent, std::size_t width) {
    std::string result;
    std::string line;
    const auto flush = [&] {
        if (!line.empty()) result += cut(std::string(indent, ' ') + line, width) + '\n';
        line.clear();
    };
    for (const auto& item : items) {
        if (!line.empty() && indent + columns(line) + kGap + columns(item) > width) flush();
        if (!line.empty()) line.append(kGap, ' ');
        line += item;
    }
    flush();
    return result;
}

std::string lay_out(const table& what, std::size_t width, charset terminal) {
    int groups = 0;
    for (const auto& heading : what.headings) groups = std::max(groups, heading.group);
    const fitted to = fit(what, groups, width);
    const auto line = [&](const auto& text) { return line_of(what, to.widths, to.last_group, terminal, width, text); };

    std::string result = line([&](std::size_t i) { return what.headings[i].title; });
    for (const auto& row : what.rows) {
        result += line([&](std::size_t i) { return row[i]; });
        std::vector<std::string> items;
        for (int group = to.last_group + 1; group <= groups; ++group) {
            for (std::size_t i = 0; i < row.size(); ++i) {
                if (what.headings[i].group != group || row[i].empty()) continue;
                items.push_back(lower(what.headings[i].title) + ' ' + row[i]);
            }
        }
        result += wrap(items, kFoldIndent, width);
    }
    return result;
}

}  // namespace shmsem::report
