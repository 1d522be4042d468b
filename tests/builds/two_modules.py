#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program and a library that it loads, each with its own copy of everything inline, use the same futures and pools.

    two_modules.py COMPILER REPOSITORY

The program does not export its symbols (no -rdynamic), the library hides its own. Another library uses pools while it
is loaded and unloaded.
"""
import pathlib
import subprocess
import sys
import tempfile

CASES = ["watch", "chain", "promised", "nest", "fork"]


def main():
    compiler, repository = sys.argv[1], pathlib.Path(sys.argv[2])
    sources = repository / "tests" / "modules"
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)

        def build(name, *options):
            target = folder / name
            command = [compiler, "-std=c++20", "-O0", "-pthread", "-Wall", "-Wextra", "-Werror",
                       f"-I{repository / 'include'}", sources / f"{name}.cpp", "-o", target, *options]
            subprocess.run(command, check=True)
            return target

        library = ["-shared", "-fPIC", "-fvisibility=hidden"]
        host, plugin = build("host", "-ldl"), build("plugin", *library)
        loader, initializer = build("loader", "-ldl"), build("initializer", "-shared", "-fPIC")
        commands = {case: [host, plugin, case] for case in CASES}
        commands["load and unload"] = [loader, initializer]
        for case, command in commands.items():
            try:
                result = subprocess.run(command, timeout=60, check=False).returncode
            except subprocess.TimeoutExpired:
                result = "hangs"
            print(f"{case}: {'right' if result == 0 else result}", flush=True)
            failures += result != 0
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
