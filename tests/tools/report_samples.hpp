#pragma once

#include <set>
#include <string>

#include "report/snapshot.hpp"

// Hand-made snapshots, so that what is drawn and converted depends on nothing but itself.

namespace shmsem::test {

/// One segment with a busy leased, a shrunk leased, an ownerless and an idle semaphore.
[[nodiscard]] report::snapshot busy_snapshot();

/// A segment without semaphores, and one that is corrupt.
[[nodiscard]] report::snapshot broken_snapshot();

/// Text that would clear the screen, retitle the terminal, reorder the line and forge a row.
[[nodiscard]] report::snapshot hostile_snapshot();

/// Two threads that wait for each other, across two segments, and one behind them.
[[nodiscard]] report::snapshot deadlock_snapshot();

/// What follows, up to the next backquote, on the lines of tools/semtop/README.md that start like this: rows of its tables.
[[nodiscard]] std::set<std::string> documented_in_readme(const std::string& start);

}  // namespace shmsem::test
