#include <algorithm>

#include "report/json.hpp"
#include "report/render.hpp"
#include "report/sample.hpp"
#include "semctl/commands.hpp"
#include "shmsem/errors.hpp"

namespace shmsem::semctl {

int run(const show_request& asked, const console& out) {
    auto seen = report::sample({asked.what.segment}, report::sampling::look);
    auto& contents = seen.segments.front().contents;
    if (const auto* why = std::get_if<report::failure>(&contents)) throw failed(explain({asked.what.segment, {}}, *why));
    if (!asked.what.semaphore.empty()) {
        auto& semaphores = std::get<segment_snapshot>(contents).semaphores;
        std::erase_if(semaphores, [&](const auto& semaphore) { return semaphore.name != asked.what.semaphore; });
        if (semaphores.empty()) throw failed(explain(asked.what, name_of(errc::semaphore_not_found), {}));
    }
    out.print(asked.json ? report::json_text(seen)
                         : report::render(seen, {.all = true, .terminal = out.terminal}, out.width));
    return exit_ok;
}

}  // namespace shmsem::semctl
