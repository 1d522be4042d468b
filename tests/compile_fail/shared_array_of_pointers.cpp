// expect-error: share positions in the array
// SPDX-License-Identifier: MIT
//
// Pointers into one process.
#include <concurrent/futures/shared_array.hpp>

concurrent::futures::SharedArray<int*> links(10);
