#include "semtop_models.hpp"

#include <map>

#include "semtop/overview_columns.hpp"

namespace shmsem::test {

using namespace std::chrono_literals;
using semtop::key;
using semtop::model;

model model_of(const report::snapshot& seen, semtop::size extent, report::charset terminal) {
    model of;
    of.terminal = terminal;
    of.extent = extent;
    of.sort_by = semtop::column_named("use").value();
    of.users = {{1000, "ada"}};
    report::snapshot before = seen;
    for (auto& sampled : before.segments) {
        auto* segment = std::get_if<segment_snapshot>(&sampled.contents);
        if (segment == nullptr) continue;
        for (auto& semaphore : segment->semaphores) {
            semaphore.stats.total_acquired -= semaphore.stats.total_acquired / 10;
            semaphore.stats.total_released -= semaphore.stats.total_released / 10;
            semaphore.stats.percent /= 2;
        }
    }
    const semtop::history::time_point start{1'000s};
    of = receive(std::move(of), before, start);
    return receive(std::move(of), seen, start + 10s);
}

key key_of(const std::string& name) {
    static const std::map<std::string, key::code> named{
        {"Enter", key::code::enter},  {"Esc", key::code::escape},      {"Up", key::code::up},
        {"Down", key::code::down},    {"PgUp", key::code::page_up},    {"PgDn", key::code::page_down},
        {"Home", key::code::home},    {"End", key::code::end},         {"BS", key::code::backspace},
        {"F6", key::code::sort_menu}, {"Wheel", key::code::wheel_down}};
    const auto found = named.find(name);
    if (found != named.end()) return {.what = found->second};
    return {.what = key::code::character, .text = name};
}

model after(model of, const std::vector<std::string>& keys) {
    for (const auto& one : keys) of = update(std::move(of), key_of(one)).state;
    return of;
}

}  // namespace shmsem::test
