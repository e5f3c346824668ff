#pragma once

#include "semtop/model.hpp"
#include "semtop/update.hpp"

namespace shmsem::test {

/// A model that has seen this snapshot and, ten seconds before, one with fewer acquisitions; on a screen of that size.
[[nodiscard]] semtop::model model_of(const report::snapshot& seen, semtop::size extent,
                                     report::charset terminal = report::charset::utf8);

/// The same after these keys: "Enter", "Esc", "Up", "Down", "PgUp", "PgDn", "Home", "End", "BS", "F6", or a character.
[[nodiscard]] semtop::model after(semtop::model of, const std::vector<std::string>& keys);
[[nodiscard]] semtop::key key_of(const std::string& name);

}  // namespace shmsem::test
