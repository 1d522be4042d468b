#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program and a library that were compiled in different ways exchange futures and pools.

    mixed.py COMPILER REPOSITORY

Where the layout or the code of our headers differs, the linker refuses, and names both ways: else each would free
what the other has allocated in another way. Where nothing differs, the program links and runs.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent / "mixed"
REFUSED = {  # the library's option: the tag of its namespace
    "-fsanitize=address": "v1_asan",
    "-fsanitize=thread": "v1_tsan",
    "-fno-rtti": "v1_nortti",
    "-D_GLIBCXX_DEBUG": "v1_debug",
    "-D_GLIBCXX_USE_CXX11_ABI=0": "v1_oldstring",
    "-DCONCURRENT_FUTURES_ASSERTIONS=1": "v1_assertions",
    "-DCONCURRENT_FUTURES_SEPARATE_COMPILATION": "v1_separate",
}
LINKED = ["-O2 -DNDEBUG", "-std=c++2b", "-D_GLIBCXX_ASSERTIONS", "-DCONCURRENT_FUTURES_ASSERTIONS=0"]


def run(command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def main():
    compiler, repository = sys.argv[1], pathlib.Path(sys.argv[2])
    failures = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)

        def compiled(source, options):
            made = folder / "object.o" if source == "library" else folder / "program.o"
            result = run([compiler, "-std=c++20", "-O0", "-pthread", "-I", repository / "include",
                          *options.split(), "-c", HERE / f"{source}.cpp", "-o", made])
            if result.returncode != 0:
                sys.exit(f"{source}.cpp with {options}: {result.stdout[-2000:]}")
            return made

        def judge(options, held, output):
            print(f"{options}: {'right' if held else 'WRONG: ' + output[-2000:]}")
            if not held:
                failures.append(options)

        program = compiled("program", "")
        for options in LINKED:
            library = compiled("library", options)
            linked = run([compiler, program, library, "-pthread", "-o", folder / "program"])
            judge(f"{options}, linked and run", linked.returncode == 0 and
                  run([folder / "program"]).returncode == 0, linked.stdout)
        for options, tag in REFUSED.items():
            library = compiled("library", options)
            symbols = run(["nm", "-C", "--defined-only", library]).stdout
            linked = run([compiler, program, library, "-pthread", *(options.split() if "sanitize" in options else []),
                          "-o", folder / "program"])
            missing = re.findall(r"undefined reference to `(ask|make_future)", linked.stdout)
            judge(f"{options}, refused by the linker", linked.returncode != 0 and {*missing} == {"ask", "make_future"}
                  and f"ask(concurrent::futures::{tag}::ThreadPoolExecutor&)" in symbols
                  and f"make_future[abi:{tag}]()" in symbols, linked.stdout)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
