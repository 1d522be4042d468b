#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants defects in the protocols of thread pools and futures, one at a time, and looks whether the model checker finds them.

    mutants.py [--only TEXT] [--limit ORDERS] [--list]

A defect is a memory order that is weaker by one step, or a wake-up that is left out. Each is compiled from a copy of one
header; the rest is as it is. A line for each: found, and by which scenario, or NOT FOUND. Exit code 1 if one is not found
that EXPLAINED does not name. Takes some minutes; for by hand.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DETAIL = "include/concurrent/futures/detail"
HEADERS = [f"{DETAIL}/{name}.hpp" for name in (
    "state/shared_state", "state/state_word", "state/completion_waiter", "state/continuation", "state/idle_waiters",
    "scheduling/search_state",
    "scheduling/parker", "scheduling/work_queues", "scheduling/worker_threads", "scheduling/worker_loop", "scheduling/workforce",
    "scheduling/queue_room", "scheduling/deadline_timer", "map/lanes", "map/map_outcome", "map/map_job", "map/map_schedule",
    "platform/spin_mutex", "wire/byte_ring", "processes/control_page")] + [
        "include/concurrent/futures/timers.hpp", "include/concurrent/futures/when_all.hpp"]
WEAKER = {"seq_cst": ["acq_rel"], "acq_rel": ["acquire", "release"], "acquire": ["relaxed"], "release": ["relaxed"]}
OF_LOAD, OF_STORE = {"acq_rel": "acquire"}, {"acq_rel": "release"}  # orders that an operation cannot have
WAKE = re.compile(r"\b(?:futex_wake(?:_one|_all)?\([^;]*\)|[\w.]+\.notify_(?:one|all)\(\)|[\w.()]+\.wake\(\)|signal_once\(\)"
                  r"|look_for_waiter\(lane, ran\)|bring_if_tasks_left\(\)|bring_for_rest\(\))(?=;)")
FLAGS = ["-std=c++20", "-O1", "-rdynamic", "-pthread", '-DCONCURRENT_FUTURES_MODEL="model/checker/atomic.hpp"',
         "-DCONCURRENT_FUTURES_ASSERTIONS=1", "-w"]
# Text of a mutant: why no order of events shows it.
EXPLAINED = {
    "ends_.fetch_add(1, std::memory_order_acq_rel)": "the maps of the scenarios have one segment, so no thread must hear of a new one",
}


def mutants():
    """(header, line number, what changes, the line as it is, the line with the defect)"""
    for header in HEADERS:
        for number, line in enumerate((ROOT / header).read_text(encoding="utf-8").split("\n"), 1):
            code = line.split("//")[0]
            for match in re.finditer(r"memory_order_(seq_cst|acq_rel|acquire|release)", code):
                for weaker in WEAKER[match[1]]:
                    if re.search(r"\.load\(", code):
                        weaker = OF_LOAD.get(weaker, weaker)
                    if re.search(r"\.store\(", code):
                        weaker = OF_STORE.get(weaker, weaker)
                    yield (header, number, f"{match[1]} is {weaker}", line,
                           line[:match.start(1)] + weaker + line[match.end(1):])
            match = WAKE.search(code)
            if match and "void " not in code:
                yield header, number, f"without {match[0].split('(')[0]}()", line, line[:match.start()] + "(void)0" + line[match.end():]


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)


def find(folder, checker, mutant, limit):
    """How it was found, an empty text, or nothing if it is no program."""
    header, number, _, _, changed = mutant
    lines = (ROOT / header).read_text(encoding="utf-8").split("\n")
    lines[number - 1] = changed
    copy = folder / header
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text("\n".join(lines), encoding="utf-8")
    # The scenarios that are nearest first.
    order = ["parts", "future", "threads", "map"]
    for folder_name, first in (("/scheduling/", "threads"), ("/map/", "map")):
        if folder_name in header:
            order.sort(key=lambda name: name != first)
    if "/processes/" in header:
        order = ["shared_memory"]
    try:
        for name in order:
            program = folder / name
            built = run(["g++", *FLAGS, f"-I{folder}/include", f"-I{ROOT}/include", f"-I{ROOT}/tests",
                         f"{ROOT}/tests/model/checker/{name}.cpp", checker, "-ldl", "-o", program])
            if built.returncode != 0:
                return None
            seen = run([program, "--limit", str(limit), "--random", str(limit)])
            if seen.returncode != 0:
                wrong = re.search(r"^WRONG: (.*)", seen.stdout, re.MULTILINE)
                return f"{name}: {wrong[1] if wrong else seen.stdout[-200:]}"
    finally:
        copy.unlink()
    return ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--list", action="store_true")
    given = parser.parse_args()
    chosen = [mutant for mutant in mutants() if given.only in f"{mutant[0]}:{mutant[1]}: {mutant[2]}"]
    lost = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        checker = folder / "checker.o"
        if not given.list:
            subprocess.run(["g++", *FLAGS, f"-I{ROOT}/include", f"-I{ROOT}/tests", "-c",
                            f"{ROOT}/tests/model/checker/checker.cpp", "-o", checker], check=True)
        for mutant in chosen:
            name = f"{mutant[0].removeprefix('include/concurrent/futures/')}:{mutant[1]}: {mutant[2]}"
            if given.list:
                print(f"{name}: {mutant[3].strip()}")
                continue
            how = find(folder, checker, mutant, given.limit)
            if how is None:
                print(f"{name}: left out, it does not compile")
                continue
            reason = next((why for text, why in EXPLAINED.items() if text in f"{name}: {mutant[3]}"), "")
            print(f"{name}: {('found: ' + how) if how else ('not found, explained: ' + reason) if reason else 'NOT FOUND'}", flush=True)
            if not how and not reason:
                lost.append(f"{name}: {mutant[3].strip()}")
    print(f"{len(chosen)} defects, {len(lost)} not found and not explained")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
