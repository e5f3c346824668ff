#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>

#include "interrupt.hpp"

namespace semabench {

namespace {
[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

/// A process that runs `body` and ends, or dies with this one. An exception's message goes into `words`.
pid_t forked(const std::function<void()>& body, last_words& words) {
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid > 0) return pid;
    // _exit in every case: the objects on this stack are the parent's to destroy.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    child_signals();
    // Where the stack lies against what is shared decides some nanoseconds of a pair, and all children of one process would have the
    // same luck: so each gets another place, by its pid, and luck ends up in the spread.
    const auto places = static_cast<unsigned>(getpid()) * 2654435761U >> 24;
    void* const moved = __builtin_alloca(16 * (1 + places));
    asm volatile("" : : "r"(moved) : "memory");
    try {
        body();
        _exit(0);
    } catch (const std::exception& error) {
        std::snprintf(words.text, sizeof words.text, "%s", error.what());
    } catch (...) {
        std::snprintf(words.text, sizeof words.text, "unknown exception");
    }
    _exit(1);
}
}  // namespace

doorbell::doorbell() : fd_(eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC)) {
    if (fd_ < 0) fail("eventfd");
}
doorbell::~doorbell() { close(fd_); }

void doorbell::ring() const {
    const std::uint64_t one = 1;
    if (write(fd_, &one, sizeof one) != sizeof one) fail("write to an eventfd");
}

void doorbell::wait() const {
    std::uint64_t one = 0;
    while (read(fd_, &one, sizeof one) < 0) {
        if (errno != EINTR) fail("read from an eventfd");
    }
}

void nap(duration length) {
    const timespec time{.tv_sec = length.count() / 1'000'000'000, .tv_nsec = length.count() % 1'000'000'000};
    nanosleep(&time, nullptr);
}

child::child(const std::function<void()>& body) : pid_(forked(body, *words_)) {
    pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    if (pidfd_ < 0) {
        const int error = errno;
        kill();
        waitpid(pid_, nullptr, 0);
        errno = error;
        fail("pidfd_open");
    }
}

child::~child() {
    if (pid_ > 0) {
        kill();
        waitpid(pid_, nullptr, 0);
    }
    if (pidfd_ >= 0) close(pidfd_);
}

void child::kill() noexcept {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
}

void child::wait() {
    if (pid_ == 0) return;
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0) {
        if (errno != EINTR) fail("waitpid");
    }
    pid_ = 0;
    if (WIFSIGNALED(status)) throw std::runtime_error("a process was killed by signal " + std::to_string(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0) throw std::runtime_error(words_->text[0] != 0 ? words_->text : "a process failed");
}

void child::await(const doorbell& bell, duration patience) {
    pollfd on[] = {{bell.fd(), POLLIN, 0}, {pidfd_, POLLIN, 0}};
    if (!poll_or_throw(on, patience)) throw std::runtime_error("hung: no answer in time");
    if ((on[0].revents & POLLIN) != 0) {
        bell.wait();
        return;
    }
    wait();
    throw std::runtime_error("a process ended too early");
}

void child::expect_running() {
    pollfd on{pidfd_, POLLIN, 0};
    if (poll(&on, 1, 0) <= 0) return;
    wait();
    throw std::runtime_error("a process ended too early");
}

bool child::asleep() const {
    char path[48];
    std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(pid_));
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    char text[256] = {};
    const auto length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0) return false;
    // The state is the field after the command, which may itself hold parentheses.
    const char* after = std::strrchr(text, ')');
    return after != nullptr && std::strncmp(after, ") S", 3) == 0;
}

crowd::crowd(int size, duration patience, const std::function<void(const std::function<void()>& stay)>& body) {
    shared<last_words> words;
    shared<std::atomic<bool>> failed(false);
    const doorbell ready;
    const auto stay = [&] {
        ready.ring();
        for (;;) pause();
    };
    const auto until = clock::now() + patience;
    members_.reserve(static_cast<std::size_t>(size));
    try {
        for (int i = 0; i < size; ++i) {
            members_.push_back(forked(
                [&] {
                    try {
                        body(stay);
                    } catch (...) {
                        failed->store(true);
                        ready.ring();
                        throw;
                    }
                },
                *words));
        }
        for (int i = 0; i < size; ++i) {
            pollfd on{ready.fd(), POLLIN, 0};
            if (!poll_or_throw({&on, 1}, std::chrono::duration_cast<duration>(until - clock::now()))) {
                throw std::runtime_error("hung: " + std::to_string(size - i) + " of " + std::to_string(size) +
                                         " processes are not ready");
            }
            ready.wait();
            if (failed->load()) {
                rest(std::chrono::milliseconds{10});  // until it has said why
                throw std::runtime_error(words->text[0] != 0 ? words->text : "a process failed");
            }
        }
    } catch (...) {
        end();
        throw;
    }
}

crowd::~crowd() { end(); }

void crowd::end() noexcept {
    for (const pid_t pid : members_) ::kill(pid, SIGKILL);
    for (const pid_t pid : members_) waitpid(pid, nullptr, 0);
    members_.clear();
}

struct member::meeting {
    explicit meeting(int size) {
        pthread_barrierattr_t attributes;
        pthread_barrierattr_init(&attributes);
        pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        pthread_barrier_init(&barrier, &attributes, static_cast<unsigned>(size));
        pthread_barrierattr_destroy(&attributes);
    }
    // No pthread_barrier_destroy: it waits for members inside, and killed ones never leave.
    pthread_barrier_t barrier{};
    values reports[64] = {};
};

void member::meet() { pthread_barrier_wait(&place_.barrier); }

std::vector<std::vector<double>> run_crew(int size, duration patience, const std::function<void(member&)>& body) {
    shared<member::meeting> place(size);
    if (size > static_cast<int>(std::size(place->reports))) throw std::invalid_argument("crew too large");
    std::vector<std::unique_ptr<child>> crew;
    for (int rank = 0; rank < size; ++rank) {
        crew.push_back(std::make_unique<child>([&, rank] {
            member self(rank, *place, place->reports[rank]);
            body(self);
        }));
    }
    const auto until = clock::now() + patience;
    // Whoever ends first is reaped first: a member that fails must not leave the parent waiting for one that waits for it.
    for (auto running = crew.size(); running > 0;) {
        std::vector<pollfd> on;
        std::vector<child*> whose;
        for (const auto& one : crew) {
            if (one->pid() == 0) continue;
            on.push_back({one->pidfd(), POLLIN, 0});
            whose.push_back(one.get());
        }
        if (!poll_or_throw(on, std::chrono::duration_cast<duration>(until - clock::now()))) {
            throw std::runtime_error("hung: " + std::to_string(running) + " of " + std::to_string(size) +
                                     " processes had not ended in time");
        }
        for (std::size_t i = 0; i < on.size(); ++i) {
            if (on[i].revents == 0) continue;
            whose[i]->wait();
            --running;
        }
    }
    std::vector<std::vector<double>> reports;
    for (int rank = 0; rank < size; ++rank) {
        reports.emplace_back(std::begin(place->reports[rank]), std::end(place->reports[rank]));
    }
    return reports;
}

}  // namespace semabench
