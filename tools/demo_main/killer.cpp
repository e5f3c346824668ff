#include "demo_main/killer.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>

namespace demo {
namespace {

// Our own child, not yet reaped: its pid is nobody else's.
bool stop_and_wait(pid_t pid) {
    if (::kill(pid, SIGSTOP) != 0) return false;
    siginfo_t info{};
    int result = 0;
    do {
        // Only looks (WNOWAIT): how the worker ends is the pool's to collect.
        result = ::waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WEXITED | WNOWAIT);
    } while (result != 0 && errno == EINTR);
    return result == 0 && info.si_code == CLD_STOPPED;
}

bool still_holds(const shmsem::semaphore_snapshot& seen, const shmsem::holder_info& victim) {
    return std::any_of(seen.holders.begin(), seen.holders.end(), [&](const shmsem::holder_info& h) {
        return h.pid == victim.pid && h.seat == victim.seat && h.token == victim.token && h.state == "held";
    });
}

}  // namespace

const shmsem::holder_info* killer::choose(const shmsem::semaphore_snapshot& seen) {
    if (seen.holders.empty() || (wait_for_waiters_ && seen.waiters.empty())) return nullptr;
    return &seen.holders[turn_++ % seen.holders.size()];
}

bool killer::strike(const shmsem::worker_pool& pool, const work_table& table, const std::vector<life_id>& lives) {
    const shmsem::semaphore_snapshot before = permits_.inspect();
    const shmsem::holder_info* victim = choose(before);
    if (victim == nullptr) return false;
    std::size_t worker = 0;
    while (worker < lives.size() && pool.pid(static_cast<int>(worker)) != static_cast<pid_t>(victim->pid)) ++worker;
    if (worker == lives.size()) return false;  // already reaped

    const auto pid = static_cast<pid_t>(victim->pid);
    if (!stop_and_wait(pid)) return false;
    const shmsem::semaphore_snapshot now = permits_.inspect();
    if (!table.claimed_by(lives[worker]) || !still_holds(now, *victim) || (wait_for_waiters_ && now.waiters.empty())) {
        ::kill(pid, SIGCONT);
        return false;
    }
    const std::int64_t at = std::chrono::steady_clock::now().time_since_epoch().count();
    ::kill(pid, SIGKILL);
    kills_.push_back(
        {.life = lives[worker], .seat = victim->seat, .token = victim->token, .awaited = !now.waiters.empty(), .at = at});
    return true;
}

}  // namespace demo
