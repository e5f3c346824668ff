#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "report/snapshot.hpp"

namespace shmsem::report {

/// The whole snapshot; tools/semtop/README.md lists every key. Keys keep their order.
[[nodiscard]] nlohmann::ordered_json to_json(const snapshot& what);

/// As indented text in pure ASCII, so that it can go to a terminal: other characters are \u escapes, and bytes that are not
/// UTF-8 become U+FFFD.
[[nodiscard]] std::string json_text(const snapshot& what);
/// The same on one line, for a stream of documents.
[[nodiscard]] std::string json_line(const snapshot& what);

}  // namespace shmsem::report
