#include "run_tool.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>

namespace shmsem::test {
namespace {

// A file in memory: unlike a pipe it takes any amount while nobody reads.
class capture {
   public:
    capture() : fd_(::memfd_create("capture", MFD_CLOEXEC)) {
        if (fd_ < 0) throw std::runtime_error("memfd_create failed");
    }
    ~capture() { ::close(fd_); }
    capture(const capture&) = delete;
    capture& operator=(const capture&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] std::string text() const {
        std::string result(static_cast<std::size_t>(::lseek(fd_, 0, SEEK_END)), '\0');
        const ssize_t got = ::pread(fd_, result.data(), result.size(), 0);
        result.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return result;
    }

   private:
    int fd_;
};

}  // namespace

std::string path_of_tool(const std::string& program) { return std::string(SHMSEM_BIN_DIR) + '/' + program; }

tool_result run_tool(const std::string& program, const std::vector<std::string>& arguments,
                     const std::function<void()>& prepare) {
    return run_program(path_of_tool(program), arguments, prepare);
}

tool_result run_program(const std::string& program, const std::vector<std::string>& arguments,
                        const std::function<void()>& prepare) {
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);

    const capture out;
    const capture err;
    const pid_t pid = ::fork();
    if (pid < 0) throw std::runtime_error("fork failed");
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::dup2(out.fd(), STDOUT_FILENO);
        ::dup2(err.fd(), STDERR_FILENO);
        if (prepare) prepare();
        ::execvp(program.c_str(), argv.data());
        ::_exit(127);
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) throw std::runtime_error("waitpid failed");
    }
    return {
        .status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), .out = out.text(), .err = err.text()};
}

}  // namespace shmsem::test
