#include "semctl/diagnosis.hpp"

#include <algorithm>

namespace shmsem::semctl {

findings diagnose(const facts& seen) {
    findings all;
    for (const auto* checks : {&host_checks(), &segment_checks(), &semaphore_checks()}) {
        for (const check& each : *checks) {
            for (finding& found : each.look(seen)) {
                found.check = each.name;
                all.push_back(std::move(found));
            }
        }
    }
    return all;
}

bool anything_wrong(const findings& found) noexcept {
    return std::any_of(found.begin(), found.end(), [](const finding& each) { return each.how_bad != severity::note; });
}

}  // namespace shmsem::semctl
