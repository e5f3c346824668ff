#pragma once

#include <cstdint>

namespace demo {

/// One life of one worker in one round; 0 is nobody.
class life_id {
   public:
    static constexpr unsigned bits = 61;

    constexpr life_id() = default;
    constexpr life_id(int worker, int round, int life)
        : value_(static_cast<std::uint64_t>(worker + 1) << 48 | static_cast<std::uint64_t>(round & 0xffff) << 32 |
                 static_cast<std::uint32_t>(life)) {}
    static constexpr life_id of(std::uint64_t value) {
        life_id id;
        id.value_ = value;
        return id;
    }
    [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
    friend constexpr auto operator<=>(life_id, life_id) = default;

   private:
    std::uint64_t value_ = 0;
};
static_assert(life_id(4095, 0xffff, 0x7fffffff).value() >> life_id::bits == 0);

}  // namespace demo
