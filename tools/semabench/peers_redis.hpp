#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cpu.hpp"
#include "redis_server.hpp"
#include "session.hpp"

struct redisContext;

namespace semabench {

/// The semaphore that people build on Redis when they need leases that expire and first come, first served: one script to
/// acquire and one to release, each one round trip when nobody waits. peers_redis.cpp has the scripts.
class redis_semaphore {
   public:
    static constexpr const char* name = "Redis";

    explicit redis_semaphore(unsigned permits, int on_processor = -1);

    class session {
       public:
        session(int port, unsigned permits);
        /// @return the lease's id
        std::string acquire();
        void release(const std::string& id);

       private:
        struct closing {
            void operator()(redisContext* connection) const noexcept;
        };
        std::unique_ptr<redisContext, closing> connection_;
        std::string permits_;
        std::string acquire_script_;
        std::string release_script_;
        std::uint64_t count_ = 0;
    };
    [[nodiscard]] session join() const { return {server_.port(), permits_}; }

   private:
    redis_server server_;
    unsigned permits_;
};

/// The same with server and client on one processor: neither has to be woken on an idle one, which is what a round trip costs
/// most on a virtual machine. For one client, this is Redis at its best.
class redis_semaphore_beside : public redis_semaphore {
   public:
    static constexpr const char* name = "Redis, same processor";
    explicit redis_semaphore_beside(unsigned permits) : redis_semaphore(permits, 0) {}
    [[nodiscard]] session join() const {
        pin(0);
        return redis_semaphore::join();
    }
};

}  // namespace semabench
