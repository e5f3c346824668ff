#pragma once

#include <pwd.h>

#include <string>
#include <vector>

namespace shmsem::report {

/// "root", or the number when the user database has no name for it. The answer may come over the network. Inline, so that semrun, which
/// is linked statically and never asks, does without the user database.
inline std::string user_name(unsigned uid) {
    std::vector<char> buffer(16384);
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::to_string(uid);
    return found->pw_name;
}

}  // namespace shmsem::report
