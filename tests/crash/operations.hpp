#pragma once

#include <cstdint>
#include <ostream>
#include <vector>

#include "crash/scene.hpp"
#include "crash/stepping.hpp"

// What a process may be doing when it dies, and who is there meanwhile.

namespace shmsem::test {

struct operation {
    using marks = stepped_process::marks;

    const char* name;
    /// In the victim: prepares, and does it between the marks.
    void (*deed)(const scene&, const marks&);
    semaphore_options options = unexpiring(1);
    /// Permits that another process holds when it begins, who releases them when the victim sleeps, or is dead.
    std::int64_t held = 0;
    /// Processes that wait in the queue when it begins, and how many permits each wants.
    int waiting = 0;
    std::int64_t wanted = 1;
    /// They come when the victim sleeps instead, so that they stand behind it.
    bool wait_behind = false;
    /// The victim's wait ends otherwise than by a grant: the holder keeps its permits meanwhile.
    bool in_vain = false;
    /// The victim's lease is a short one, which ends also without its death.
    bool expires = false;
    /// All others are frozen while it goes on, so that it is done by the victim's main thread or not at all.
    bool unobserved = false;
    /// The holder is killed just before it begins; else at the end.
    bool of_a_corpse = false;
    /// The victim holds the permit of `door`, for which a further process waits; not if it is not attached all the time.
    bool holds_the_door = true;
    /// The segment is made anew for each death: it can be done only once.
    bool only_once = false;
    /// In a survivor afterwards, besides what must hold in any case.
    void (*check)(segment&) = nullptr;

    friend void PrintTo(const operation& which, std::ostream* out) { *out << which.name; }
};

inline constexpr const char* door = "door";

extern const std::vector<operation> operations;

/// What two processes may do at once, with three permits or four: nothing but names and deeds.
extern const std::vector<operation> operations_for_two;
inline const semaphore_options permits_for_two = unexpiring(4);

}  // namespace shmsem::test
