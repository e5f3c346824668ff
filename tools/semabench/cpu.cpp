#include "cpu.hpp"

#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <system_error>

namespace semabench {

namespace {

std::vector<int> find_processors() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
    std::vector<int> found;
    for (int i = 0; i < CPU_SETSIZE; ++i) {
        if (CPU_ISSET(i, &set)) found.push_back(i);
    }
    return found;
}

void keep_on(const cpu_set_t& set) {
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
        throw std::system_error(errno, std::generic_category(), "sched_setaffinity");
    }
}

double steps_per_nanosecond() {
    constexpr std::uint64_t steps = 20'000;
    double fastest = std::numeric_limits<double>::max();
    for (int i = 0; i < 200; ++i) {
        const auto start = now_ns();
        burn(steps);
        fastest = std::min(fastest, static_cast<double>(now_ns() - start));
    }
    return static_cast<double>(steps) / fastest;
}

}  // namespace

const std::vector<int>& processors() {
    static const std::vector<int> found = find_processors();
    return found;
}

void pin(int i) {
    const auto& all = processors();
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(all[static_cast<std::size_t>(i) % all.size()]), &set);
    keep_on(set);
}

void pin_to_first(int n) {
    const auto& all = processors();
    cpu_set_t set;
    CPU_ZERO(&set);
    for (std::size_t i = 0; i < std::min(all.size(), static_cast<std::size_t>(n)); ++i) {
        CPU_SET(static_cast<std::size_t>(all[i]), &set);
    }
    keep_on(set);
}

bool take_precedence() noexcept {
    const sched_param lowest{.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    return sched_setscheduler(0, SCHED_FIFO, &lowest) == 0;
}

bool may_take_precedence() noexcept {
    const int policy = sched_getscheduler(0);
    sched_param before{};
    if (policy < 0 || sched_getparam(0, &before) != 0 || !take_precedence()) return false;
    sched_setscheduler(0, policy, &before);
    return true;
}

void burn(std::uint64_t steps) {
    std::uint64_t value = 1;
    for (std::uint64_t i = 0; i < steps; ++i) {
        value = value * 6364136223846793005U + 1442695040888963407U;
        asm volatile("" : "+r"(value));  // or the loop would be computed away
    }
}

std::uint64_t steps_for(duration length) {
    static const double rate = steps_per_nanosecond();
    return static_cast<std::uint64_t>(rate * static_cast<double>(length.count()));
}

double load() {
    double one = 0;
    return getloadavg(&one, 1) == 1 ? one : 0;
}

std::string processor_model() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const auto colon = line.find(": ");
        if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
    }
    return "unknown";
}

std::string kernel_version() {
    utsname names{};
    if (uname(&names) != 0) return "unknown";
    const std::string release = names.release;
    return release.substr(0, release.find_first_not_of("0123456789."));
}

}  // namespace semabench
