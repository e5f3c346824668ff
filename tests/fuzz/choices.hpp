#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace shmsem::fuzz {

/// The bytes of one image, used up from the front: each decision takes as many as it needs. libFuzzer hands them over and learns
/// what they do; the plain driver makes them from a number. Once they are gone every decision is 0, which is the dullest one.
class choices {
   public:
    explicit choices(std::span<const std::uint8_t> bytes) : left_(bytes) {}

    [[nodiscard]] bool exhausted() const noexcept { return left_.empty(); }
    std::uint64_t bits(std::size_t bytes) noexcept {
        std::uint64_t value = 0;
        for (; bytes > 0 && !left_.empty(); --bytes) {
            value = value << 8 | left_.front();
            left_ = left_.subspan(1);
        }
        return value;
    }
    /// 0..n-1
    std::uint32_t below(std::uint32_t n) noexcept {
        return n <= 1 ? 0 : static_cast<std::uint32_t>(bits(n <= 256 ? 1 : n <= 65536 ? 2 : 4) % n);
    }
    /// True once in n times; never when the bytes are gone.
    bool one_in(std::uint32_t n) noexcept { return below(n) == n - 1; }
    template <class Container>
    auto& of(Container& those) noexcept {
        return those[below(static_cast<std::uint32_t>(std::size(those)))];
    }
    /// The next bytes apart, for another thread.
    choices apart(std::size_t bytes) noexcept {
        const auto given = left_.first(std::min(bytes, left_.size()));
        left_ = left_.subspan(given.size());
        return choices(given);
    }

   private:
    std::span<const std::uint8_t> left_;
};

/// The image of that number. (splitmix64: good bytes from any seed, one after the other too.)
inline std::vector<std::uint8_t> image_of(std::uint64_t seed) {
    const auto next = [&seed] {
        std::uint64_t z = seed += 0x9e3779b97f4a7c15ULL;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
        return z ^ z >> 31;
    };
    seed = next();
    std::vector<std::uint8_t> bytes(96 + next() % 512);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(next());
    return bytes;
}

}  // namespace shmsem::fuzz
