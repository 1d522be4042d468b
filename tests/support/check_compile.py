#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that a wrong program is refused with the message its first lines promise.

    check_compile.py SOURCE COMPILER [FLAG…]

    // expect-error: REGEX     the compile fails and a line of its messages matches (several: all)
    // expect-only-error: REGEX   as above, and it is the first error; after it comes at most the end of compilation
    // expect-success          the control: it compiles
    // compile-with: FLAG…     more flags
    // compiler: NAME          this one instead; where it is not installed, the test is skipped

The messages are read without the source lines compilers quote, so only their own text counts.
"""
import re
import shutil
import subprocess
import sys


def main():
    source, compiler, *flags = sys.argv[1:]
    errors, only, success = [], None, False
    with open(source, encoding="utf-8") as text:
        for line in text:
            if not line.startswith("//"):
                break
            line = line.rstrip()
            success = success or line == "// expect-success"
            if line.startswith("// expect-error: "):
                errors.append(line[len("// expect-error: "):])
            elif line.startswith("// expect-only-error: "):
                only = line[len("// expect-only-error: "):]
                errors.append(only)
            elif line.startswith("// compile-with: "):
                flags += line[len("// compile-with: "):].split()
            elif line.startswith("// compiler: "):
                compiler = line[len("// compiler: "):]
                if not shutil.which(compiler):
                    print(f"compile_fail skipped: {compiler} is not installed")
                    return 77
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
    if only:
        said = re.findall(r"^.*\berror: (.*)$", messages, re.MULTILINE)
        if not re.search(only, said[0] if said else ""):
            failures.append(f"the first error is not /{only}/")
        if len(said) > 2 or (len(said) == 2 and "concurrent_futures_stops_here" not in said[1]):
            failures.append(f"{len(said)} errors, where one says it all")
    elif re.search(r"fatal error: .*(No such file|not found)", messages):
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
