#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cpu.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEMABENCH_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SEMABENCH_SANITIZED
#endif
#endif

namespace semabench {

namespace {

std::string formatted(const char* pattern, double value) {
    char text[48];
    std::snprintf(text, sizeof text, pattern, value);
    return text;
}

/// Three significant digits and a prefix: "7.83 ns", "259 us", "91.2 M/s".
std::string amount(double value, const std::string& unit) {
    static const char* const times[] = {"ns", "us", "ms", "s"};
    static const char* const rates[] = {"/s", "k/s", "M/s", "G/s"};
    std::size_t step = 0;
    while (value >= 999.5 && step < 3) {
        value /= 1000;
        ++step;
    }
    const int digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    const std::string number = formatted(digits == 0 ? "%.0f" : digits == 1 ? "%.1f" : "%.2f", value);
    return number + " " + (unit == "/s" ? rates[step] : times[step]);
}

std::string ratio_text(double ratio) { return formatted(ratio < 0.0995 ? "%.3f" : ratio < 9.95 ? "%.2f" : "%.1f", ratio); }

std::string verdict(const comparison& line, better direction) {
    if (!line.wanted) return "";
    if (line.met) return "met";
    return formatted(direction == better::lower ? "missed: %.0f %% too high" : "missed: %.0f %% too low", line.miss * 100);
}

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

/// Calls `use(benchmark, rival, measure, comparison)` for every line of the report.
template <class Use>
void for_each_line(const std::vector<finished>& all, Use&& use) {
    for (const auto& one : all) {
        for (std::size_t rival = 0; rival < one.what.rivals.size(); ++rival) {
            if (one.result.ours.rounds.empty() || one.result.rivals[rival].rounds.empty()) continue;
            for (std::size_t measure = 0; measure < one.what.measures.size(); ++measure) {
                use(one, rival, measure, compare(one.what, one.result, rival, measure));
            }
        }
    }
}

nlohmann::json json_of(const spread& values) {
    return {{"median", values.median}, {"min", values.min}, {"q1", values.q1}, {"q3", values.q3}, {"max", values.max}};
}

nlohmann::json json_of(const series& who, const spread& values, std::size_t measure) {
    auto json = json_of(values);
    json["name"] = who.name;
    json["samples"] = who.of(measure);
    return json;
}

}  // namespace

bool built_for_speed() noexcept {
#if defined(__OPTIMIZE__) && !defined(SEMABENCH_SANITIZED)
    return true;
#else
    return false;
#endif
}

std::string table_of(const std::vector<finished>& all) {
    std::vector<row> rows = {{"benchmark", "measure", "peer", "ours", "peer's", "ratio", "spread", "target", "verdict"}};
    for_each_line(all, [&](const finished& one, std::size_t rival, std::size_t measure, const comparison& line) {
        const auto& by = one.what.measures[measure];
        rows.push_back({one.what.name, by.name, one.result.rivals[rival].name, amount(line.ours.median, by.unit),
                        amount(line.rival.median, by.unit), ratio_text(line.ratio.median),
                        ratio_text(line.ratio.min) + ".." + ratio_text(line.ratio.max),
                        line.wanted ? (by.direction == better::lower ? "<= " : ">= ") + ratio_text(*line.wanted) : "",
                        verdict(line, by.direction)});
    });
    return laid_out(rows, {false, false, false, true, true, true, true, true, false});
}

nlohmann::json json_of(const std::vector<finished>& all, const circumstances& around) {
    auto results = nlohmann::json::array();
    for_each_line(all, [&](const finished& one, std::size_t rival, std::size_t measure, const comparison& line) {
        const auto& by = one.what.measures[measure];
        auto entry = nlohmann::json{
            {"benchmark", one.what.name},
            {"question", one.what.question},
            {"measure", by.name},
            {"unit", by.unit},
            {"better", by.direction == better::lower ? "lower" : "higher"},
            {"ours", json_of(one.result.ours, line.ours, measure)},
            {"peer", json_of(one.result.rivals[rival], line.rival, measure)},
            {"ratio", json_of(line.ratio)},
            {"target", nullptr},
            {"met", nullptr},
            {"miss", nullptr},
        };
        if (line.wanted) {
            entry["target"] = *line.wanted;
            entry["met"] = line.met;
            entry["miss"] = line.miss;
        }
        results.push_back(std::move(entry));
    });
    auto failures = nlohmann::json::array();
    for (const auto& one : all) {
        const auto note = [&](const series& who) {
            if (!who.error.empty()) {
                failures.push_back({{"benchmark", one.what.name}, {"contestant", who.name}, {"error", who.error}});
            }
        };
        note(one.result.ours);
        for (const auto& rival : one.result.rivals) note(rival);
    }
    return {{"tool", "semabench"},
            {"format", 1},
            {"rounds", around.rounds},
            {"quick", around.quick},
            {"optimised", around.optimised},
            {"machine",
             {{"processors", processors().size()},
              {"model", processor_model()},
              {"kernel", kernel_release()},
              {"undisturbed", around.undisturbed},
              {"load", around.load_before}}},
            {"results", std::move(results)},
            {"failures", std::move(failures)}};
}

std::vector<std::string> failures_of(const std::vector<finished>& all) {
    std::vector<std::string> lines;
    for (const auto& one : all) {
        const auto note = [&](const series& who) {
            if (!who.error.empty()) lines.push_back(one.what.name + ", " + who.name + ": " + who.error);
        };
        note(one.result.ours);
        for (const auto& rival : one.result.rivals) note(rival);
    }
    return lines;
}

}  // namespace semabench
