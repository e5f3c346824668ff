#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "report/printable.hpp"
#include "report/snapshot.hpp"
#include "semtop/history.hpp"
#include "semtop/screen.hpp"

// All that the live view knows. update() turns a model and a key into the next model and what is to be done; draw() turns a model
// into a screen. Neither does any I/O.

namespace shmsem::semtop {

enum class page : std::uint8_t { overview, detail, deadlocks, help };

/// Something that changes a segment.
struct action {
    enum class verb : std::uint8_t { reap, end, resize, pause, resume };
    verb what{};
    std::string segment;
    std::uint64_t segment_id = 0;  ///< of the one that was looked at: another of that name is left alone
    std::string semaphore;
    bool ownerless = false;
    std::uint32_t seat = 0;
    std::uint64_t token = 0;
    std::int64_t permits = 0;
    std::string whose;  ///< for words only
};

/// What the user is being asked, if anything.
struct dialog {
    enum class kind : std::uint8_t { none, filter, delay, resize, sort, confirm };
    kind asks = kind::none;
    std::string typed;
    std::string before;      ///< the filter to go back to
    std::size_t choice = 0;  ///< in the list of columns
    action proposed;         ///< to be confirmed
};

/// A semaphore, or a segment where `semaphore` is empty, by name: rows move, names stay.
struct place {
    std::string segment;
    std::string semaphore;
    friend bool operator==(const place&, const place&) = default;
};

struct model {
    // how to show it
    report::charset terminal = report::charset::ascii;
    bool all = false;
    std::size_t sort_by = 0;  ///< index into overview_columns()
    bool inverted = false;
    std::string filter;
    duration delay = std::chrono::seconds{1};
    bool frozen = false;
    semtop::size extent;

    // what to show
    report::snapshot seen;
    history past;
    std::map<std::uint32_t, std::string> users;  ///< names of user ids, as far as they are known

    // where the user is
    page shown = page::overview;
    page before_help = page::overview;
    std::optional<place> selected;  ///< nothing: the first row
    std::size_t selected_at = 0;    ///< the row where it was last
    std::size_t top = 0;            ///< first row of the overview that is shown
    std::uint32_t seat = 0;         ///< in the detail, of the selected holder; if it has gone, the next one is
    std::size_t scrolled = 0;       ///< lines that the detail, the deadlocks or the help are scrolled by
    dialog asking;
    std::string status;
    bool status_is_bad = false;
};

}  // namespace shmsem::semtop
