#include "semrun/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "semrun/options.hpp"

namespace shmsem::semrun {
namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
    result.push_back(nullptr);
    return result;
}

std::vector<char*> environment_with(const std::vector<std::string>& additions) {
    std::vector<char*> result;
    const auto replaced = [&](std::string_view variable) {
        return std::any_of(additions.begin(), additions.end(), [&](const std::string& a) {
            return variable.substr(0, variable.find('=')) == std::string_view(a).substr(0, a.find('='));
        });
    };
    for (char** at = ::environ; *at != nullptr; ++at) {
        if (!replaced(*at)) result.push_back(*at);
    }
    for (const std::string& a : additions) result.push_back(const_cast<char*>(a.c_str()));
    result.push_back(nullptr);
    return result;
}

// Runs in the child of vfork, in its parent's memory, while the parent's thread is held: nothing but system calls here.
[[noreturn]] void become(const launch& how, char** argv, char** environment, pid_t parent, int report) {
    int error = 0;
    // The kernel kills us with our parent from here on. It may have died before: then somebody else is our parent already.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) error = errno;
    if (::getppid() != parent) ::_exit(128 + SIGKILL);
    if (how.own_group) ::setpgid(0, 0);
    const int wanted[] = {how.in, how.out, how.err};
    for (int fd = 0; fd < 3; ++fd) {
        if (wanted[fd] >= 0 && ::dup2(wanted[fd], fd) < 0) error = errno;
    }
    ::pthread_sigmask(SIG_SETMASK, &how.mask, nullptr);
    if (error == 0) {
        ::execvpe(argv[0], argv, environment);
        error = errno;
    }
    [[maybe_unused]] const ssize_t ignored = ::write(report, &error, sizeof error);
    ::_exit(127);
}

}  // namespace

process process::start(const launch& how, int& error) {
    std::vector<char*> argv = pointers_to(how.argv);
    std::vector<char*> environment = environment_with(how.environment);
    const pid_t parent = ::getpid();
    int report[2];  // closed by exec, or tells why there was none
    if (::pipe2(report, O_CLOEXEC) != 0)
        throw std::system_error(errno, std::generic_category(), "there is no file descriptor to be had: check ulimit -n");

    // vfork: no page tables are copied for a process that is about to replace them. All signals that have a handler here are
    // faults, so no handler can run in the child.
    const pid_t pid = ::vfork();
    if (pid == 0) become(how, argv.data(), environment.data(), parent, report[1]);
    const int fork_error = errno;
    ::close(report[1]);
    error = 0;
    ssize_t got = 0;
    if (pid > 0) {
        do {
            got = ::read(report[0], &error, sizeof error);
        } while (got < 0 && errno == EINTR);
    }
    ::close(report[0]);
    if (pid < 0)
        throw std::system_error(fork_error, std::generic_category(),
                                "no process could be started: check ulimit -u and memory");

    process started;
    if (got == sizeof error) {
        while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
        return started;
    }
    error = 0;
    started.pid_ = pid;
    started.group_ = how.own_group;
    return started;
}

void process::send(int signal) const noexcept {
    if (pid_ != 0) ::kill(group_ ? -pid_ : pid_, signal);
}

void process::end(duration grace) noexcept {
    if (ending_) return;
    ending_ = true;
    send(SIGTERM);
    send(SIGCONT);  // if it is stopped it would not notice
    if (grace != forever) kill_at_ = std::chrono::steady_clock::now() + grace;
}

void process::pass_time(deadline now) noexcept {
    if (!kill_at_ || now < *kill_at_) return;
    kill_at_.reset();
    send(SIGKILL);
}

std::optional<int> process::ended() noexcept {
    int status = 0;
    const pid_t got = ::waitpid(pid_, &status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR)) return std::nullopt;
    pid_ = 0;
    if (got < 0) return exit_failed;
    return WIFEXITED(status) ? WEXITSTATUS(status) : exit_signal + WTERMSIG(status);
}

int status_for(int exec_error) noexcept {
    return exec_error == ENOENT || exec_error == ENOTDIR ? exit_not_found : exit_cannot_run;
}

}  // namespace shmsem::semrun
