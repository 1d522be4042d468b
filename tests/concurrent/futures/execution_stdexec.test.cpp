// SPDX-License-Identifier: MIT
#include <stdexec/execution.hpp>

using StopSource = stdexec::inplace_stop_source;

#include "execution_cases.hpp"
#include "execution_library_cases.hpp"
