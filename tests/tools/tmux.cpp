#include "tmux.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <fcntl.h>

#include "run_tool.hpp"
#include "support/eventually.hpp"

namespace shmsem::test {

tmux::tmux(const std::string& shell_command, int columns, int rows, const std::function<void()>& prepare) {
    static int sessions = 0;
    name_ = "shmsem-test-" + std::to_string(::getpid()) + '-' + std::to_string(++sessions);
    server_ = ::fork();
    if (server_ < 0) throw std::runtime_error("fork failed");
    if (server_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int nothing = ::open("/dev/null", O_RDWR);
        for (const int fd : {0, 1, 2}) ::dup2(nothing, fd);
        if (prepare) prepare();
        // In the foreground, so that it ends with this process.
        ::execlp("tmux", "tmux", "-L", name_.c_str(), "-f", "/dev/null", "-D", nullptr);
        ::_exit(127);
    }
    // -N: a client that comes before this server is ready must not start another one.
    const std::vector<std::string> start{"-N",
                                         "-L",
                                         name_,
                                         "-f",
                                         "/dev/null",
                                         "-u",
                                         "new-session",
                                         "-d",
                                         "-x",
                                         std::to_string(columns),
                                         "-y",
                                         std::to_string(rows),
                                         shell_command + "; echo left with $?; stty -a; exec cat"};
    EXPECT_TRUE(eventually([&] { return run_program("tmux", start).status == 0; })) << "tmux does not start";
    // Its own line at the bottom would be one row less.
    (void)run({"set-option", "-g", "status", "off"});
    resize(columns, rows);
}

tmux::~tmux() {
    (void)run({"kill-server"});
    ::kill(server_, SIGKILL);
    ::waitpid(server_, nullptr, 0);
    const char* directory = std::getenv("TMUX_TMPDIR");
    ::unlink((std::string(directory != nullptr ? directory : "/tmp") + "/tmux-" + std::to_string(::geteuid()) + '/' + name_)
                 .c_str());
}

bool tmux::installed() { return run_program("tmux", {"-V"}).status == 0; }

std::string tmux::run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"-N", "-L", name_, "-f", "/dev/null"});
    return run_program("tmux", arguments).out;
}

void tmux::send(const std::vector<std::string>& keys) const {
    std::vector<std::string> arguments{"send-keys"};
    arguments.insert(arguments.end(), keys.begin(), keys.end());
    (void)run(arguments);
}

void tmux::resize(int columns, int rows) const {
    (void)run({"resize-window", "-x", std::to_string(columns), "-y", std::to_string(rows)});
}

std::string tmux::text() const { return run({"capture-pane", "-p"}); }
std::string tmux::coloured() const { return run({"capture-pane", "-p", "-e"}); }

void tmux::expect(const std::string& wanted) const {
    EXPECT_TRUE(eventually([&] { return text().find(wanted) != std::string::npos; })) << "no " << wanted << " in\n"
                                                                                      << text();
}

void tmux::expect_not(const std::string& unwanted) const {
    EXPECT_TRUE(eventually([&] { return text().find(unwanted) == std::string::npos; })) << unwanted << " in\n" << text();
}

pid_t tmux::command() const {
    const std::string shell = run({"list-panes", "-F", "#{pane_pid}"});
    const std::string pid = shell.substr(0, shell.find('\n'));
    std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
    pid_t result = -1;
    children >> result;
    return result;
}

}  // namespace shmsem::test
