#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which lines of include/ no test has run, and no entry of justified.txt explains.

    report.py BUILD [--headers] [--gcov gcov-12]
    report.py --check

BUILD is a build of the tests with --coverage that has run (scripts/coverage.sh). A line counts as run if any instantiation
of it has run, in any process. Code that no executable in BUILD contains, such as a template that is never instantiated, is
not known here, and a line of nothing but closing brackets is no line of code. --headers: a line for each header, too.
Exit code 1 if a line is neither run nor explained, or an entry of justified.txt explains nothing. --check needs no build: it
says which entries are about no place in their header, or about several without "each".
"""

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include/concurrent/futures"
ONLY_BRACKETS = re.compile(r"[\s})\];,]*(//.*)?$")
CODE_ENDS = re.compile(r"[;{}]\s*(//.*)?$")


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
    """A line of justified.txt: HEADER | WHAT | WHY. WHAT is

    TEXT            the statement that begins in the only line with TEXT
    block TEXT      that line, which ends with {, and all up to the bracket that closes it
    A >> TEXT       the first line with TEXT behind the first one with A; also A >> block TEXT, and A >> B >> TEXT
    each TEXT       all lines with TEXT; also each block TEXT
    in FUNCTION     all lines of functions whose name contains FUNCTION

    A WHY that begins with "sometimes" is about a race: in some runs of the tests the lines do run.
    """

    def __init__(self, number, text):
        self.number, self.used, self.is_about = number, 0, set()
        self.header, self.what, self.why = (part.strip() for part in text.split(" | ", 2))

    def explained(self, header, lines):
        """The numbers of the lines that it is about; `lines` are those of the header."""
        if self.what.startswith("in "):
            return {number for name, (first, last) in header.functions.items() if self.what[3:] in name
                    for number in range(first, last + 1)}
        numbers = set()
        for number in self.places(lines):
            numbers.update(range(number, (end_of_block if self.is_block() else end_of_statement)(lines, number) + 1))
        return numbers

    def is_block(self):
        return self.what.split(" >> ")[-1].removeprefix("each ").startswith("block ")

    def places(self, lines):
        """The numbers of the lines with its text. None or several: --check objects, unless it says "each"."""
        *before, text = self.what.split(" >> ")
        behind = 0
        for step in before:
            behind = next((number for number, line in enumerate(lines, 1) if number > behind and step in line), len(lines))
        text = text.removeprefix("each ").removeprefix("block ")
        found = [number for number, line in enumerate(lines, 1) if number > behind and text in line]
        return found[:1] if before else found

    def objection(self, lines):
        if self.what.startswith("in "):
            return ""
        count = len(self.places(lines))
        if count == 0:
            return "is about no place"
        return f"is about {count} places, and does not say \"each\"" if count > 1 and not self.what.startswith("each ") else ""


def end_of_statement(lines, number):
    while number < len(lines) and not CODE_ENDS.search(lines[number - 1]):
        number += 1
    return number


def end_of_block(lines, number):
    indentation = len(lines[number - 1]) - len(lines[number - 1].lstrip())
    for end in range(number + 1, len(lines) + 1):
        if lines[end - 1].startswith(" " * indentation + "}"):
            # What is behind, such as a catch, is of the next block.
            return end if ONLY_BRACKETS.match(lines[end - 1]) else end - 1
    return number


def reasons_by_header():
    reasons = collections.defaultdict(list)
    lines = (pathlib.Path(__file__).parent / "justified.txt").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            reason = Reason(number, line)
            reasons[reason.header].append(reason)
    return reasons


def check(reasons):
    objections = []
    for name, each in reasons.items():
        path = INCLUDE / name
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        objections += [f"justified.txt:{reason.number}: {objection}: {name} | {reason.what}"
                       for reason in each if (objection := reason.objection(lines))]
    for objection in objections:
        print(objection)
    print(f"{sum(map(len, reasons.values()))} rows, {len(objections)} objections")
    return 1 if objections else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path, nargs="?")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--headers", action="store_true")
    parser.add_argument("--gcov", default="gcov")
    given = parser.parse_args()
    reasons = reasons_by_header()
    if given.check:
        return check(reasons)
    if not given.build:
        parser.error("which BUILD?")
    headers = collections.defaultdict(Header)
    objects = sorted(given.build.resolve().rglob("*.gcno"))
    for notes in objects:
        read_one(given.gcov, notes, headers)
    if not headers:
        sys.exit(f"report.py: no counts in {given.build}: build the tests with --coverage, by scripts/coverage.sh")
    total = explained = 0
    missing = []
    for name, header in sorted(headers.items()):
        lines = (INCLUDE / name).read_text(encoding="utf-8").splitlines()
        for reason in reasons[name]:
            reason.is_about = reason.explained(header, lines)
        left = []
        code = [number for number in sorted(header.counts) if not ONLY_BRACKETS.match(lines[number - 1])]
        for number in code:
            if header.counts[number] > 0:
                continue
            about_it = [reason for reason in reasons[name] if number in reason.is_about]
            for reason in about_it:
                reason.used += 1
            if about_it:
                explained += 1
            else:
                left.append(f"{name}:{number}: {lines[number - 1].strip()}")
        total += len(code)
        missing += left
        if given.headers:
            print(f"{name}: {len(code)} lines, {len(left)} neither run nor explained")
    for line in missing:
        print(line)
    idle = [reason for each in reasons.values() for reason in each
            if not reason.used and not (reason.is_about and reason.why.startswith("sometimes"))]
    for reason in idle:
        print(f"justified.txt:{reason.number}: explains no line: {reason.header} | {reason.what}")
    print(f"{len(headers)} headers in {len(objects)} object files, {total} lines with code: "
          f"{total - explained - len(missing)} run ({100 * (total - explained - len(missing)) / total:.1f} %), "
          f"{explained} explained, {len(missing)} neither")
    return 1 if missing or idle else 0


if __name__ == "__main__":
    sys.exit(main())
