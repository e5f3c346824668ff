#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace shmsem::semrun {

/// The lines of the standard input, as far as they have been read. The last one counts without its end, too.
class items {
   public:
    /// @param end_of_item  '\n' or '\0'
    items(int fd, char end_of_item) : fd_(fd), end_(end_of_item) {}

    /// Reads what is there; to be called when fd() can be read. @throws std::system_error
    void read_some();
    /// Takes in bytes as if they had been read; none: the end.
    void take(std::string_view bytes);

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] bool ended() const noexcept { return ended_; }
    /// So many are waiting that there is no hurry to read more.
    [[nodiscard]] bool plenty() const noexcept { return waiting_.size() >= 65'536 || bytes_ >= 64U << 20U; }
    [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
    [[nodiscard]] const std::string& front() const { return waiting_.front(); }
    std::string pop();

   private:
    void add();

    int fd_;
    char end_;
    bool ended_ = false;
    std::string partial_;
    std::deque<std::string> waiting_;
    std::size_t bytes_ = 0;
};

/// The command for one item: each "{}" in each argument is replaced by it; where there is none it is appended.
[[nodiscard]] std::vector<std::string> command_for(const std::vector<std::string>& command, const std::string& item);

}  // namespace shmsem::semrun
