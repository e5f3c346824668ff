#include "semrun/run_each.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "report/format.hpp"
#include "semrun/items.hpp"
#include "semrun/job.hpp"
#include "semrun/permit_taker.hpp"
#include "semrun/place.hpp"
#include "semrun/progress_display.hpp"
#include "semrun/queue_text.hpp"
#include "semrun/run_one.hpp"
#include "semrun/say.hpp"
#include "semrun/signals.hpp"

namespace shmsem::semrun {
namespace {

// Each keeps two files open; while nobody reads what jobs print, no more are started.
constexpr std::size_t kMostUnprinted = 64;
constexpr std::chrono::milliseconds kLookAtLine{500};

/// Everything that happens, in one thread: lines and permits come in, jobs are started and end, what they print goes out.
class each_run {
   public:
    each_run(const options& asked, const semaphore& from)
        : asked_(asked),
          from_(from),
          most_(asked.jobs.value_or(std::max<std::size_t>(1, from.permits() / static_cast<std::size_t>(asked.weight)))),
          no_input_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}
    ~each_run() { ::close(no_input_); }
    each_run(const each_run&) = delete;
    each_run& operator=(const each_run&) = delete;

    int run() {
        for (;;) {
            collect();
            start_more();
            if (finished()) break;
            report_line();
            if (printer_.idle()) display_.show(now(), printer_.at_line_start());
            sleep_until_news();
        }
        display_.hide();
        if (!asked_.quiet) say(name_ + ": " + summary(now()));
        if (status_ != exit_ok) return status_;
        return failed_ != 0 ? exit_jobs_failed : exit_ok;
    }

   private:
    using clock = std::chrono::steady_clock;

    [[nodiscard]] progress now() const {
        return {.known = started_ + lines_.waiting(),
                .all_known = lines_.ended(),
                .running = jobs_.size(),
                .succeeded = succeeded_,
                .failed = failed_,
                .waiting = taker_.busy(),
                .halted = halted_,
                .elapsed = clock::now() - began_};
    }

    [[nodiscard]] bool finished() const {
        return jobs_.empty() && printer_.idle() && (halted_ || (lines_.ended() && lines_.empty()));
    }

    /// Starts no more. The first reason is the one that counts.
    void halt(int status) {
        if (status_ == exit_ok) status_ = status;
        halted_ = true;
        taker_.cancel();
    }

    void end_all() {
        for (auto& each : jobs_) each->command().end(asked_.grace);
    }

    // ---- jobs

    void start_more() {
        while (!halted_ && !lines_.empty() && jobs_.size() < most_) {
            if (!taker_.busy()) {
                if (printer_.waiting() >= kMostUnprinted) return;
                taker_.ask(label());
            }
            try {
                auto answer = taker_.take();
                if (!answer) return;
                if (!answer->held) return give_up_waiting();
                start(std::move(answer->held));
            } catch (const std::exception& error) {
                display_.say_beside(complaint(error, asked_.segment, asked_.semaphore));
                halt(of_the_arguments(error) ? exit_usage : exit_failed);
            }
        }
    }

    void give_up_waiting() {
        display_.say_beside(name_ + ": no permit in " + report::human(*asked_.timeout) + ": starts no more jobs");
        halt(asked_.conflict_status);
    }

    [[nodiscard]] std::string label() const {
        if (asked_.label) return *asked_.label;
        return lines_.front().empty() ? base_name(asked_.command.front()) : lines_.front();
    }

    void start(lease held) {
        ++started_;
        std::string line = lines_.pop();
        if (line.find('\0') != std::string::npos) {
            ++failed_;
            display_.say_beside(
                name_ + ": a line has a NUL byte in it, which no argument can hold: add --null if the items end with it");
            return halt(exit_failed);
        }
        auto next = std::make_unique<job>(asked_, std::move(line), std::move(held), signals_.before(), no_input_, news_);
        if (next->error() != 0) return not_executed(*next);
        if (asked_.verbose) {
            display_.say_beside(name_ + ": " + shown(*next) + " has seat " + seats_of(next->held()) + " (token " +
                                std::to_string(next->held().token()) + ")");
        }
        jobs_.push_back(std::move(next));
    }

    void not_executed(job& stillborn) {
        ++failed_;
        const std::string& program = asked_.command.front();
        const bool each_its_own = program.find("{}") != std::string::npos;
        stillborn.finish(printer_, start_failure(each_its_own ? stillborn.item() : program, stillborn.error()));
        const bool too_long = stillborn.error() == E2BIG;
        if (!each_its_own && !too_long) return halt(status_for(stillborn.error()));  // none of the others would do better
        after_failure();
    }

    void after_failure() {
        if (asked_.halt == halting::never) return;
        halt(exit_jobs_failed);
        if (asked_.halt == halting::now) end_all();
    }

    void look_for_losses() {
        for (auto& each : jobs_) {
            if (each->found_lost()) lose(*each);
        }
    }

    void collect() {
        look_for_losses();
        for (std::size_t i = 0; i < jobs_.size();) {
            const auto status = jobs_[i]->command().ended();
            if (!status) {
                ++i;
                continue;
            }
            // Out of the list first: what settles it may be something that goes to all others.
            const std::unique_ptr<job> ended = std::move(jobs_[i]);
            jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(i));
            settle(*ended, *status);
        }
    }

    void settle(job& ended, int status) {
        const bool good = status == exit_ok && !ended.ended_for_loss();
        ++(good ? succeeded_ : failed_);
        std::string remark;
        if (!good && !asked_.quiet) {
            remark = name_ + ": " + shown(ended) +
                     (ended.ended_for_loss() ? " was ended, since its permit was lost"
                                             : " failed with exit status " + std::to_string(status));
        } else if (asked_.verbose) {
            remark = name_ + ": " + shown(ended) + " is done";
        }
        ended.finish(printer_, remark);
        if (!good) after_failure();
    }

    void lose(job& which) {
        const std::string what = place_named(asked_.segment, asked_.semaphore) + ": " + shown(which) +
                                 ": the permit was lost: semrun was stopped for longer than the ttl, or somebody ended it; ";
        if (asked_.lost == on_loss::warn) {
            display_.say_beside(what + "the job goes on without it (--lost warn)");
            return;
        }
        display_.say_beside(what + "ends the job (a longer --ttl, or --lost warn, would have let it go on)");
        which.end_for_loss(asked_.grace);
    }

    [[nodiscard]] static std::string shown(const job& which) {
        return '"' + report::printable(which.item(), terminal_charset()) + '"';
    }

    // ---- signals

    // Jobs have process groups of their own, so the terminal's signals have not reached them.
    void hand_on(int signal) {
        switch (signal) {
            case SIGCHLD:
            case SIGPIPE: return;
            case SIGTSTP:
                send_all(SIGTSTP);
                display_.hide();
                stop_self();
                return;
            case SIGCONT:
                look_for_losses();  // stopped for longer than a ttl: those jobs should not go on first
                send_all(SIGCONT);
                return;
            case SIGHUP:
            case SIGINT:
            case SIGQUIT:
            case SIGTERM:
                send_all(signal);
                if (signals_.ignored(signal)) return;
                if (std::exchange(told_to_end_, true)) end_all();  // asked twice
                halt(exit_signal + signal);
                return;
            default: send_all(signal);
        }
    }

    void send_all(int signal) {
        for (auto& each : jobs_) each->command().send(signal);
    }

    // ---- the loop

    void report_line() {
        if (!asked_.verbose || !taker_.busy() || clock::now() < look_at_line_) return;
        look_at_line_ = clock::now() + kLookAtLine;
        const semaphore_snapshot seen = from_.inspect();
        const auto self = static_cast<std::uint32_t>(::getpid());
        const auto text = line_text(seen, self, terminal_charset());
        std::string key = line_key(seen, self);
        if (!text || key == line_key_) return;
        display_.say_beside(name_ + ": " + *text);
        line_key_ = std::move(key);
    }

    [[nodiscard]] int wait_ms() const {
        deadline until = clock::now() + (asked_.quiet ? duration{std::chrono::minutes{1}} : display_.period());
        if (asked_.verbose && taker_.busy()) until = std::min(until, look_at_line_);
        for (const auto& each : jobs_) {
            if (const auto due = each->command().due()) until = std::min(until, *due);
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
        return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    }

    void sleep_until_news() {
        const bool reads = !halted_ && !lines_.ended() && !lines_.plenty();
        pollfd news[] = {{.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                         {.fd = news_.fd(), .events = POLLIN, .revents = 0},
                         {.fd = reads ? lines_.fd() : -1, .events = POLLIN, .revents = 0},
                         {.fd = printer_.idle() ? -1 : printer_.target(), .events = POLLOUT, .revents = 0}};
        if (::poll(news, 4, wait_ms()) < 0) return;
        if (news[1].revents != 0) news_.hush();
        while (const auto signal = signals_.next()) hand_on(signal->signal);
        if (news[2].revents != 0) lines_.read_some();
        if (news[3].revents != 0) print();
        for (auto& each : jobs_) each->command().pass_time(clock::now());
    }

    void print() {
        display_.hide();
        const int target = printer_.target();
        if (printer_.print_some() || target != STDOUT_FILENO) return;
        if (errno != EPIPE) {
            say("cannot write what jobs print to the standard output: " + std::string(std::strerror(errno)) +
                ": make room there, or choose another place; ends all jobs");
        }
        halt(errno == EPIPE ? exit_signal + SIGPIPE : exit_failed);
        end_all();
    }

    const options& asked_;
    semaphore from_;
    const std::size_t most_;
    const std::string name_ = report::printable(asked_.semaphore, terminal_charset());
    const deadline began_ = clock::now();
    int no_input_;
    signal_watch signals_;  // before any thread, see there
    bell news_;             // outlives those who ring it
    items lines_{STDIN_FILENO, asked_.null_separated ? '\0' : '\n'};
    permit_taker taker_{asked_, from_, news_};
    printer printer_;
    progress_display display_{asked_.quiet};
    std::vector<std::unique_ptr<job>> jobs_;
    std::size_t started_ = 0;
    std::size_t succeeded_ = 0;
    std::size_t failed_ = 0;
    bool halted_ = false;
    bool told_to_end_ = false;
    int status_ = exit_ok;
    deadline look_at_line_{};
    std::string line_key_;
};

}  // namespace

int run_each(const options& asked, const semaphore& from) { return each_run(asked, from).run(); }

}  // namespace shmsem::semrun
