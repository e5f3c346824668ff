#pragma once

#include <string>
#include <vector>

#include "report.hpp"

namespace semabench {

/// What gnuplot is to draw of one measure, into the file `svg`: a series as lines over its sizes; else each line of the report
/// as a box from its first to its third quartile, with whiskers to its extremes and a mark where the target is.
/// Empty when nothing has run.
std::string plot_script(const finished& one, std::size_t measure, const std::string& svg);

/// "contended-fifo-longest-wait.svg"; without the measure when there is only one.
std::string plot_name(const benchmark& what, std::size_t measure);

/// All of them, as files in `directory`, which is made if it is not there. @throws std::exception
void write_plots(const std::vector<finished>& all, const std::string& directory);

}  // namespace semabench
