#include "report/reduction.hpp"

#include <algorithm>
#include <utility>

namespace shmsem::report {
namespace {

// Whom each node waits for: threads first, then a node for each queue. Everybody is served after those ahead, so a stuck waiter
// waits for the stuck one before it, and the first one for the queue, which stands for those who hold its permits.
using edges = std::vector<std::vector<std::size_t>>;

edges waits_for(const waiting_graph& graph, const std::vector<bool>& stuck) {
    edges out(graph.threads + graph.queues.size());
    for (std::size_t q = 0; q < graph.queues.size(); ++q) {
        std::size_t ahead = graph.threads + q;
        for (const auto& waiter : graph.queues[q].waiters) {
            if (!stuck[waiter.thread]) continue;
            out[waiter.thread].push_back(ahead);
            ahead = waiter.thread;
        }
        for (const auto& holder : graph.queues[q].holders) {
            if (stuck[holder.thread]) out[graph.threads + q].push_back(holder.thread);
        }
    }
    return out;
}

// Tarjan's algorithm, with its own stack, since queues can be long.
class components {
   public:
    explicit components(const edges& out) : out_(out), order_(out.size(), 0), low_(out.size(), 0), open_(out.size(), false) {
        for (std::size_t node = 0; node < out.size(); ++node) {
            if (order_[node] == 0) visit(node);
        }
    }
    [[nodiscard]] const std::vector<std::vector<std::size_t>>& found() const noexcept { return found_; }

   private:
    struct frame {
        std::size_t node;
        std::size_t next;
    };

    void enter(std::size_t node) {
        order_[node] = low_[node] = ++entered_;
        open_[node] = true;
        path_.push_back(node);
        frames_.push_back({node, 0});
    }

    void visit(std::size_t root) {
        enter(root);
        while (!frames_.empty()) {
            auto& [node, next] = frames_.back();
            if (next < out_[node].size()) {
                const std::size_t to = out_[node][next++];
                if (order_[to] == 0) {
                    enter(to);
                } else if (open_[to]) {
                    low_[node] = std::min(low_[node], order_[to]);
                }
                continue;
            }
            const std::size_t done = node;
            frames_.pop_back();
            if (!frames_.empty()) low_[frames_.back().node] = std::min(low_[frames_.back().node], low_[done]);
            if (low_[done] == order_[done]) close(done);
        }
    }

    void close(std::size_t root) {
        auto& component = found_.emplace_back();
        std::size_t node = root;
        do {
            node = path_.back();
            path_.pop_back();
            open_[node] = false;
            component.push_back(node);
        } while (node != root);
    }

    const edges& out_;
    std::vector<std::size_t> order_;
    std::vector<std::size_t> low_;
    std::vector<bool> open_;
    std::vector<std::size_t> path_;
    std::vector<frame> frames_;
    std::size_t entered_ = 0;
    std::vector<std::vector<std::size_t>> found_;
};

// The threads of each component with a circle in it. A circle leads through a queue, so it has two nodes at least.
std::vector<std::vector<std::size_t>> circles(const waiting_graph& graph, const std::vector<bool>& stuck) {
    std::vector<std::vector<std::size_t>> result;
    const edges out = waits_for(graph, stuck);
    const components all(out);
    for (const auto& component : all.found()) {
        if (component.size() < 2) continue;
        auto& threads = result.emplace_back();
        for (const std::size_t node : component) {
            if (node < graph.threads) threads.push_back(node);
        }
        std::sort(threads.begin(), threads.end());
    }
    return result;
}

}  // namespace

std::vector<bool> stuck_threads(const waiting_graph& graph, std::vector<bool> able) {
    std::vector<std::vector<std::size_t>> touches(graph.threads);  // the queues in which it waits or holds
    std::vector<std::uint64_t> free;
    std::vector<std::size_t> served(graph.queues.size(), 0);
    std::vector<std::size_t> to_look_at;
    for (std::size_t q = 0; q < graph.queues.size(); ++q) {
        const auto& queue = graph.queues[q];
        free.push_back(queue.free);
        const auto touched_by = [&](std::size_t thread) {
            if (touches[thread].empty() || touches[thread].back() != q) touches[thread].push_back(q);
        };
        for (const auto& waiter : queue.waiters) touched_by(waiter.thread);
        for (const auto& holder : queue.holders) {
            if (able[holder.thread]) free[q] += holder.permits;
            touched_by(holder.thread);
        }
        to_look_at.push_back(q);
    }
    const auto go_on = [&](std::size_t thread) {
        able[thread] = true;
        for (const std::size_t q : touches[thread]) {
            for (const auto& holder : graph.queues[q].holders) {
                if (holder.thread == thread) free[q] += holder.permits;
            }
            to_look_at.push_back(q);
        }
    };
    while (!to_look_at.empty()) {
        const std::size_t q = to_look_at.back();
        to_look_at.pop_back();
        const auto& waiters = graph.queues[q].waiters;
        for (; served[q] < waiters.size(); ++served[q]) {
            const auto& first = waiters[served[q]];
            if (able[first.thread]) continue;
            if (first.permits > free[q]) break;
            go_on(first.thread);
        }
    }
    able.flip();
    return able;
}

std::vector<std::vector<std::size_t>> knots(const waiting_graph& graph) {
    std::vector<std::vector<std::size_t>> result;
    auto candidates = circles(graph, stuck_threads(graph, std::vector<bool>(graph.threads, false)));
    while (!candidates.empty()) {
        const auto circle = std::move(candidates.back());
        candidates.pop_back();
        // Would they still be stuck if everybody else went on? If not, they only wait behind another deadlock.
        std::vector<bool> others(graph.threads, true);
        for (const std::size_t thread : circle) others[thread] = false;
        const std::vector<bool> stuck = stuck_threads(graph, std::move(others));
        const auto left = static_cast<std::size_t>(std::count(stuck.begin(), stuck.end(), true));
        if (left == circle.size()) {
            result.push_back(circle);
        } else if (left != 0) {
            for (auto& smaller : circles(graph, stuck)) candidates.push_back(std::move(smaller));
        }
    }
    std::sort(result.begin(), result.end());
    return result;
}

std::vector<int> blocked_by(const waiting_graph& graph, const std::vector<std::vector<std::size_t>>& knots) {
    const edges out = waits_for(graph, stuck_threads(graph, std::vector<bool>(graph.threads, false)));
    edges in(out.size());
    for (std::size_t node = 0; node < out.size(); ++node) {
        for (const std::size_t to : out[node]) in[to].push_back(node);
    }
    std::vector<int> result(out.size(), -1);
    for (std::size_t k = 0; k < knots.size(); ++k) {
        for (const std::size_t thread : knots[k]) result[thread] = static_cast<int>(k);
    }
    for (std::size_t k = 0; k < knots.size(); ++k) {
        std::vector<std::size_t> reached = knots[k];
        while (!reached.empty()) {
            const std::size_t node = reached.back();
            reached.pop_back();
            for (const std::size_t behind : in[node]) {
                if (result[behind] != -1) continue;
                result[behind] = static_cast<int>(k);
                reached.push_back(behind);
            }
        }
    }
    result.resize(graph.threads);
    return result;
}

}  // namespace shmsem::report
