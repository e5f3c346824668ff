#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace demo {

/// FNV-1a, 64 bits.
class fnv1a {
   public:
    void add(const void* data, std::size_t size) noexcept {
        const auto* bytes = static_cast<const unsigned char*>(data);
        std::uint64_t hash = hash_;
        for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
        hash_ = hash;
    }
    [[nodiscard]] std::uint64_t value() const noexcept { return hash_; }

   private:
    std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

struct file_result {
    std::uint64_t checksum = 0;
    std::uint64_t bytes = 0;
    int error = 0;  ///< errno, when it could not be read to its end
};

file_result checksum_file(const std::string& path) noexcept;

}  // namespace demo
