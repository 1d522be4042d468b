#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which lines of include/ no test has run, and no entry of justified.txt explains.

    report.py BUILD [--headers] [--gcov gcov-12]

BUILD is a build of the tests with --coverage that has run (scripts/coverage.sh). A line counts as run if any instantiation
of it has run, in any process. Code that no executable in BUILD contains, such as a template that is never instantiated, is
not known here. --headers: a line for each header, too. Exit code 1 if a line is neither run nor explained, or an entry of
justified.txt explains nothing.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include/concurrent/futures"


class Header:
    def __init__(self):
        self.counts = collections.Counter()  # line -> runs; 0: there is code, which has not run
        self.functions = {}  # name -> (first line, last line)


def read_one(gcov, notes, headers):
    """Adds what one object file has counted."""
    data = notes.with_suffix(".gcda")
    # Where nothing has run there is no data, and gcov then says 0 for each line.
    seen = subprocess.run([gcov, "--json-format", "--stdout", "--demangled-names", data if data.exists() else notes],
                          cwd=notes.parent, capture_output=True, check=False)
    for text in seen.stdout.splitlines():
        for file in json.loads(text)["files"]:
            path = pathlib.Path(os.path.normpath(notes.parent / file["file"]))
            if not path.is_relative_to(INCLUDE):
                continue
            header = headers[str(path.relative_to(INCLUDE))]
            for line in file["lines"]:
                header.counts[line["line_number"]] += line["count"]
            for function in file["functions"]:
                header.functions[function["demangled_name"]] = (function["start_line"], function["end_line"])


class Reason:
    """A line of justified.txt: HEADER | TEXT OF THE LINE | WHY, or HEADER | in FUNCTION | WHY."""

    def __init__(self, number, text):
        self.number, self.used = number, 0
        self.header, self.what, self.why = (part.strip() for part in text.split(" | ", 2))

    def explains(self, header, line, text):
        if not self.what.startswith("in "):
            return self.what in text
        return any(self.what[3:] in name and first <= line <= last for name, (first, last) in header.functions.items())


def reasons_by_header():
    reasons = collections.defaultdict(list)
    lines = (pathlib.Path(__file__).parent / "justified.txt").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            reason = Reason(number, line)
            reasons[reason.header].append(reason)
    return reasons


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--headers", action="store_true")
    parser.add_argument("--gcov", default="gcov")
    given = parser.parse_args()
    headers = collections.defaultdict(Header)
    objects = sorted(given.build.resolve().rglob("*.gcno"))
    for notes in objects:
        read_one(given.gcov, notes, headers)
    if not headers:
        sys.exit(f"report.py: no counts in {given.build}: build the tests with --coverage, by scripts/coverage.sh")
    reasons = reasons_by_header()
    total = explained = 0
    missing = []
    for name, header in sorted(headers.items()):
        lines = (INCLUDE / name).read_text(encoding="utf-8").splitlines()
        left = []
        for number in sorted(line for line, count in header.counts.items() if count == 0):
            text = lines[number - 1].strip()
            reason = next((each for each in reasons[name] if each.explains(header, number, text)), None)
            if reason:
                reason.used += 1
                explained += 1
            else:
                left.append(f"{name}:{number}: {text}")
        total += len(header.counts)
        missing += left
        if given.headers:
            print(f"{name}: {len(header.counts)} lines, {len(left)} neither run nor explained")
    for line in missing:
        print(line)
    idle = [reason for each in reasons.values() for reason in each if not reason.used]
    for reason in idle:
        print(f"justified.txt:{reason.number}: explains no line: {reason.header} | {reason.what}")
    print(f"{len(headers)} headers in {len(objects)} object files, {total} lines with code: "
          f"{total - explained - len(missing)} run ({100 * (total - explained - len(missing)) / total:.1f} %), "
          f"{explained} explained, {len(missing)} neither")
    return 1 if missing or idle else 0


if __name__ == "__main__":
    sys.exit(main())
