#include "core/invariants.hpp"

#include <set>
#include <string>

#include "core/reaper.hpp"
#include "core/wait_queue.hpp"

namespace shmsem::core {

using layout::entry_state;
using layout::node_state;
using layout::node_word;
using layout::none;
using layout::slot_state;
using layout::slot_word;

namespace {

constexpr auto relaxed = std::memory_order_relaxed;

class examination {
   public:
    examination(attachment& home, std::uint32_t index, invariants_report& report)
        : home_(home),
          view_(home.view()),
          block_(view_.semaphore(index)),
          info_(home.info(index)),
          index_(index),
          report_(report) {}

    void run() {
        if (info_.kind == kind::leased) {
            slots();
        } else {
            count();
        }
        queue();
    }

   private:
    void say(const std::string& what) { report_.problems.push_back("semaphore '" + block_.name.load() + "': " + what); }

    // I1, I2: as many slots are usable as there are permits, and each owned one has an owner that exists.
    void slots() {
        std::uint32_t usable = 0;
        const std::uint32_t permits = block_.permits.load(relaxed);
        for (std::uint32_t i = 0; i < info_.range.capacity; ++i) {
            const layout::slot& slot = view_.slot(info_.range.first + i);
            const slot_word w = slot_word::unpack(slot.word.load(std::memory_order_acquire));
            const std::string which = "slot " + std::to_string(i) + " (" + layout::name_of(w.state) + ")";
            if (w.state == slot_state::open || (w.owned() && !w.retiring())) {
                ++usable;
                if (i >= permits) say(which + " lies beyond the " + std::to_string(permits) + " permits");
            }
            if (w.retiring() && i < permits) say(which + " retires within the permits");
            if (w.owned() && home_.member().entry(w.process).state == entry_state::free) {
                say(which + " belongs to process entry " + std::to_string(w.process) + ", which is free");
            }
            if (w.granted()) granted(w, slot, which);
        }
        if (usable != permits) say(std::to_string(usable) + " usable slots for " + std::to_string(permits) + " permits");
    }

    void granted(slot_word w, const layout::slot& slot, const std::string& which) {
        const std::uint32_t n = slot.granted_to.load(relaxed);
        if (!view_.has_node(n)) return say(which + " is granted to no node");
        const node_word node = node_word::unpack(view_.node(n).word.load(std::memory_order_acquire));
        // Its waiter may have taken it over since the word was read.
        if (slot_word::unpack(slot.word.load(std::memory_order_acquire)) != w) return;
        if (node.state != node_state::granted || node.process != w.process)
            say(which + " is granted to a node that does not have it");
    }

    void count() {
        const auto c = layout::count_word::unpack(block_.count.load());
        if (c.transit != layout::transit::none) say("a unit is on its way though nobody has the lock");
        if (c.count > info_.max_count) say("the count is above its maximum");
    }

    // I3, I4: the queue holds exactly the waiting nodes, in ticket order, and the gate their number.
    void queue() {
        std::set<std::uint32_t> linked;
        std::uint64_t last_ticket = 0;
        std::uint32_t prev = none;
        std::uint32_t waiting = 0;
        for (std::uint32_t n = block_.head.load(relaxed); n != none; n = view_.node(n).next.load(relaxed)) {
            if (!view_.has_node(n)) return say("the queue leads to node " + std::to_string(n) + ", which does not exist");
            if (!linked.insert(n).second) return say("the queue runs in a circle");
            const layout::node& node = view_.node(n);
            const node_state state = node_word::unpack(node.word.load()).state;
            if (state != node_state::waiting && state != node_state::abandoned)
                say("node " + std::to_string(n) + " is queued but does not wait");
            if (node.semaphore.load(relaxed) != index_) say("node " + std::to_string(n) + " waits for another semaphore");
            if (node.prev.load(relaxed) != prev) say("node " + std::to_string(n) + " does not know the one before it");
            if (node.ticket.load(relaxed) <= last_ticket) say("tickets are out of order");
            last_ticket = node.ticket.load(relaxed);
            prev = n;
            ++waiting;
        }
        if (block_.tail.load(relaxed) != prev) say("the tail is not the last node");
        const std::uint64_t gate = block_.gate.load() & layout::gate::count_mask;
        if (gate != waiting)
            say("the gate says " + std::to_string(gate) + " waiters, the queue has " + std::to_string(waiting));
        for (std::uint32_t n = 0; n < view_.sizes().waiters; ++n) {
            const layout::node& node = view_.node(n);
            const node_word w = node_word::unpack(node.word.load());
            if (w.state == node_state::waiting && node.semaphore.load(relaxed) == index_ && !linked.contains(n)) {
                say("node " + std::to_string(n) + " waits but is not queued");
            }
        }
        if (block_.inversions.load(relaxed) != 0) say("grants were made out of ticket order");
    }

    attachment& home_;
    const layout::view& view_;
    layout::semaphore_block& block_;
    const semaphore_info& info_;
    std::uint32_t index_;
    invariants_report& report_;
};

}  // namespace

invariants_report check_invariants(attachment& home) {
    invariants_report report;
    std::error_code ec;
    const std::uint64_t identity = home.writable() ? home.join(ec) : 0;
    for (std::uint32_t index = 0; index < semaphores_used(home); ++index) {
        if (!home.ready(index)) continue;
        const auto examine = [&](auto&...) { examination(home, index, report).run(); };
        if (identity == 0) {
            examine();
        } else if (!under_lock(home, index, identity, os::after(os::now(), std::chrono::seconds{10}), examine)) {
            report.problems.push_back("semaphore '" + home.view().semaphore(index).name.load() +
                                      "': a process has been inside its lock for 10 s");
        }
    }
    for (std::uint32_t n = 0; n < home.view().sizes().waiters; ++n) {
        const node_word w = node_word::unpack(home.view().node(n).word.load());
        if (w.state > node_state::refused)
            report.problems.push_back("waiter node " + std::to_string(n) + " has no such state");
        if (w.state != node_state::free && home.member().entry(w.process).state == entry_state::free) {
            report.problems.push_back("waiter node " + std::to_string(n) + " belongs to a process entry that is free");
        }
    }
    return report;
}

}  // namespace shmsem::core
