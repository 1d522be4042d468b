// expect-error: no matching (function|constructor)|could not convert|cannot convert
// SPDX-License-Identifier: MIT
//
// The other control: the same command refuses a wrong one. A TimeoutError needs a text.
#include <concurrent/futures/errors.hpp>

int main() { throw concurrent::futures::TimeoutError(1, 2); }
