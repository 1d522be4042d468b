// expect-error: SharedArray<T>: T must be trivially copyable
// SPDX-License-Identifier: MIT
//
// A string has memory of its own, which no other process sees.
#include <concurrent/futures/shared_array.hpp>

#include <string>

concurrent::futures::SharedArray<std::string> names(10);
