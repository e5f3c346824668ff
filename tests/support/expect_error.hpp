#pragma once

#include <gtest/gtest.h>

#include <string>
#include <system_error>

#include "shmsem/errors.hpp"

namespace shmsem::test {

/// Runs a throwing form; it must throw shmsem::error with this code. @return its message
template <class Call>
std::string expect_throws(errc want, Call&& call) {
    try {
        call();
    } catch (const error& e) {
        EXPECT_EQ(e.code(), make_error_code(want)) << e.what();
        return e.what();
    } catch (const std::exception& e) {
        ADD_FAILURE() << "expected shmsem::error with " << name_of(want) << ", got another exception: " << e.what();
        return {};
    }
    ADD_FAILURE() << "expected shmsem::error with " << name_of(want) << ", nothing was thrown";
    return {};
}

/// Runs an error_code form: `call(ec)`. @return the code, compared by the caller
template <class Call>
std::error_code code_from(Call&& call) {
    // Something that no call sets: a form that forgets to touch the code is found out.
    std::error_code ec = std::make_error_code(std::errc::owner_dead);
    call(ec);
    return ec;
}

/// The two forms of one call: both must report `want`, the throwing one in words. @return the words
template <class Throwing, class Twin>
std::string expect_both(errc want, Throwing&& throwing, Twin&& twin) {
    const std::error_code ec = code_from(twin);
    EXPECT_EQ(ec, make_error_code(want)) << ec.message();
    return expect_throws(want, throwing);
}

/// A message with the names taken out, so that a number looked for in it is not found in a name.
inline std::string without(std::string message, const std::string& name) {
    for (auto at = message.find(name); at != std::string::npos; at = message.find(name)) message.erase(at, name.size());
    return message;
}

}  // namespace shmsem::test
