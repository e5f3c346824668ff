#include "semrun/run_one.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "report/format.hpp"
#include "semrun/bell.hpp"
#include "semrun/permit_taker.hpp"
#include "semrun/place.hpp"
#include "semrun/process.hpp"
#include "semrun/queue_text.hpp"
#include "semrun/say.hpp"
#include "semrun/signals.hpp"

namespace shmsem::semrun {
namespace {

constexpr int kLookAgainMs = 500;

std::string label_of(const options& asked) { return asked.label.value_or(base_name(asked.command.front())); }

// Signals have their default actions here: who is ended while he waits has nothing to clean up.
lease wait_in_line(const options& asked, semaphore from) {
    if (!asked.verbose) {
        const std::string label = label_of(asked);
        const acquire_options wanted = request(asked, label);
        if (!asked.timeout || *asked.timeout == forever) return from.acquire(wanted);
        auto had = from.try_acquire_for(*asked.timeout, wanted);
        return had ? std::move(*had) : lease{};
    }
    // Another thread waits, so that to look at the line costs nobody's place in it.
    bell answered;
    permit_taker taker(asked, from, answered);
    taker.ask(label_of(asked));
    const auto self = static_cast<std::uint32_t>(::getpid());
    std::string last_key;
    for (int pause = 10;;) {
        if (auto answer = taker.take()) return std::move(answer->held);
        const semaphore_snapshot seen = from.inspect();
        if (auto text = line_text(seen, self, terminal_charset())) {
            pause = kLookAgainMs;
            if (std::string key = line_key(seen, self); key != last_key) {
                say(report::printable(asked.semaphore, terminal_charset()) + ": " + *text);
                last_key = std::move(key);
            }
        }
        pollfd until{.fd = answered.fd(), .events = POLLIN, .revents = 0};
        ::poll(&until, 1, pause);
    }
}

/// The command while it runs: hands on signals, notices its end and the loss of the lease.
class supervision {
   public:
    supervision(const options& asked, lease& held, process& command, signal_watch& signals)
        : asked_(asked), held_(held), command_(command), signals_(signals) {
        std::error_code gone;
        held_.on_lost([this] { lost_.ring(); }, gone);
        if (gone) lost_.ring();
    }
    // Before lost_ is gone: waits for a callback that is running.
    ~supervision() { (void)held_.release(); }
    supervision(const supervision&) = delete;
    supervision& operator=(const supervision&) = delete;

    [[nodiscard]] int run() {
        for (;;) {
            if (const auto status = command_.ended()) return killed_for_loss_ ? exit_lost : *status;
            pollfd news[] = {{.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                             {.fd = lost_.fd(), .events = POLLIN, .revents = 0}};
            ::poll(news, 2, wait_ms());
            if (news[1].revents != 0) lose();
            while (const auto signal = signals_.next()) hand_on(*signal);
            command_.pass_time(std::chrono::steady_clock::now());
        }
    }

   private:
    [[nodiscard]] int wait_ms() const {
        if (!command_.due()) return -1;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(*command_.due() - std::chrono::steady_clock::now());
        return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
    }

    void hand_on(const caught& signal) {
        switch (signal.signal) {
            case SIGCHLD:
            case SIGPIPE: return;
            case SIGTSTP:
                if (!signal.by_terminal) command_.send(SIGTSTP);
                stop_self();
                return;
            case SIGCONT:
                // Stopped for longer than the ttl: the command, still stopped perhaps, should not go on first.
                if (!held_.valid()) lose();
                command_.send(SIGCONT);
                return;
            default:
                if (!signal.by_terminal) command_.send(signal.signal);
        }
    }

    void lose() {
        lost_.hush();
        if (std::exchange(noticed_, true)) return;
        const std::string what = place_named(asked_.segment, asked_.semaphore) +
                                 ": the permit was lost: semrun was stopped for longer than the ttl, or somebody ended it; ";
        if (asked_.lost == on_loss::warn) {
            say(what + "the command goes on without it (--lost warn)");
            return;
        }
        say(what + "ends the command (a longer --ttl, or --lost warn, would have let it go on)");
        killed_for_loss_ = true;
        command_.end(asked_.grace);
    }

    const options& asked_;
    lease& held_;
    process& command_;
    signal_watch& signals_;
    bell lost_;
    bool noticed_ = false;
    bool killed_for_loss_ = false;
};

}  // namespace

std::vector<std::string> environment_of(const options& asked, const lease& held) {
    std::vector<std::string> result;
    if (!asked.seat_env.empty()) result.push_back(asked.seat_env + '=' + seats_of(held));
    if (!asked.token_env.empty()) result.push_back(asked.token_env + '=' + std::to_string(held.token()));
    return result;
}

std::string start_failure(const std::string& command, int error) {
    const char* remedy = error == ENOENT   ? "install it, or check the spelling and PATH"
                         : error == EACCES ? "check that it is a program, and chmod +x"
                         : error == E2BIG  ? "give it fewer or shorter arguments"
                                           : "check that the file is a program for this machine";
    return "cannot run \"" + report::printable(command, terminal_charset()) + "\": " + std::strerror(error) + ": " + remedy;
}

int run_one(const options& asked, const semaphore& from) {
    const auto began = std::chrono::steady_clock::now();
    lease held = wait_in_line(asked, from);
    const std::string name = report::printable(asked.semaphore, terminal_charset());
    if (!held) {
        if (asked.verbose) {
            say(name + ": no permit " +
                (*asked.timeout == duration::zero() ? "is free" : "in " + report::human(*asked.timeout)));
        }
        return asked.conflict_status;
    }
    if (asked.verbose) {
        say(name + ": has seat " + seats_of(held) + " (token " + std::to_string(held.token()) + ") after " +
            report::human(std::chrono::steady_clock::now() - began));
    }

    signal_watch signals;
    int error = 0;
    process command =
        process::start({.argv = asked.command, .environment = environment_of(asked, held), .mask = signals.before()}, error);
    if (error != 0) {
        say(start_failure(asked.command.front(), error));
        return status_for(error);
    }
    const int status = supervision(asked, held, command, signals).run();
    if (asked.verbose) {
        say(name + ": released after " + report::human(std::chrono::steady_clock::now() - began) + ", exit status " +
            std::to_string(status));
    }
    return status;
}

}  // namespace shmsem::semrun
