#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "report/snapshot.hpp"

// What one snapshot cannot tell: how fast a semaphore is used, and how much it was in use over the last minutes. It goes by the
// segment's id, so one that was created anew under the old name starts anew. No clock: times are given.

namespace shmsem::semtop {

struct rates {
    double acquired = 0;  ///< permits a second
    double released = 0;
};

class history {
   public:
    using time_point = std::chrono::steady_clock::time_point;
    static constexpr duration slot = std::chrono::seconds{10};
    static constexpr std::size_t slots = 60;

    /// What the snapshot does not have any more is forgotten.
    void add(const report::snapshot& seen, time_point now);

    /// Between the last two snapshots that had it; nothing before the second one, and when a counter went backward.
    [[nodiscard]] std::optional<rates> rates_of(std::uint64_t segment, const std::string& semaphore) const;
    /// Mean use (0..1) of the last `n` slots, the current one last; -1 where nothing is known, as always of an ownerless one.
    [[nodiscard]] std::vector<double> use_of(std::uint64_t segment, const std::string& semaphore, std::size_t n) const;

   private:
    struct mean {
        std::int64_t slot = -1;
        float sum = 0;
        std::uint32_t count = 0;
    };
    struct track {
        std::uint64_t acquired = 0;
        std::uint64_t released = 0;
        time_point at;
        std::optional<rates> speed;
        std::array<mean, slots> use{};  // slot number n lies at n % slots
        std::uint64_t round = 0;
    };
    void add(track& to, const semaphore_snapshot& semaphore, bool is_new, time_point now) const;

    std::map<std::pair<std::uint64_t, std::string>, track> tracks_;
    std::uint64_t round_ = 0;
    std::int64_t current_slot_ = 0;
};

}  // namespace shmsem::semtop
