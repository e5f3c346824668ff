#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "run_tool.hpp"
#include "shmsem/shmsem.hpp"
#include "support/shmsem_test.hpp"

namespace shmsem::test {

/// A file in memory that a program reads or writes.
class memory_file {
   public:
    explicit memory_file(const std::string& content = {});
    ~memory_file();
    memory_file(const memory_file&) = delete;
    memory_file& operator=(const memory_file&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] std::string text() const;

   private:
    int fd_;
};

/// A semrun that runs beside the test, in a process group of its own; it is killed at the end if it has not ended.
struct running {
    std::unique_ptr<memory_file> out = std::make_unique<memory_file>();
    std::unique_ptr<memory_file> err = std::make_unique<memory_file>();
    child process;

    /// Its status, 128 + n when a signal ended it.
    [[nodiscard]] int status();
    /// Waits until it has said that.
    [[nodiscard]] bool says(const std::string& text) const;
};

/// "gone" as far as it can do anything: there is no such process, or its parent has yet to ask for its status.
[[nodiscard]] bool ended(pid_t pid);
/// It is stopped, as by SIGSTOP.
[[nodiscard]] bool stopped(pid_t pid);

/// In a child: signals as a shell leaves them for a command. What runs in a script's background ignores SIGINT, tests too.
void default_signals();

/// A segment, a directory for what commands leave behind, and semruns on that segment.
class Semrun : public ::testing::Test {
   protected:
    Semrun();
    ~Semrun() override;

    [[nodiscard]] tool_result run(const std::vector<std::string>& arguments,
                                  const std::function<void()>& prepare = {}) const;
    /// With these lines as its standard input.
    [[nodiscard]] tool_result run_with(const std::string& input, const std::vector<std::string>& arguments) const;
    [[nodiscard]] running start(const std::vector<std::string>& arguments, const std::string& input = {},
                                const std::function<void()>& prepare = {}) const;

    [[nodiscard]] std::string path(const std::string& name) const { return directory_ + '/' + name; }
    [[nodiscard]] std::string content(const std::string& name) const;
    void leave(const std::string& name, const std::string& text = {}) const;
    /// Waits for a whole line in that file. @return the number in it
    [[nodiscard]] pid_t pid_in(const std::string& name) const;
    /// These arguments, and as the command one that says its pid in the file `name`, and waits to be ended.
    [[nodiscard]] static std::vector<std::string> sleeper(std::vector<std::string> arguments,
                                                          const std::string& name = "pid");

    watchdog guard{std::chrono::seconds{120}};
    test_segment home;

   private:
    [[nodiscard]] std::vector<std::string> with_segment(const std::vector<std::string>& arguments) const;

    std::string directory_;
};

}  // namespace shmsem::test
