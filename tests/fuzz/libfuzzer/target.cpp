#include <csignal>
#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/image.hpp"

// libFuzzer decides what the bytes of an image are, by what code they led to. No other threads than the library's own take part, so
// that the same bytes do nearly the same each time.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace shmsem::fuzz;
    // Neither libFuzzer's handler nor AddressSanitizer's: the library's own comes where there is none.
    static const bool bus_errors_are_left_alone = std::signal(SIGBUS, SIG_DFL) != SIG_ERR;
    if (!bus_errors_are_left_alone) return 0;
    static const std::vector<picture> pictures = take_pictures();
    static images each(pictures, false);
    static std::uint64_t count = 0;
    now_running("an image of libFuzzer's");
    each.run(std::span(bytes, size));
    if (++count % 200 == 0) each.expect_unharmed();
    return 0;
}
