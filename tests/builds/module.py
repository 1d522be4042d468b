#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library as a C++20 module, with the newest clang++ there is: the module names what the headers declare, and a
program that imports it runs.

    module.py COMPILER REPOSITORY
"""
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
OTHER_LIBRARIES = {"asio.hpp", "execution.hpp", "mpi_pool_executor.hpp"}  # not in the module
DECLARATIONS = [re.compile(pattern) for pattern in (
    r"(?:class|struct|enum class|concept) (\w+)(?!\w|::)", r"using (\w+) =",
    r"(?:inline |constexpr |\[\[nodiscard\]\] )*\w[\w:<>&*, ]*[ &*](\w+)\(")]
NO_NAMES = {"requires", "static_assert", "decltype", "co_await"}


def names_in(header):
    """What it declares at namespace scope, in the first column, outside of detail."""
    found, in_detail = set(), False
    for line in header.read_text(encoding="utf-8").splitlines():
        if re.match(r"namespace (detail \{|concurrent.*::detail)", line):
            in_detail = True
        elif line.startswith("}  // namespace") and "detail" in line:
            in_detail = False
        match = None if in_detail else next(filter(None, (each.match(line) for each in DECLARATIONS)), None)
        if match and "::" + match[1] not in line and not line.startswith(("friend", "return")):
            found.add(match[1])
    return found - NO_NAMES


def run(*command):
    print("+", *command, flush=True)
    return subprocess.run(command, check=True, timeout=1000, text=True, stdout=subprocess.PIPE).stdout


def main():
    repository = pathlib.Path(sys.argv[2])
    include = repository / "include"
    interface = include / "concurrent/futures.cppm"
    exported = set(re.findall(r"using concurrent::futures::(?:\w+::)?(\w+);", interface.read_text(encoding="utf-8")))
    declared = set()
    for header in sorted((include / "concurrent/futures").glob("*.hpp")):
        if header.name not in OTHER_LIBRARIES:
            declared |= names_in(header)
    assert len(declared) > 70, declared
    missing = declared - exported
    if missing:
        sys.exit(f"module.py: futures.cppm does not export {', '.join(sorted(missing))}")

    clang = subprocess.run([repository / "scripts/find_clang.sh"], capture_output=True, text=True, check=False)
    if clang.returncode != 0:
        print("skipped:", clang.stderr.strip())
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        compile_ = [clang.stdout.strip(), "-std=c++20", "-O0"]
        run(*compile_, f"-I{include}", "--precompile", str(interface), "-o", str(folder / "futures.pcm"))
        run(*compile_, "-c", str(folder / "futures.pcm"), "-o", str(folder / "futures.o"))
        run(*compile_, f"-fmodule-file=concurrent.futures={folder / 'futures.pcm'}", "-c",
            str(HERE / "module/program.cpp"), "-o", str(folder / "program.o"))
        run(*compile_, "-pthread", str(folder / "program.o"), str(folder / "futures.o"), "-o", str(folder / "program"))
        output = run(str(folder / "program"))
    if output != "right\n":
        sys.exit(f"module.py: the program printed {output!r}")


main()
