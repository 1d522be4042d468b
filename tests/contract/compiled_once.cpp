// SPDX-License-Identifier: MIT
//
// The contract of executors where the library is compiled once (CONCURRENT_FUTURES_SEPARATE_COMPILATION): all cases, on threads
// and on spawned processes. In one file, since each compilation costs time, but for values.test.cpp, which has names that others
// have, too; library.cpp has the code that is no template.
#include "contract/bound.test.cpp"
#include "contract/callbacks.test.cpp"
#include "contract/cancel.test.cpp"
#include "contract/control.test.cpp"
#include "contract/idle.test.cpp"
#include "contract/map.test.cpp"
#include "contract/shutdown.test.cpp"
#include "contract/submit.test.cpp"
#include "contract/wait.test.cpp"
