#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the two lists of failures in README.md and the list in public_bugs.md against the tests.

    check_failures.py FOLDER        the folder of this file

The rows are 1 to 36, those of pools elsewhere, and F0 to F71, faults of this library. Each names a program or script
that exists, or a test that is a case of the file named, word for word; one of the first list without says that what it
is about is not here. The rows of public_bugs.md are P1 to P57. When it finds nothing to object to, it proves on spoilt lists that it could.
"""
import pathlib
import re
import sys

FAILURES = 36
PUBLIC_BUGS = 57
WITHOUT_TEST = "no pool of MPI ranks here yet"
FAULTS = [str(number) for number in range(72)] + [f"29{letter}" for letter in "abcdef"]
REFERENCE = re.compile(r'([\w./]+\.(?:cpp|py|cmake))(?:: "(.*)")?$')


def sentences_in(source):
    """The names of the cases in a file; a name may be written in several literals."""
    text = source.read_text(encoding="utf-8")
    cases = re.findall(r'_CASE\(\s*((?:"(?:\\.|[^"\\])*"\s*)+)', text)
    return {"".join(re.findall(r'"((?:\\.|[^"\\])*)"', case)) for case in cases}


def objections(folder, text):
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.split("\n")
            if re.match(r"\| F?\d+[a-f]? \|", line)]
    names = [row[0] for row in rows]
    if [name for name in names if name[0] != "F"] != [str(number) for number in range(1, FAILURES + 1)]:
        yield f"the rows are not 1 to {FAILURES}"
    if sorted(name for name in names if name[0] == "F") != sorted("F" + fault for fault in FAULTS):
        yield "the faults are not F0 to F71 with F29a to F29f"
    for number, elsewhere, here, tests in rows:
        if not elsewhere or not here:
            yield f"row {number}: what fails, and why not here?"
        if tests == "—":
            if here != WITHOUT_TEST:
                yield f"row {number}: no test"
            continue
        yield from objections_to_tests(folder, number, tests)


def objections_to_tests(folder, number, tests):
    for reference in tests.split("<br>"):
        match = REFERENCE.match(reference)
        if not match:
            yield f"row {number}: '{reference}' is not file: \"sentence\""
            continue
        path, sentence = match.groups()
        if not (folder / path).is_file():
            yield f"row {number}: there is no {path}"
        elif (sentence is None) == path.endswith(".test.cpp"):
            yield f"row {number}: '{path}': tests have a sentence, programs none"
        elif sentence is not None and sentence not in sentences_in(folder / path):
            yield f"row {number}: {path} has no test \"{sentence}\""


def objections_to_public_bugs(folder, text):
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.split("\n") if re.match(r"\| P\d+ \|", line)]
    if [row[0] for row in rows] != [f"P{number}" for number in range(1, PUBLIC_BUGS + 1)]:
        yield f"the rows of public_bugs.md are not P1 to P{PUBLIC_BUGS}"
    for number, bug, tests in rows:
        if not bug:
            yield f"row {number}: which bug?"
        yield from objections_to_tests(folder, number, tests)


# Each spoils the list: what to replace, and by what.
SPOILT = [
    (r"^\| 12 \|.*\n", ""),
    (r"(\| 1 \|.*)process_chaos", r"\1process_cosmos"),
    (r"(\| 2 \|.*)whichever way", r"\1whatever way"),
    (r"(\| 5 \|.*\|).*\|$", r"\1 — |"),
    (r"(\| 20 \|.*): \".*\"", r"\1"),
    (r"(\| 22 \|).*?\|", r"\1 |"),
    (r"^\| F29c \|.*\n", ""),
    (r"(\| F19 \|.*)check\.py", r"\1cheek.py"),
    (r"(\| F31 \|.*)never iterated", r"\1always iterated"),
]

SPOILT_PUBLIC_BUGS = [(r"^\| P12 \|.*\n", ""), (r"(\| P31 \|.*)workers_die", r"\1workers_live"), (r"(\| P18 \|.*)twice once", r"\1once twice")]


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    text = (folder / "README.md").read_text(encoding="utf-8")
    bugs = (folder / "public_bugs.md").read_text(encoding="utf-8")
    found = [*objections(folder, text), *objections_to_public_bugs(folder, bugs)]
    if not found:
        for check, whole, spoilt_by in ((objections, text, SPOILT), (objections_to_public_bugs, bugs, SPOILT_PUBLIC_BUGS)):
            for pattern, replacement in spoilt_by:
                spoilt = re.sub(pattern, replacement, whole, count=1, flags=re.MULTILINE)
                if spoilt == whole or not list(check(folder, spoilt)):
                    found.append(f"does not object to {pattern}")
    for objection in found:
        print(objection)
    print(f"{len(found)} objections; {FAILURES} failures elsewhere, {len(FAULTS)} faults here, {PUBLIC_BUGS} public bugs")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
