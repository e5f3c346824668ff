#pragma once

#include <memory>

#include "process.hpp"

namespace semabench {

/// A redis-server of our own on a free port of the loopback interface, without persistence: it writes no file. Killed with this
/// object, and by the kernel when semabench dies.
class redis_server {
   public:
    /// @throws std::runtime_error when there is none to start, or it does not answer in time
    /// @param on_processor  keeps it on that one, see pin(); negative: anywhere
    explicit redis_server(int on_processor = -1);
    [[nodiscard]] int port() const noexcept { return port_; }

   private:
    int port_;
    std::unique_ptr<child> process_;
};

}  // namespace semabench
