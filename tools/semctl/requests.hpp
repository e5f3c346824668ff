#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "semctl/words.hpp"
#include "shmsem/options.hpp"
#include "shmsem/ownerless.hpp"

// What each subcommand was asked for.

namespace shmsem::semctl {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;  ///< refused, failed, or failed for some of what was asked for
inline constexpr int exit_usage = 2;
inline constexpr int exit_unwell = 3;  ///< doctor: something is wrong

struct create_request {
    place what;
    shmsem::limits limits;
    shmsem::sharing mode = sharing::owner;
    bool if_missing = false;
    bool ownerless = false;
    semaphore_options leased;
    ownerless_options counting;
};

struct list_request {
    place within;  ///< with names_only: of a segment its semaphores, of a semaphore the seats that are held
    bool json = false;
    bool names_only = false;
};

struct show_request {
    place what;
    bool json = false;
};

struct resize_request {
    place what;
    std::int64_t permits = 0;
};

struct reap_request {
    std::vector<std::string> segments;  ///< none: all that may be written
};

struct end_request {
    place what;
    std::uint32_t seat = 0;
    std::optional<std::uint64_t> token;  ///< none: the present holder's
};

struct pause_request {
    place what;
    bool resume = false;
};

struct remove_request {
    std::vector<std::string> segments;
    bool force = false;
    bool orphans = false;
};

struct doctor_request {
    std::vector<std::string> segments;  ///< none: all
    bool json = false;
    bool verbose = false;
};

struct request {
    std::variant<create_request, list_request, show_request, resize_request, reap_request, end_request, pause_request,
                 remove_request, doctor_request>
        what;
    bool quiet = false;
    bool ascii = false;
};

}  // namespace shmsem::semctl
