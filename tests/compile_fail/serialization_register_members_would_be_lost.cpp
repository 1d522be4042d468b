// expect-error: E has data members, and only its message would arrive
// SPDX-License-Identifier: MIT
//
// An exception with a constructor from std::string, and a number that would be lost.
#include <concurrent/futures/serialization.hpp>

struct CodeError : std::runtime_error {
    explicit CodeError(const std::string& text, int number = 0) : std::runtime_error(text), code(number) {}
    int code;
};

const bool registered = concurrent::futures::register_exception<CodeError>();
