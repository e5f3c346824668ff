#pragma once

#include <string>
#include <utility>
#include <vector>

#include "semctl/facts.hpp"
#include "semctl/words.hpp"

namespace shmsem::semctl {

/// Looks at this host, and at the segments of these names, or all. Changes nothing, but that the check of the invariants takes
/// the locks of segments that are in use.
[[nodiscard]] facts gather(const std::vector<std::string>& segments);

[[nodiscard]] shm_facts gather_shm();
[[nodiscard]] kernel_facts gather_kernel();
[[nodiscard]] logind_facts gather_logind();
[[nodiscard]] account_facts gather_account(std::uint32_t uid);
[[nodiscard]] segment_facts gather_segment(const std::string& name, std::uint32_t attached);

/// What these files, each with its path and in the order in which systemd reads them, say of RemoveIPC.
[[nodiscard]] logind_facts remove_ipc_of(const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace shmsem::semctl
