// SPDX-License-Identifier: MIT
//
// rtti.hpp: included by what cannot do without run-time type information. The pools of threads can.
#pragma once

#if !defined(__cpp_rtti) && !defined(__GXX_RTTI) && !defined(_CPPRTTI)
#error "concurrent_futures: process pools and serialization need RTTI, as exceptions cross by their dynamic \
type: compile this file without -fno-rtti, or include thread_pool_executor.hpp only, which does without"
#endif
