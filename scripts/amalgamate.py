#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the library as one header.

    scripts/amalgamate.py [--with HEADER]... [OUTPUT]

    scripts/amalgamate.py --check FOLDER        compiles the contract suite with the one header, and runs it

OUTPUT is concurrent_futures.hpp unless it is given; "-" is standard output. The file holds the umbrella and every
public header that needs no third party. --with adds an opt-in header: asio, execution, mpi_pool_executor or
serialization/cereal.

A program uses either the one header or the headers in include/, not both: they define the same names. The file is
made for a release and is not committed.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys

from version import version

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"
OPT_IN = ("asio", "execution", "mpi_pool_executor", "serialization/cereal")
HEADER_ONLY = """#if defined(CONCURRENT_FUTURES_SEPARATE_COMPILATION)
#error "concurrent_futures as one header is header-only: compile without CONCURRENT_FUTURES_SEPARATE_COMPILATION"
#endif

"""
OURS = re.compile(r'\s*#\s*include\s*["<](concurrent/[a-z_/]+\.hpp)[">]')
DIRECTIVE = re.compile(r"\s*#\s*(if|endif)")


class Amalgamation:
    def __init__(self):
        self.lines = []
        self.seen = set()

    def add(self, name):
        """Appends a header, each header that it includes in the place of the #include, or before the #if around it."""
        if name in self.seen:
            return
        self.seen.add(name)
        self.lines.append(f"// ---- {name}")
        conditional = []  # the lines of an #if that is open
        depth = 0
        for line in (INCLUDE / name).read_text().splitlines():
            ours, directive = OURS.match(line), DIRECTIVE.match(line)
            if ours:
                self.add(ours[1])
                continue
            if line.startswith("// SPDX-") or line.strip() == "#pragma once":
                continue
            if directive:
                depth += 1 if directive[1] == "if" else -1
            conditional.append(line)
            if depth == 0:
                self.lines += conditional
                conditional = []


def public_headers():
    folder = INCLUDE / "concurrent/futures"
    names = sorted(path.stem for path in folder.glob("*.hpp"))
    return [f"concurrent/futures/{name}.hpp" for name in names if name not in OPT_IN]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--with", dest="extra", action="append", default=[], choices=OPT_IN, metavar="HEADER",
                           help="an opt-in header to add: " + ", ".join(OPT_IN))
    arguments.add_argument("--check", metavar="FOLDER", type=pathlib.Path, help="run the contract suite on the one header")
    arguments.add_argument("output", nargs="?", default="concurrent_futures.hpp")
    given = arguments.parse_args()

    file = Amalgamation()
    file.add("concurrent/futures.hpp")
    for name in public_headers() + [f"concurrent/futures/{extra}.hpp" for extra in given.extra]:
        file.add(name)
    if given.check:
        return check(file, given.check)
    write(file, given.output)


def check(file, folder):
    """The contract suite with include files that lead to the one header."""
    shims = folder / "include"
    for name in file.seen:
        (shims / name).parent.mkdir(parents=True, exist_ok=True)
        (shims / name).write_text('#include "concurrent_futures.hpp"\n')
    write(file, shims / "concurrent_futures.hpp")
    compiler = os.environ.get("CXX", "c++")
    flags = ["-std=c++20", "-pthread", "-g0", f"-I{shims}", f"-I{ROOT}/tests", f"-I{ROOT}/tests/contract"]
    objects = []
    for source in sorted((ROOT / "tests/contract").glob("*.test.cpp")) + sorted((ROOT / "tests/support").glob("*.cpp")):
        if source.parent.name == "support" and source.name.endswith(".test.cpp"):
            continue
        objects.append(folder / (source.stem + ".o"))
        print(f"compiling {source.name}", file=sys.stderr)
        subprocess.run([compiler, *flags, "-c", source, "-o", objects[-1]], check=True)
    program = folder / "contract"
    subprocess.run([compiler, *objects, "-pthread", "-lCatch2", "-o", program], check=True)
    return subprocess.run([program, "-r", "compact"]).returncode


def write(file, output):
    licence = "".join(f"// {line}".rstrip() + "\n" for line in (ROOT / "LICENSE").read_text().splitlines())
    text = (f"// concurrent_futures {version()} as one header, made by scripts/amalgamate.py of the project.\n"
            f"// SPDX-License-Identifier: MIT\n//\n{licence}#pragma once\n\n{HEADER_ONLY}" + "\n".join(file.lines) + "\n")
    if output == "-":
        sys.stdout.write(text)
    else:
        pathlib.Path(output).write_text(text)
        print(f"{output}: {len(file.seen)} headers, {text.count(chr(10))} lines", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
