#pragma once

#include <chrono>
#include <string>

namespace demo {

/// One line on stderr that says how far the job is: rewritten in place on a terminal, else a new line now and then.
class progress {
   public:
    explicit progress(bool quiet);
    ~progress() { finish(); }
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;

    struct state {
        std::size_t done = 0;
        std::size_t of = 0;
        std::size_t killed = 0;
        std::size_t to_kill = 0;
        int running = 0;
        int round = 1;
    };
    /// Shows it, unless the last time was a moment ago.
    void show(const state& now);
    /// Ends the line.
    void finish();

   private:
    bool quiet_;
    bool terminal_;
    bool open_ = false;
    std::chrono::steady_clock::time_point next_{};
};

}  // namespace demo
