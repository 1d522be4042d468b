#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The thread part under options that no preset has, with the compiler of the build and with the newest clang there is:
later standards, this very processor, the checked standard library, without RTTI.

    other_options.py COMPILER REPOSITORY
"""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
STRICT = "-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror".split()
WAYS = (["-std=c++2b", "-O3", "-march=native"], ["-std=c++2c", "-O0"], ["-std=c++20", "-O0", "-D_GLIBCXX_DEBUG", "-fno-rtti"])


def run(command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=500)


def main():
    default, repository = sys.argv[1], pathlib.Path(sys.argv[2])
    compilers = [default]
    clang = subprocess.run([repository / "scripts/find_clang.sh"], capture_output=True, text=True, check=False)
    if clang.returncode == 0 and clang.stdout.strip() != default:
        compilers.append(clang.stdout.strip())
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        program, empty = pathlib.Path(name) / "program", pathlib.Path(name) / "empty.cpp"
        empty.write_text("int main() {}\n", encoding="utf-8")
        for compiler in compilers:
            for options in WAYS:
                way = f"{compiler} {' '.join(options)}"
                if run([compiler, *options, "-fsyntax-only", empty]).returncode != 0:
                    print(f"{way}: skipped: this compiler does not know one of them")
                    continue
                made = run([compiler, *options, *STRICT, "-pthread", f"-I{repository / 'include'}", HERE / "threads.cpp",
                            "-o", program])
                ran = run([program]) if made.returncode == 0 else made
                print(f"{way}: {'right' if ran.returncode == 0 else 'WRONG: ' + ran.stdout[-3000:]}", flush=True)
                failures += ran.returncode != 0
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
