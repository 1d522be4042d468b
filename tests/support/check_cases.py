#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every test case that stands in a source is in its executable, and CTest runs it, also when files are compiled merged.

    check_cases.py LIST

Each line of LIST is "EXECUTABLE|SPECIFICATION|SOURCE": CTest runs the cases of SOURCE by this specification.
"""
import collections
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

CASE = re.compile(r'^ *(TEST_CASE|TEMPLATE_TEST_CASE|[A-Z]+_CASE|EACH_[A-Z]+)\("')


def listed(executable):
    """[(file name, line, its tags)] of every case. The names of files are tags: support/main.cpp."""
    output = subprocess.run([executable, "--list-tests", "--reporter", "xml"], check=True, stdout=subprocess.PIPE,
                            text=True, errors="replace").stdout
    return [(pathlib.Path(case.findtext("SourceInfo/File").strip()).name, int(case.findtext("SourceInfo/Line")),
             {*re.findall(r"\[[^]]*\]", case.findtext("Tags") or "")})
            for case in ElementTree.fromstring(output[output.index("<?xml"):]).iter("TestCase")]


def written(source):
    """The lines of the cases that are compiled whatever the options, and the headers with more of them."""
    lines, headers, depth = set(), [], 0
    for number, line in enumerate(source.read_text("utf-8").splitlines(), 1):
        if re.match(r"#if", line):
            depth += 1
        elif re.match(r"#endif", line):
            depth -= 1
        elif depth == 0 and CASE.match(line):
            lines.add(number)
        include = re.match(r'#include "([a-z_]+_cases\.hpp)"', line)
        if include and depth == 0:
            headers.append(source.parent / include.group(1))
    return lines, headers


def main():
    failures, total = [], 0
    by_executable = collections.defaultdict(list)
    for line in pathlib.Path(sys.argv[1]).read_text("utf-8").split():
        executable, specification, source = line.split("|")
        by_executable[executable].append((specification, pathlib.Path(source).resolve()))
    for executable, entries in by_executable.items():
        every = listed(executable)
        run = set()
        for specification, source in entries:
            wanted = {*specification.split(",")}  # one of these tags
            selected = {(file, line) for file, line, tags in every if tags & wanted}
            run |= selected
            for file in (source, *written(source)[1]):
                missing = written(file)[0] - {line for place, line in selected if place == file.name}
                failures += [f"{file}:{number}: no case of {pathlib.Path(executable).name} {specification} is from here"
                             for number in sorted(missing)]
        failures += [f"{file}:{line}: CTest does not run this case of {pathlib.Path(executable).name}"
                     for file, line in sorted({(file, line) for file, line, _ in every} - run)]
        total += len(every)
    print(f"{total} cases in {len(by_executable)} executables")
    print("\n".join(failures))
    return 1 if failures or total == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
