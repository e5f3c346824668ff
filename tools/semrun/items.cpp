#include "semrun/items.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace shmsem::semrun {

void items::read_some() {
    std::array<char, 65'536> buffer;
    const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
    if (got < 0) {
        if (errno == EINTR || errno == EAGAIN) return;
        throw std::system_error(errno, std::generic_category(),
                                "cannot read lines from the standard input: check where that comes from");
    }
    take({buffer.data(), static_cast<std::size_t>(got)});
}

void items::take(std::string_view bytes) {
    if (bytes.empty()) {
        if (!partial_.empty()) add();
        ended_ = true;
        return;
    }
    for (auto end = bytes.find(end_); end != std::string_view::npos; end = bytes.find(end_)) {
        partial_ += bytes.substr(0, end);
        add();
        bytes.remove_prefix(end + 1);
    }
    partial_ += bytes;
}

void items::add() {
    bytes_ += partial_.size();
    waiting_.push_back(std::exchange(partial_, {}));
}

std::string items::pop() {
    std::string item = std::move(waiting_.front());
    waiting_.pop_front();
    bytes_ -= item.size();
    return item;
}

std::vector<std::string> command_for(const std::vector<std::string>& command, const std::string& item) {
    std::vector<std::string> result;
    bool placed = false;
    for (const std::string& argument : command) {
        std::string& whole = result.emplace_back();
        std::size_t from = 0;
        for (auto at = argument.find("{}"); at != std::string::npos; at = argument.find("{}", from)) {
            whole.append(argument, from, at - from);
            whole += item;
            from = at + 2;
            placed = true;
        }
        whole.append(argument, from);
    }
    if (!placed) result.push_back(item);
    return result;
}

}  // namespace shmsem::semrun
