#include "semtop/palette.hpp"

#include <array>

namespace shmsem::semtop {
namespace {

struct looks {
    look none;
    look few;   // the eight that every colour terminal has
    look many;  // of the 256
};

constexpr short kBlack = 0, kRed = 1, kGreen = 2, kYellow = 3, kCyan = 6, kWhite = 7;

// In the order of the roles.
constexpr std::array<looks, roles> table{{
    /* plain     */ {{}, {}, {}},
    /* dim       */ {{}, {.dim = true}, {.text = 245}},
    /* title     */ {{.bold = true}, {.text = kCyan, .bold = true}, {.text = 117, .bold = true}},
    /* heading   */
    {{.bold = true, .underline = true}, {.text = kBlack, .background = kGreen}, {.text = 231, .background = 24}},
    /* sorted_by */
    {{.bold = true, .reverse = true}, {.text = kBlack, .background = kCyan}, {.text = 16, .background = 117, .bold = true}},
    /* selected  */ {{.reverse = true}, {.text = kBlack, .background = kCyan}, {.text = 231, .background = 240}},
    /* calm      */ {{}, {.text = kGreen}, {.text = 114}},
    /* busy      */ {{}, {.text = kYellow}, {.text = 221}},
    /* full      */ {{.bold = true}, {.text = kRed, .bold = true}, {.text = 203}},
    /* warning   */ {{.bold = true}, {.text = kYellow, .bold = true}, {.text = 221, .bold = true}},
    /* alarm     */
    {{.bold = true, .reverse = true},
     {.text = kWhite, .background = kRed, .bold = true},
     {.text = 231, .background = 160, .bold = true}},
    /* key       */ {{.bold = true}, {.text = kCyan, .bold = true}, {.text = 117, .bold = true}},
    /* dialog    */ {{.reverse = true}, {.text = kBlack, .background = kWhite}, {.text = 16, .background = 252}},
}};

}  // namespace

look look_of(role what, colours with) noexcept {
    const looks& of = table[static_cast<std::size_t>(what)];
    switch (with) {
        case colours::few: return of.few;
        case colours::many: return of.many;
        case colours::none: break;
    }
    return of.none;
}

}  // namespace shmsem::semtop
