#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "semtop/model.hpp"

// The lines of the overview: semaphores, and segments of which none is shown.

namespace shmsem::semtop {

struct row {
    const report::segment_sample* sampled = nullptr;
    const segment_snapshot* segment = nullptr;      ///< null: it could not be read
    const semaphore_snapshot* semaphore = nullptr;  ///< null: the line is about the segment
    const history* past = nullptr;
};

[[nodiscard]] place place_of(const row& of);

/// What the filter and `all` let through, in order.
[[nodiscard]] std::vector<row> visible_rows(const model& of);

/// Where the selected row is now; when it has gone, the one that took its place.
[[nodiscard]] std::size_t selected_index(const model& of, const std::vector<row>& rows);

/// The selected row, also when the filter hides it, since the detail goes on showing it; nothing when it has gone.
[[nodiscard]] row selected_row(const model& of);

/// True when text is part of "segment/semaphore", whatever the case of its letters.
[[nodiscard]] bool passes(const std::string& filter, const std::string& segment, const std::string& semaphore);

/// Leaves semaphores that do not pass out of the snapshot, and readable segments without one that does.
void keep_passing(report::snapshot& seen, const std::string& filter);

}  // namespace shmsem::semtop
