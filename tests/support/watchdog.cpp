#include "support/watchdog.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include "support/build_kind.hpp"

namespace shmsem::test {
namespace {

// ThreadSanitizer puts other signals off until a call that it knows returns, and a futex wait is none.
constexpr int kSignal = SIGTRAP;
constexpr std::size_t kFiles = 32;
constexpr std::size_t kPath = 128;

// Read by the signal handler, which may interrupt anything: fixed memory, a path is there when its first byte is.
std::array<std::array<char, kPath>, kFiles> files;
std::mutex files_lock;
std::array<char, 256> running_test;

// From here to expired(): only what a signal handler may call.

void say(const char* text) {
    const auto ignored = ::write(STDERR_FILENO, text, std::strlen(text));
    (void)ignored;
}

void say_file(const char* directory, const char* entry, const char* leaf) {
    std::array<char, 256> path;
    std::size_t used = 0;
    for (const char* part : {directory, "/", entry, "/", leaf}) {
        const std::size_t length = std::strlen(part);
        if (used + length >= path.size()) return;
        std::memcpy(path.data() + used, part, length);
        used += length;
    }
    path[used] = '\0';
    const int fd = ::open(path.data(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    say("    ");
    say(leaf);
    say(": ");
    std::array<char, 2048> text;
    const ssize_t got = ::read(fd, text.data(), text.size() - 2);
    ::close(fd);
    if (got > 0) {
        text[static_cast<std::size_t>(got)] = '\0';
        say(text.data());
        if (text[static_cast<std::size_t>(got) - 1] == '\n') return;
    }
    say("\n");
}

struct directory_entry {
    std::uint64_t inode;
    std::int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[1];
};

void say_threads(const char* tasks) {
    const int fd = ::open(tasks, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    alignas(directory_entry) std::array<char, 4096> buffer;
    for (;;) {
        const long got = ::syscall(SYS_getdents64, fd, buffer.data(), buffer.size());
        if (got <= 0) break;
        for (long at = 0; at < got;) {
            const char* record = buffer.data() + at;
            unsigned short length = 0;
            std::memcpy(&length, record + offsetof(directory_entry, length), sizeof length);
            const char* name = record + offsetof(directory_entry, name);
            at += length;
            if (name[0] < '0' || name[0] > '9') continue;
            say("  thread ");
            say(name);
            say("\n");
            for (const char* leaf : {"comm", "syscall", "wchan", "stack", "children"}) say_file(tasks, name, leaf);
        }
    }
    ::close(fd);
}

void expired(int) {
    say("\nwatchdog: this test hangs: ");
    say(running_test.data());
    say("\n");
    say_threads("/proc/self/task");
    for (const auto& file : files) {
        if (file[0] != '\0') ::unlink(file.data());
    }
    ::signal(SIGABRT, SIG_DFL);
    std::abort();
}

}  // namespace

watchdog::watchdog(std::chrono::seconds limit) : owner_(::getpid()) {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string name = "(no test)";
    if (test != nullptr) name = std::string(test->test_suite_name()) + "." + test->name();
    std::strncpy(running_test.data(), name.c_str(), running_test.size() - 1);

    struct sigaction action {};
    action.sa_handler = expired;
    ::sigaction(kSignal, &action, nullptr);

    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = kSignal;
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) {
        std::perror("watchdog: timer_create");
        std::abort();
    }
    itimerspec when{};
    when.it_value.tv_sec = limit.count() * slowness;
    ::timer_settime(timer_, 0, &when, nullptr);
}

watchdog::~watchdog() {
    if (::getpid() == owner_) ::timer_delete(timer_);
}

void remember_file(const char* path) {
    const std::lock_guard lock(files_lock);
    const std::size_t length = std::strlen(path);
    if (length == 0 || length >= kPath) return;
    for (auto& file : files) {
        if (file[0] != '\0') continue;
        std::memcpy(file.data() + 1, path + 1, length);
        file[0] = path[0];
        return;
    }
}

void forget_file(const char* path) {
    const std::lock_guard lock(files_lock);
    for (auto& file : files) {
        if (std::strcmp(file.data(), path) == 0) file[0] = '\0';
    }
}

}  // namespace shmsem::test
