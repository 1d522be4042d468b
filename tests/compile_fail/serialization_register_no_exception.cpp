// expect-error: only types derived from std::exception that can be copied can be registered
// SPDX-License-Identifier: MIT
//
// What is not derived from std::exception.
#include <concurrent/futures/serialization.hpp>

const bool registered = concurrent::futures::register_exception<int>();
