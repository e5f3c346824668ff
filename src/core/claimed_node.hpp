#pragma once

#include <optional>

#include "core/attachment.hpp"

namespace shmsem::core {

/// A waiter node of ours, from the segment's pool. Dying with it claimed, its owner's reaper frees it.
class claimed_node {
   public:
    claimed_node(attachment& home, layout::process_index me) noexcept;
    ~claimed_node();
    claimed_node(const claimed_node&) = delete;
    claimed_node& operator=(const claimed_node&) = delete;

    [[nodiscard]] bool found() const noexcept { return index_ != layout::none; }
    [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
    [[nodiscard]] layout::node_word word() const noexcept { return word_; }
    [[nodiscard]] layout::node& node() const noexcept { return home_.view().node(index_); }
    /// What has become of it; nothing when the word is not one of ours any more.
    [[nodiscard]] std::optional<layout::node_state> state() const noexcept {
        const auto now = layout::node_word::unpack(node().word.load(std::memory_order_seq_cst));
        if (now.process != word_.process || now.seq != word_.seq) return std::nullopt;
        return now.state;
    }
    [[nodiscard]] bool waits() const noexcept { return state() == layout::node_state::waiting; }
    /// Leaves the queue without the lock. @return false when a grant or a refusal came first
    bool abandon() noexcept;

   private:
    bool claim(std::uint32_t n, layout::process_index me) noexcept;

    attachment& home_;
    std::uint32_t index_ = layout::none;
    layout::node_word word_;
};

}  // namespace shmsem::core
