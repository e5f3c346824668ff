#include "cpu_use.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace semabench {

namespace {

std::uint64_t ticks_in(const std::filesystem::path& stat) {
    std::ifstream file(stat);
    std::string text;
    std::getline(file, text);
    // Fields are counted after the command, which may itself hold blanks and parentheses: the third is the first of them.
    const auto command_end = text.rfind(')');
    if (command_end == std::string::npos) throw std::runtime_error(stat.string() + ": unreadable");
    std::istringstream fields(text.substr(command_end + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    std::uint64_t user = 0;
    std::uint64_t system = 0;
    fields >> user >> system;
    return user + system;
}

std::uint64_t switches_in(const std::filesystem::path& status) {
    std::ifstream file(status);
    for (std::string key; file >> key;) {
        std::uint64_t count = 0;
        if (key == "voluntary_ctxt_switches:" && file >> count) return count;
    }
    return 0;  // the thread has ended
}

}  // namespace

cpu_use cpu_use_of(pid_t pid) {
    const auto process = std::filesystem::path("/proc") / std::to_string(pid);
    cpu_use use{ticks_in(process / "stat"), 0};
    for (const auto& thread : std::filesystem::directory_iterator(process / "task")) {
        use.wake_ups += switches_in(thread.path() / "status");
    }
    return use;
}

}  // namespace semabench
