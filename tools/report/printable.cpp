#include "report/printable.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <span>

namespace shmsem::report {
namespace {

struct character {
    std::uint32_t code = 0;
    std::size_t bytes = 1;
    bool valid = false;
};

// Strict: over-long forms, surrogates and what lies beyond U+10FFFF are not characters.
character first_of(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t lead = byte(0);
    if (lead < 0x80) return {lead, 1, true};
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {lead, 1, false};
    std::uint32_t code = lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return {lead, 1, false};
        code = code << 6 | (byte(i) & 0x3FU);
    }
    constexpr std::array<std::uint32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
    if (code < smallest[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {lead, 1, false};
    return {code, length, true};
}

struct range {
    std::uint32_t first;
    std::uint32_t last;
};

bool lies_in(std::uint32_t code, std::span<const range> ranges) noexcept {
    const auto* at =
        std::partition_point(ranges.data(), ranges.data() + ranges.size(), [&](const range& r) { return r.last < code; });
    return at != ranges.data() + ranges.size() && at->first <= code;
}

// C1 controls; soft hyphen; what joins, hides or turns round its neighbours; line separators; private use; tags; the
// non-characters at the end of each plane are caught by their low bits.
constexpr range kTreacherous[] = {
    {0x7F, 0x9F},     {0xAD, 0xAD},     {0x34F, 0x34F},   {0x61C, 0x61C},   {0x115F, 0x1160},   {0x17B4, 0x17B5},
    {0x180B, 0x180F}, {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164},   {0xE000, 0xF8FF},
    {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0x1D173, 0x1D17A}, {0xE0000, 0x10FFFF}};

// Marks that sit on the character before them, of the scripts where they are common.
constexpr range kCombining[] = {{0x300, 0x36F},   {0x483, 0x489},   {0x591, 0x5BD},   {0x610, 0x61A},   {0x64B, 0x65F},
                                {0x93C, 0x93C},   {0x941, 0x948},   {0x94D, 0x94D},   {0xE31, 0xE31},   {0xE34, 0xE3A},
                                {0xE47, 0xE4E},   {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20F0}, {0x302A, 0x302D},
                                {0x3099, 0x309A}, {0xFE20, 0xFE2F}};

// East Asian wide and full-width characters, and emoji.
constexpr range kWide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23EC},   {0x25FD, 0x25FE},   {0x2614, 0x2615},
    {0x26A1, 0x26A1},   {0x2705, 0x2705},   {0x274C, 0x274C},   {0x2753, 0x2757},   {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},
    {0x2E80, 0x303E},   {0x3041, 0x3247},   {0x3250, 0x4DBF},   {0x4E00, 0xA4CF},   {0xA960, 0xA97C},   {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF01, 0xFF60},   {0xFFE0, 0xFFE6},   {0x16FE0, 0x18CFF}, {0x1B000, 0x1B2FF},
    {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD}};

bool shows(const character& c, charset terminal) noexcept {
    if (!c.valid || c.code < 0x20) return false;
    if (c.code < 0x7F) return true;
    return terminal == charset::utf8 && !lies_in(c.code, kTreacherous) && (c.code & 0xFFFE) != 0xFFFE;
}

std::size_t width_of(std::uint32_t code) noexcept {
    if (code < 0x300) return 1;
    if (lies_in(code, kCombining)) return 0;
    return lies_in(code, kWide) ? 2 : 1;
}

// Bytes of `text` that fit in `width` columns from its beginning.
std::size_t prefix(std::string_view text, std::size_t width) noexcept {
    std::size_t at = 0;
    while (at < text.size()) {
        const character c = first_of(text.substr(at));
        const std::size_t needs = width_of(c.code);
        if (needs > width) break;
        width -= needs;
        at += c.bytes;
    }
    return at;
}

}  // namespace

std::string printable(std::string_view untrusted, charset terminal) {
    std::string result;
    std::array<char, 16> escape{};
    while (!untrusted.empty()) {
        const character c = first_of(untrusted);
        if (c.valid && c.code == '\\') {
            result += "\\\\";
        } else if (shows(c, terminal)) {
            // A mark at the very beginning would sit on the text before, which is not part of this one.
            if (result.empty() && width_of(c.code) == 0) result += ' ';
            result += untrusted.substr(0, c.bytes);
        } else {
            std::snprintf(escape.data(), escape.size(), c.bytes == 1 ? "\\x%02x" : "\\u{%x}", static_cast<unsigned>(c.code));
            result += escape.data();
        }
        untrusted.remove_prefix(c.bytes);
    }
    return result;
}

std::size_t columns(std::string_view printable_text) noexcept {
    std::size_t total = 0;
    while (!printable_text.empty()) {
        const character c = first_of(printable_text);
        total += width_of(c.code);
        printable_text.remove_prefix(c.bytes);
    }
    return total;
}

std::string clip(std::string_view printable_text, std::size_t width, charset terminal) {
    const std::size_t all = columns(printable_text);
    if (all <= width) return std::string(printable_text);
    if (width == 0) return {};
    const std::size_t kept = width - 1;
    const std::string_view head = printable_text.substr(0, prefix(printable_text, kept - kept / 3));
    // The tail begins where no more than a third is left, after marks that belong to what was cut.
    std::size_t tail = prefix(printable_text, all - kept / 3);
    while (tail < printable_text.size() && columns(printable_text.substr(tail)) > kept / 3) {
        tail += first_of(printable_text.substr(tail)).bytes;
    }
    return std::string(head) + (terminal == charset::utf8 ? "\u2026" : "~") + std::string(printable_text.substr(tail));
}

std::string cut(std::string_view printable_text, std::size_t width) {
    return std::string(printable_text.substr(0, prefix(printable_text, width)));
}

}  // namespace shmsem::report
