#pragma once

#include <string>
#include <system_error>

#include "semctl/trouble.hpp"
#include "shmsem/segment.hpp"

namespace shmsem::semctl {

/// Does it, and says of an error where it was and what to do.
template <class Work>
auto at(const place& where, Work&& work) {
    try {
        return work();
    } catch (const std::system_error& error) {
        throw failed(explain(where, error));
    }
}

/// The segment, for changing it. @throws failed
[[nodiscard]] segment open_to_change(const std::string& name);

/// What is in the semaphore now. @throws failed when the segment has none of that name
[[nodiscard]] semaphore_snapshot look_at(const segment& home, const place& where);

}  // namespace shmsem::semctl
