#include "semrun_scene.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace shmsem::test {
namespace {

// The state letter of proc(5); 'X' when there is no such process.
char state_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto after_name = text.rfind(')');
    return after_name == std::string::npos || after_name + 2 >= text.size() ? 'X' : text[after_name + 2];
}

}  // namespace

memory_file::memory_file(const std::string& content) : fd_(::memfd_create("semrun-test", MFD_CLOEXEC)) {
    if (fd_ < 0 || ::write(fd_, content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
        throw std::runtime_error("cannot make a file in memory");
    }
    ::lseek(fd_, 0, SEEK_SET);
    // What several processes write follows each other.
    if (content.empty()) ::fcntl(fd_, F_SETFL, O_APPEND);
}

memory_file::~memory_file() { ::close(fd_); }

std::string memory_file::text() const {
    struct stat about {};
    ::fstat(fd_, &about);
    std::string result(static_cast<std::size_t>(about.st_size), '\0');
    const ssize_t got = ::pread(fd_, result.data(), result.size(), 0);
    result.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return result;
}

int running::status() {
    if (process.reaped()) return process.wait_exit();  // child::cont() may have seen the end already
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(process.pid()), &info, WEXITED | WNOWAIT) != 0) {
        if (errno != EINTR) return -1;
    }
    return info.si_code == CLD_EXITED ? process.wait_exit() : 128 + process.wait_signal();
}

bool running::says(const std::string& text) const {
    return eventually([&] { return err->text().find(text) != std::string::npos; });
}

bool ended(pid_t pid) {
    const char state = state_of(pid);
    return state == 'X' || state == 'Z';
}

bool stopped(pid_t pid) { return state_of(pid) == 'T'; }

void default_signals() {
    for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2, SIGCHLD, SIGTSTP}) {
        ::signal(signal, SIG_DFL);
    }
}

Semrun::Semrun() {
    std::string pattern = (std::filesystem::temp_directory_path() / "semrun-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a directory");
    directory_ = pattern;
}

Semrun::~Semrun() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

std::vector<std::string> Semrun::with_segment(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = arguments;
    all.insert(all.begin(), "--segment=" + home.name());
    return all;
}

tool_result Semrun::run(const std::vector<std::string>& arguments, const std::function<void()>& prepare) const {
    return run_tool("semrun", with_segment(arguments), [&] {
        if (::chdir(directory_.c_str()) != 0) ::_exit(failed_in_child);
        default_signals();
        if (prepare) prepare();
    });
}

tool_result Semrun::run_with(const std::string& input, const std::vector<std::string>& arguments) const {
    const memory_file lines(input);
    return run(arguments, [&] { ::dup2(lines.fd(), STDIN_FILENO); });
}

running Semrun::start(const std::vector<std::string>& arguments, const std::string& input,
                      const std::function<void()>& prepare) const {
    running result;
    const memory_file lines(input);
    const std::string program = SHMSEM_BIN_DIR "/semrun";
    const std::vector<std::string> all = with_segment(arguments);
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (const std::string& argument : all) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    result.process = fork_child([&] {
        ::setpgid(0, 0);  // not an orphaned group, so that it can be stopped
        ::dup2(lines.fd(), STDIN_FILENO);
        ::dup2(result.out->fd(), STDOUT_FILENO);
        ::dup2(result.err->fd(), STDERR_FILENO);
        if (::chdir(directory_.c_str()) != 0) ::_exit(failed_in_child);
        default_signals();
        if (prepare) prepare();
        ::execv(program.c_str(), argv.data());
        ::_exit(failed_in_child);
    });
    return result;
}

std::string Semrun::content(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void Semrun::leave(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
}

pid_t Semrun::pid_in(const std::string& name) const {
    if (!eventually([&] { return content(name).ends_with('\n'); })) return -1;
    return std::stoi(content(name));
}

std::vector<std::string> Semrun::sleeper(std::vector<std::string> arguments, const std::string& name) {
    for (const std::string& word : {std::string("sh"), std::string("-c"), "echo $$ > " + name + "; exec sleep 1000"}) {
        arguments.push_back(word);
    }
    return arguments;
}

}  // namespace shmsem::test
