// SPDX-License-Identifier: MIT
//
// The contract of executors, kept by an AnyExecutor: the cases about what it has members for, in one file, since each
// compilation costs time. Not here: bound, of which it has no options, and values, which differ in the pool behind it only.
#define CONTRACT_POOLS AnyThreads
#define CONTRACT_POOLS_ALONE

#include "contract/callbacks.test.cpp"
#include "contract/cancel.test.cpp"
#include "contract/control.test.cpp"
#include "contract/idle.test.cpp"
#include "contract/map.test.cpp"
#include "contract/shutdown.test.cpp"
#include "contract/submit.test.cpp"
#include "contract/wait.test.cpp"
