#include "peers_redis.hpp"

#include <hiredis/hiredis.h>
#include <unistd.h>

#include <initializer_list>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace semabench {

namespace {

// leases   sorted set: id of each lease, by the millisecond in which it ends
// waiters  list of ids, first come first
// grant:ID list of one entry: ID has been given a lease; ID sleeps in BLPOP on it
//
// Expired leases are dropped by whoever looks next. A waiter that died is given a lease like the others, and that expires.

constexpr std::string_view ttl_ms = "30000";

constexpr const char* acquire_text = R"lua(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', 'leases', '-inf', now)
if redis.call('LLEN', 'waiters') == 0 and redis.call('ZCARD', 'leases') < tonumber(ARGV[2]) then
  redis.call('ZADD', 'leases', now + ARGV[3], ARGV[1])
  return 1
end
redis.call('RPUSH', 'waiters', ARGV[1])
return 0
)lua";

constexpr const char* release_text = R"lua(
if redis.call('ZREM', 'leases', ARGV[1]) == 0 then return 0 end
local id = redis.call('LPOP', 'waiters')
if id then
  local t = redis.call('TIME')
  redis.call('ZADD', 'leases', t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[2], id)
  redis.call('RPUSH', 'grant:' .. id, 1)
end
return 1
)lua";

struct freeing {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
};
using answer = std::unique_ptr<redisReply, freeing>;

answer ask(redisContext& connection, std::initializer_list<std::string_view> words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> lengths;
    for (const auto word : words) {
        texts.push_back(word.data());
        lengths.push_back(word.size());
    }
    answer got(static_cast<redisReply*>(
        redisCommandArgv(&connection, static_cast<int>(words.size()), texts.data(), lengths.data())));
    if (!got) throw std::runtime_error(std::string("redis: ") + connection.errstr);
    if (got->type == REDIS_REPLY_ERROR) throw std::runtime_error(std::string("redis: ") + got->str);
    return got;
}

}  // namespace

void redis_semaphore::session::closing::operator()(redisContext* connection) const noexcept { redisFree(connection); }

redis_semaphore::redis_semaphore(unsigned permits, int on_processor) : server_(on_processor), permits_(permits) {}

// hiredis sets TCP_NODELAY on what it connects, as the server does on what it accepts.
redis_semaphore::session::session(int port, unsigned permits)
    : connection_(redisConnect("127.0.0.1", port)), permits_(std::to_string(permits)) {
    if (!connection_ || connection_->err != 0) throw std::runtime_error("cannot connect to redis");
    acquire_script_ = ask(*connection_, {"SCRIPT", "LOAD", acquire_text})->str;
    release_script_ = ask(*connection_, {"SCRIPT", "LOAD", release_text})->str;
}

std::string redis_semaphore::session::acquire() {
    auto id = std::to_string(getpid()) + ":" + std::to_string(++count_);
    const auto got = ask(*connection_, {"EVALSHA", acquire_script_, "0", id, permits_, ttl_ms});
    if (got->integer == 0) ask(*connection_, {"BLPOP", "grant:" + id, "0"});
    return id;
}

void redis_semaphore::session::release(const std::string& id) {
    const auto got = ask(*connection_, {"EVALSHA", release_script_, "0", id, ttl_ms});
    if (got->integer != 1) throw std::runtime_error("redis: the lease was lost");
}

}  // namespace semabench
