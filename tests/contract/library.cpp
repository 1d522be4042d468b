// SPDX-License-Identifier: MIT
//
// The part of the library that compiled_once.cpp only declares.
#include <concurrent/futures/impl/src.hpp>
