#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A thread that an OpenMP runtime has bound to one place does not confine pools and workers to that place.

    openmp.py COMPILER REPOSITORY

Needs a compiler with -fopenmp, its runtime, and two processors. The runtime binds the initial thread of a program, so
that the program's mask alone does not tell what it may use.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

BINDING = ["OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"]


def main():
    compiler, repository = sys.argv[1], pathlib.Path(sys.argv[2])
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        print("skipped: only one processor may be used here")
        return 77
    first, second = usable[0], usable[1]
    clean = {name: value for name, value in os.environ.items() if name not in BINDING}
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "openmp"
        command = [compiler, "-std=c++20", "-O0", "-pthread", "-fopenmp", "-Wall", "-Wextra", "-Werror",
                   f"-I{repository / 'include'}", repository / "tests" / "builds" / "openmp.cpp", "-o", program]
        probe = subprocess.run([compiler, "-fopenmp", "-x", "c++", "-", "-o", program], input="#include <omp.h>\n"
                               "int main() { return omp_get_num_places() < 0; }", text=True, check=False,
                               stderr=subprocess.DEVNULL)
        if probe.returncode != 0:
            print(f"skipped: {compiler} has no OpenMP runtime here")
            return 77
        subprocess.run(command, check=True)

        def seen(environment, argument="", pinned=()):
            run = subprocess.run([program, argument], env={**clean, **environment}, timeout=60, check=False,
                                 stdout=subprocess.PIPE, text=True,
                                 preexec_fn=(lambda: os.sched_setaffinity(0, pinned)) if pinned else None)
            return run.stdout.strip() if run.returncode == 0 else f"exit status {run.returncode}"

        def expect(count, *arguments, **others):
            nonlocal failures
            text = seen(*arguments, **others)
            numbers = [int(word) for word in text.replace(",", "").split() if word.isdigit()]
            # A quota may make the first number smaller.
            right = len(numbers) == 4 and 1 <= numbers[0] <= count and numbers[1:] == [count] * 3
            print(f"{'right' if right else 'WRONG'}: {arguments} {others}: {text}", flush=True)
            failures += not right

        both = {first, second}
        for argument in ("", "fork", "region"):
            expect(2, {}, argument, pinned=both)
            for value in ("true", "close", "spread"):
                expect(2, {"OMP_PROC_BIND": value, "OMP_PLACES": "threads"}, argument, pinned=both)
            expect(2, {"OMP_PROC_BIND": "true"}, argument, pinned=both)
            expect(2, {"GOMP_CPU_AFFINITY": f"{first} {second}"}, argument, pinned=both)
            expect(2, {"KMP_AFFINITY": "granularity=fine,compact"}, argument, pinned=both)
            expect(1, {"OMP_PROC_BIND": "true"}, argument, pinned={second})  # taskset, srun, mpirun
        expect(1, {}, "pin", pinned=both)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
