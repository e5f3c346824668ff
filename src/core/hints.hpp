#pragma once

#include <bit>
#include <cstdint>

#include "layout/view.hpp"

namespace shmsem::core {

/// One bit per slot: "may be open". A clear bit means not open, up to the instant between a release and its set(); a set bit
/// means look. Bits are set by whoever opens a slot, and cleared only under the semaphore's lock, so that a process that
/// dies or stops between clearing and looking again is one whose death rebuilds them.
class hints {
   public:
    hints(const layout::view& v, const layout::slot_range& r) noexcept : view_(v), range_(r) {}

    /// @return true if it was clear
    bool set(std::uint32_t slot) const noexcept {
        const std::uint32_t i = slot - range_.first;
        layout::word64& word = view_.hint(range_.first_hint + i / 64);
        const std::uint64_t bit = 1ULL << (i % 64);
        // Almost always set already: then this stays a load of a line that nobody writes. seq_cst: after the CAS that opened
        // the slot; the one who clears looks at the slot after its clear, so one of the two sees the other.
        if ((word.load(std::memory_order_seq_cst) & bit) != 0) [[likely]]
            return false;
        return (word.fetch_or(bit, std::memory_order_seq_cst) & bit) == 0;
    }
    /// Under the lock: clears the bit of a slot that was seen not open, unless it has opened since. @return true if it has
    bool clear(std::uint32_t slot) const noexcept {
        const std::uint32_t i = slot - range_.first;
        layout::word64& word = view_.hint(range_.first_hint + i / 64);
        const std::uint64_t bit = 1ULL << (i % 64);
        word.fetch_and(~bit, std::memory_order_seq_cst);
        const auto now = layout::slot_word::unpack(view_.slot(slot).word.load(std::memory_order_seq_cst));
        if (now.state != layout::slot_state::open) return false;
        word.fetch_or(bit, std::memory_order_seq_cst);
        return true;
    }
    /// Under the lock: after a death, every slot may be open.
    void set_all() const noexcept {
        for (std::uint32_t w = 0; w < range_.hint_words(); ++w) {
            const std::uint32_t bits = std::min(64U, range_.capacity - w * 64);
            view_.hint(range_.first_hint + w).store(bits == 64 ? ~0ULL : (1ULL << bits) - 1, std::memory_order_seq_cst);
        }
    }

    /// Calls visit(slot) for each set bit, from `start` on and around, until it answers true.
    template <class Visit>
    bool each(std::uint32_t start, Visit&& visit) const {
        const std::uint32_t words = range_.hint_words();
        if (words == 0) return false;
        const std::uint32_t from = start < range_.capacity ? start / 64 : 0;
        for (std::uint32_t k = 0; k < words; ++k) {
            const std::uint32_t w = from + k < words ? from + k : from + k - words;
            std::uint64_t bits = view_.hint(range_.first_hint + w).load(std::memory_order_seq_cst);
            while (bits != 0) {
                const std::uint32_t i = w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
                bits &= bits - 1;
                if (i < range_.capacity && visit(range_.first + i)) return true;
            }
        }
        return false;
    }

   private:
    const layout::view& view_;
    const layout::slot_range& range_;
};

}  // namespace shmsem::core
