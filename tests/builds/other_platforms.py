#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library on other platforms and with another standard library, where their compilers are installed.

    other_platforms.py COMPILER REPOSITORY

Each way is compiled, linked and, where the machine can, run; what is left out says why. All left out: skipped.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
STRICT = "-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror"
UMBRELLA = "#include <concurrent/futures.hpp>\nint main() {}\n"
EMPTY = "#include <stop_token>\n#include <vector>\nstd::stop_source source;\nint main() {}\n"
# Where Debian has the kernel's headers; its gcc-multilib leads there, but cannot be installed beside cross compilers.
M32 = "-m32 -idirafter /usr/include/x86_64-linux-gnu"
WAYS = {  # name: compiler, options, what runs its programs, whether the umbrella compiles
    "Windows, mingw-w64": ("x86_64-w64-mingw32-g++-posix", "-static -Wall -Wextra", "wine", False),
    "32 bits": (None, f"{M32} {STRICT}", "", True),
    "32 bits, 64-bit time_t": (None, f"{M32} {STRICT} -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64", "", False),
    "aarch64": ("aarch64-linux-gnu-g++", f"-static {STRICT}", "qemu-aarch64-static", False),
    "riscv64": ("riscv64-linux-gnu-g++", f"-static {STRICT}", "qemu-riscv64-static", False),
    "32-bit ARM": ("arm-linux-gnueabihf-g++", f"-static -Wno-psabi {STRICT}", "qemu-arm-static", False),
    "libc++": ("clang++", "-stdlib=libc++ -fexperimental-library", "", True),
}


def run(command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          timeout=300)


def runner_of(name):
    """Where it is, or null: Debian keeps wine64 out of the path."""
    return name and (shutil.which(name) or shutil.which("wine64") or shutil.which("/usr/lib/wine/wine64"))


def timed_waits(base, made):
    """Needs a smaller part of the standard library than pools do: libc++ 14 is enough."""
    base = [option for option in base if option != "-fexperimental-library"]  # clang 14 does not know it
    probe = made.with_suffix(".cpp")
    probe.write_text("#include <chrono>\n#include <condition_variable>\nint main() {}\n", encoding="utf-8")
    try:
        if run([*base, probe, "-o", made]).returncode != 0 or run([made]).returncode != 0:
            return "skipped: no such standard library here"
    except OSError as error:  # a kernel without 32-bit programs
        return f"skipped: {error.strerror}"
    result = run([*base, HERE / "timed_waits.cpp", "-o", made])
    if result.returncode == 0:
        result = run([made])
    return "right" if result.returncode == 0 else f"WRONG: {result.stdout[-3000:]}"


def main():
    default, repository = sys.argv[1], pathlib.Path(sys.argv[2])
    tried, failures = 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for text, file in ((UMBRELLA, "umbrella.cpp"), (EMPTY, "empty.cpp")):
            (folder / file).write_text(text, encoding="utf-8")
        for number, (way, (compiler, options, runner, umbrella)) in enumerate(WAYS.items()):
            compiler = compiler or default
            base = [compiler, "-std=c++20", *options.split(), "-O1", "-pthread", "-I", repository / "include"]
            made = folder / f"program{number}"
            if not shutil.which(compiler):
                print(f"{way} skipped: {compiler} is not installed")
                continue
            if not runner and sys.platform == "linux":
                waits = timed_waits(base, folder / f"waits{number}")
                print(f"{way}: timed waits under a replaced clock: {waits}")
                failures += waits.startswith("WRONG")
            if run([*base, folder / "empty.cpp", "-o", made]).returncode != 0:
                print(f"{way} skipped: {compiler} cannot build a program that has a std::stop_source that way")
                continue
            tried += 1
            result = run([*base, HERE / "threads.cpp", "-o", made])
            if result.returncode == 0 and umbrella:
                result = run([*base, "-fsyntax-only", folder / "umbrella.cpp"])
            how = "compiled and linked"
            if result.returncode == 0 and (not runner or runner_of(runner)):
                program = made.with_suffix(".exe") if made.with_suffix(".exe").exists() else made
                try:
                    result = run([runner_of(runner), program] if runner else [program])
                    how = "compiled, linked and run"
                except OSError as error:  # a kernel without 32-bit programs
                    how += f", not run: {error.strerror}"
            elif result.returncode == 0:
                how += f", not run: {runner} is not installed"
            print(f"{way}: {how}: {'right' if result.returncode == 0 else 'WRONG: ' + result.stdout[-3000:]}")
            failures += result.returncode != 0
    if failures:
        return 1
    return 0 if tried else 77


if __name__ == "__main__":
    sys.exit(main())
