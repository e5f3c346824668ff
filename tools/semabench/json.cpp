#include <nlohmann/json.hpp>

#include "cpu.hpp"
#include "report.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEMABENCH_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SEMABENCH_SANITIZED
#endif
#endif

namespace semabench {

namespace {

using nlohmann::json;

json json_of(const spread& values) {
    return {{"median", values.median}, {"min", values.min}, {"q1", values.q1}, {"q3", values.q3}, {"max", values.max}};
}

json side(const finished& one, std::size_t who, const spread& values, std::size_t measure) {
    const auto& contestant = one.what.contestants[who];
    auto entry = json_of(values);
    entry["name"] = contestant.name;
    entry["size"] = contestant.size ? json(*contestant.size) : json(nullptr);
    entry["samples"] = one.result[who].of(measure);
    return entry;
}

json result_of(const finished& one, const line& about) {
    const auto& by = one.what.measures[about.measure];
    const auto found = judge(one.what, one.result, about);
    json entry = {
        {"benchmark", one.what.name},
        {"question", one.what.question},
        {"measure", by.name},
        {"unit", by.unit},
        {"better", by.direction == better::lower ? "lower" : "higher"},
        {"axis", one.what.axis.empty() ? json(nullptr) : json(one.what.axis)},
        {"contestant", side(one, about.who, found.figure, about.measure)},
        {"peer", nullptr},
        {"ratio", nullptr},
        {"target", nullptr},
        {"met", nullptr},
        {"miss", nullptr},
    };
    if (about.peer) {
        entry["peer"] = side(one, *about.peer, found.peer, about.measure);
        entry["ratio"] = json_of(found.ratio);
    }
    if (about.wanted) {
        entry["target"] = *about.wanted;
        entry["met"] = found.met;
        entry["miss"] = found.miss;
    }
    return entry;
}

}  // namespace

bool built_for_speed() noexcept {
#if defined(__OPTIMIZE__) && !defined(SEMABENCH_SANITIZED)
    return true;
#else
    return false;
#endif
}

json json_of(const std::vector<finished>& all, const circumstances& around) {
    auto results = json::array();
    auto failures = json::array();
    for (const auto& one : all) {
        for (const auto& about : one.what.lines) {
            if (has_samples(one.result, about)) results.push_back(result_of(one, about));
        }
        for (std::size_t i = 0; i < one.result.size(); ++i) {
            if (one.result[i].error.empty()) continue;
            failures.push_back({{"benchmark", one.what.name},
                                {"contestant", one.what.contestants[i].name},
                                {"error", one.result[i].error}});
        }
    }
    return {{"tool", "semabench"},
            {"format", 2},
            {"rounds", around.rounds},
            {"quick", around.quick},
            {"optimised", around.optimised},
            {"machine",
             {{"processors", processors().size()},
              {"model", processor_model()},
              {"kernel", kernel_version()},
              {"undisturbed", around.undisturbed},
              {"load", around.load_before}}},
            {"results", std::move(results)},
            {"failures", std::move(failures)}};
}

}  // namespace semabench
