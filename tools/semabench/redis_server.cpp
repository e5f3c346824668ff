#include "redis_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>

#include "cpu.hpp"
#include "interrupt.hpp"

namespace semabench {

namespace {

constexpr auto start_limit = std::chrono::seconds{20};

std::optional<std::string> in_path(const char* program) {
    const char* path = std::getenv("PATH");
    std::istringstream directories(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
    for (std::string directory; std::getline(directories, directory, ':');) {
        const std::string file = directory + "/" + program;
        if (access(file.c_str(), X_OK) == 0) return file;
    }
    return {};
}

/// The server is one program with redis-check-rdb and goes by the name it is called by. Debian's redis-tools has it only under
/// that other name; the package redis-server adds the name, and a service that starts at once, which nobody asked for here.
std::string server_program() {
    for (const char* name : {"redis-server", "redis-check-rdb"}) {
        if (const auto found = in_path(name)) return *found;
    }
    throw std::runtime_error("no redis-server and no redis-check-rdb in PATH; on Debian: apt-get install redis-tools");
}

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int new_socket() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "socket");
    return fd;
}

int free_port() {
    const int fd = new_socket();
    auto address = loopback(0);
    socklen_t size = sizeof address;
    const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                       getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    close(fd);
    if (!bound) throw std::system_error(errno, std::generic_category(), "bind to a loopback port");
    return ntohs(address.sin_port);
}

bool answers(int port) {
    const int fd = new_socket();
    const auto address = loopback(port);
    const bool connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    return connected;
}

[[noreturn]] void become_server(const std::string& program, int port) {
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, fd);
    const std::string port_text = std::to_string(port);
    const std::string directory = std::filesystem::temp_directory_path();
    execl(program.c_str(), "redis-server", "--bind", "127.0.0.1", "--port", port_text.c_str(), "--save", "", "--appendonly",
          "no", "--daemonize", "no", "--dir", directory.c_str(), static_cast<char*>(nullptr));
    throw std::system_error(errno, std::generic_category(), program);
}

}  // namespace

redis_server::redis_server(int on_processor) : port_(free_port()) {
    const auto program = server_program();
    process_ = std::make_unique<child>([&] {
        if (on_processor >= 0) pin(on_processor);
        become_server(program, port_);
    });
    const auto until = clock::now() + start_limit;
    while (!answers(port_)) {
        process_->expect_running();
        if (clock::now() > until) throw std::runtime_error("redis-server does not answer");
        rest(std::chrono::milliseconds{1});
    }
}

}  // namespace semabench
