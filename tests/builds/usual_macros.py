#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every header compiles after the macros of usual_macros.hpp.

    usual_macros.py COMPILER REPOSITORY

The headers of the standard library and of the system come first: what they do with the macros is their matter.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
OPT_IN = re.compile(r"asio|mpi_|detail/mpi/|futures/serialization/")  # they bring third-party headers


# These are an error without its macro.
ONLY_SEPARATE = re.compile(r"futures/impl/src\.hpp|detail/platform/separate_compilation\.hpp")
SEPARATE = "-DCONCURRENT_FUTURES_SEPARATE_COMPILATION"


def program(include, separate):
    """All that the library includes from elsewhere, the macros, then each of its headers."""
    headers = sorted(path for path in include.rglob("*.hpp")
                     if not OPT_IN.search(path.relative_to(include).as_posix())
                     and (separate or not ONLY_SEPARATE.search(path.as_posix())))
    system = set()
    for header in headers:
        system.update(re.findall(r"^\s*#\s*include\s*<([^>]+)>", header.read_text("utf-8"), re.MULTILINE))
    lines = [f"#if __has_include(<{name}>)\n#include <{name}>\n#endif"
             for name in sorted(system) if not name.startswith("concurrent/")]
    lines.append(f'#include "{HERE / "usual_macros.hpp"}"')
    lines += [f"#include <{header.relative_to(include).as_posix()}>" for header in headers]
    return "\n".join(lines) + "\nint main() {}\n", len(headers)


def main():
    compiler, repository = sys.argv[1], pathlib.Path(sys.argv[2])
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "every_header.cpp"
        for options in (["-std=c++20"], ["-std=gnu++20"], ["-std=c++20", SEPARATE]):
            text, count = program(repository / "include", SEPARATE in options)
            source.write_text(text, encoding="utf-8")
            result = subprocess.run([compiler, *options, "-fsyntax-only", "-w", "-I", repository / "include", source],
                                    capture_output=True, text=True, check=False)
            right = result.returncode == 0 and count >= 100
            print(f"{' '.join(options)}: {count} headers: {'right' if right else 'WRONG'}")
            print(result.stderr[:4000], end="")
            failures += not right
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
