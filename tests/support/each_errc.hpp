#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shmsem/errors.hpp"

namespace shmsem::test {

namespace detail {

// The compiler writes the enumerator's name for a value that has one, and a cast for a value that has none.
template <errc Code>
constexpr std::string_view spelled() {
    std::string_view text = __PRETTY_FUNCTION__;
    const auto start = text.find("Code = ") + 7;
    text = text.substr(start, text.find_first_of(";]", start) - start);
    return text.find('(') != std::string_view::npos ? std::string_view{} : text.substr(text.rfind(':') + 1);
}

inline constexpr std::size_t most = 128;

template <std::size_t... I>
constexpr auto names(std::index_sequence<I...>) {
    return std::array<std::string_view, sizeof...(I)>{spelled<static_cast<errc>(I)>()...};
}
inline constexpr auto spellings = names(std::make_index_sequence<most>{});
static_assert(spellings[1] == "invalid_argument" && spellings[0].empty() && spellings[most - 1].empty());

}  // namespace detail

/// The enumerator as the header spells it; empty for a value that the header does not name.
inline std::string spelling_of(errc code) { return std::string(detail::spellings[static_cast<std::size_t>(code)]); }

/// Every code that the header declares, so that a new one cannot go untested.
inline std::vector<errc> each_errc() {
    std::vector<errc> all;
    for (std::size_t i = 0; i < detail::most; ++i) {
        if (!detail::spellings[i].empty()) all.push_back(static_cast<errc>(i));
    }
    return all;
}

}  // namespace shmsem::test
