#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the Promela models of this folder with Spin: each model as it is must have no error in any order of events, and
with each planted defect Spin must find one.

    check.py             some millions of states, about a minute
    check.py --all       larger bounds, some minutes; for by hand

Prints a line for each run: what was explored, and whether the outcome is the expected one. Exit code 77 where Spin is
missing.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LIFE = HERE.parents[1] / "include/concurrent/futures/detail/processes/worker_life.hpp"

RIGHT = [
    ("thread_pool", "TASKS=1 TASKS_MEET"),
    ("thread_pool", "TASKS=1 SHUTDOWN"),
    ("thread_pool", "TASKS=1 WORKERS=3"),
    ("thread_pool", "TASKS=1 IDLE_TIMEOUT"),
    ("thread_pool", "SUBMITTERS=1 TASKS=3"),
    ("thread_pool", "SUBMITTERS=3 TASKS=1"),
    ("process_pool", "TASKS=3 DEATHS=3"),
]
LARGER = [
    ("thread_pool", "TASKS=2"),
    ("thread_pool", "SUBMITTERS=1 TASKS=4 FREE_TASKS=2 TASKS_MEET IDLE_TIMEOUT"),
    ("thread_pool", "TASKS=2 TASKS_MEET"),
    ("thread_pool", "TASKS=1 TASKS_MEET WORKERS=3 SUBMITTERS=3"),
    ("thread_pool", "SUBMITTERS=1 TASKS=4 SHUTDOWN IDLE_TIMEOUT"),
    ("process_pool", "TASKS=5 DEATHS=4"),
]
DEFECTS = [
    ("thread_pool", "SUBMITTERS=1 TASKS=3 NO_LAST_LOOK"),
    ("thread_pool", "SUBMITTERS=1 TASKS=3 LOOKS_EARLY"),
    ("thread_pool", "TASKS=1 TASKS_MEET NO_LOOK_FOR_REST"),
    ("thread_pool", "SUBMITTERS=1 TASKS=4 FREE_TASKS=2 TASKS_MEET IDLE_TIMEOUT READS_EARLY"),
    ("thread_pool", "TASKS=2 TASKS_MEET RAISED_LATE"),
    ("thread_pool", "TASKS=1 SHUTDOWN WAKE_IS_LOST"),
    ("thread_pool", "TASKS=1 SHUTDOWN NO_CLOSED_WAKE"),
    ("process_pool", "REVOKED_BY_STORE"),
    ("process_pool", "STARTED_BY_STORE"),
    ("process_pool", "SETTLED_BEFORE_READ"),
    ("process_pool", "RUNS_AGAIN"),
    ("process_pool", "NOT_GIVEN_BACK"),
]


def explore(model, settings):
    """(the first error that Spin found or None, states, depth); ends the test if Spin did not go to the end."""
    with tempfile.TemporaryDirectory() as folder:
        defines = [f"-D{setting}" for setting in settings.split()]
        subprocess.run(["spin", "-a", *defines, HERE / f"{model}.pml"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["gcc", "-w", "-O2", "-DSAFETY", "-o", "pan", "pan.c"], cwd=folder, check=True)
        out = subprocess.run(["./pan", "-m1000000", "-w22"], cwd=folder, check=True, capture_output=True, text=True).stdout
    if "Search not completed" in out or "max search depth too small" in out:
        error = re.search(r"pan:\d+: (.*)", out)
        if not error:
            sys.exit(f"{model} {settings}: not explored to the end:\n{out}")
    error = re.search(r"pan:\d+: (.*?) \(at depth", out)
    states = int(float(re.search(r"(\S+) states, stored", out)[1]))
    return (error[1] if error else None), states, int(re.search(r"depth reached (\d+)", out)[1])


def compare_states():
    """The model's states of a worker are those of the code, in the same order."""
    code = re.search(r"enum class WorkerState[^{]*{([^}]*)}", LIFE.read_text(encoding="utf-8"))[1]
    model = re.search(r"mtype:worker_state = {([^}]*)}", (HERE / "process_pool.pml").read_text(encoding="utf-8"))[1]
    if [name.strip() for name in code.split(",")] != [name.strip() for name in model.split(",")]:
        sys.exit(f"the states of a worker differ: worker_life.hpp has{code}, process_pool.pml has{model}")


def main():
    if not shutil.which("spin") or not shutil.which("gcc"):
        print("skipped: spin or gcc is not here (Debian has them in the packages spin and gcc)")
        return 77
    compare_states()
    wrong = total = 0
    runs = [(*run, False) for run in RIGHT + (LARGER if "--all" in sys.argv else [])]
    for model, settings, has_defect in runs + [(*run, True) for run in DEFECTS]:
        error, states, depth = explore(model, settings)
        is_right = bool(error) == has_defect
        wrong += not is_right
        total += states
        print(f"{'as expected' if is_right else 'WRONG':<12} {model:<13} {settings:<75} {states:>10} states, depth {depth:>4}: "
              f"{error or 'no error'}", flush=True)
    print(f"{total} states in {len(runs) + len(DEFECTS)} runs, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
