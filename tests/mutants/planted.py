#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants again the bugs that somebody had planted who wrote none of the tests, and looks whether what caught each still does.

    planted.py [--only 6.1] [--jobs 2]
    planted.py --check              each bug still has its place in the headers, and each check is there

Rounds one to five are only told of, in tests/model/README.md. From the sixth on the text of each bug is here. For each: its check
passes on the headers as they are, and fails, crashes or does not end with the bug. Exit code 1 if one does not. Takes some minutes;
for by hand.
"""

import argparse
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = "include/concurrent/futures"
sys.path.insert(0, str(ROOT / "tests/mutants"))
from mutants import run_tests  # noqa: E402

FLAGS = ["-std=c++20", "-O0", "-g0", "-w", "-pthread", "-DCONCURRENT_FUTURES_ASSERTIONS=1", f"-I{ROOT}/tests"]
MODEL_FLAGS = ["-std=c++20", "-O1", "-w", "-pthread", '-DCONCURRENT_FUTURES_MODEL="model/checker/atomic.hpp"',
               "-DCONCURRENT_FUTURES_ASSERTIONS=1", f"-I{ROOT}/tests"]
LIMIT = 150  # seconds; the watchdog of the tests takes 60


class Planted(NamedTuple):
    number: str     # round and bug
    header: str     # below include/concurrent/futures
    old: str        # stands there once
    new: str
    source: str     # of the check, below tests: a file of tests, of scenarios of the model checker, or a program
    case: str       # its name, or how that begins; of a program empty


PLANTED = (
    Planted("6.1", "impl/shared_region", "if (place != regions.known_.end() && place->second.region == this) regions", "if (place != regions.known_.end()) regions",
            "model/checker/regions.cpp", "a region is adopted while its last owner goes"),
    Planted("6.2", "detail/channels/channel_writer",
            "        if (must_forget_ && !write({}, ChunkHeader::forget, deadline)) return false;\n        must_forget_ = false;\n",
            "        if (std::exchange(must_forget_, false) && !write({}, ChunkHeader::forget, deadline)) return false;\n",
            "concurrent/futures/detail/channels/channel_writer.test.cpp", "a value that was taken back is not received, though later ones"),
    Planted("6.3", "impl/worker_threads", "    note_taken();\n    throw BrokenThreadPool(", "    throw BrokenThreadPool(",
            "programs/no_thread_for_a_pool.cpp", ""),
    Planted("6.4", "detail/mpi/mpi_direct_path", "if (is_for_engine || is_moving || (", "if (is_for_engine || (",
            "concurrent/futures/detail/mpi/mpi_direct_path.test.cpp", "a thread that has its result wakes the engine if what it sent"),
    Planted("6.5", "detail/processes/worker_deaths", " && !pool_.forced &&\n                                task.stop_at == TaskLimits::never;", " && !pool_.forced;",
            "concurrent/futures/detail/processes/worker_deaths.test.cpp", "with retry_task a task that was asked to stop is not run again"),
    Planted("6.6", "when_all", "if (any && this->state() != CallState::pending) take_off", "if (any && this->done()) take_off",
            "model/checker/future.cpp", "when_any() that starts while a part ends leaves nothing"),
    Planted("7.1", "scan", "body, bracket);\n        prefixes.go_on(op_);\n", "body, bracket);\n", "model/checker/map.cpp", "a scan whose threads end their parts at the same time"),
    Planted("7.2", "detail/mpi/mpi_cancellation", "        if (asked) task.wanted_back = false;\n", "",
            "concurrent/futures/detail/mpi/mpi_cancellation.test.cpp", "a task that has started while it was asked back is wanted by nobody"),
    Planted("7.3", "detail/processes/single_process", "    ends = Ends();  //", "    //",
            "concurrent/futures/detail/processes/single_process.test.cpp", "who sends descriptors to a child does not wait for one that ends"),
    Planted("7.4", "impl/workforce",
            "    worker.thread = start_thread_(pool_, worker, started_);\n    vacant_.pop_back();\n    if (!free_numbers_.empty()) free_numbers_.pop_back();\n",
            "    if (!free_numbers_.empty()) free_numbers_.pop_back();\n    worker.thread = start_thread_(pool_, worker, started_);\n    vacant_.pop_back();\n",
            "concurrent/futures/detail/scheduling/workforce.test.cpp", "a number is free again when its thread could not be started"),
    Planted("7.5", "detail/channels/channel_writer",
            "        if (!items.empty()) ++value_;\n        for (DescriptorsOut::Item& item : items) {\n            item.message.value = value_;\n"
            "            if (!send_item(item, deadline)) return false;\n        }\n",
            "        for (DescriptorsOut::Item& item : items) {\n            item.message.value = value_ + 1;\n"
            "            if (!send_item(item, deadline)) return false;\n        }\n        if (!items.empty()) ++value_;\n",
            "concurrent/futures/detail/channels/channel_writer.test.cpp", "a value that was taken back when a part of its descriptors"),
    Planted("8.1", "impl/shared_state", "~PutBack() { set_off.append(std::move(left)); }", "~PutBack() {}",
            "concurrent/futures/detail/state/shared_state.test.cpp", "callbacks that were put off run, though one of them ends"),
    Planted("8.2", "detail/scheduling/workforce", "count_.note_end(std::exchange(worker.leaves, false));", "count_.note_end(worker.leaves);",
            "concurrent/futures/detail/scheduling/workforce.test.cpp", "a worker that leaves counts as one that stays no more, and once"),
    Planted("8.3", "detail/task/task_deque", "if (at - oldest_ >= size() || !slot(at)", "if (at >= end_ || !slot(at)",
            "concurrent/futures/detail/task/task_deque.test.cpp", ""),
    Planted("8.4", "detail/processes/deadline_enforcer", "    take_back_unstarted(link);\n    if (link.page()", "    if (link.page()",
            "concurrent/futures/detail/processes/deadline_enforcer.test.cpp", "a task whose time is up is asked to end"),
    Planted("8.5", "detail/map/map_schedule", "            const std::uint32_t seen = calls.number();\n            lock.unlock();\n",
            "            lock.unlock();\n            const std::uint32_t seen = calls.number();\n",
            "model/checker/map.cpp", "MapSchedule: each item runs or is given up, once"),
)


def kind_of(planted):
    return planted.source.split("/")[0]


def objections():
    """What is not there any more."""
    for planted in PLANTED:
        header = ROOT / LIBRARY / f"{planted.header}.hpp"
        count = header.read_text(encoding="utf-8").count(planted.old) if header.exists() else 0
        if count != 1:
            yield f"{planted.number}: the text stands {count} times in {planted.header}.hpp"
        source = ROOT / "tests" / planted.source
        text = re.sub(r'"\s*\n\s*"', "", source.read_text(encoding="utf-8")) if source.exists() else ""
        if not text or planted.case and f'"{planted.case}' not in text:
            yield f"{planted.number}: {planted.source} has no \"{planted.case}\""


class Builder:
    """Compiles checks in a folder, with the headers as they are or with a bug."""

    def __init__(self, folder):
        self.folder = folder
        self.support, self.checker = [], folder / "checker.o"

    def run(self, *command):
        built = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if built.returncode != 0:
            sys.exit(f"planted.py: {' '.join(map(str, command))}\n{built.stdout[:4000]}")

    def prepare(self):
        self.run("g++", *MODEL_FLAGS, f"-I{ROOT}/include", "-c", ROOT / "tests/model/checker/checker.cpp", "-o", self.checker)
        for source in sorted((ROOT / "tests/support").glob("*.cpp")):
            if source.name.endswith(".test.cpp") or source.name == "tsan_exceptions.cpp":
                continue
            output = self.folder / f"support_{source.stem}.o"
            self.run("g++", *FLAGS, f"-I{ROOT}/include", "-c", source, "-o", output)
            self.support.append(output)

    def support_of_programs(self):
        return [path for path in self.support if path.stem not in ("support_main", "support_leak_listener")]

    def headers_with(self, planted):
        include = self.folder / planted.number / "include"
        shutil.copytree(ROOT / "include", include)
        header = self.folder / planted.number / LIBRARY / f"{planted.header}.hpp"
        header.write_text(header.read_text(encoding="utf-8").replace(planted.old, planted.new), encoding="utf-8")
        return include

    def build(self, planted, include, program):
        source = ROOT / "tests" / planted.source
        if kind_of(planted) == "model":
            self.run("g++", *MODEL_FLAGS, f"-I{include}", "-rdynamic", source, self.checker, "-ldl", "-o", program)
        elif kind_of(planted) == "programs":
            self.run("g++", *FLAGS, "-rdynamic", f"-I{include}", source, *self.support_of_programs(), "-lCatch2", "-ldl", "-o", program)
        else:
            self.run("g++", *FLAGS, f"-I{include}", source, *self.support, "-lCatch2", "-ldl", "-o", program)

    def look(self, planted, include, name):
        """How the check ended; empty: it passed."""
        program = self.folder / f"{planted.number}_{name}"
        self.build(planted, include, program)
        if kind_of(planted) == "programs":
            command = [sys.executable, ROOT / "tests/support/run_program.py", ROOT / "tests" / planted.source, program]
        elif kind_of(planted) == "model":
            command = [program, "--limit", "250", "--random", "250", "--only", planted.case]
        else:
            command = [program, re.sub(r"([,\[\]])", r"\\\1", planted.case) + "*"]
        return run_tests(command, -1, LIMIT, self.folder)

    def both(self, planted):
        """(how it ended without the bug, with it)."""
        return self.look(planted, ROOT / "include", "without"), self.look(planted, self.headers_with(planted), "with")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    wrong = list(objections())
    if wrong:
        sys.exit("\n".join(["planted.py:", *wrong]))
    if given.check:
        return 0
    chosen = [planted for planted in PLANTED if planted.number.startswith(given.only)]
    missed = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(given.jobs) as threads:
        builder = Builder(pathlib.Path(folder))
        builder.prepare()
        for planted, (without, found) in zip(chosen, threads.map(builder.both, chosen)):
            right = found and not without
            missed += not right
            how = f"found: {found}" if found else "NOT FOUND"
            print(f"{planted.number} {planted.header}: {f'the check fails without the bug: {without}' if without else how}", flush=True)
    print(f"{len(chosen)} bugs, {missed} not found")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
