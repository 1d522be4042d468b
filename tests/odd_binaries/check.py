#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Process pools in binaries of every kind.

    check.py COMPILER INCLUDE-FOLDER

program.cpp is compiled once and linked in many ways; each program makes its calls with both start
methods. What this machine cannot link is left out, and it says so. What needs RTTI must say that.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LINKED = {
    "the usual way": [],
    "not position-independent": ["-no-pie"],
    "static": ["-static"],
    "static and position-independent": ["-static-pie"],
    "stripped": ["-s"],
    "without a build id": ["-Wl,--build-id=none"],
    "static, without a build id": ["-static", "-Wl,--build-id=none"],
    "equal functions folded, by gold": ["-fuse-ld=gold", "-Wl,--icf=all"],
    "equal functions folded, by lld": ["-fuse-ld=lld", "-Wl,--icf=all"],
}
THREADS_ONLY = """
#include <concurrent/futures/thread_pool_executor.hpp>
int main() {
    concurrent::futures::ThreadPoolExecutor pool(2);
    return pool.submit([](int n) { return n; }, 0).result();
}
"""
failures = []


def run(command, **options):
    return subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, check=False, **options)


def expect(name, command):
    result = run(command, stdin=subprocess.DEVNULL)
    right = result.returncode == 0 and "all right" in result.stdout
    print(f"{name}: {'right' if right else 'WRONG'}", flush=True)
    if not right:
        failures.append(name)
        print(f"exit code {result.returncode}\n{result.stdout}")


def can_link(compiler, options, folder):
    """A machine without a static C library, or without that linker, cannot."""
    (folder / "empty.cpp").write_text("#include <string>\nint main(int c, char** v) "
                                      "{ return static_cast<int>(std::string(v[0]).size()) - c; }\n")
    result = run([compiler, *options, "-pthread", folder / "empty.cpp", "-o", folder / "empty"])
    return result.returncode == 0, result.stdout.strip().split("\n")[-1]


def check_links(compiler, folder, compiled):
    for name, options in LINKED.items():
        possible, why = can_link(compiler, options, folder)
        if not possible:
            print(f"{name}: left out, cannot be linked here: {why}")
            continue
        program = folder / "program"
        linked = run([compiler, *options, "-pthread", compiled, "-o", program])
        if linked.returncode != 0:
            failures.append(name)
            print(f"{name}: WRONG: {linked.stdout}")
            continue
        for method in ("spawn", "fork"):
            expect(f"{name}, {method}", [program, "calls", method])


def check_replaced(compiler, folder, compiled):
    run([compiler, "-pthread", compiled, "-o", folder / "original"])
    for method in ("spawn", "fork"):
        for other in (["/bin/true"], []):
            program = folder / "replaceable"
            shutil.copy(folder / "original", program)
            if other:
                shutil.copy(other[0], folder / "other")
            expect(f"{'replaced, then ' if other else ''}removed while it runs, {method}",
                   [program, "replaced", method, *([folder / "other"] if other else [])])


def check_plugin(compiler, folder, compiled):
    run([compiler, "-shared", "-pthread", compiled, "-o", folder / "plugin.so"])
    for when in ("before", "after"):
        for method in ("spawn", "fork"):
            expect(f"a plugin that is loaded {when} the pool is made, {method}",
                   [folder / "original", f"plugin_{when}", method, folder / "plugin.so"])


def check_without_library(compiler, folder, compiled):
    library = folder / "libgone.so"
    (folder / "gone.cpp").write_text("int gone() { return 0; }\n")
    run([compiler, "-shared", "-fPIC", folder / "gone.cpp", "-o", library])
    run([compiler, "-pthread", compiled, "-Wl,--no-as-needed", library, "-o", folder / "needs_library"])
    expect("a library that is removed while the program runs, spawn",
           [folder / "needs_library", "without_library", library])


def check_without_rtti(compiler, include, folder):
    flags = ["-std=c++20", "-fno-rtti", "-pthread", "-I", include]
    refused = run([compiler, *flags, "-fsyntax-only", HERE / "program.cpp"])
    right = refused.returncode != 0 and "need RTTI" in refused.stdout.split("error:")[1]
    print(f"-fno-rtti, processes: {'refused, with the reason first' if right else 'WRONG'}")
    (folder / "threads.cpp").write_text(THREADS_ONLY)
    threads = run([compiler, *flags, folder / "threads.cpp", "-o", folder / "threads"])
    works = threads.returncode == 0 and run([folder / "threads"]).returncode == 0
    print(f"-fno-rtti, threads: {'right' if works else 'WRONG: ' + threads.stdout}")
    failures.extend(name for name, held in (("-fno-rtti", right), ("-fno-rtti, threads", works)) if not held)


def main():
    compiler, include = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        compiled = folder / "program.o"
        made = run([compiler, "-std=c++20", "-O0", "-fPIC", "-ffunction-sections", "-pthread", "-I", include,
                    "-c", HERE / "program.cpp", "-o", compiled])
        if made.returncode != 0:
            sys.exit(made.stdout)
        check_links(compiler, folder, compiled)
        check_replaced(compiler, folder, compiled)
        check_plugin(compiler, folder, compiled)
        check_without_library(compiler, folder, compiled)
        check_without_rtti(compiler, include, folder)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
