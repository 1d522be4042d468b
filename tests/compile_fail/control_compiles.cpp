// expect-success
// SPDX-License-Identifier: MIT
//
// The control of this folder: the same command accepts a right program.
#include <concurrent/futures/errors.hpp>

int main() { throw concurrent::futures::TimeoutError("gave up"); }
