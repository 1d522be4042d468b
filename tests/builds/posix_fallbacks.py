#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library without anything that only Linux has, on Linux: tests/programs/calls_not_there.cpp compiled as if for another
system of the POSIX kind. All fallbacks run at once; the program takes calls away one by one besides.

    posix_fallbacks.py COMPILER REPOSITORY

Such a system does not say where a program is loaded, so workers of StartMethod::spawn need a program at a fixed address
(-no-pie).
"""
import pathlib
import subprocess
import sys
import tempfile


def main():
    compiler, repository = sys.argv[1], pathlib.Path(sys.argv[2])
    if not sys.platform.startswith("linux"):
        print("skipped: this system has the fallbacks anyway")
        return 77
    source = repository / "tests" / "programs" / "calls_not_there.cpp"
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "program"
        command = [compiler, "-std=c++20", "-O0", "-U__linux__", "-no-pie", "-fno-pie", "-pthread", "-Wall", "-Wextra", "-Werror",
                   f"-I{repository / 'include'}", f"-I{repository / 'tests'}", source, "-o", program]
        subprocess.run(command, check=True)
        return subprocess.run([sys.executable, repository / "tests" / "support" / "run_program.py", source, program],
                              check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
