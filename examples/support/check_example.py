#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs an example and compares what it prints with what the comment on its top says.

    check_example.py SOURCE PROGRAM [--argument TEXT]... [--number REGEX LOW HIGH]...

The comment has a line `// Prints …:`, then the lines, indented; `…` stands for anything.
Each --number finds a number, the group of its regex, in the output and checks its range.
"""
import argparse
import re

from running import check, fail, run


def promised_lines(source):
    lines, found = None, False
    with open(source, encoding="utf-8") as text:
        for line in text:
            if not line.startswith("//"):
                break
            if line.startswith("// Prints"):
                lines, found = [], True
            elif found and line.startswith("//     "):
                lines.append(line[len("//     "):].rstrip())
            elif found and lines:
                break
    if not lines:
        fail(f"{source} does not say what it prints")
    return lines


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("source")
    arguments.add_argument("program")
    arguments.add_argument("--argument", action="append", default=[])
    arguments.add_argument("--number", nargs=3, action="append", default=[])
    options = arguments.parse_args()

    promised = promised_lines(options.source)
    output = run([options.program, *options.argument])
    printed = [line.rstrip() for line in output.splitlines()]
    check(len(printed) == len(promised), f"{len(promised)} lines promised, {len(printed)} printed",
          output)
    for promise, line in zip(promised, printed):
        pattern = ".*".join(map(re.escape, promise.split("…")))
        check(re.fullmatch(pattern, line), f"promised '{promise}', printed '{line}'", output)
    for pattern, low, high in options.number:
        found = re.search(pattern, output)
        check(found, f"nothing matches '{pattern}'", output)
        number = float(found.group(1))
        check(float(low) <= number <= float(high), f"{number} is not in {low} … {high}", output)
    print(output)


main()
