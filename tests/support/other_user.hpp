#pragma once

#include <grp.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "support/child.hpp"

namespace shmsem::test {

inline constexpr unsigned nobody = 65534;

/// Only root can become somebody else, mount, and make namespaces; others skip such tests and say so.
inline bool is_root() { return ::geteuid() == 0; }
inline constexpr const char* needs_root = "needs root, to act as another user, mount or unshare";

inline void become(unsigned uid, unsigned gid) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0) {
        throw std::runtime_error("cannot become another user");
    }
}

/// Runs `body` in a child of another user.
template <class Body>
void as_nobody(Body&& body, unsigned gid = nobody) {
    in_child([&] {
        become(nobody, gid);
        body();
    });
}

}  // namespace shmsem::test
