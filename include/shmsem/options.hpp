#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

namespace shmsem {

using duration = std::chrono::nanoseconds;

/// Absolute points in time are on the monotonic clock (std::chrono::steady_clock), which no clock change moves.
using deadline = std::chrono::steady_clock::time_point;

/// As a ttl: the lease never expires. As a max_hold: no cap.
inline constexpr duration forever = duration::max();

/// Longest ttl or max_hold that can be told from `forever`: 100 days.
inline constexpr duration max_ttl = std::chrono::hours{24 * 100};

inline constexpr std::size_t max_name_length = 47;   ///< bytes, of a segment, semaphore or tenant
inline constexpr std::size_t max_label_length = 23;  ///< bytes; a longer label is cut there

/// How many of each a segment has room for; fixed when it is created.
struct limits {
    std::uint32_t processes = 512;  ///< attached at once, 1..4096
    std::uint32_t semaphores = 64;  ///< 1..65536
    std::uint32_t permits = 4096;   ///< slots of all leased semaphores together, 1..1048576
    std::uint32_t waiters = 1024;   ///< waiting at once, all semaphores together, 1..1048576
    std::uint32_t tenants = 64;     ///< distinct tenant names, 1..4096

    friend bool operator==(const limits&, const limits&) = default;
};

/// Who may attach. Set with fchmod, so that the umask does not change it.
enum class sharing : std::uint8_t {
    owner = 0,     ///< 0600: the creating user only
    group = 1,     ///< 0660: the creating user and the creating process's group
    everyone = 2,  ///< 0666
};

enum class renewal : std::uint8_t {
    automatic = 0,  ///< the background thread renews every ttl / 3; the ttl bounds how long a frozen holder keeps a permit
    manual = 1,     ///< the holder calls renew(); the ttl bounds the hold itself
};

enum class order : std::uint8_t {
    fifo = 0,        ///< strict: nobody overtakes a waiter
    throughput = 1,  ///< a newcomer may take a permit that comes free, until the first waiter has waited 1 ms; then as fifo
};

enum class kind : std::uint8_t { leased = 0, ownerless = 1 };

/// What to do when the semaphore exists with other options.
enum class if_different : std::uint8_t {
    fail = 0,    ///< errc::semaphore_mismatch, naming both values
    adopt = 1,   ///< use it as it is
    resize = 2,  ///< set its permits to those given; other options are used as they are
};

struct semaphore_options {
    std::int64_t permits = 1;                 ///< at least 1
    std::int64_t max_permits = 0;             ///< how far it can be resized; 0: twice `permits`, as far as there is room
    duration ttl = std::chrono::seconds{30};  ///< > 0, or `forever`
    shmsem::renewal renewal = shmsem::renewal::automatic;
    duration max_hold = forever;  ///< > 0; caps either kind of renewal
    shmsem::order order = shmsem::order::fifo;
    std::uint32_t max_waiters = 0;  ///< 0: as many as the segment has room for
    shmsem::if_different if_different = shmsem::if_different::fail;
};

struct acquire_options {
    std::int64_t permits = 1;   ///< all of them or none
    duration ttl{};             ///< zero: the semaphore's
    std::string_view tenant{};  ///< who this work is for; empty: nobody
    std::string_view label{};   ///< what this work is; seen in semtop
    std::stop_token stop{};     ///< ends the wait
};

}  // namespace shmsem
