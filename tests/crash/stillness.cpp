#include "crash/stillness.hpp"

#include <filesystem>
#include <string>

#include "support/eventually.hpp"

namespace shmsem::test {

bool all_threads_sleep(pid_t pid) {
    std::error_code ec;
    const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks, ec)) {
        if (!sleeps(std::stoi(task.path().filename()))) return false;
    }
    return !ec;
}

void freeze_when_still(child& process) {
    // Twice, because a thread that was seen asleep may wake while the next one is looked at.
    EXPECT_TRUE(eventually([&] { return all_threads_sleep(process.pid()) && all_threads_sleep(process.pid()); }));
    process.stop();
}

}  // namespace shmsem::test
