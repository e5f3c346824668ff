#include "semtop/live.hpp"

#include <csignal>
#include <utility>

#include "report/sample.hpp"
#include "report/user_name.hpp"
#include "semtop/actions.hpp"
#include "semtop/draw.hpp"
#include "semtop/terminal.hpp"
#include "semtop/update.hpp"

namespace shmsem::semtop {
namespace {

using clock = std::chrono::steady_clock;

// Asked once for each user id, since the answer may come over the network.
void learn_users(model& of) {
    for (const auto& sampled : of.seen.segments) {
        const auto* segment = std::get_if<segment_snapshot>(&sampled.contents);
        if (segment == nullptr) continue;
        for (const auto& process : segment->processes) {
            if (!of.users.contains(process.uid)) of.users[process.uid] = report::user_name(process.uid);
        }
    }
}

model take_sample(model of, const options& asked) {
    of = receive(std::move(of), report::sample(asked.segments, report::sampling::look), clock::now());
    learn_users(of);
    return of;
}

model first_model(const options& asked, report::charset charset, size extent) {
    model of;
    of.terminal = charset;
    of.all = asked.all;
    of.sort_by = asked.sort_by;
    of.filter = asked.filter;
    of.delay = asked.delay;
    of.extent = extent;
    return of;
}

int loop(terminal& on, const options& asked, report::charset charset) {
    model of = take_sample(first_model(asked, charset, on.extent()), asked);
    auto next_sample = clock::now() + of.delay;
    while (on.told_to_end() == 0) {
        on.show(draw(of));
        const auto input = on.wait(std::max<duration>(next_sample - clock::now(), duration::zero()));
        bool sample_now = clock::now() >= next_sample;
        if (input.resized) of = resized(std::move(of), on.extent());
        if (input.pressed) {
            const duration before = of.delay;
            step now = update(std::move(of), *input.pressed);
            of = std::move(now.state);
            for (const effect& wanted : now.effects) {
                if (wanted.what == effect::kind::quit) return 0;
                if (wanted.what == effect::kind::act) {
                    auto [done, words] = perform(wanted.then, charset);
                    of.status = std::move(words);
                    of.status_is_bad = !done;
                }
                sample_now = true;
            }
            if (of.delay != before) next_sample = clock::now() + of.delay;
        }
        if (sample_now) {
            of = take_sample(std::move(of), asked);
            next_sample = clock::now() + of.delay;
        }
    }
    return on.told_to_end();
}

}  // namespace

int run_live(const options& asked, report::charset charset) {
    int signal = 0;
    {
        terminal on({.with = asked.with, .mouse = asked.mouse});
        signal = loop(on, asked, charset);
    }
    if (signal != 0) {
        std::signal(signal, SIG_DFL);
        std::raise(signal);
    }
    return exit_ok;
}

}  // namespace shmsem::semtop
