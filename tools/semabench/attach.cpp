#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "benchmark.hpp"
#include "cpu.hpp"
#include "naming.hpp"
#include "peers_shmsem.hpp"
#include "process.hpp"
#include "statistics.hpp"

// What it costs to begin, once in the life of a process, beside what the kernel takes for a piece of shared memory by itself.
// What is opened exists already. Each trial ends with closing it, which is not timed.

namespace semabench {

namespace {

template <class Step>
double timed(Step&& step) {
    const auto before = now_ns();
    step();
    return static_cast<double>(now_ns() - before);
}

/// The median over trials, in one process. The parent makes the Beginning, and destroys it in the end.
template <class Beginning>
contestant trials_of() {
    return {Beginning::name, [](const effort& work) -> sample {
                Beginning begin;
                const auto reports = run_crew(1, work.patience, [&](member& self) {
                    pin(0);
                    std::vector<double> times;
                    for (int i = 0; i < work.kills; ++i) times.push_back(begin.trial());
                    self.report(0, quantile(times, 0.5));
                });
                return {reports[0][0]};
            }};
}

/// Room for as much as a segment with default limits.
class plain_memory {
   public:
    static constexpr const char* name = "shm_open + mmap";

    plain_memory() : name_("/" + unique_name()) {
        const int fd = shm_open(name_.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
        if (fd < 0) throw std::system_error(errno, std::generic_category(), "shm_open");
        const int error = posix_fallocate(fd, 0, size);
        close(fd);
        if (error != 0) throw std::system_error(error, std::generic_category(), "posix_fallocate");
    }
    ~plain_memory() { shm_unlink(name_.c_str()); }
    plain_memory(const plain_memory&) = delete;
    plain_memory& operator=(const plain_memory&) = delete;

    [[nodiscard]] double trial() const {
        int fd = -1;
        void* memory = nullptr;
        const auto time = timed([&] {
            fd = shm_open(name_.c_str(), O_RDWR, 0600);
            memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
            static_cast<std::atomic<int>*>(memory)->fetch_add(1);
        });
        munmap(memory, size);
        close(fd);
        return time;
    }

   private:
    static constexpr std::size_t size = 488 * 1024;
    std::string name_;
};

class existing_segment {
   public:
    existing_segment() {
        // In a process of its own: semabench itself never attaches.
        child maker([&] {
            auto home = shmsem::segment::create(name_.text());
            (void)home.semaphore("bench");
        });
        maker.wait();
    }

   protected:
    [[nodiscard]] shmsem::segment open() const { return shmsem::segment::open(name_.text()); }

   private:
    segment_name name_;
};

struct opening : existing_segment {
    static constexpr const char* name = "shmsem, open and find";
    [[nodiscard]] double trial() const {
        shmsem::segment home;
        shmsem::semaphore semaphore;
        return timed([&] {
            home = open();
            semaphore = home.find("bench");
        });
    }
};

struct first_acquire : existing_segment {
    static constexpr const char* name = "shmsem, first acquire";
    [[nodiscard]] double trial() const {
        auto home = open();
        auto semaphore = home.find("bench");
        shmsem::lease held;
        return timed([&] { held = semaphore.acquire(); });
    }
};

struct acquire_after_fork : existing_segment {
    static constexpr const char* name = "shmsem, first acquire after fork";
    [[nodiscard]] double trial() const {
        auto home = open();
        auto semaphore = home.find("bench");
        semaphore.acquire().release();
        shared<double> time(0.0);
        child forked([&] {
            shmsem::lease held;
            *time = timed([&] { held = semaphore.acquire(); });
        });
        forked.wait();
        return *time;
    }
};

}  // namespace

void add_attach(std::vector<benchmark>& to) {
    const std::vector<measure> time = {{"time", "ns", better::lower}};
    const auto plain = trials_of<plain_memory>();
    to.push_back(benchmark{"attach/open", "opening a segment and finding a semaphore in it", time}.compare(
        trials_of<opening>(), {{plain}}));
    to.push_back(benchmark{"attach/first-acquire",
                           "the first acquire of a process, which attaches it: a background thread starts", time}
                     .compare(trials_of<first_acquire>(), {{plain}}));
    to.push_back(benchmark{"attach/fork", "the first acquire of a forked child of an attached process", time}.compare(
        trials_of<acquire_after_fork>(), {{plain}}));
}

}  // namespace semabench
