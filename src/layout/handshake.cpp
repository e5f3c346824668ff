#include "layout/handshake.hpp"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>

#include "os/process_identity.hpp"
#include "os/testing.hpp"

namespace shmsem::layout {
namespace {

namespace ipc = boost::interprocess;

std::error_code code_of(int error) {
    switch (error) {
        case ENOENT: return errc::segment_not_found;
        case EEXIST: return errc::segment_exists;
        case EACCES:
        case EPERM: return errc::segment_permission;
        case ENOSPC:
        case EFBIG:
        case EDQUOT: return errc::segment_no_space;
        case ELOOP:
        case EISDIR:
        case ENXIO: return errc::segment_foreign;  // a link, a directory or a socket has the name
        case EOPNOTSUPP: return errc::kernel_unsupported;
        case ETIMEDOUT: return errc::timed_out;
        default: return {error, std::system_category()};
    }
}

std::error_code map(const os::shm_file& file, std::size_t bytes, bool writable, mapping& m) {
    try {
        m.region = ipc::mapped_region(file, writable ? ipc::read_write : ipc::read_only, 0, bytes);
        m.guard = os::mapping_guard(m.region.get_address(), bytes, writable);
        return {};
    } catch (const ipc::interprocess_exception& e) {
        return {e.get_native_error() != 0 ? static_cast<int>(e.get_native_error()) : ENOMEM, std::system_category()};
    }
}

std::uint64_t random_id() noexcept {
    std::uint64_t id = 0;
    if (::getrandom(&id, sizeof id, GRND_NONBLOCK) != sizeof id || id == 0) {
        id = static_cast<std::uint64_t>(os::now().time_since_epoch().count()) ^ static_cast<std::uint64_t>(::getpid()) << 40;
    }
    return id;
}

// The memory is zero, so every slot, node and entry is in its empty state; only the header has to be written.
void fill(const view& v, const std::string& name, const limits& sizes) {
    header& h = v.header();
    h.magic = segment_magic;
    h.abi = abi_fingerprint();
    h.version = layout_version;
    h.total_size = v.places().total;
    h.id = random_id();
    // A little back, so that the coarse clock, which lags, never reads a time before it.
    h.epoch_ns = (os::now() - tick_length).time_since_epoch().count();
    h.boot = os::this_process_identity().boot;
    h.processes = sizes.processes;
    h.semaphores = sizes.semaphores;
    h.permits = sizes.permits;
    h.waiters = sizes.waiters;
    h.tenants = sizes.tenants;
    h.uid = static_cast<std::uint32_t>(::geteuid());
    h.time_namespace = os::time_namespace();
    h.name.store(name);
    os::kill_point("segment.filled");
    // release: pairs with the acquire load in check(); a file that shows the mark shows the whole header.
    h.ready.store(ready_mark, std::memory_order_release);
}

mapping make(os::shm_file& file, const std::string& name, const limits& sizes, std::error_code& ec) {
    const geometry g = geometry::of(sizes);
    if (const int error = file.allocate(g.total)) {
        ec = code_of(error);
        return {};
    }
    os::kill_point("segment.sized");
    mapping m;
    if ((ec = map(file, g.total, true, m))) return {};
    m.view = view(m.region.get_address(), g);
    m.writable = true;
    const auto facts = file.stat();
    m.device = facts.device;
    m.inode = facts.inode;
    fill(m.view, name, sizes);
    m.name = name;
    m.id = m.view.header().id;
    m.epoch_ns = m.view.header().epoch_ns;
    return m;
}

// No clock gets there in a century: what is counted from here stays far from overflow.
constexpr std::int64_t latest_epoch = std::int64_t{1} << 62;

// In the order in which a wrong answer would mislead: is it ours, is it whole, can we speak with it.
std::error_code check(const header& h, std::uint64_t file_size) {
    if (h.magic == 0 && h.ready.load(std::memory_order_acquire) == 0) return errc::segment_half_made;
    if (h.magic != segment_magic) return errc::segment_foreign;
    if (h.ready.load(std::memory_order_acquire) != ready_mark) return errc::segment_half_made;
    if (h.version != layout_version) return errc::segment_version;
    if (h.abi != abi_fingerprint()) return errc::segment_abi;
    const limits sizes{h.processes, h.semaphores, h.permits, h.waiters, h.tenants};
    if (!valid(sizes)) return errc::segment_corrupt;
    const std::size_t total = geometry::of(sizes).total;
    if (h.total_size != total) return errc::segment_corrupt;
    if (file_size < total) return errc::segment_truncated;
    if (h.epoch_ns < -latest_epoch || h.epoch_ns > latest_epoch) return errc::segment_corrupt;
    const std::uint64_t here = os::time_namespace();
    if (here != 0 && h.time_namespace != 0 && here != h.time_namespace) return errc::foreign_clock;
    return {};
}

bool opened_to_us(const os::shm_file::facts& facts, bool writable) {
    if (facts.uid == ::geteuid() || !writable) return true;
    return (facts.mode & 0002) != 0 || ((facts.mode & 0020) != 0 && os::in_group(facts.gid));
}

// A header in memory of our own: what is checked is what is used, whatever becomes of the file.
struct checked_header {
    alignas(header) std::array<std::byte, sizeof(header)> bytes{};
    os::shm_file::facts facts;

    std::error_code read(const os::shm_file& file, bool writable) {
        facts = file.stat();
        if (!facts.regular) return errc::segment_foreign;
        if (!opened_to_us(facts, writable)) return errc::segment_owner;
        if (facts.size == 0) return errc::segment_half_made;
        if (file.read(0, bytes.data(), bytes.size()) != bytes.size()) return errc::segment_truncated;
        return check(get(), facts.size);
    }
    [[nodiscard]] const header& get() const noexcept { return *reinterpret_cast<const header*>(bytes.data()); }
    [[nodiscard]] limits sizes() const noexcept {
        const header& h = get();
        return {h.processes, h.semaphores, h.permits, h.waiters, h.tenants};
    }
};

mapping map_checked(const os::shm_file& file, bool writable, std::error_code& ec, found_segment& found) {
    checked_header head;
    ec = head.read(file, writable);
    found = {.sizes = head.sizes(), .version = head.get().version};
    if (ec) return {};
    const geometry g = geometry::of(head.sizes());
    mapping m;
    if ((ec = map(file, g.total, writable, m))) return {};
    m.view = view(m.region.get_address(), g);
    m.device = head.facts.device;
    m.inode = head.facts.inode;
    m.writable = writable;
    m.name = head.get().name.load();
    m.id = head.get().id;
    m.epoch_ns = head.get().epoch_ns;
    return m;
}

std::error_code validate(const std::string& name, const limits& sizes, sharing mode) {
    if (!valid_name(name)) return errc::invalid_name;
    if (!valid(sizes) || mode > sharing::everyone) return errc::invalid_argument;
    return {};
}

unsigned mode_bits(sharing mode) noexcept { return mode == sharing::everyone ? 0666 : mode == sharing::group ? 0660 : 0600; }

}  // namespace

bool valid_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > max_name_length || name == "." || name == "..") return false;
    return std::none_of(name.begin(), name.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return c == '/' || byte < 0x20 || byte == 0x7f;
    });
}

new_segment make_segment(const std::string& name, const limits& sizes, sharing mode, std::error_code& ec) {
    new_segment made;
    if ((ec = validate(name, sizes, mode))) return made;
    if (const int error = os::shm_file::create_nameless(made.file_)) {
        ec = error == EISDIR || error == ENOENT ? make_error_code(errc::kernel_unsupported) : code_of(error);
        return made;
    }
    made.name_ = file_of(name);
    made.mapping = make(made.file_, name, sizes, ec);
    if (ec) return made;
    if (const int error = made.file_.set_mode(mode_bits(mode))) ec = code_of(error);
    return made;
}

std::error_code new_segment::link() {
    if (const int error = file_.link_as(name_)) return code_of(error);
    os::kill_point("segment.linked");
    return {};
}

namespace {

os::shm_file open_file(const std::string& name, bool writable, std::error_code& ec) {
    ec.clear();
    os::shm_file file;
    if (!valid_name(name)) {
        ec = errc::invalid_name;
    } else if (const int error = os::shm_file::open(file_of(name), writable, file)) {
        ec = code_of(error);
    }
    return file;
}

}  // namespace

mapping open_segment(const std::string& name, bool writable, std::error_code& ec, found_segment& found) {
    const os::shm_file file = open_file(name, writable, ec);
    return ec ? mapping{} : map_checked(file, writable, ec, found);
}

void each_process_entry(const std::string& name, const std::function<void(const process_entry&)>& visit,
                        std::error_code& ec) {
    const os::shm_file file = open_file(name, false, ec);
    checked_header head;
    if (ec || (ec = head.read(file, false))) return;
    const geometry g = geometry::of(head.sizes());
    for (std::uint32_t p = 0; p < g.sizes.processes; ++p) {
        alignas(process_entry) std::array<std::byte, sizeof(process_entry)> bytes;
        if (file.read(g.processes + p * sizeof(process_entry), bytes.data(), bytes.size()) != bytes.size()) break;
        visit(*reinterpret_cast<const process_entry*>(bytes.data()));
    }
}

mapping open_wanted_segment(const std::string& name, const limits& sizes, bool any_limits, sharing mode, std::error_code& ec,
                            found_segment& found) {
    if ((ec = validate(name, sizes, mode))) return {};
    os::shm_file file;
    if (const int error = os::shm_file::open(file_of(name), true, file)) {
        ec = code_of(error);
        return {};
    }
    const auto facts = file.stat();
    if (mode == sharing::owner && facts.uid != ::geteuid()) {
        ec = errc::segment_owner;
        return {};
    }
    mapping m = map_checked(file, true, ec, found);
    if (ec == errc::segment_half_made) {
        // Nobody is at work on it: our creators link only what is ready. ENOENT: somebody else has removed it.
        const int gone = file.unlink_as(file_of(name));
        ec = gone == 0 || gone == ENOENT ? make_error_code(errc::segment_not_found) : code_of(gone);
        return {};
    }
    if (ec) return {};
    if (!any_limits && !(found.sizes == sizes)) {
        ec = errc::segment_limits;
        return {};
    }
    return m;
}

mapping create_anonymous_segment(const limits& sizes, std::error_code& ec) {
    ec.clear();
    os::shm_file file;
    if (const int error = os::shm_file::create_anonymous(file)) {
        ec = code_of(error);
        return {};
    }
    return make(file, "unnamed", sizes, ec);
}

}  // namespace shmsem::layout
