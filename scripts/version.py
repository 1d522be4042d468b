#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the version that include/concurrent/futures/version.hpp states, such as 0.2.0."""
import pathlib
import re

HEADER = pathlib.Path(__file__).resolve().parent.parent / "include/concurrent/futures/version.hpp"


def version():
    text = HEADER.read_text()
    return ".".join(re.search(rf"VERSION_{part} (\d+)$", text, re.MULTILINE)[1] for part in ("MAJOR", "MINOR", "PATCH"))


if __name__ == "__main__":
    print(version())
