#pragma once

#include <string>

#include "report/printable.hpp"
#include "report/snapshot.hpp"

// The snapshot in Prometheus' text exposition format, version 0.0.4; tools/semtop/README.md lists the families. Label values are
// printable() and then escaped as the format asks, so that whatever a process calls itself, it stays inside its quotes.
//
// How long waits and holds lasted is counted in buckets, but nobody adds the durations up. A family of type histogram comes with
// its sum; rather than invent one, the cumulative buckets and the count are families of their own, untyped, with the names and
// `le` labels that histogram_quantile() looks for.

namespace shmsem::report {

[[nodiscard]] std::string prometheus_text(const snapshot& what, charset terminal);

}  // namespace shmsem::report
