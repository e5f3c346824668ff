#include "semtop/help.hpp"

namespace shmsem::semtop {

const std::vector<help_line>& help_lines() {
    static const std::vector<help_line> lines{
        {"", "Where to look"},
        {"Up Down j k", "select the line above, below"},
        {"PgUp PgDn Home End", "a page, to the first, to the last (also g G)"},
        {"Enter", "all about the selected semaphore"},
        {"D", "deadlocks, with their members"},
        {"Esc", "back"},
        {"? h F1", "this help"},
        {"q", "quit"},
        {"", ""},
        {"", "What to show"},
        {"/", "only names with this text; Enter keeps it, Esc drops it"},
        {"a", "also idle semaphores, which nobody holds or waits for"},
        {"< >", "sort by the column to the left, right"},
        {"s F6", "choose the column to sort by"},
        {"I", "turn the order round"},
        {"d", "seconds between two samples"},
        {"Space", "hold the display still, and go on"},
        {"", ""},
        {"", "What to change, after a question, with permission to write the segment"},
        {"r", "take back the permits of dead holders and expired leases"},
        {"e", "end the lease of the selected seat (in the view of Enter)"},
        {"z", "resize the selected semaphore"},
        {"p", "pause granting, and resume it"},
        {"", ""},
        {"", "What it says"},
        {"HELD", "permits held of permits; of an ownerless one its count"},
        {"ACQ/S REL/S", "permits taken and given back per second"},
        {"LAST MINUTES", "use, 10 seconds in each character, now at the right"},
        {"WAIT50 HOLD99", "half of the waits, 99 % of the holds were shorter than this"},
        {"REAPED EXPIRED", "taken back: a holder died, a ttl passed; ENDED: by hand"},
    };
    return lines;
}

}  // namespace shmsem::semtop
