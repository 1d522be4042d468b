// expect-error: E cannot be made again in another process
// SPDX-License-Identifier: MIT
//
// An exception whose number would be lost.
#include <concurrent/futures/serialization.hpp>

struct CodeError : std::exception {
    int code = 0;
};

const bool registered = concurrent::futures::register_exception<CodeError>();
