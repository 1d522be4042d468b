#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Several copies of the library, and two versions of it, in one program, each with pools of threads and processes at work;
with link-time optimization, and with all sources in one.

    lto_and_unity.py COMPILER REPOSITORY

The second version is a copy of the headers with another inline namespace. Two versions in one source file are not
supported: their names would be ambiguous.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent / "versions"
LTO = ["-flto=auto"]


def copy_as_v2(headers, target):
    """The headers, with the inline namespace v2."""
    shutil.copytree(headers, target)
    config = target / "concurrent" / "futures" / "detail" / "platform" / "config.hpp"
    text = config.read_text(encoding="utf-8")
    changed = text.replace("CONCURRENT_FUTURES_ABI_NAME(v1,", "CONCURRENT_FUTURES_ABI_NAME(v2,")
    if changed == text:
        sys.exit("config.hpp: the name of the inline namespace is not where this test looks for it")
    config.write_text(changed, encoding="utf-8")
    return target


def main():
    compiler, repository = sys.argv[1], pathlib.Path(sys.argv[2])
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        include = {"v1": repository / "include", "v2": copy_as_v2(repository / "include", folder / "include")}

        def build(target, *arguments):
            command = [compiler, "-std=c++20", "-O0", "-pthread", "-Wall", "-Wextra", "-Werror", *arguments, "-o", folder / target]
            subprocess.run(command, check=True)
            return folder / target

        def judge(what, command):
            nonlocal failures
            try:
                result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
                                        check=False)
                output, held = result.stdout, result.returncode == 0
            except subprocess.TimeoutExpired:
                output, held = "hangs", False
            print(f"{what}: {'right' if held else 'WRONG: ' + output[-2000:]}", flush=True)
            failures += not held

        empty = folder / "empty.cpp"
        empty.write_text("int main() {}\n", encoding="utf-8")
        if subprocess.run([compiler, *LTO, empty, "-o", folder / "empty"], check=False).returncode != 0:
            print("with LTO: left out, this compiler and linker cannot; the same without")
            LTO.clear()
        lto = ", LTO" if LTO else ""
        objects = {version: build(f"{version}.o", *LTO, "-fPIC", f"-I{include[version]}", f"-DNAME={version}", "-c",
                                  HERE / "library.cpp") for version in include}
        libraries = {version: build(f"lib{version}.so", *LTO, "-shared", objects[version]) for version in include}
        again = shutil.copy(libraries["v1"], folder / "libagain.so")
        program = build("program", *LTO, HERE / "program.cpp", "-ldl")
        judge(f"two libraries that embed the same version, and one with another{lto}",
              [program, f"v1:{libraries['v1']}", f"v1:{again}", f"v2:{libraries['v2']}"])
        judge(f"two versions in one program{lto}",
              [build("linked", *LTO, "-DLINKED", HERE / "program.cpp", *objects.values(), "-ldl")])
        unity = folder / "unity.cpp"
        unity.write_text(f'#include "{HERE}/program.cpp"\n#include "{HERE}/library.cpp"\n', encoding="utf-8")
        judge("all sources in one", [build("unity", f"-I{include['v1']}", "-DUNITY", "-DNAME=v1", unity, "-ldl")])
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
