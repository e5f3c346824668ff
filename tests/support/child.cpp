#include "support/child.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <stdexcept>

#include "support/shared.hpp"

namespace shmsem::test {

struct child::report {
    shared<std::atomic<int>> failures{0};
};

namespace {

// Counts where the parent can see it, and empties stdout, which a SIGKILL would lose.
class failure_counter : public ::testing::EmptyTestEventListener {
   public:
    explicit failure_counter(std::atomic<int>& failures) : failures_(failures) {}
    void OnTestPartResult(const ::testing::TestPartResult& result) override {
        if (result.failed()) failures_.fetch_add(1);
        std::fflush(stdout);
    }

   private:
    std::atomic<int>& failures_;
};

int run(const std::function<int()>& body, std::atomic<int>& failures) {
    try {
        return body();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "child %d: exception: %s\n", ::getpid(), error.what());
    } catch (...) {
        std::fprintf(stderr, "child %d: unknown exception\n", ::getpid());
    }
    failures.fetch_add(1);
    return failed_in_child;
}

}  // namespace

child fork_body(const std::function<int()>& body) {
    child made;
    made.report_ = std::make_shared<child::report>();
    std::atomic<int>& failures = *made.report_->failures;
    const pid_t parent = ::getpid();
    // The kernel ties the child to the forking thread, not to its process; a helper thread may end before its child does.
    const bool from_main_thread = ::syscall(SYS_gettid) == parent;
    std::fflush(stdout);
    std::fflush(stderr);
    const pid_t pid = ::fork();
    if (pid < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
    if (pid == 0) {
        if (from_main_thread) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != parent) ::_exit(failed_in_child);
        }
        ::testing::UnitTest::GetInstance()->listeners().Append(new failure_counter(failures));
        int status = run(body, failures);
        if (status == 0 && failures.load() != 0) status = failed_in_child;
        std::fflush(stdout);
        std::fflush(stderr);
        ::_exit(status);
    }
    made.pid_ = pid;
    made.reaped_ = false;
    return made;
}

child::~child() {
    if (pid_ == 0 || reaped_) return;
    ::kill(pid_, SIGKILL);
    wait_end();
}

int child::wait_end() {
    if (reaped_) return status_;
    while (::waitpid(pid_, &status_, 0) < 0) {
        if (errno == EINTR) continue;
        ADD_FAILURE() << "waitpid(" << pid_ << "): " << std::strerror(errno);
        break;
    }
    settle(status_);
    return status_;
}

void child::settle(int status) {
    status_ = status;
    reaped_ = true;
    const int failures = report_->failures->load();
    if (failures != 0) ADD_FAILURE() << failures << " checks failed in child " << pid_ << ", see above";
}

std::string child::ending() const {
    if (WIFEXITED(status_)) return "exited with status " + std::to_string(WEXITSTATUS(status_));
    if (WIFSIGNALED(status_)) return std::string("was killed by ") + ::strsignal(WTERMSIG(status_));
    return "has wait status " + std::to_string(status_);
}

int child::wait_signal() {
    wait_end();
    if (WIFSIGNALED(status_)) return WTERMSIG(status_);
    ADD_FAILURE() << "child " << pid_ << " should have been killed by a signal, but " << ending();
    return 0;
}

int child::wait_exit() {
    wait_end();
    if (WIFEXITED(status_)) return WEXITSTATUS(status_);
    ADD_FAILURE() << "child " << pid_ << " should have exited, but " << ending();
    return -1;
}

bool child::kill() {
    if (!reaped_) ::kill(pid_, SIGKILL);
    wait_end();
    return WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL;
}

void child::send(int signal) const {
    if (!reaped_) ::kill(pid_, signal);
}

void child::stop() {
    send(SIGSTOP);
    wait_stopped();
}

bool child::wait_stopped() {
    if (!reaped_) {
        int status = 0;
        while (::waitpid(pid_, &status, WUNTRACED) < 0 && errno == EINTR) {
        }
        if (WIFSTOPPED(status)) return true;
        settle(status);
    }
    ADD_FAILURE() << "child " << pid_ << " should have stopped, but " << ending();
    return false;
}

void child::cont() {
    send(SIGCONT);
    int status = 0;
    while (::waitpid(pid_, &status, WCONTINUED) < 0 && errno == EINTR) {
    }
    if (!WIFCONTINUED(status)) settle(status);
}

bool sleeps(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(file, line);
    const auto name_end = line.rfind(") ");
    return name_end != std::string::npos && name_end + 2 < line.size() && line[name_end + 2] == 'S';
}

}  // namespace shmsem::test
