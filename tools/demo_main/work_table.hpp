#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "demo_main/checksum.hpp"
#include "demo_main/life_id.hpp"
#include "demo_main/shared_memory.hpp"

namespace demo {

/// The pieces of work of one round, shared by all workers: each file once per pass.
///
/// state word: [ phase:3 | life_id:61 ]
///   todo             a worker CASes it to claimed by itself
///   claimed by life  that worker: to done, with the result; the parent, once it knows that life to be over: to todo
///   done by life     for good
/// So a worker may be killed between any two instructions: its piece is either done, or found claimed by a dead life, and
/// no piece is done twice.
class work_table {
   public:
    work_table(std::size_t files, std::size_t passes) : files_(files), items_(files * passes) {}

    [[nodiscard]] std::size_t size() const { return items_.size(); }
    [[nodiscard]] std::size_t files() const { return files_; }
    [[nodiscard]] std::size_t passes() const { return size() / files_; }
    [[nodiscard]] std::size_t file_of(std::size_t item) const { return item % files_; }

    /// A piece for `me`; nothing when all are done or claimed by others.
    std::optional<std::size_t> claim(life_id me);
    /// False when the piece was not ours any more: then the result is dropped, and counted as a duplicate.
    bool commit(std::size_t item, life_id me, const file_result& result);
    [[nodiscard]] bool all_done() const;

    // Of the parent.

    /// Makes what a dead life had claimed available again. @return how many pieces
    std::size_t put_back(life_id dead);
    /// The piece that this life works on now.
    [[nodiscard]] std::optional<std::size_t> claimed_by(life_id who) const;
    /// For progress only: a worker killed right after its commit is not counted.
    [[nodiscard]] std::size_t done_so_far() const { return counters_->done.load(std::memory_order_relaxed); }
    [[nodiscard]] std::size_t duplicates() const { return counters_->duplicates.load(std::memory_order_relaxed); }
    [[nodiscard]] bool done(std::size_t item) const;
    /// Of a piece that is done.
    [[nodiscard]] file_result result(std::size_t item) const { return items_[item].result; }

   private:
    enum class phase : std::uint64_t { todo = 0, claimed = 1, done = 2 };
    static constexpr std::uint64_t pack(phase p, life_id who) {
        return static_cast<std::uint64_t>(p) << life_id::bits | who.value();
    }
    struct piece {
        std::atomic<std::uint64_t> state;
        file_result result;
    };
    struct counters {
        std::atomic<std::size_t> next;
        std::atomic<std::size_t> done;
        std::atomic<std::size_t> duplicates;
    };
    bool try_claim(std::size_t i, life_id me);

    std::size_t files_;
    shared_array<piece> items_;
    shared_value<counters> counters_;
};

}  // namespace demo
