#include "shmsem/segment.hpp"

#include <errno.h>

#include "api/access.hpp"
#include "core/directory.hpp"
#include "core/invariants.hpp"
#include "core/reaper.hpp"
#include "core/snapshot.hpp"
#include "layout/handshake.hpp"
#include "os/mapped_file.hpp"

namespace shmsem {
namespace {

using core::handle_access;

segment handle_of(layout::mapping&& m, std::error_code& ec) noexcept {
    if (ec) return {};
    try {
        return handle_access::make_segment(core::attach(std::move(m)));
    } catch (const std::bad_alloc&) {
        ec = std::make_error_code(std::errc::not_enough_memory);
        return {};
    }
}

std::string words_of(const limits& l) {
    return std::to_string(l.processes) + " processes, " + std::to_string(l.semaphores) + " semaphores, " +
           std::to_string(l.permits) + " permits, " + std::to_string(l.waiters) + " waiters, " + std::to_string(l.tenants) +
           " tenants";
}

std::string words_of(duration d) {
    return d == forever ? "forever"
                        : std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count()) + " ms";
}

auto named(const std::string& name) {
    return [&name] { return "segment '" + name + "'"; };
}

// Both values, where a segment exists but is not what is wanted.
std::string difference(const layout::found_segment& found, const limits& sizes, std::error_code ec) {
    if (ec == errc::segment_limits) return "it has " + words_of(found.sizes) + ", asked for " + words_of(sizes);
    if (ec != errc::segment_version) return {};
    return "it has layout version " + std::to_string(found.version) + ", this library layout version " +
           std::to_string(layout::layout_version);
}

segment open_with(const std::string& name, access how, std::error_code& ec, layout::found_segment& found) {
    ec.clear();
    if (how > access::read_only) {
        ec = errc::invalid_argument;
        return {};
    }
    return handle_of(layout::open_segment(name, how == access::read_write, ec, found), ec);
}

segment open_or_create_with(const std::string& name, const limits& sizes, sharing mode, std::error_code& ec,
                            layout::found_segment& found) {
    for (;;) {
        layout::mapping m = layout::open_wanted_segment(name, sizes, sizes == limits{}, mode, ec, found);
        if (ec != errc::segment_not_found) return handle_of(std::move(m), ec);
        found = {.sizes = sizes};
        segment made = segment::create(name, sizes, mode, ec);
        if (ec != errc::segment_exists) return made;  // else somebody was faster: open theirs
    }
}

bool in_range(duration d) noexcept { return d > duration::zero() && (d <= max_ttl || d == forever); }
std::uint32_t ticks_or_none(duration d) noexcept { return d == forever ? 0 : layout::ticks_of(d); }

core::semaphore_plan plan_of(const semaphore_options& o, std::error_code& ec) noexcept {
    constexpr std::int64_t most = 1 << 20;
    if (o.order > order::throughput || o.renewal > renewal::manual || o.if_different > if_different::resize ||
        o.permits < 1 || o.permits > most || o.max_permits < 0 || o.max_permits > most ||
        (o.max_permits != 0 && o.max_permits < o.permits) || !in_range(o.ttl) || !in_range(o.max_hold)) {
        ec = errc::invalid_argument;
        return {};
    }
    return {.kind = kind::leased,
            .order = o.order,
            .renewal = o.renewal,
            .permits = static_cast<std::uint32_t>(o.permits),
            .capacity = static_cast<std::uint32_t>(o.max_permits != 0 ? o.max_permits : std::min(2 * o.permits, most)),
            .least_capacity = static_cast<std::uint32_t>(std::max(o.permits, o.max_permits)),
            .ttl_ticks = layout::shorter_of(ticks_or_none(o.ttl), ticks_or_none(o.max_hold)),
            .max_hold_ticks = ticks_or_none(o.max_hold),
            .max_waiters = o.max_waiters};
}

// What differs between a semaphore and what is asked for, in words with both values.
class differences {
   public:
    void look_at(const char* what, const std::string& has, const std::string& asked) {
        if (has != asked) text_ += std::string(none() ? "" : "; ") + what + ": it has " + has + ", asked for " + asked;
    }
    [[nodiscard]] bool none() const noexcept { return text_.empty(); }
    [[nodiscard]] const std::string& words() const noexcept { return text_; }

   private:
    std::string text_;
};

differences between(core::attachment& home, std::uint32_t index, const semaphore_options& o,
                    const core::semaphore_plan& plan) {
    const core::semaphore_info& info = home.info(index);
    const std::uint32_t permits = core::permits_in(info);
    differences found;
    const auto ticks = [](std::uint32_t t) { return words_of(t == 0 ? forever : layout::duration_of(t)); };
    found.look_at("permits", std::to_string(permits), std::to_string(plan.permits));
    if (o.max_permits != 0) found.look_at("max_permits", std::to_string(info.range.capacity), std::to_string(plan.capacity));
    found.look_at("ttl", ticks(info.ttl_ticks), ticks(plan.ttl_ticks));
    found.look_at("max_hold", ticks(info.max_hold_ticks), ticks(plan.max_hold_ticks));
    found.look_at("renewal", info.renewal == renewal::automatic ? "automatic" : "manual",
                  o.renewal == renewal::automatic ? "automatic" : "manual");
    found.look_at("order", info.order == order::fifo ? "fifo" : "throughput",
                  o.order == order::fifo ? "fifo" : "throughput");
    found.look_at("max_waiters", std::to_string(info.max_waiters), std::to_string(plan.max_waiters));
    return found;
}

template <class Handle>
Handle handle_in(const std::shared_ptr<core::attachment>& home, std::uint32_t index, kind wanted, std::error_code& ec) {
    if (index == layout::none) return {};
    if (home->info(index).kind != wanted) {
        ec = errc::semaphore_kind;
        return {};
    }
    if (home->info(index).renewal == renewal::automatic) {
        home->note_ttl(home->info(index).ttl_ticks);
        // Whoever noted it before us may not have come to that yet; and until then beats are too rare: see take_usual().
        home->member().renew_stamp();
    }
    return handle_access::make<Handle>(home, index);
}

// @param detail  null: the caller wants no words
shmsem::semaphore semaphore_in(const std::shared_ptr<core::attachment>& home, const std::string& name,
                               const semaphore_options& options, std::error_code& ec, std::string* detail) {
    ec.clear();
    const core::semaphore_plan plan = plan_of(options, ec);
    if (!home) ec = errc::invalid_argument;
    if (!ec && !layout::valid_name(name)) ec = errc::invalid_name;
    if (ec) return {};
    bool made = false;
    const std::uint32_t index =
        home->writable() ? core::find_or_make_semaphore(*home, name, plan, made, ec) : core::find_semaphore(*home, name, ec);
    if (ec == errc::semaphore_not_found) ec = errc::read_only;
    auto handle = handle_in<shmsem::semaphore>(home, index, kind::leased, ec);
    if (ec || made || options.if_different == if_different::adopt) return handle;
    if (options.if_different == if_different::resize) {
        if (handle.permits() != plan.permits) handle.resize(options.permits, ec);
        return ec ? shmsem::semaphore{} : handle;
    }
    const differences found = between(*home, index, options, plan);
    if (found.none()) return handle;
    ec = errc::semaphore_mismatch;
    if (detail != nullptr) *detail = found.words();
    return {};
}

ownerless_semaphore ownerless_in(const std::shared_ptr<core::attachment>& home, const std::string& name,
                                 const ownerless_options& o, std::error_code& ec, std::string* detail) {
    ec.clear();
    if (!home || o.max < 1 || o.max > INT_MAX || o.initial < 0 || o.initial > o.max ||
        o.if_different > if_different::adopt) {  // there is nothing to resize
        ec = errc::invalid_argument;
        return {};
    }
    if (!layout::valid_name(name)) ec = errc::invalid_name;
    if (ec) return {};
    const core::semaphore_plan plan{.kind = kind::ownerless,
                                    .order = {},
                                    .renewal = {},
                                    .permits = static_cast<std::uint32_t>(o.initial),
                                    .capacity = static_cast<std::uint32_t>(o.max),
                                    .least_capacity = 0,
                                    .ttl_ticks = 0,
                                    .max_hold_ticks = 0,
                                    .max_waiters = o.max_waiters};
    bool made = false;
    const std::uint32_t index =
        home->writable() ? core::find_or_make_semaphore(*home, name, plan, made, ec) : core::find_semaphore(*home, name, ec);
    if (ec == errc::semaphore_not_found) ec = errc::read_only;
    auto handle = handle_in<ownerless_semaphore>(home, index, kind::ownerless, ec);
    if (ec || made || o.if_different == if_different::adopt) return handle;
    differences found;
    found.look_at("max", std::to_string(home->info(index).max_count), std::to_string(plan.capacity));
    found.look_at("max_waiters", std::to_string(home->info(index).max_waiters), std::to_string(plan.max_waiters));
    if (found.none()) return handle;
    ec = errc::semaphore_mismatch;
    if (detail != nullptr) *detail = found.words();
    return {};
}

std::uint32_t attached_to(const std::string& name, std::error_code& ec) {
    std::uint32_t count = 0;
    const auto look = [&count](const layout::process_entry& e) {
        const auto state = layout::entry_word::unpack(e.word.load(std::memory_order_acquire)).state;
        if (state == layout::entry_state::alive && robust::life_in(e) != os::life::dead) ++count;
    };
    layout::each_process_entry(name, look, ec);
    return count;
}

bool remove_file(const std::string& name, bool only_if_unused, std::error_code& ec) {
    ec.clear();
    if (!layout::valid_name(name)) {
        ec = errc::invalid_name;
        return false;
    }
    os::shm_file file;  // opened before it is looked at: should the name change hands meanwhile, unlink_as() leaves it alone
    int error = os::shm_file::open(layout::file_of(name), false, file);
    if (error == 0 && only_if_unused) {
        std::error_code unreadable;
        const std::uint32_t attached = attached_to(name, unreadable);
        // What is no segment is used by nobody; what we merely cannot read may well be.
        const bool nobodys = unreadable == errc::segment_half_made || unreadable == errc::segment_truncated ||
                             unreadable == errc::segment_corrupt || unreadable == errc::segment_foreign;
        const auto facts = file.stat();
        // Who has only opened it, or counts in it without ever waiting, is in no table.
        if (attached != 0 || os::is_mapped_by_somebody(facts.device, facts.inode)) ec = errc::segment_in_use;
        if (unreadable && !nobodys) ec = unreadable == errc::segment_not_found ? std::error_code{} : unreadable;
        if (ec || unreadable == errc::segment_not_found) return false;
    }
    if (error == 0) error = file.unlink_as(layout::file_of(name));
    if (error == 0) return true;
    if (error == EACCES || error == EPERM) {
        ec = errc::segment_permission;
    } else if (error == ETIMEDOUT) {
        ec = errc::timed_out;
    } else if (error != ENOENT) {
        ec = {error, std::system_category()};
    }
    return false;
}

}  // namespace

segment segment::create(const std::string& name, const shmsem::limits& sizes, sharing mode, std::error_code& ec) noexcept {
    ec.clear();
    try {
        layout::new_segment fresh = layout::make_segment(name, sizes, mode, ec);
        segment made = handle_of(std::move(fresh.mapping), ec);
        if (!ec) ec = fresh.link();
        if (!ec) return made;
    } catch (const std::bad_alloc&) {
        ec = std::make_error_code(std::errc::not_enough_memory);
    }
    return {};
}

segment segment::create(const std::string& name, const shmsem::limits& sizes, sharing mode) {
    return api::throwing(named(name), [&](std::error_code& ec) { return create(name, sizes, mode, ec); });
}

segment segment::open(const std::string& name, access how, std::error_code& ec) noexcept {
    layout::found_segment found;
    return open_with(name, how, ec, found);
}

segment segment::open(const std::string& name, access how) {
    std::error_code ec;
    layout::found_segment found;
    segment s = open_with(name, how, ec, found);
    if (ec) api::fail(ec, named(name)(), difference(found, {}, ec));
    return s;
}

segment segment::open_or_create(const std::string& name, const shmsem::limits& sizes, sharing mode,
                                std::error_code& ec) noexcept {
    layout::found_segment found;
    return open_or_create_with(name, sizes, mode, ec, found);
}

segment segment::open_or_create(const std::string& name, const shmsem::limits& sizes, sharing mode) {
    std::error_code ec;
    layout::found_segment found;
    segment s = open_or_create_with(name, sizes, mode, ec, found);
    if (ec) api::fail(ec, named(name)(), difference(found, sizes, ec));
    return s;
}

bool segment::remove(const std::string& name, std::error_code& ec) noexcept { return remove_file(name, false, ec); }

bool segment::remove(const std::string& name) {
    return api::throwing(named(name), [&](std::error_code& ec) { return remove(name, ec); });
}

bool segment::remove_if_unused(const std::string& name, std::error_code& ec) noexcept { return remove_file(name, true, ec); }

bool segment::remove_if_unused(const std::string& name) {
    return api::throwing(named(name), [&](std::error_code& ec) { return remove_if_unused(name, ec); });
}

std::vector<segment_entry> segment::list() {
    std::vector<segment_entry> found;
    for (const std::string& name : os::list_shm(layout::file_prefix)) {
        segment_entry e{.name = name, .bytes = 0, .uid = 0, .attached = 0, .error = {}};
        os::shm_file file;
        if (os::shm_file::open(layout::file_of(name), false, file) == 0) {
            const auto facts = file.stat();
            e.bytes = facts.size;
            e.uid = facts.uid;
        }
        e.attached = attached_to(name, e.error);
        if (e.error == errc::segment_not_found) continue;  // removed since
        found.push_back(std::move(e));
    }
    return found;
}

shmsem::semaphore segment::semaphore(const std::string& name, const semaphore_options& options,
                                     std::error_code& ec) noexcept {
    return semaphore_in(home_, name, options, ec, nullptr);
}

shmsem::semaphore segment::semaphore(const std::string& name, const semaphore_options& options) {
    std::error_code ec;
    std::string detail;
    auto handle = semaphore_in(home_, name, options, ec, &detail);
    if (ec) api::fail(ec, "semaphore '" + name + "' in segment '" + this->name() + "'", detail);
    return handle;
}

shmsem::semaphore segment::find(const std::string& name, std::error_code& ec) noexcept {
    ec.clear();
    if (!home_) {
        ec = errc::invalid_argument;
        return {};
    }
    return handle_in<shmsem::semaphore>(home_, core::find_semaphore(*home_, name, ec), kind::leased, ec);
}

shmsem::semaphore segment::find(const std::string& name) {
    return api::throwing([&] { return "semaphore '" + name + "' in segment '" + this->name() + "'"; },
                         [&](std::error_code& ec) { return find(name, ec); });
}

ownerless_semaphore segment::ownerless(const std::string& name, const ownerless_options& options,
                                       std::error_code& ec) noexcept {
    return ownerless_in(home_, name, options, ec, nullptr);
}

ownerless_semaphore segment::ownerless(const std::string& name, const ownerless_options& options) {
    std::error_code ec;
    std::string detail;
    auto handle = ownerless_in(home_, name, options, ec, &detail);
    if (ec) api::fail(ec, "semaphore '" + name + "' in segment '" + this->name() + "'", detail);
    return handle;
}

std::uint32_t segment::reap(std::error_code& ec) noexcept {
    ec.clear();
    if (!home_) {
        ec = errc::invalid_argument;
        return 0;
    }
    const std::uint64_t identity = home_->join(ec);
    if (identity == 0) return 0;
    const std::uint32_t taken = core::reap_all(*home_, identity);
    if (home_->torn()) ec = errc::segment_truncated;
    return taken;
}

std::uint32_t segment::reap() {
    return api::throwing([&] { return "segment '" + name() + "'"; }, [&](std::error_code& ec) { return reap(ec); });
}

segment_snapshot segment::inspect() const { return home_ ? core::snapshot_of(*home_) : segment_snapshot{}; }
invariants_report segment::check_invariants() const { return home_ ? core::check_invariants(*home_) : invariants_report{}; }
std::string segment::name() const { return home_ ? home_->name() : std::string{}; }
limits segment::limits() const { return home_ ? home_->view().sizes() : shmsem::limits{}; }

}  // namespace shmsem
