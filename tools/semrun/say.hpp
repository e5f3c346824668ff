#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "report/printable.hpp"

namespace shmsem::semrun {

/// What the terminal can show, by the environment: setlocale would cost more than all the rest of the start.
[[nodiscard]] report::charset terminal_charset() noexcept;

/// One line on the standard error, "semrun: " before it, in one piece. Where that cannot be written it is lost: the command's
/// work matters more.
void say(std::string_view what);

/// `segment "S", semaphore "N": what is wrong: what to do about it`, in the words of this tool's options.
[[nodiscard]] std::string complaint(const std::exception& error, const std::string& segment, const std::string& semaphore);

/// `segment "S", semaphore "N"`, printable.
[[nodiscard]] std::string place_named(const std::string& segment, const std::string& semaphore);

/// True when the error is of the kind that other arguments would avoid.
[[nodiscard]] bool of_the_arguments(const std::exception& error) noexcept;

}  // namespace shmsem::semrun
