#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "cpu.hpp"
#include "report.hpp"
#include "wording.hpp"

namespace semabench {

namespace {

using row = std::vector<std::string>;

std::string laid_out(const std::vector<row>& rows, const std::vector<bool>& to_the_right) {
    std::vector<std::size_t> widths(to_the_right.size(), 0);
    for (const auto& one : rows) {
        for (std::size_t i = 0; i < one.size(); ++i) widths[i] = std::max(widths[i], one[i].size());
    }
    std::string text;
    for (const auto& one : rows) {
        std::string line;
        for (std::size_t i = 0; i < one.size(); ++i) {
            const std::string gap(widths[i] - one[i].size(), ' ');
            line += (i > 0 ? "  " : "") + (to_the_right[i] ? gap + one[i] : one[i] + gap);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

struct told {
    line about;
    finding found;
};

std::vector<told> lines_of(const finished& one) {
    std::vector<told> all;
    for (const auto& about : one.what.lines) {
        if (has_samples(one.result, about)) all.push_back({about, judge(one.what, one.result, about)});
    }
    return all;
}

/// The larger, the worse, whichever way the measure goes.
double badness(const benchmark& what, const told& line) {
    const double value = line.found.ratio.median;
    return what.measures[line.about.measure].direction == better::lower ? value : -value;
}

/// Whether both are points of one contestant's series by one measure.
bool same_series(const benchmark& what, const line& a, const line& b) {
    const auto& first = what.contestants[a.who];
    const auto& second = what.contestants[b.who];
    return first.size && second.size && first.name == second.name && a.measure == b.measure;
}

/// Whether anything is wanted of these two, by whatever measure.
bool is_judged(const benchmark& what, const line& of) {
    return std::any_of(what.lines.begin(), what.lines.end(), [&](const line& each) {
        return each.who == of.who && each.peer == of.peer && each.wanted.has_value();
    });
}

std::vector<told> telling(const finished& one) {
    const auto& what = one.what;
    auto lines = lines_of(one);
    if (std::any_of(what.lines.begin(), what.lines.end(), [](const line& each) { return each.wanted.has_value(); })) {
        std::erase_if(lines, [&](const told& each) {
            const bool stated = !each.about.peer && !what.contestants[each.about.who].size;
            return !stated && !is_judged(what, each.about);
        });
    }
    std::vector<told> kept;
    for (const auto& each : lines) {
        const auto same = std::find_if(kept.begin(), kept.end(),
                                       [&](const told& other) { return same_series(one.what, each.about, other.about); });
        if (same == kept.end()) {
            kept.push_back(each);
        } else if (each.about.peer && (!same->about.peer || badness(one.what, each) > badness(one.what, *same))) {
            *same = each;
        }
    }
    return kept;
}

std::string figure_text(const finished& one, std::size_t who, double value, const std::string& unit) {
    return label_of(one.what, who) + ": " + amount(value, unit);
}

}  // namespace

std::string table_of(const std::vector<finished>& all) {
    std::vector<row> rows = {
        {"benchmark", "measure", "contestant", "figure", "peer", "peer's", "ratio", "spread", "target", "verdict"}};
    for (const auto& one : all) {
        for (const auto& [about, found] : lines_of(one)) {
            const auto& by = one.what.measures[about.measure];
            rows.push_back({one.what.name, by.name, label_of(one.what, about.who), amount(found.figure.median, by.unit),
                            about.peer ? label_of(one.what, *about.peer) : "",
                            about.peer ? amount(found.peer.median, by.unit) : "",
                            about.peer ? ratio_text(found.ratio.median) : "", spread_text(one.what, about, found),
                            target_text(one.what, about), verdict(one.what, about, found)});
        }
    }
    return laid_out(rows, {false, false, false, true, false, true, true, true, true, false});
}

std::string markdown_of(const std::vector<finished>& all, const circumstances& around) {
    std::ostringstream text;
    text << "Median of " << around.rounds << " rounds on " << processors().size() << " processors (" << processor_model()
         << ", Linux " << kernel_version() << "); in brackets the smallest and the largest ratio of a round."
         << (around.is_busy() ? " Other work was running: load " + amount(around.load_before, "") + "before the run." : "")
         << "\n\n"
         << "| question | figure | against | ratio | target | |\n|---|---|---|---|---|---|\n";
    for (const auto& one : all) {
        for (const auto& [about, found] : telling(one)) {
            const auto& by = one.what.measures[about.measure];
            text << "| `" << one.what.name << "`: " << one.what.question;
            if (one.what.measures.size() > 1) text << "; " << by.name;
            text << " | " << figure_text(one, about.who, found.figure.median, by.unit) << " | ";
            if (about.peer) {
                text << figure_text(one, *about.peer, found.peer.median, by.unit) << " | " << ratio_text(found.ratio.median)
                     << " ";
            } else {
                text << " | ";
            }
            text << "(" << spread_text(one.what, about, found) << ") | " << target_text(one.what, about) << " | "
                 << verdict(one.what, about, found) << " |\n";
        }
    }
    return text.str();
}

std::vector<std::string> failures_of(const std::vector<finished>& all) {
    std::vector<std::string> lines;
    for (const auto& one : all) {
        for (std::size_t i = 0; i < one.result.size(); ++i) {
            if (one.result[i].error.empty()) continue;
            lines.push_back(one.what.name + ", " + label_of(one.what, i) + ": " + one.result[i].error);
        }
    }
    return lines;
}

}  // namespace semabench
