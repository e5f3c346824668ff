#include "demo_main/job.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>

#include "demo_main/journal.hpp"
#include "demo_main/killer.hpp"
#include "demo_main/progress.hpp"
#include "demo_main/scan.hpp"
#include "demo_main/work_table.hpp"
#include "demo_main/worker.hpp"
#include "shmsem/segment.hpp"

namespace demo {
namespace {

using namespace std::chrono_literals;

// A directory of few files is read several times, so that there is a crowd at the semaphore long enough to kill some of it; but
// not more than so many bytes, estimated from the files' sizes now.
constexpr std::size_t enough_items = 8'000;
constexpr std::uint64_t enough_bytes = 512ULL << 20;
// The pool is run again until every kill has been made. In one round there are thousands of chances; more rounds than this mean
// that something else is wrong.
constexpr int most_rounds = 25;

// Named after this process; nobody else's may be removed, not even one of the same pid in another pid namespace.
class own_segment {
   public:
    explicit own_segment(int workers) : name_("demo." + std::to_string(::getpid())) {
        std::error_code ignored;
        (void)shmsem::segment::remove_if_unused(name_, ignored);  // of a process that had our pid, and was killed
        const auto crowd = static_cast<std::uint32_t>(workers) * 2 + 16;
        home_ = shmsem::segment::create(name_, {.processes = crowd, .semaphores = 4, .permits = 16384, .waiters = crowd});
    }
    ~own_segment() {
        std::error_code ignored;
        (void)shmsem::segment::remove(name_, ignored);
    }
    own_segment(const own_segment&) = delete;
    own_segment& operator=(const own_segment&) = delete;
    shmsem::segment* operator->() { return &home_; }

   private:
    std::string name_;
    shmsem::segment home_;
};

std::size_t passes_for(const std::vector<std::string>& files) {
    std::uint64_t bytes = 1;
    for (const std::string& file : files) {
        std::error_code vanished;
        const auto size = std::filesystem::file_size(file, vanished);
        if (!vanished) bytes += size;
        if (bytes >= enough_bytes) return 1;
    }
    return std::max<std::size_t>(
        1, std::min<std::size_t>((enough_items + files.size() - 1) / files.size(), enough_bytes / bytes));
}

class job {
   public:
    job(const job_options& options, const std::atomic<int>& interrupted)
        : options_(options),
          interrupted_(interrupted),
          found_(scan(options.directory)),
          home_(options.workers),
          permits_(home_->semaphore("checksum", {.permits = options.permits})),
          killer_(permits_, options.workers > options.permits),
          progress_(options.quiet) {
        if (found_.files.empty()) throw std::runtime_error("no regular files under " + options.directory);
        passes_ = passes_for(found_.files);
        const std::size_t items = found_.files.size() * passes_;
        leases_ = std::make_unique<journal>(static_cast<std::size_t>(options.permits), 2 * items + 1'000'000);
    }

    std::optional<outcome> run() {
        outcome_.directory = options_.directory;
        outcome_.workers = options_.workers;
        outcome_.permits = options_.permits;
        outcome_.kills_wanted = options_.kills;
        outcome_.files_found = outcome_.files_done = found_.files.size();
        outcome_.unreadable_directories = found_.unreadable_directories;

        const auto begin = std::chrono::steady_clock::now();
        do {
            work_table table(found_.files.size(), passes_);
            run_round(table);
            if (interrupted_ != 0) return {};
            if (outcome_.rounds == 1) write_results(table);
        } while (kills_left() > 0 && outcome_.failed == 0 && outcome_.rounds < most_rounds);
        outcome_.elapsed = std::chrono::steady_clock::now() - begin;
        progress_.finish();
        take_stock();
        return outcome_;
    }

   private:
    [[nodiscard]] std::size_t kills_left() const {
        return static_cast<std::size_t>(options_.kills) - killer_.kills().size();
    }

    void run_round(work_table& table) {
        const int round = outcome_.rounds++;
        const assignment what{found_.files, table, *leases_, permits_, round};
        shmsem::worker_pool pool({.workers = options_.workers, .max_restarts = options_.kills + 3, .stop_timeout = 2s},
                                 [&](int worker, const auto& context) { return work(what, worker, context); });
        std::vector<life_id> lives;
        for (int i = 0; i < options_.workers; ++i) lives.emplace_back(i, round, 0);
        std::size_t exits_seen = 0;

        pool.start();
        const std::size_t first_kill = killer_.kills().size();
        bool going = true;
        while (going) {
            const bool due = kill_due(table, first_kill, exits_seen);
            going = pool.poll(due ? 0ms : 5ms);
            for (; exits_seen < pool.exits().size(); ++exits_seen)
                account_for(pool.exits()[exits_seen], round, table, lives);
            if (interrupted_ != 0) pool.stop();
            if (going && due && interrupted_ == 0) killer_.strike(pool, table, lives);
            progress_.show({.done = table.done_so_far(),
                            .of = table.size(),
                            .killed = killer_.kills().size(),
                            .to_kill = static_cast<std::size_t>(options_.kills),
                            .running = pool.running(),
                            .round = round + 1});
        }
        outcome_.restarted += pool.restarts();
        audit(table);
    }

    // Kills are spread over the work, and one waits for the end of the one before: each is measured by itself.
    [[nodiscard]] bool kill_due(const work_table& table, std::size_t first_kill, std::size_t exits_seen) const {
        const std::size_t made = killer_.kills().size() - first_kill;
        if (kills_left() == 0 || exits_seen < made) return false;
        const std::size_t parts = kills_left() + made + 1;
        return table.done_so_far() >= table.size() * (made + 1) / parts || outcome_.rounds > 1;
    }

    void account_for(const shmsem::worker_exit& e, int round, work_table& table, std::vector<life_id>& lives) {
        const life_id over(e.index, round, e.life);
        lives[static_cast<std::size_t>(e.index)] = life_id(e.index, round, e.life + 1);
        ended_[over] = e.signalled;
        outcome_.taken_over += table.put_back(over);
        const bool ours =
            std::any_of(killer_.kills().begin(), killer_.kills().end(), [&](const auto& k) { return k.life == over; });
        if (ours && e.signalled && e.status == SIGKILL) {
            ++outcome_.killed;
        } else if (e.signalled || e.status != 0) {
            ++outcome_.failed;
        }
    }

    // Each file exactly once in each pass.
    void audit(const work_table& table) {
        outcome_.duplicates += table.duplicates();
        outcome_.passes += table.passes();
        std::size_t complete = 0;
        for (std::size_t file = 0; file < table.files(); ++file) {
            std::size_t results = 0;
            bool changed = false;
            for (std::size_t item = file; item < table.size(); item += table.files()) {
                if (!table.done(item)) continue;
                ++results;
                const file_result r = table.result(item);
                outcome_.bytes += r.bytes;
                changed = changed || r.checksum != table.result(file).checksum;
            }
            outcome_.missing += table.passes() - results;
            if (changed) ++outcome_.changed;
            if (results == table.passes()) ++complete;
        }
        outcome_.files_done = std::min(outcome_.files_done, complete);
    }

    void write_results(const work_table& table) {
        fnv1a all;
        std::ofstream out;
        if (!options_.results.empty()) out.open(options_.results, std::ios::trunc);
        for (std::size_t file = 0; file < table.files(); ++file) {
            if (!table.done(file)) continue;
            const file_result r = table.result(file);
            if (r.error != 0) ++outcome_.unreadable;
            all.add(&r.checksum, sizeof r.checksum);
            char line[64];
            std::snprintf(line, sizeof line, "%016llx %llu ", static_cast<unsigned long long>(r.checksum),
                          static_cast<unsigned long long>(r.bytes));
            if (out.is_open()) out << line << found_.files[file] << '\n';
        }
        outcome_.checksum = all.value();
        if (!options_.results.empty() && !out.flush()) throw std::runtime_error("cannot write " + options_.results);
    }

    // After the last worker has gone.
    void take_stock() {
        const shmsem::semaphore_stats stats = permits_.stats();
        outcome_.in_use = stats.acquired;
        outcome_.reaped = stats.total_reaped;
        outcome_.inversions_counted = stats.inversions;

        const auto seen = leases_->check([&](life_id who) {
            const auto end = ended_.find(who);
            return end != ended_.end() && end->second;
        });
        outcome_.leases = seen.leases;
        outcome_.queued = seen.queued;
        outcome_.not_recorded = seen.not_recorded;
        outcome_.leases_lost = seen.lost;
        outcome_.overlaps = seen.overlaps;
        outcome_.inversions_recorded = seen.inversions;
        for (const kill_record& k : killer_.kills()) {
            if (const auto next = leases_->next_lease(k.seat, k.token)) {
                outcome_.kill_to_grant.emplace_back(*next - k.at);
            } else if (k.awaited) {
                ++outcome_.never_granted;
            }
        }
        std::sort(outcome_.kill_to_grant.begin(), outcome_.kill_to_grant.end());

        // The proof that none is lost: all of them, at once, without waiting.
        std::int64_t at_once = options_.permits;
        while (at_once > 0 && !permits_.try_acquire({.permits = at_once})) --at_once;
        outcome_.lost = static_cast<std::uint32_t>(options_.permits - at_once);
        outcome_.broken_invariants = home_->check_invariants().problems;

        shmsem::semaphore fresh = home_->semaphore("cost", {.permits = options_.permits});
        outcome_.cost = compare(fresh);
    }

    const job_options& options_;
    const std::atomic<int>& interrupted_;
    const scan_result found_;
    own_segment home_;
    shmsem::semaphore permits_;
    killer killer_;
    progress progress_;
    std::size_t passes_ = 1;
    std::unique_ptr<journal> leases_;
    std::map<life_id, bool> ended_;  // whether by a signal
    outcome outcome_;
};

}  // namespace

std::optional<outcome> run_job(const job_options& options, const std::atomic<int>& interrupted) {
    return job(options, interrupted).run();
}

}  // namespace demo
