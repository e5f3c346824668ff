#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fuzz/choices.hpp"
#include "fuzz/tables.hpp"

namespace shmsem::fuzz {

/// Damages the file of a segment, as anybody may who can write it. It does so by pwrite() and not through a mapping of its own: what
/// lies behind a file that was cut short meanwhile is then no business of this class.
class damage {
   public:
    /// @param file  stays the caller's
    damage(int file, const layout::geometry& places);

    /// One act of damage.
    void strike(choices& in);
    /// The same somewhere in the header, by which an opener judges.
    void strike_header(choices& in);
    /// The bytes of a place are kept, to be put back by a later act: what a process writes that was stopped for long.
    void remember(choices& in);

   private:
    struct place {
        std::size_t offset = 0;
        std::size_t bytes = 0;
    };
    struct memory {
        place where;
        std::vector<std::uint8_t> bytes;
    };

    const table& some_table(choices& in);
    place some_record(const table& t, choices& in);
    place some_place(choices& in);
    void set_field(place record, const field& f, choices& in);
    void set_text(place where, choices& in);
    void flip_bits(choices& in);
    void scribble(choices& in);
    void copy_record(choices& in);
    void put_back(choices& in);
    void bend_links(choices& in);
    void pretend_owner(choices& in);
    std::uint64_t value_of(const field& f, std::uint64_t was, choices& in);
    std::uint64_t any_number(std::uint64_t was, std::uint32_t bytes, choices& in);
    std::uint32_t some_index(std::uint32_t limit, choices& in);
    std::uint32_t some_process(choices& in);
    std::uint32_t some_thread(choices& in);
    std::uint32_t some_tick(choices& in);

    [[nodiscard]] std::vector<std::uint8_t> read(place where) const;
    void write(std::size_t offset, std::span<const std::uint8_t> bytes);
    void write_word(std::size_t offset, std::uint64_t value, std::size_t bytes);
    [[nodiscard]] std::uint64_t read_word(std::size_t offset, std::size_t bytes) const;

    int file_;
    layout::geometry places_;
    std::array<table, table_count> tables_;
    std::vector<memory> remembered_;
};

}  // namespace shmsem::fuzz
