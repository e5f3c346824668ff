#include "semrun/job.hpp"

#include <unistd.h>

#include "semrun/items.hpp"
#include "semrun/run_one.hpp"

namespace shmsem::semrun {

job::job(const options& asked, std::string item, lease held, const sigset_t& mask, int no_input, bell& news)
    : item_(std::move(item)), held_(std::move(held)) {
    const std::vector<std::string> argv = command_for(asked.command, item_);
    command_ = process::start({.argv = argv,
                               .environment = environment_of(asked, held_),
                               .mask = mask,
                               .in = no_input,
                               .out = out_->fd(),
                               .err = err_->fd(),
                               .own_group = true},
                              error_);
    if (error_ != 0) return;
    std::error_code gone;
    held_.on_lost([&news] { news.ring(); }, gone);
    if (gone) news.ring();
}

void job::finish(printer& to, const std::string& remark) {
    (void)held_.release();
    if (!remark.empty()) {
        const std::string line = "semrun: " + remark + '\n';
        [[maybe_unused]] const ssize_t ignored = ::write(err_->fd(), line.data(), line.size());
    }
    to.add(std::move(out_), STDOUT_FILENO);
    to.add(std::move(err_), STDERR_FILENO);
}

}  // namespace shmsem::semrun
