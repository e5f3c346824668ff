#include "support/stillness.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/eventually.hpp"

namespace shmsem::test {
namespace {

std::vector<pid_t> threads_of(pid_t pid) {
    std::vector<pid_t> all;
    std::error_code ec;
    const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks, ec)) {
        all.push_back(std::stoi(task.path().filename()));
    }
    return all;
}

}  // namespace

bool all_threads_sleep(pid_t pid) {
    const auto threads = threads_of(pid);
    return !threads.empty() && std::all_of(threads.begin(), threads.end(), sleeps);
}

bool was_stopped_in_a_call(pid_t thread) {
    std::ifstream file("/proc/" + std::to_string(thread) + "/syscall");
    std::string call;
    // Where we may not read that we have to believe what we saw before the stop.
    return !(file >> call) || call != "-1";
}

void freeze_when_still(child& process) {
    EXPECT_TRUE(eventually([&] {
        if (!all_threads_sleep(process.pid())) return false;
        process.stop();
        // One may have woken in between.
        const auto threads = threads_of(process.pid());
        if (std::all_of(threads.begin(), threads.end(), was_stopped_in_a_call)) return true;
        process.cont();
        return false;
    }));
}

}  // namespace shmsem::test
