#pragma once

#include "semctl/console.hpp"
#include "semctl/requests.hpp"

// One function for each subcommand. Each returns the exit status, and throws `failed` or std::system_error for what ends it.

namespace shmsem::semctl {

[[nodiscard]] int run(const create_request& asked, const console& out);
[[nodiscard]] int run(const list_request& asked, const console& out);
[[nodiscard]] int run(const show_request& asked, const console& out);
[[nodiscard]] int run(const resize_request& asked, const console& out);
[[nodiscard]] int run(const reap_request& asked, const console& out);
[[nodiscard]] int run(const end_request& asked, const console& out);
[[nodiscard]] int run(const pause_request& asked, const console& out);
[[nodiscard]] int run(const remove_request& asked, const console& out);
[[nodiscard]] int run(const doctor_request& asked, const console& out);

}  // namespace shmsem::semctl
