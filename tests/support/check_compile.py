#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that a wrong program is refused with the message its first lines promise.

    check_compile.py SOURCE COMPILER [FLAG…]

    // expect-error: REGEX     the compile fails and a line of its messages matches (several: all)
    // expect-success          the control: it compiles

The messages are read without the source lines compilers quote, so only their own text counts.
"""
import re
import subprocess
import sys


def main():
    source, compiler, *flags = sys.argv[1:]
    errors, success = [], False
    with open(source, encoding="utf-8") as text:
        for line in text:
            if not line.startswith("//"):
                break
            line = line.rstrip()
            success = success or line == "// expect-success"
            if line.startswith("// expect-error: "):
                errors.append(line[len("// expect-error: "):])
    if success == bool(errors):
        sys.exit(f"{source}: needs either '// expect-success' or '// expect-error: REGEX' on top")

    quiet = ["-fsyntax-only", "-fno-diagnostics-show-caret", "-fdiagnostics-color=never"]
    if "clang" in compiler:
        quiet[1] = "-fno-caret-diagnostics"
    else:
        quiet.append("-fmessage-length=0")
    result = subprocess.run([compiler, *flags, *quiet, source], capture_output=True, text=True,
                            check=False, env=None)
    messages = result.stderr + result.stdout
    failures = []
    if success and result.returncode != 0:
        failures.append("it must compile, and does not")
    if not success and result.returncode == 0:
        failures.append("it must not compile, and does")
    if re.search(r"fatal error: .*(No such file|not found)", messages):
        failures.append("a header is missing, so nothing was checked")
    for expected in errors:
        if not re.search(expected, messages):
            failures.append(f"no message matches /{expected}/")
    if failures:
        print(messages)
    for failure in failures:
        print(f"FAILED: {source}: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
