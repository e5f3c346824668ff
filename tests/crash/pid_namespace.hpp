#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <string>

#include "support/child.hpp"
#include "support/shared.hpp"
#include "support/sync.hpp"

namespace shmsem::test {

/// Empty where this process may make pid namespaces, else why it may not.
[[nodiscard]] std::string no_pid_namespaces();

/// A process that is number 1 of a pid namespace of its own, as under `unshare -pf`. Checks that fail in it fail the test.
class in_pid_namespace {
   public:
    explicit in_pid_namespace(std::function<void()> body);

    /// SIGKILL, proved by the process that waits for it.
    void kill();
    /// Waits until its body has returned.
    void wait_done();
    void stop() const;
    void cont() const;

   private:
    child outside_;
    shared<std::atomic<pid_t>> pid_{0};  // as seen from here
    shared<flag> started_;
    shared<std::atomic<int>> killed_{0};
};

}  // namespace shmsem::test
