#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "crash/scene.hpp"

// The processes of a crash test. Each attaches by the segment's name, as an unrelated program would.

namespace shmsem::test {

/// What a process says about the lease it got.
struct told_lease {
    flag said;
    std::atomic<bool> granted{false};
    std::atomic<std::uint64_t> token{0};
    std::atomic<std::uint32_t> seat{0};
    std::atomic<std::uint64_t> ticket{0};
};
void tell(told_lease& what, const lease& got);

/// Holds permits from its construction until it lets go, or dies.
class holder {
   public:
    explicit holder(const scene& where, std::int64_t permits = 1, duration ttl = {},
                    const std::string& semaphore = scene::permits);
    /// Releases, which must succeed, and ends.
    void let_go();
    /// The same, without waiting for it.
    void may_let_go() { enough_->raise(); }
    [[nodiscard]] const told_lease& held() const noexcept { return *lease_; }

    child process;

   private:
    shared<told_lease> lease_;
    shared<flag> enough_;
};

enum class standing : std::uint8_t { queued, served_at_once };

/// Asks for permits with a deadline that is only there to fail; what it gets it keeps until done().
class waiter {
   public:
    explicit waiter(const scene& where, std::int64_t permits = 1, standing as = standing::queued,
                    const std::string& semaphore = scene::permits);
    /// Waits for the answer. @return whether it got the permits
    [[nodiscard]] bool granted();
    /// It need not keep them.
    void may_release() { enough_->raise(); }
    [[nodiscard]] bool answered() const noexcept { return lease_->said.raised(); }
    /// Releases, which must succeed, and ends.
    void done();
    [[nodiscard]] const told_lease& got() const noexcept { return *lease_; }

    child process;

   private:
    shared<told_lease> lease_;
    shared<flag> enough_;
};

/// True when that process stands in the semaphore's queue.
[[nodiscard]] bool waits(const scene& where, const std::string& semaphore, pid_t pid);

/// Somebody comes for permits after the crash, gets them, and gives them back.
void expect_served(const scene& after, std::int64_t permits = 1);

/// What a victim's deed sees: its segment, and its cues.
class stage {
   public:
    stage(const scene& where, const char* point, int nth) : where_(where), point_(point), nth_(nth) {}

    // in the victim
    [[nodiscard]] segment open() const { return where_.open(); }
    [[nodiscard]] semaphore permits() const { return open().find(scene::permits); }
    /// The preparations are done; waits for go(), and from now on the point kills.
    void ready() const;
    /// Waits for a second cue.
    void wait_for_cue() const { cue_->wait(); }

    // in the test
    void wait_until_ready() const { ready_->wait(); }
    void go() const { go_->raise(); }
    void cue() const { cue_->raise(); }

   private:
    const scene& where_;
    const char* point_;
    int nth_;
    shared<flag> ready_;
    shared<flag> go_;
    shared<flag> cue_;
};

using deed_fn = void (*)(const stage&);

/// A process that does `deed` and is killed at a kill point, on the way to it the nth time.
class victim : public stage {
   public:
    victim(const scene& where, deed_fn deed, const char* point, int nth = 1);
    /// The death is proved, not assumed.
    void expect_killed();
    /// Goes, and is killed, while none of the others can do its work in its stead: they are stopped meanwhile.
    void dies_unobserved_by(std::initializer_list<child*> others);

    child process;
};

/// A victim without an audience: starts, and is dead when this returns.
void kill_during(const scene& where, deed_fn deed, const char* point, int nth = 1);

}  // namespace shmsem::test
