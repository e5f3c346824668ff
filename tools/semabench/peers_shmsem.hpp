#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "naming.hpp"
#include "session.hpp"
#include "shmsem/shmsem.hpp"

// Ours, in the shape of the peers. The parent only owns the name: it never attaches, so it has no background thread when it
// forks, and each session is a process of its own as in unrelated programs.

namespace semabench {

class segment_name {
   public:
    segment_name() : name_(unique_name()) {}
    ~segment_name() {
        std::error_code ignored;
        shmsem::segment::remove(name_, ignored);
    }
    segment_name(const segment_name&) = delete;
    segment_name& operator=(const segment_name&) = delete;
    [[nodiscard]] const std::string& text() const noexcept { return name_; }

   private:
    std::string name_;
};

/// For processes that are to count as attached: to open a segment is not enough.
inline shmsem::segment attach_to(const segment_name& name, const shmsem::limits& limits = {}) {
    auto home = shmsem::segment::open_or_create(name.text(), limits);
    home.reap();
    return home;
}

/// The leased kind as users get it: fifo, ttl of 30 s, renewed automatically.
class leased_semaphore {
   public:
    static constexpr const char* name = "shmsem";

    explicit leased_semaphore(unsigned permits, shmsem::order order = shmsem::order::fifo) {
        options_.permits = permits;
        options_.max_permits = permits;
        options_.order = order;
        if (permits > limits_.permits) limits_.permits = permits;
    }

    struct session {
        shmsem::segment home;
        shmsem::semaphore semaphore;
        shmsem::lease acquire() { return semaphore.acquire(); }
        void release(shmsem::lease& held) { held.release(); }
    };
    session join() const { return join(shmsem::segment::open_or_create(name_.text(), limits_), "bench"); }
    /// One of several in the segment of another session.
    session join(shmsem::segment home, const char* which) const {
        auto semaphore = home.semaphore(which, options_);
        return {std::move(home), std::move(semaphore)};
    }

    static int waiting(const session& from) { return static_cast<int>(from.semaphore.stats().waiting); }

   protected:
    shmsem::limits limits_;

   private:
    segment_name name_;
    shmsem::semaphore_options options_;
};

/// The same with room for many waiters.
class roomy_leased_semaphore : public leased_semaphore {
   public:
    explicit roomy_leased_semaphore(unsigned permits) : leased_semaphore(permits) { limits_.waiters = 1 << 14; }
};

class leased_semaphore_trying : public leased_semaphore {
   public:
    static constexpr const char* name = "shmsem, try_acquire";
    using leased_semaphore::leased_semaphore;

    struct session : leased_semaphore::session {
        std::optional<shmsem::lease> acquire() {
            auto held = semaphore.try_acquire();
            if (!held) throw std::runtime_error("try_acquire found nothing free");
            return held;
        }
        void release(std::optional<shmsem::lease>& held) { held->release(); }
    };
    session join() const { return {leased_semaphore::join()}; }
};

class leased_semaphore_throughput : public leased_semaphore {
   public:
    static constexpr const char* name = "shmsem, throughput";
    explicit leased_semaphore_throughput(unsigned permits) : leased_semaphore(permits, shmsem::order::throughput) {}
};

class ownerless_semaphore {
   public:
    static constexpr const char* name = "shmsem ownerless";

    explicit ownerless_semaphore(unsigned permits) : permits_(permits) {}

    struct session {
        shmsem::segment home;
        shmsem::ownerless_semaphore semaphore;
        nothing acquire() {
            semaphore.acquire();
            return {};
        }
        void release(nothing) { semaphore.release(); }
    };
    session join() const { return join("bench"); }
    /// One of several in the same segment.
    session join(const char* which) const {
        auto home = shmsem::segment::open_or_create(name_.text());
        auto semaphore = home.ownerless(which, {.initial = permits_});
        return {std::move(home), std::move(semaphore)};
    }

   private:
    segment_name name_;
    unsigned permits_;
};

}  // namespace semabench
