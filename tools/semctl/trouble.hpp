#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "report/snapshot.hpp"
#include "semctl/words.hpp"

// Why something could not be done, for the one who typed the command: what the library says is meant for programmers.

namespace shmsem::semctl {

struct trouble {
    place where;
    std::string cause;
    std::string remedy;
};

/// By the word for the error, as name_of(errc) gives it; `detail` is what is known besides. An unknown word keeps `message`.
[[nodiscard]] trouble explain(const place& where, std::string_view code, const std::string& message,
                              const std::string& detail = {});
[[nodiscard]] trouble explain(const place& where, const report::failure& why);
/// Of what the library throws, with the detail that its text has, such as both values of a mismatch.
[[nodiscard]] trouble explain(const place& where, const std::system_error& error);

/// "semaphore 'gpu' in segment 'jobs': cause; remedy", one printable line without its end.
[[nodiscard]] std::string line_of(const trouble& what, report::charset terminal);

/// Ends a command, or one of the things that it was asked for.
class failed : public std::runtime_error {
   public:
    explicit failed(trouble what) : std::runtime_error(what.cause), what_(std::move(what)) {}
    [[nodiscard]] const trouble& why() const noexcept { return what_; }

   private:
    trouble what_;
};

}  // namespace shmsem::semctl
