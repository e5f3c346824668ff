#include "fuzz/pictures.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>

#include "fuzz/warden.hpp"
#include "layout/view.hpp"
#include "os/clock.hpp"
#include "os/testing.hpp"
#include "shmsem/mutex.hpp"
#include "shmsem/segment.hpp"

namespace shmsem::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr limits narrow{.processes = 8, .semaphores = 4, .permits = 16, .waiters = 8, .tenants = 4};
constexpr limits wide{.processes = 3, .semaphores = 6, .permits = 200, .waiters = 20, .tenants = 2};

std::string path_of(const std::string& name) { return "/dev/shm/shmsem." + name; }

// Runs `scene` in a process of its own, to whatever end it comes.
void elsewhere(const std::function<void()>& scene) {
    const pid_t pid = ::fork();
    if (pid < 0) defect("fork failed");
    if (pid == 0) {
        try {
            scene();
        } catch (const std::exception& e) {
            std::fprintf(stderr, "picture: %s\n", e.what());
            ::_exit(1);
        }
        ::_exit(0);
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
    }
    const bool well = WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0;
    if (!well) defect("a picture could not be taken");
}

picture developed(const std::string& of, const std::string& name, const limits& sizes) {
    picture taken{.of = of, .sizes = sizes, .bytes = {}, .taken_ns = os::now().time_since_epoch().count()};
    const int fd = ::open(path_of(name).c_str(), O_RDONLY | O_CLOEXEC);
    struct stat facts {};
    if (fd < 0 || ::fstat(fd, &facts) != 0) return taken;  // killed before it had a name
    taken.bytes.resize(static_cast<std::size_t>(facts.st_size));
    if (::pread(fd, taken.bytes.data(), taken.bytes.size(), 0) != facts.st_size) defect("a picture could not be read");
    ::close(fd);
    return taken;
}

void until(const std::function<bool()>& true_at_last) {
    while (!true_at_last()) std::this_thread::sleep_for(200us);
}

// Somebody comes, takes, waits, hands on, resizes and goes: every step of the library's with more than one store is in here.
void whole_life(const std::string& name, const limits& sizes, const std::function<void()>& in_the_middle) {
    segment home = segment::create(name, sizes);
    auto gpus = home.semaphore(gpu, gpu_options);
    auto bulks = home.semaphore(bulk, bulk_options);
    auto pieces = home.ownerless(units, {.initial = 1, .max = most_units});
    mutex book(home, ledger, {.ttl = 1s});
    lease one = gpus.acquire({.tenant = "tenant", .label = "label"});
    lease two = gpus.acquire({.permits = 2, .ttl = 20ms});
    lease many = bulks.acquire({.permits = 4, .label = "many"});
    const detached_lease parcel = bulks.acquire().detach();
    pieces.acquire();
    std::thread waiter([&] { (void)gpus.acquire({.permits = 2, .tenant = "other"}); });
    std::thread next([&] { (void)gpus.try_acquire_for(1h); });
    std::thread third([&] { (void)bulks.try_acquire_for(1h); });
    std::thread counting([&] { pieces.acquire(); });
    until([&] { return gpus.stats().waiting == 2 && bulks.stats().waiting == 1 && pieces.stats().waiting == 1; });
    if (in_the_middle) in_the_middle();
    std::error_code ignored;
    (void)gpus.try_acquire_for(1ms, {}, ignored);
    pieces.release();
    one.release();
    two.renew();
    two.release();
    many.release();
    for (auto* thread : {&waiter, &next, &third, &counting}) thread->join();
    (void)bulks.adopt(parcel, ignored);
    gpus.resize(5);
    gpus.resize(1);
    home.reap();
}

}  // namespace

std::vector<std::uint8_t> picture::as_of_now() const {
    std::vector<std::uint8_t> fresh = bytes;
    std::int64_t epoch = 0;
    std::memcpy(&epoch, fresh.data() + offsetof(layout::header, epoch_ns), sizeof epoch);
    epoch += os::now().time_since_epoch().count() - taken_ns;
    std::memcpy(fresh.data() + offsetof(layout::header, epoch_ns), &epoch, sizeof epoch);
    return fresh;
}

std::vector<picture> take_pictures() {
    const std::string name = "fuzz-picture-" + std::to_string(::getpid());
    std::vector<picture> all;
    const auto keep = [&](const std::string& of, const limits& sizes) {
        all.push_back(developed(of, name, sizes));
        if (all.back().bytes.empty()) all.pop_back();
        std::error_code ignored;
        (void)segment::remove(name, ignored);
    };
    for (const limits& sizes : {narrow, wide}) {
        elsewhere([&] { (void)segment::create(name, sizes); });
        keep("a new segment", sizes);
        // Ended from outside the library, so that everybody is there still.
        elsewhere([&] { whole_life(name, sizes, [] { ::kill(::getpid(), SIGKILL); }); });
        keep("a dead process that held and waited", sizes);
        // The kernel's mark taken off again: now they live.
        picture living = all.back();
        living.of = "a living process that holds and waits";
        for (std::uint32_t p = 0; p < sizes.processes; ++p) {
            const std::size_t life = layout::geometry::of(sizes).processes + p * sizeof(layout::process_entry) +
                                     offsetof(layout::process_entry, life);
            living.bytes[life + 3] &= 0xbf;
        }
        all.push_back(living);
    }
    for (const char* point :
         {"directory.making",  "directory.tenant",    "lock.taken",         "wait.node_claimed", "wait.enqueued",
          "wait.linked",       "grant.before_commit", "grant.after_commit", "grant.marked",      "grant.unlinked",
          "grant.before_wake", "count.taken",         "count.marked",       "resize.stored",     "resize.slot",
          "release.opened",    "wait.abandoned",      "join.claimed",       "join.life_locked",  "leave.marked",
          "reap.slot_opened"}) {
        for (const int nth : {1, 3}) {
            elsewhere([&] {
                os::testing::die_at(point, nth);
                whole_life(name, narrow, {});
            });
            keep(std::string("killed at ") + point, narrow);
        }
    }
    return all;
}

}  // namespace shmsem::fuzz
