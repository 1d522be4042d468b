#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a file that includes the library makes the compiler read.

    compile_cost.py COMPILER REPOSITORY

Time to compile is in benchmarks/README.md. Here it is counted, so that the answer is the same on every
machine: the headers of the library and their lines of code after the preprocessor, which headers of the standard
library are among the rest, and the functions that are compiled although nothing calls them. A bound that is reached by what a user needs may be raised; what only the engine needs goes
to impl/ or out of the header.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

SEPARATE = "-DCONCURRENT_FUTURES_SEPARATE_COMPILATION"
COST = {  # header, option: how many headers of ours, how many lines of them
    ("concurrent/futures/thread_pool_executor.hpp", ""): (118, 8200),
    ("concurrent/futures/thread_pool_executor.hpp", SEPARATE): (97, 6700),
    ("concurrent/futures.hpp", ""): (280, 21900),
    ("concurrent/futures.hpp", SEPARATE): (170, 12600),
}
# What the header must not reach. Those of the standard library: long, and with libstdc++ 12 nothing else brings them.
ENGINE = r"/detail/(?:processes/(?:process_manager|worker_process|template_process|single_process|single_call)" \
         r"|trace/trace_\w+|channels/channel_(?:reader|writer|end)|platform/processor_count|scheduling/worker_loop)\.hpp$"
LONG = r"/(?:chrono|functional|algorithm|sstream|iostream|regex|ranges|format|unordered_set|unordered_map|map)$"
LONG_FOR_ALL = r"/(?:chrono|sstream|iostream|regex|ranges|format)$"
AVOIDED = [
    ("concurrent/futures/thread_pool_executor.hpp", "", LONG + r"|/detail/processes/|/detail/serialization/"),
    ("concurrent/futures/thread_pool_executor.hpp", SEPARATE, ENGINE),
    ("concurrent/futures.hpp", "", LONG_FOR_ALL),
    ("concurrent/futures.hpp", SEPARATE, ENGINE),
]
# Functions in the object file of a program that only includes the header. A class whose first virtual function is not
# inline where the class is defined brings its table and all that this needs: write `inline` in the class.
MOST_FUNCTIONS = 450


def preprocessed(compiler, include, header, option):
    """The files that were read, ours among them with their lines of code."""
    text = subprocess.run([compiler, "-std=c++20", *option.split(), f"-I{include}", "-E", "-x", "c++", "-"],
                          input=f"#include <{header}>\n", stdout=subprocess.PIPE, text=True, check=True).stdout
    lines = {}
    name = ""
    for line in text.split("\n"):
        marker = re.match(r'# \d+ "(.*?)"', line)
        if marker:
            name = marker[1]
            lines.setdefault(name, 0)
        elif line.strip():
            lines[name] += 1
    ours = {name: number for name, number in lines.items() if "/concurrent/futures" in name}
    return lines, ours


def main():
    compiler, repository = sys.argv[1], pathlib.Path(sys.argv[2])
    seen = {key: preprocessed(compiler, repository / "include", *key) for key in COST}
    failures = 0
    for (header, option), (most_headers, most_lines) in COST.items():
        ours = seen[header, option][1]
        headers, lines = len(ours), sum(ours.values())
        held = 0 < headers <= most_headers and lines <= most_lines
        print(f"{header} {option}: {headers} headers of at most {most_headers}, {lines} lines of at most {most_lines}"
              f"{'' if held else ': TOO MUCH'}")
        failures += not held
    standard = any("/c++/12/" in name for name in seen[next(iter(COST))][0])
    for header, option, avoided in AVOIDED:
        if avoided.startswith(LONG) and not standard:
            print(f"{header}: not libstdc++ 12, so which standard headers it reads is not looked at")
            avoided = avoided.removeprefix(LONG + "|")
        if avoided == LONG_FOR_ALL and not standard:
            continue
        for name in seen[header, option][0]:
            if re.search(avoided, name):
                print(f"{header} {option} reaches {name}: TOO MUCH")
                failures += 1
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder) / "umbrella.o"
        subprocess.run([compiler, "-std=c++20", "-O0", "-c", f"-I{repository / 'include'}", "-x", "c++", "-", "-o", made],
                       input="#include <concurrent/futures.hpp>\n", text=True, check=True)
        symbols = subprocess.run(["nm", made], stdout=subprocess.PIPE, text=True, check=True).stdout
    functions = len(re.findall(r" [TtWw] ", symbols))
    print(f"concurrent/futures.hpp: {functions} functions of at most {MOST_FUNCTIONS} in a program that calls none")
    return 1 if failures or functions > MOST_FUNCTIONS else 0


if __name__ == "__main__":
    sys.exit(main())
