#pragma once

#include <vector>

namespace semabench {

struct spread {
    double min = 0;
    double q1 = 0;
    double median = 0;
    double q3 = 0;
    double max = 0;
};

/// The value below which the fraction q lies, between neighbours by straight line. Of nothing: 0.
double quantile(std::vector<double> values, double q);

spread spread_of(const std::vector<double>& values);

}  // namespace semabench
