#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tables of README.md and docs/ whose rows lead to the lines of code that show them to be true.

    readme_links.py REPOSITORY      mends the line numbers in PAGES after the code has moved

In the tables of the sections in SECTIONS every row has a link to a line, `[text](path#L12)`; the path is seen from
the page. In that line stands the name of the row, which is its first cell, behind that of its section:

    // From Python: future.result(timeout=5)

or, for a link with a title, `[yes](path#L12 "the name of a test")`, that title.
"""
import os
import pathlib
import re
import sys

PAGES = ("README.md", "docs/from_python.md", "docs/promises.md")
SECTIONS = ("From Python", "Beyond Python", "What it promises")
LINK = re.compile(r'\]\(([^)#\s]+)#L(\d+)(?: "([^"]*)")?\)')


def rows(text):
    """(number of the line, section, name, line) of each row of the tables of SECTIONS."""
    section, in_table, fenced = None, False, False
    for number, line in enumerate(text.split("\n")):
        fenced ^= line.startswith("```")
        if heading := re.match(r"#+ (.*)", line):
            section = None if fenced else heading.group(1).strip()
        if section not in SECTIONS or not line.startswith("|"):
            in_table = False
        elif re.fullmatch(r"[|\-: ]+", line):
            in_table = True
        elif in_table:
            name = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", line.split("|")[1]).replace("`", "").strip()
            yield number, section, name, line


def wanted_text(section, name, title):
    return title if title else f"// {section}: {name}"


def places(path, wanted):
    """The numbers of the lines, from 1, where the text stands."""
    lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
    if wanted.startswith("//"):
        return [number for number, line in enumerate(lines, 1) if line.strip() == wanted]
    return [number for number, line in enumerate(lines, 1) if wanted in line]


def pages(root):
    return [root / page for page in PAGES if (root / page).is_file()]


def target(page, path):
    """The file that a link of the page leads to."""
    return pathlib.Path(os.path.normpath(page.parent / path))


def violations(root):
    markers, linked = set(), set()
    for page in pages(root):
        shown = page.relative_to(root)
        for number, section, name, line in rows(page.read_text(encoding="utf-8")):
            links = LINK.findall(line)
            if not links:
                yield f"{shown}:{number + 1}: no link to a line that shows '{name}'"
            for path, at, title in links:
                wanted = wanted_text(section, name, title)
                found = places(target(page, path), wanted)
                if not found:
                    yield f"{shown}:{number + 1}: no line of {path} has '{wanted}': write it there"
                elif int(at) not in found:
                    yield f"{shown}:{number + 1}: line {at} of {path} is not '{wanted}', line {found[0]} " \
                          "is: python3 tests/style/readme_links.py . mends that"
                markers.add(wanted)
                linked.add(target(page, path))
    for path in sorted(linked):
        lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
        for number, line in enumerate(lines, 1):
            marked = line.strip()
            if marked.startswith(tuple(f"// {section}: " for section in SECTIONS)) and marked not in markers:
                yield f"{path.relative_to(root)}:{number}: no row of {', '.join(PAGES)} leads to '{marked}'"


def mend(root):
    for page in pages(root):
        lines = page.read_text(encoding="utf-8").split("\n")
        mended = 0
        for number, section, name, line in rows("\n".join(lines)):
            def corrected(match, page=page, section=section, name=name):
                path, at, title = match.groups()
                found = places(target(page, path), wanted_text(section, name, title))
                if not found or int(at) in found:
                    return match.group(0)
                return match.group(0).replace(f"#L{at}", f"#L{found[0]}", 1)
            lines[number] = LINK.sub(corrected, line)
            mended += lines[number] != line
        page.write_text("\n".join(lines), encoding="utf-8")
        print(f"{page.relative_to(root)}: {mended} rows mended")


if __name__ == "__main__":
    top = pathlib.Path(sys.argv[1]).resolve()
    mend(top)
    left = list(violations(top))
    print("\n".join(left) if left else "every row leads where it should")
    sys.exit(1 if left else 0)
