#include "fuzz/damage.hpp"

#include <linux/futex.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "os/clock.hpp"

namespace shmsem::fuzz {

using layout::none;

damage::damage(int file, const layout::geometry& places) : file_(file), places_(places), tables_(tables_in(places)) {}

void damage::strike(choices& in) {
    switch (in.below(16)) {
        default: {  // one field, most often
            const table& t = some_table(in);
            set_field(some_record(t, in), in.of(t.fields), in);
            return;
        }
        case 7: return flip_bits(in);
        case 8: return scribble(in);
        case 9: return copy_record(in);
        case 10: return remember(in);
        case 11:
        case 12: return put_back(in);
        case 13: return bend_links(in);
        case 14:
        case 15: return pretend_owner(in);
    }
}

void damage::strike_header(choices& in) {
    const table& t = tables_[headers];
    set_field({.offset = 0, .bytes = t.record}, in.of(t.fields), in);
}

void damage::remember(choices& in) {
    const place where = some_place(in);
    if (remembered_.size() == 8) remembered_.erase(remembered_.begin());
    remembered_.push_back({where, read(where)});
}

// The header's turn comes seldom: most of what it holds is read once, and refused.
const table& damage::some_table(choices& in) {
    constexpr std::array usual{processes, processes, semaphores, semaphores, semaphores, hints,
                               slots,     slots,     slots,      nodes,      nodes,      nodes};
    const std::uint32_t which = in.below(usual.size() + 2);
    return tables_[which < usual.size() ? usual[which] : which == usual.size() ? tenants : headers];
}

// The first ones are those in use.
damage::place damage::some_record(const table& t, choices& in) {
    const auto count = static_cast<std::uint32_t>(t.count);
    const std::size_t i = in.below(in.below(4) == 0 ? count : std::min(count, 6U));
    return {.offset = t.begin + i * t.record, .bytes = t.record};
}

damage::place damage::some_place(choices& in) {
    const table& t = some_table(in);
    switch (in.below(4)) {
        case 0: return {.offset = t.begin, .bytes = t.record * t.count};
        case 1: return {.offset = 0, .bytes = places_.total};
        default: return some_record(t, in);
    }
}

void damage::set_field(place record, const field& f, choices& in) {
    const std::size_t offset = record.offset + f.offset;
    if (f.what == meaning::text) return set_text({.offset = offset, .bytes = f.bytes}, in);
    write_word(offset, value_of(f, read_word(offset, f.bytes), in), f.bytes);
}

void damage::set_text(place where, choices& in) {
    std::vector<std::uint8_t> text(where.bytes, 'x');
    switch (in.below(4)) {
        case 0: break;  // no terminator
        case 1:
            for (auto& byte : text) byte = static_cast<std::uint8_t>(in.bits(1));
            break;
        case 2: std::fill(text.begin(), text.end(), std::uint8_t{0}); break;
        default:  // a name that somebody looks for
            std::fill(text.begin(), text.end(), std::uint8_t{0});
            std::memcpy(text.data(), in.below(2) == 0 ? "gpu" : "units", 4);
            break;
    }
    write(where.offset, text);
}

void damage::flip_bits(choices& in) {
    const table& t = some_table(in);
    const place record = some_record(t, in);
    for (std::uint32_t n = 1 + in.below(3); n > 0; --n) {
        const std::size_t word = record.offset + in.below(static_cast<std::uint32_t>(record.bytes / 8)) * 8;
        write_word(word, read_word(word, 8) ^ 1ULL << in.below(64), 8);
    }
}

void damage::scribble(choices& in) {
    const table& t = some_table(in);
    const place record = some_record(t, in);
    const std::size_t begin = in.below(static_cast<std::uint32_t>(record.bytes));
    std::vector<std::uint8_t> bytes(std::min<std::size_t>(1 + in.below(32), places_.total - record.offset - begin));
    const std::uint32_t how = in.below(4);
    for (auto& byte : bytes) byte = how == 0 ? 0 : how == 1 ? 0xff : static_cast<std::uint8_t>(in.bits(1));
    write(record.offset + begin, bytes);
}

void damage::copy_record(choices& in) {
    const table& t = some_table(in);
    const place from = some_record(t, in);
    const place to = some_record(t, in);
    const auto first = read(from);
    const auto second = read(to);
    write(to.offset, first);
    if (in.below(2) == 0) write(from.offset, second);
}

void damage::put_back(choices& in) {
    if (remembered_.empty()) return remember(in);
    const memory& old = in.of(remembered_);
    write(old.where.offset, old.bytes);
}

// Nodes that lead to each other in a circle, from a queue that begins or ends with one of them.
void damage::bend_links(choices& in) {
    const std::uint32_t limit = places_.sizes.waiters;
    const auto node = [this](std::uint32_t n) { return places_.nodes + n * sizeof(layout::node); };
    const std::uint32_t a = in.below(limit);
    const std::uint32_t b = in.below(limit);
    const place block = some_record(tables_[semaphores], in);
    write_word(node(a) + offsetof(layout::node, next), b, 4);
    write_word(node(b) + offsetof(layout::node, next), in.below(2) == 0 ? a : some_index(limit, in), 4);
    write_word(node(b) + offsetof(layout::node, prev), a, 4);
    write_word(node(a) + offsetof(layout::node, prev), b, 4);
    write_word(block.offset + offsetof(layout::semaphore_block, head), a, 4);
    if (in.below(2) == 0) write_word(block.offset + offsetof(layout::semaphore_block, tail), b, 4);
    if (in.below(2) == 0) return;
    const std::uint32_t of = static_cast<std::uint32_t>((block.offset - places_.semaphores) / block.bytes);
    for (const std::uint32_t n : {a, b}) {
        const field word{offsetof(layout::node, word), 8, meaning::node_word};
        set_field({.offset = node(n), .bytes = sizeof(layout::node)}, word, in);
        write_word(node(n) + offsetof(layout::node, semaphore), of, 4);
    }
}

// A lock that somebody owns: his name in the word, and in his entry what says that he is inside, or that he died there.
void damage::pretend_owner(choices& in) {
    const std::uint32_t owner = some_process(in);
    const std::uint32_t section = in.below(4) == 0 ? in.below(16) : in.below(layout::sections_per_process);
    const std::size_t lock = in.below(4) == 0
                                 ? offsetof(layout::header, directory_lock)
                                 : some_record(tables_[semaphores], in).offset + offsetof(layout::semaphore_block, lock);
    auto word = layout::lock_word::unpack(read_word(lock, 8));
    word.acquisitions += in.below(3);
    word.owner = owner + 1;
    word.section = section;
    word.waiters = in.below(2) == 0;
    if (owner < places_.sizes.processes && section < layout::sections_per_process) {
        const std::size_t entry = places_.processes + owner * sizeof(layout::process_entry);
        write_word(entry + offsetof(layout::process_entry, sections) + section * 4, some_thread(in), 4);
        if (in.below(2) == 0) write_word(entry + offsetof(layout::process_entry, life), some_thread(in), 4);
    }
    write_word(lock, word.pack(), 8);
}

std::uint64_t damage::any_number(std::uint64_t was, std::uint32_t bytes, choices& in) {
    switch (in.below(10)) {
        case 0: return 0;
        case 1: return 1;
        case 2: return ~0ULL;
        case 3: return ~0ULL - 1;
        case 4: return bytes == 4 ? 0x8000'0000U : 1ULL << 63;
        case 5: return bytes == 4 ? 0x7fff'ffffU : ~0ULL >> 1;
        case 6: return was + 1;
        case 7: return was - 1;
        case 8: return was ^ 1ULL << in.below(bytes * 8);
        default: return in.bits(bytes);
    }
}

std::uint32_t damage::some_index(std::uint32_t limit, choices& in) {
    switch (in.below(8)) {
        case 0: return limit;
        case 1: return limit - 1;
        case 2: return none;
        case 3: return limit + 1 + in.below(4096);
        default: return in.below(limit);
    }
}

std::uint32_t damage::some_process(choices& in) {
    const std::uint32_t limit = places_.sizes.processes;
    return in.below(8) == 0 ? limit + in.below(layout::max_processes - limit) : in.below(std::min(limit, 4U));
}

std::uint32_t damage::some_thread(choices& in) {
    const auto here = static_cast<std::uint32_t>(::syscall(SYS_gettid));
    switch (in.below(6)) {
        case 0: return 0;
        case 1: return here | FUTEX_OWNER_DIED;
        case 2: return FUTEX_OWNER_DIED;
        case 3: return here | FUTEX_WAITERS;
        case 4: return static_cast<std::uint32_t>(in.bits(4));
        default: return here;
    }
}

std::uint32_t damage::some_tick(choices& in) {
    const auto epoch = static_cast<std::int64_t>(read_word(offsetof(layout::header, epoch_ns), 8));
    const auto age = static_cast<std::uint64_t>(os::now().time_since_epoch().count()) - static_cast<std::uint64_t>(epoch);
    const auto now = static_cast<std::uint32_t>(age / static_cast<std::uint64_t>(layout::tick_length.count()));
    switch (in.below(7)) {
        case 0: return 0;
        case 1: return now + 0x7fff'ffffU;
        case 2: return now + 0x8000'0000U;
        case 3: return static_cast<std::uint32_t>(in.bits(4));
        case 4: return now - in.below(8);
        case 5: return now + in.below(8);
        default: return now + in.below(65536);
    }
}

std::uint64_t damage::value_of(const field& f, std::uint64_t was, choices& in) {
    if (in.below(6) == 0) return any_number(was, f.bytes, in);
    switch (f.what) {
        case meaning::node: return some_index(places_.sizes.waiters, in);
        case meaning::slot: return some_index(in.below(2) == 0 ? 4 : places_.sizes.permits, in);
        case meaning::ticks: return in.below(2) == 0 ? in.below(8) : static_cast<std::uint32_t>(in.bits(4));
        case meaning::choice: return in.below(5);
        case meaning::thread: return some_thread(in);
        case meaning::pid: {
            const std::array known{
                static_cast<std::uint32_t>(::getpid()), static_cast<std::uint32_t>(::getppid()), 1U, 0U, ~0U, 0x003f'ffffU};
            return in.of(known);
        }
        case meaning::nanoseconds: {
            const std::int64_t now = os::now().time_since_epoch().count();
            const std::array times{std::int64_t{0},     INT64_MIN,           INT64_MAX,      std::int64_t{-1}, now,
                                   now - 1'000'000'000, now + 1'000'000'000, now + 3'000'000};
            return static_cast<std::uint64_t>(in.of(times));
        }
        case meaning::slot_word: {
            auto word = layout::slot_word::unpack(was);
            if (in.below(2) == 0) word.state = static_cast<layout::slot_state>(in.below(8));
            if (in.below(2) == 0) word.process = some_process(in);
            if (in.below(3) == 0) word.seq = in.below(2) == 0 ? word.seq + 1 : layout::max_seq - in.below(2);
            if (in.below(2) == 0) word.deadline = layout::tick{some_tick(in)};
            return word.pack();
        }
        case meaning::node_word: {
            auto word = layout::node_word::unpack(was);
            word.state = static_cast<layout::node_state>(in.below(8));
            if (in.below(2) == 0) word.process = some_process(in);
            if (in.below(4) == 0) word.seq += in.below(2) == 0 ? 1 : layout::node_word::max_seq;
            return word.pack();
        }
        case meaning::entry_word: {
            auto word = layout::entry_word::unpack(was);
            word.state = static_cast<layout::entry_state>(in.below(8));
            if (in.below(3) == 0) word.generation += in.below(2) == 0 ? 1 : layout::entry_word::max_generation;
            if (in.below(3) == 0) word.claimed = layout::tick{some_tick(in)};
            return word.pack();
        }
        case meaning::lock_word: {
            auto word = layout::lock_word::unpack(was);
            word.acquisitions += in.below(3);
            word.owner = some_process(in) + in.below(2);
            word.section = in.below(16);
            word.waiters = in.below(2) == 0;
            return word.pack() | (in.below(8) == 0 ? 0xfffc'0000U : 0U);  // bits that nothing uses
        }
        case meaning::gate: {
            const std::uint64_t flags = static_cast<std::uint64_t>(in.below(4)) << 62;
            return flags | some_index(places_.sizes.waiters, in);
        }
        case meaning::count_word: {
            layout::count_word word{.count = in.below(4) == 0 ? layout::count_word::max_count : in.below(4),
                                    .transit = static_cast<layout::transit>(in.below(4)),
                                    .node = some_index(places_.sizes.waiters, in),
                                    .tag = in.below(4)};
            word.node &= 0xf'ffff;
            return word.pack();
        }
        case meaning::number:
        case meaning::text: break;
    }
    return any_number(was, f.bytes, in);
}

std::vector<std::uint8_t> damage::read(place where) const {
    std::vector<std::uint8_t> bytes(where.bytes);
    const ssize_t got = ::pread(file_, bytes.data(), bytes.size(), static_cast<off_t>(where.offset));
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
}

// Never behind the end, which would make the file longer.
void damage::write(std::size_t offset, std::span<const std::uint8_t> bytes) {
    struct stat facts {};
    if (::fstat(file_, &facts) != 0 || facts.st_size < static_cast<off_t>(offset + bytes.size())) return;
    const auto ignored = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    (void)ignored;
}

void damage::write_word(std::size_t offset, std::uint64_t value, std::size_t bytes) {
    std::array<std::uint8_t, 8> word{};
    std::memcpy(word.data(), &value, 8);
    write(offset, std::span(word).first(bytes));
}

std::uint64_t damage::read_word(std::size_t offset, std::size_t bytes) const {
    std::uint64_t value = 0;
    const auto ignored = ::pread(file_, &value, bytes, static_cast<off_t>(offset));
    (void)ignored;
    return value;
}

}  // namespace shmsem::fuzz
