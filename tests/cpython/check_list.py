#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the list in README.md against the tests.

    check_list.py FOLDER        the folder of this file

Every CPython test, 1 to 157, has its row. A row with Y or A names tests that exist, whose tag is
CPython's name; a program or a program that must not compile must exist. A row with N names none and
says why. Every test with a tag is in the row of that tag. The closing counts are those of the rows.
When it finds nothing to object to, it proves on spoilt copies that it could.
"""
import collections
import pathlib
import re
import shutil
import sys
import tempfile

CPYTHON_TESTS = 157
COVERED = 137
BEYOND = 15

STRING = r'"(?:\\.|[^"\\])*"'
CASE = re.compile(r"^(?:EXECUTOR|PROCESS_POOL|CPYTHON)_CASE\(\s*((?:%s\s*)+),\s*((?:%s\s*)+|BEYOND\(\d+\))"
                  % (STRING, STRING), re.MULTILINE)
REFERENCE = re.compile(r'([\w./]+\.cpp)(?:: "((?:[^"\\]|\\.)*)")?$')
Row = collections.namedtuple("Row", "number name verdict references remark")


def joined(literals):
    return "".join(text[1:-1] for text in re.findall(STRING, literals)).replace('\\"', '"')


def tagged_tests(folder):
    """(file, sentence) -> the CPython names in its tag."""
    found = {}
    for source in sorted(folder.glob("*.test.cpp")):
        for match in CASE.finditer(source.read_text(encoding="utf-8")):
            sentence, tag = joined(match.group(1)), match.group(2)
            beyond = re.fullmatch(r"BEYOND\((\d+)\)", tag)
            names = [f"beyond.{beyond.group(1)}"] if beyond else joined(tag).split("][")
            found[source.name, sentence] = names
    return found


def cells_of(line):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def references_in(cell):
    return [] if cell == "—" else cell.split("<br>")


def rows_of(text):
    """The rows of both tables; those of the second have the name beyond.N."""
    rows = []
    for line in text.split("\n"):
        cells = cells_of(line)
        if len(cells) == 5 and cells[0].isdigit():
            rows.append(Row(int(cells[0]), cells[1], cells[2], references_in(cells[3]), cells[4]))
        elif len(cells) == 3 and cells[0].isdigit():
            rows.append(Row(int(cells[0]), f"beyond.{cells[0]}", "Y", references_in(cells[2]), ""))
    return rows


def objections_to_reference(folder, tests, row, reference):
    match = REFERENCE.match(reference)
    if not match:
        yield f"row {row.number}: '{reference}' is not file: \"sentence\""
        return
    path, sentence = match.groups()
    if sentence is None:
        if not (folder / path).is_file() or path.endswith(".test.cpp"):
            yield f"row {row.number}: there is no program {path}"
        elif "compile_fail" not in path and not row.name.startswith("beyond.") and \
                row.name not in (folder / path).read_text(encoding="utf-8").replace("\n// ", ""):
            yield f"row {row.number}: {path} does not say that it is {row.name}"
    elif (path, sentence) not in tests:
        yield f"row {row.number}: {path} has no test \"{sentence}\""
    elif row.name not in tests[path, sentence]:
        yield f"row {row.number}: \"{sentence}\" is not tagged {row.name}"


def objections(folder):
    text = (folder / "README.md").read_text(encoding="utf-8")
    tests = tagged_tests(folder)
    rows = rows_of(text)
    cpython = [row for row in rows if not row.name.startswith("beyond.")]
    beyond = [row for row in rows if row.name.startswith("beyond.")]
    if [row.number for row in cpython] != list(range(1, CPYTHON_TESTS + 1)):
        yield f"the rows are not 1 to {CPYTHON_TESTS}"
    if [row.number for row in beyond] != list(range(1, BEYOND + 1)):
        yield f"the rows beyond CPython are not 1 to {BEYOND}"
    if len({row.name for row in rows}) != len(rows):
        yield "a CPython name has two rows"
    for row in rows:
        if row.verdict == "N" and (row.references or not row.remark):
            yield f"row {row.number}: N needs a reason, and no test"
        if row.verdict in "YA" and not row.references:
            yield f"row {row.number}: no test"
        if row.verdict == "A" and not row.remark:
            yield f"row {row.number}: adapted how?"
        if row.verdict not in ("Y", "A", "N"):
            yield f"row {row.number}: the verdict '{row.verdict}' is none of Y, A, N"
        for reference in row.references:
            yield from objections_to_reference(folder, tests, row, reference)
    listed = {(row.name, reference) for row in rows for reference in row.references}
    for (path, sentence), names in tests.items():
        for name in names:
            if (name, f'{path}: "{sentence}"') not in listed:
                yield f"{path}: \"{sentence}\" is not in the row of {name}"
    count = collections.Counter(row.verdict for row in cpython)
    covered = count["Y"] + count["A"]
    if covered != COVERED:
        yield f"{covered} rows are covered, not {COVERED}"
    closing = (f"Translated as they stand: {count['Y']}. Adapted: {count['A']}. No meaning in C++: "
               f"{count['N']}. All: {len(cpython)}; covered: {covered} of {COVERED}.")
    if closing not in text:
        yield f"the closing line is not '{closing}'"


# Each spoils a copy: what to replace in which file, and by what.
SPOILT = [
    ("README.md", r"^\| 42 \|.*\n", ""),
    ("README.md", r"^(\| 1 \|.*: \")submit", r"\1Submit"),
    ("README.md", r"^\| 50 \|.*$", "| 50 | test_future.test_x | Y | — | |"),
    ("README.md", r"^(\| 8 \|.*\|).*\|$", r"\1 |"),
    ("README.md", r"^(\| 1 \| executor)", r"\1s"),
    ("README.md", r"covered: \d+", "covered: 136"),
    ("README.md", r"^\| 15 \| a million.*\n", ""),
    ("README.md", r"cpython_cancel_at_exit", "cpython_cancelled_at_exit"),
    ("wait.test.cpp", r"test_wait\.test_timeout", "test_wait.test_time"),
    ("future.test.cpp", r"done\(\) is true for", "done() is always true for"),
    ("future.test.cpp", r"\Z", 'CPYTHON_CASE("one more", "test_future.test_done") {}\n'),
]


def is_blind(folder, name, pattern, replacement):
    with tempfile.TemporaryDirectory() as copy:
        root = pathlib.Path(copy)
        for part in (folder.name, "programs", "compile_fail"):
            shutil.copytree(folder.parent / part, root / part)
        spoilt = root / folder.name / name
        text = spoilt.read_text(encoding="utf-8")
        changed = re.sub(pattern, replacement, text, count=1, flags=re.MULTILINE)
        spoilt.write_text(changed, encoding="utf-8")
        return changed == text or not list(objections(root / folder.name))


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    found = list(objections(folder))
    for objection in found:
        print(objection)
    if not found:
        for sample in SPOILT:
            if is_blind(folder, *sample):
                found.append(sample)
                print(f"does not object to {sample}")
    print(f"{len(found)} objections; {COVERED} of CPython's {CPYTHON_TESTS} tests are covered, and "
          f"{BEYOND} situations beyond them")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
