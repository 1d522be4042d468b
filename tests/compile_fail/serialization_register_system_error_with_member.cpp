// expect-error: E has data members, and only its message would arrive
// SPDX-License-Identifier: MIT
//
// A system_error is made again from its code and its message, without the path.
#include <concurrent/futures/serialization.hpp>

struct FileError : std::system_error {
    FileError(std::error_code code, const std::string& text) : std::system_error(code, text) {}
    std::string path;
};

const bool registered = concurrent::futures::register_exception<FileError>();
