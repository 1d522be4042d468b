// SPDX-License-Identifier: MIT
//
// A program with a Python interpreter in it. Waiting for a call that needs Python's lock (the GIL) while holding that lock
// never ends; released around the wait, it does. Spawned workers have interpreters of their own. Returns 0 if it was so.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <concurrent/futures.hpp>

#include <chrono>
#include <cstdio>

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

/// On any thread of a process with an interpreter.
static long power_of_two(long n) {
    const PyGILState_STATE state = PyGILState_Ensure();
    PyObject* const base = PyLong_FromLong(2);
    PyObject* const exponent = PyLong_FromLong(n);
    PyObject* const power = PyNumber_Power(base, exponent, Py_None);
    const long value = PyLong_AsLong(power);
    Py_DECREF(power);
    Py_DECREF(exponent);
    Py_DECREF(base);
    PyGILState_Release(state);
    return value;
}

static void start_python() { Py_InitializeEx(0); }

static int require(const char* what, bool right) {
    std::printf("%s: %s\n", what, right ? "right" : "WRONG");
    return right ? 0 : 1;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    start_python();  // from here on this thread holds the GIL
    int wrong = 0;
    {
        cf::ThreadPoolExecutor pool(2);
        auto call = pool.submit(power_of_two, 10);
        bool timed_out = false;
        try {
            call.result(200ms);  // the worker waits for the GIL, and this thread for the worker
        } catch (const cf::TimeoutError&) {
            timed_out = true;
        }
        wrong += require("with the GIL held the call does not end", timed_out);
        long value = 0;
        Py_BEGIN_ALLOW_THREADS;
        value = call.result();
        Py_END_ALLOW_THREADS;
        wrong += require("with the GIL released it does", value == 1024);
        // The destructor of the pool waits, too, so nothing may be left that needs the GIL.
    }
    cf::ProcessPoolExecutor spawned({.max_workers = 2, .start_method = cf::StartMethod::spawn, .initializer = cf::bind_task(start_python)});
    // Other processes have other locks: nothing to release.
    wrong += require("interpreters in spawned workers", spawned.submit(power_of_two, 20).result() == 1 << 20);
    return wrong;
}
