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
    static lease_record& record(lease& l) noexcept { return l.record_; }
    [[gnu::always_inline]] static lease make(const lease_terms& terms, std::uint64_t word, std::uint64_t token) noexcept {
        return {terms, word, token};
    }
};

struct handle_access {
    template <class Handle>
    static const semaphore_info& info(const Handle& h) noexcept {
        return *h.info_;
    }
    template <class Handle>
    static std::uint32_t generation(const Handle& h) noexcept {
        return h.generation_;
    }
    template <class Handle>
    static Handle make(std::shared_ptr<attachment> home, std::uint32_t index) noexcept {
        Handle h;
        const semaphore_info& info = home->info(index);
        h.generation_ = info.generation.load(std::memory_order_relaxed);
        h.info_ = {std::move(home), &info};
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

/// Of both kinds of semaphore.
void set_paused(const core::semaphore_info* info, bool pause, std::error_code& ec) noexcept;

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
