#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/snapshot.hpp"
#include "semctl/files.hpp"

// What the doctor has seen, as plain values: gathering is apart from judging, so that each judgement can be tried without a
// machine that is as ill as that.

namespace shmsem::semctl {

struct account_facts {
    std::uint32_t uid = 0;
    std::string name;
    bool system = true;    ///< systemd-logind leaves its files alone
    bool lingers = false;  ///< loginctl enable-linger: its sessions never end
};

struct shm_facts {
    bool exists = true;
    bool tmpfs = true;
    bool read_only = false;
    bool writable = true;           ///< this user may create files there
    bool nameless_files = true;     ///< O_TMPFILE, without which no segment can be made
    std::uint64_t bytes_total = 0;  ///< 0: no limit
    std::uint64_t bytes_free = 0;
    std::uint64_t inodes_total = 0;  ///< 0: no limit
    std::uint64_t inodes_free = 0;
};

struct logind_facts {
    bool runs = false;
    bool removes_ipc = true;  ///< RemoveIPC=, whose default is yes
    std::string said_by;      ///< the file that says so; empty: the default
};

struct kernel_facts {
    std::string release;
    bool robust_lists = true;  ///< get_robust_list
    bool futex_waitv = true;   ///< FUTEX_WAITV
    bool pidfd = true;         ///< pidfd_open
    bool wipe_on_fork = true;  ///< MADV_WIPEONFORK
};

struct segment_facts {
    std::string name;
    file_facts file;
    account_facts owner;
    std::uint32_t attached = 0;                 ///< processes not known to be dead
    std::optional<report::failure> unreadable;  ///< why it could not even be looked at
    std::optional<report::failure> unwritable;  ///< why this user cannot change it
    std::optional<segment_snapshot> contents;   ///< unless unreadable
    std::vector<std::string> violations;        ///< of invariants
};

struct facts {
    account_facts caller;
    shm_facts shm;
    logind_facts logind;
    kernel_facts kernel;
    std::vector<segment_facts> segments;
    std::vector<report::deadlock> deadlocks;  ///< of all segments of this host, since they may go across
};

}  // namespace shmsem::semctl
