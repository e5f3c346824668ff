#include "naming.hpp"

#include <unistd.h>

namespace semabench {

std::string unique_name() {
    static int count = 0;
    return "semabench." + std::to_string(getpid()) + "." + std::to_string(++count);
}

key_t sysv_key() { return static_cast<key_t>(('S' << 24) | (getpid() & 0xffffff)); }

}  // namespace semabench
