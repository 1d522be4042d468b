// SPDX-License-Identifier: MIT
#include <beman/execution/execution.hpp>

using StopSource = beman::execution::inplace_stop_source;

#include "execution_cases.hpp"
#include "execution_library_cases.hpp"
