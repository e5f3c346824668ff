#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace shmsem::test {

/// A terminal of a fixed size in which a shell runs one command, in a tmux server of its own. The server dies with the test, and
/// what runs in it gets SIGHUP then.
class tmux {
   public:
    /// `prepare` runs in the server before it starts, so that the command inherits what it does.
    tmux(const std::string& shell_command, int columns, int rows, const std::function<void()>& prepare = {});
    ~tmux();
    tmux(const tmux&) = delete;
    tmux& operator=(const tmux&) = delete;

    [[nodiscard]] static bool installed();

    /// Keys as tmux names them: "Enter", "Escape", "Down", "C-c", or characters.
    void send(const std::vector<std::string>& keys) const;
    void resize(int columns, int rows) const;
    [[nodiscard]] std::string text() const;
    /// With the escape sequences for colours and attributes.
    [[nodiscard]] std::string coloured() const;
    /// Waits for it; a failure that shows the screen otherwise.
    void expect(const std::string& text) const;
    void expect_not(const std::string& text) const;
    /// The command's process: what the shell waits for.
    [[nodiscard]] pid_t command() const;

   private:
    [[nodiscard]] std::string run(std::vector<std::string> arguments) const;

    std::string name_;
    pid_t server_ = -1;
};

}  // namespace shmsem::test
