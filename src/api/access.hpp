#pragma once

#include <memory>
#include <string>
#include <system_error>

#include "core/attachment.hpp"
#include "core/lease_record.hpp"
#include "shmsem/segment.hpp"

// What the public classes keep to themselves, for the functions that make them.

namespace shmsem::core {

struct lease_access {
    static lease make(lease_record&& r) noexcept {
        lease l;
        l.home_ = r.home;
        l.semaphore_ = r.semaphore;
        l.slot_ = r.slot;
        l.seat_ = r.slot - r.home->info(r.semaphore).range.first;
        l.permits_ = r.permits;
        l.word_ = r.word;
        l.token_ = r.token;
        l.identity_ = r.identity;
        l.ticket_ = r.ticket;
        l.more_ = r.all.release();
        return l;
    }
    /// The lease as a record; the object goes on owning what `all` points to.
    class borrowed {
       public:
        explicit borrowed(const lease& l) noexcept
            : record{.home = l.home_, .semaphore = l.semaphore_, .slot = l.slot_, .permits = l.permits_, .word = l.word_,
                     .token = l.token_, .identity = l.identity_, .ticket = l.ticket_, .all = std::unique_ptr<permit[]>(l.more_)} {}
        ~borrowed() { (void)record.all.release(); }
        borrowed(const borrowed&) = delete;
        borrowed& operator=(const borrowed&) = delete;
        lease_record record;
    };
};

struct handle_access {
    template <class Handle>
    static const std::shared_ptr<attachment>& home(const Handle& h) noexcept {
        return h.home_;
    }
    template <class Handle>
    static std::uint32_t index(const Handle& h) noexcept {
        return h.index_;
    }
    template <class Handle>
    static std::uint32_t generation(const Handle& h) noexcept {
        return h.generation_;
    }
    template <class Handle>
    static Handle make(std::shared_ptr<attachment> home, std::uint32_t index) noexcept {
        Handle h;
        h.generation_ = home->info(index).generation.load(std::memory_order_relaxed);
        h.home_ = std::move(home);
        h.index_ = index;
        return h;
    }
    static segment make_segment(std::shared_ptr<attachment> home) noexcept {
        segment s;
        s.home_ = std::move(home);
        return s;
    }
};

}  // namespace shmsem::core

namespace shmsem::api {

/// Throws what went wrong, and where. @param subject  e.g. "segment 'jobs'"
[[noreturn]] void fail(std::error_code ec, const std::string& subject, const std::string& detail = {});

/// Calls `body(ec)`, and throws if it leaves an error.
template <class Subject, class Body>
auto throwing(Subject&& subject, Body&& body) {
    std::error_code ec;
    if constexpr (std::is_void_v<decltype(body(ec))>) {
        body(ec);
        if (ec) fail(ec, subject());
    } else {
        auto result = body(ec);
        if (ec) fail(ec, subject());
        return result;
    }
}

}  // namespace shmsem::api
