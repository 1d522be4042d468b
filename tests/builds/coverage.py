#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Coverage counts of worker processes are complete, and nothing is counted twice.

    coverage.py COMPILER REPOSITORY

coverage.cpp is built with each way to measure that the compiler has, and run with forked and with spawned workers. Each
line with "// runs N" must have been counted N times.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MARK = re.compile(r"// runs (\d+)$")


def version_of(compiler):
    """("gcc" or "clang", its major version)."""
    text = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
    kind = "clang" if "clang" in text else "gcc"
    return kind, re.search(r"(\d+)\.\d+\.\d+", text).group(1)


def find_tool(name, version):
    return shutil.which(f"{name}-{version}") or shutil.which(name)


def can_link(compiler, options):
    """False where the runtime that counts is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([compiler, *options, "-x", "c++", "-", "-o", "program"], input=b"int main() {}",
                              cwd=folder, capture_output=True, check=False).returncode == 0


def wrong_counts(source, counts):
    """counts: line number -> how often it ran."""
    wrong = []
    for number, line in enumerate(source.read_text("utf-8").splitlines(), 1):
        mark = MARK.search(line)
        if mark and counts.get(number) != int(mark.group(1)):
            wrong.append(f"line {number} ran {mark.group(1)} times, counted: {counts.get(number)}")
    return wrong


def gcov_counts(tool, folder, source):
    data = next(iter(folder.glob("*.gcda")), None)
    if not data:
        return {}
    text = subprocess.run([*tool, "-t", data], cwd=folder, capture_output=True, text=True, check=True).stdout
    counts, here = {}, False
    for line in text.splitlines():
        fields = line.split(":", 2)
        if len(fields) < 3:
            continue
        if fields[1].strip() == "0" and fields[2].startswith("Source:"):
            here = fields[2] == f"Source:{source}"
        elif here and re.fullmatch(r"\d+\*?", fields[0].strip()):
            counts[int(fields[1])] = int(fields[0].strip().rstrip("*"))
    return counts


def llvm_counts(profdata, cov, folder, source):
    merged = folder / "all.profdata"
    raw = list(folder.glob("*.profraw"))
    if not raw:
        return {}
    subprocess.run([profdata, "merge", "-o", merged, *raw], check=True)
    text = subprocess.run([cov, "show", folder / "program", f"-instr-profile={merged}", source],
                          capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^\s*(\d+)\|\s*(\d+)\|", text, re.MULTILINE)
    return {int(number): int(count) for number, count in found}


def ways(compiler):
    """name -> (options, counts of a folder after a run), and what is left out."""
    kind, version = version_of(compiler)
    found, missing = {}, []
    if kind == "gcc":
        gcov = find_tool("gcov", version)
        if gcov:
            found["--coverage"] = (["--coverage"], lambda folder, source: gcov_counts([gcov], folder, source))
        else:
            missing.append("gcov")
        return found, missing
    cov, profdata = find_tool("llvm-cov", version), find_tool("llvm-profdata", version)
    if not cov or not profdata:
        return found, ["llvm-cov" if not cov else "llvm-profdata"]
    if not can_link(compiler, ["--coverage"]):
        return found, ["the runtime for coverage (libclang-rt-dev)"]
    found["--coverage"] = (["--coverage"], lambda folder, source: gcov_counts([cov, "gcov"], folder, source))
    found["-fprofile-instr-generate"] = (["-fprofile-instr-generate", "-fcoverage-mapping"],
                                         lambda folder, source: llvm_counts(profdata, cov, folder, source))
    return found, missing


def check(compiler, repository, name, options, counts_of):
    """How many runs were wrong."""
    source = repository / "tests" / "builds" / "coverage.cpp"
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        subprocess.run([compiler, "-std=c++20", "-O0", "-pthread", *options, f"-I{repository / 'include'}", "-c", source,
                        "-o", folder / "program.o"], check=True, cwd=folder)
        subprocess.run([compiler, "-pthread", *options, folder / "program.o", "-o", folder / "program"], check=True,
                       cwd=folder)
        for method in ("fork", "spawn"):
            for old in (*folder.glob("*.gcda"), *folder.glob("*.profraw")):
                old.unlink()
            environment = dict(os.environ, LLVM_PROFILE_FILE=str(folder / "%p.profraw"))
            result = subprocess.run([folder / "program", method], env=environment, timeout=60, check=False).returncode
            wrong = [f"exit code {result}"] if result else wrong_counts(source, counts_of(folder, source))
            print(f"{pathlib.Path(compiler).name} {name}, {method}: {'; '.join(wrong) or 'right'}", flush=True)
            failures += bool(wrong)
    return failures


def main():
    repository = pathlib.Path(sys.argv[2])
    compilers = [sys.argv[1]]
    if version_of(sys.argv[1])[0] != "clang":
        clangs = [path for path in (shutil.which(f"clang++-{n}") for n in range(25, 15, -1)) if path]
        compilers += [path for path in clangs if not ways(path)[1]][:1] or clangs[:1]
    failures = done = 0
    for compiler in compilers:
        found, missing = ways(compiler)
        for tool in missing:
            print(f"skipped: {compiler}: {tool} is not here")
        for name, (options, counts_of) in found.items():
            failures += check(compiler, repository, name, options, counts_of)
            done += 1
    if done == 0:
        return 77
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
