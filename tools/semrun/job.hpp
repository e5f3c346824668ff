#pragma once

#include <memory>
#include <string>
#include <utility>

#include "semrun/bell.hpp"
#include "semrun/options.hpp"
#include "semrun/process.hpp"
#include "semrun/spool.hpp"
#include "shmsem/lease.hpp"

namespace shmsem::semrun {

/// One command of --each, with its permit and what it has printed.
class job {
   public:
    /// Starts it. error() says why it could not be executed.
    /// @param news  is rung when the permit is lost; outlives the job
    /// @param no_input  /dev/null: the standard input is where the lines come from
    job(const options& asked, std::string item, lease held, const sigset_t& mask, int no_input, bell& news);
    ~job() { (void)held_.release(); }  // waits for a callback that is running
    job(const job&) = delete;
    job& operator=(const job&) = delete;

    [[nodiscard]] int error() const noexcept { return error_; }
    [[nodiscard]] const std::string& item() const noexcept { return item_; }
    [[nodiscard]] process& command() noexcept { return command_; }
    [[nodiscard]] const lease& held() const noexcept { return held_; }
    /// True once, when the permit was lost.
    [[nodiscard]] bool found_lost() noexcept { return !held_.valid() && !std::exchange(loss_found_, true); }
    /// Remembers that it is ended for that.
    void end_for_loss(duration grace) noexcept {
        ended_for_loss_ = true;
        command_.end(grace);
    }
    [[nodiscard]] bool ended_for_loss() const noexcept { return ended_for_loss_; }
    /// Gives the permit back, and what was printed to `to`. @param remark  follows what the job itself wrote; empty: nothing
    void finish(printer& to, const std::string& remark);

   private:
    std::string item_;
    lease held_;
    std::unique_ptr<spool> out_ = std::make_unique<spool>();
    std::unique_ptr<spool> err_ = std::make_unique<spool>();
    bool loss_found_ = false;
    bool ended_for_loss_ = false;
    int error_ = 0;
    process command_;
};

}  // namespace shmsem::semrun
