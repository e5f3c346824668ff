#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "fuzz/choices.hpp"
#include "fuzz/warden.hpp"
#include "shmsem/shmsem.hpp"

namespace shmsem::fuzz {

/// One thread that uses a segment in every way that the public headers offer. What a call answers does not matter, as long as it
/// answers and the answer is plausible.
class user {
   public:
    user(std::string name, warden& guard, warden::place who) : name_(std::move(name)), guard_(guard), who_(who) {}

    /// Opens the segment and its semaphores. @return false when it cannot be opened
    bool attach(choices& in);
    /// Looks at what cannot be opened, or need not be: maps nothing that is written.
    void look(choices& in);
    /// One call, or a few that belong together.
    void step(choices& in);
    void release_all();
    /// Lets everything go.
    void leave();

   private:
    using deed = void (user::*)(choices&);
    struct named_deed {
        const char* name;
        deed what;
    };
    static const named_deed deeds[];

    // leases
    void acquire(choices& in);
    void acquire_with_stop(choices& in);
    void try_acquire(choices& in);
    void try_acquire_quickly(choices& in);
    void try_acquire_until(choices& in);
    void look_at_lease(choices& in);
    void renew(choices& in);
    void release(choices& in);
    void listen(choices& in);
    void detach(choices& in);
    void adopt(choices& in);
    void resize(choices& in);
    void end_a_lease(choices& in);
    void pause_and_resume(choices& in);
    void reap(choices& in);
    void lock_mutex(choices& in);
    // units
    void count_down(choices& in);
    void count_down_waiting(choices& in);
    void count_up(choices& in);
    void use_counting(choices& in);
    // all of it
    void snapshot(choices& in);
    void stats(choices& in);
    void check(choices& in);
    void open_semaphores(choices& in);
    void open_again(choices& in);
    void list_all(choices& in);
    void remove_if_unused(choices& in);
    void let_time_pass(choices& in);

    semaphore& some_semaphore(choices& in) { return in.below(3) == 0 ? bulk_ : gpu_; }
    acquire_options some_options(choices& in);
    void keep(lease&& got);

    std::string name_;
    warden& guard_;
    warden::place who_;
    std::stop_source stop_;  // of the call that is under way
    limits sizes_;
    segment home_;
    segment looked_at_;
    semaphore gpu_;
    semaphore bulk_;
    ownerless_semaphore units_;
    std::optional<mutex> ledger_;
    std::vector<lease> leases_;
    std::vector<detached_lease> parcels_;
};

}  // namespace shmsem::fuzz
