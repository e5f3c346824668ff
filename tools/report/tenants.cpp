#include "report/tenants.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace shmsem::report {

std::vector<tenant_use> tenants_of(const semaphore_snapshot& semaphore) {
    std::map<std::string, tenant_use> found;
    for (const auto& holder : semaphore.holders) ++found[holder.tenant].held;
    for (const auto& waiter : semaphore.waiters) {
        tenant_use& one = found[waiter.tenant];
        ++one.waiting;
        one.oldest_wait = std::max(one.oldest_wait, waiter.waited);
    }
    std::vector<tenant_use> result;
    for (auto& [name, one] : found) {
        one.tenant = name;
        result.push_back(std::move(one));
    }
    std::stable_sort(result.begin(), result.end(), [](const tenant_use& a, const tenant_use& b) {
        return std::tuple(b.held, b.waiting) < std::tuple(a.held, a.waiting);
    });
    return result;
}

}  // namespace shmsem::report
