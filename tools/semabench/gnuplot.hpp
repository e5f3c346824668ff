#pragma once

#include <string>

namespace semabench {

/// @throws std::runtime_error, saying what to install, when there is no gnuplot
void require_gnuplot();

/// Lets a gnuplot of our own read the script from a pipe. @throws std::runtime_error when it does not like it
void run_gnuplot(const std::string& script);

}  // namespace semabench
