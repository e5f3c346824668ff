#pragma once

#include <string>

namespace semabench {

/// On stderr: one line that is rewritten when that is a terminal, else a line at the start of each benchmark.
void show_progress(const std::string& benchmark, const std::string& contestant, int round, int rounds);
/// Ends the line that is being rewritten.
void end_progress();

}  // namespace semabench
