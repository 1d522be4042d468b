// SPDX-License-Identifier: MIT
#include <stop_token>
#include <version>

#if defined(__cpp_lib_senders)  // then execution.hpp takes std::execution
using StopSource = std::inplace_stop_source;
#else
using StopSource = std::stop_source;
#endif

#include "execution_cases.hpp"
