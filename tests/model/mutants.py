#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants defects in the protocols of thread pools and futures, one at a time, and looks whether the model checker finds them.

    mutants.py [--only TEXT] [--limit ORDERS] [--results FILE] [--list]

A defect is a memory order that is weaker by one step, or a statement that is left out: a wake-up, or one of STATEMENTS. All
of them are compiled at once into copies of the headers, each behind a question whether it is the one of this run, so each
file with scenarios is compiled once. A line for each: found, and by which scenario, or NOT FOUND. With --results, lines go
to the end of that file, too, and defects that it names are not run again. Exit code 1 if one is not found that EXPLAINED
does not name. Takes some minutes; for by hand.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PUBLIC = "include/concurrent/futures"
DETAIL = f"{PUBLIC}/detail"
# The files with scenarios that concern a header, those that find most first.
SCENARIOS = (("/idle_waiters", ["threads"]), ("/state/", ["parts", "future"]), ("/search_state", ["parts", "threads"]), ("/parker", ["parts"]),
             ("/scheduling/", ["threads"]), ("/strips", ["strips"]), ("/owned_blocks", ["strips"]), ("/map_outcome", ["strips"]), ("/map/", ["map"]),
             ("/processes/", ["shared_memory"]), ("/wire/", ["shared_memory"]), ("/memory/", ["memory"]), ("/spin_mutex", ["parts"]),
             ("/asymmetric_barrier", ["strips"]), ("/mpi/", ["mpi"]), ("/impl/", ["threads"]),
             ("timers", ["threads"]), ("when_all", ["future"]))
HEADERS = [f"{DETAIL}/{name}.hpp" for name in (
    "state/shared_state", "state/state_word", "state/completion_waiter", "state/continuation", "state/idle_waiters",
    "state/once_value", "scheduling/search_state",
    "scheduling/parker", "scheduling/work_queues", "scheduling/worker_threads", "scheduling/worker_loop", "scheduling/workforce",
    "scheduling/thread_tables", "scheduling/queue_room", "scheduling/deadline_timer", "map/strips", "map/owned_blocks", "map/map_outcome",
    "map/map_job", "map/map_schedule", "platform/spin_mutex", "platform/asymmetric_barrier", "memory/block_allocator", "wire/byte_ring",
    "processes/control_page", "mpi/engine_sleep", "mpi/rank_helper")] + [
        f"{PUBLIC}/{name}.hpp" for name in ("impl/worker_threads", "impl/workforce", "impl/deadline_timer", "timers", "when_all")]
WEAKER = {"seq_cst": ["acq_rel"], "acq_rel": ["acquire", "release"], "acquire": ["relaxed"], "release": ["relaxed"]}
OF_LOAD, OF_STORE = {"acq_rel": "acquire"}, {"acq_rel": "release"}  # orders that an operation cannot have
WAKE = re.compile(r"\b(?:futex_wake(?:_one|_all)?\([^;]*\)|(?:\w+->)?[\w.]+\.notify_(?:one|all)\(\)|[\w.()]+\.wake\(\)|signal_once\(\)"
                  r"|look_for_waiter\(strip, ran\)|[\w.]*bring_if_tasks_left\(\)|bring_for_rest\(\))(?=;)")
# Checks and steps: the header, the statement, what is there instead.
STATEMENTS = (
    ("memory/block_allocator", "leave_page(local_);", ""),
    ("memory/block_allocator", "settle(local_);", ""),
    ("memory/block_allocator", "settle(local);", "local.freed = 0;"),
    ("memory/block_allocator", "local.made = 0;", ""),
    ("memory/block_allocator", "--local.made;", ""),
    ("memory/block_allocator", "++local.freed;", ""),
    ("memory/block_allocator", "local.freed_page = page;", ""),
    ("map/map_schedule", "strips_.tell_waiter();", ""),
    ("scheduling/thread_tables", "room.wake_all();", ""),
    ("impl/worker_threads", "pool_.workers.wake_all();", ""),
    ("impl/worker_threads", "pool_.workers.bring(lock);", ""),
    ("scheduling/worker_loop", "worker_.parker.park(Deadline::never());", ""),
    ("scheduling/workforce", "search_.begin_search();", ""),
    ("mpi/engine_sleep", "{ const std::lock_guard lock(rule_.mutex()); }", ""),
    ("mpi/engine_sleep", "if (bell_) bell_->ring();", ""),
    ("mpi/engine_sleep", "if (listens) bell_->prepare();", ""),
)
# Looks: the header, the expression, its value instead.
LOOKS = (
    ("state/state_word", "is_final(state_of(seen))", "false"),
    ("map/strips", "!over()", "true"),
    ("map/strips", "(again)", "(true)"),
    ("map/map_schedule", "(closed_)", "(false)"),
    ("map/owned_blocks", "number_.fetch_add(1, std::memory_order_relaxed)", "0u"),
    ("map/owned_blocks", "low + stride_ - low % stride_", "low"),
    ("map/owned_blocks", "blocks_[number].end = end", "0u"),
    ("platform/asymmetric_barrier", "(::syscall(SYS_membarrier, barrier_of_this_process, 0, 0) != 0)", "(false)"),
    ("scheduling/worker_loop", "!pool_.queues.empty()", "false"),
    ("scheduling/worker_loop", "!pool_.workers.bring_if_tasks_left()", "false"),
    ("scheduling/worker_loop", "pool_.search.has_available()", "false"),
    ("scheduling/worker_loop", "(workers.headcount().all_idle())", "(false)"),
    ("scheduling/worker_loop", "(pool_.workers.headcount().all_idle())", "(false)"),
    ("impl/workforce", "= bring_if_tasks_left()", "= true"),
    ("mpi/engine_sleep", "!find_news()", "true"),
    ("when_all", "this->state() != CallState::pending", "this->done() == true"),
)
FLAGS = ["-std=c++20", "-O1", "-rdynamic", "-pthread", '-DCONCURRENT_FUTURES_MODEL="model/checker/atomic.hpp"',
         "-DCONCURRENT_FUTURES_ASSERTIONS=1", "-w"]
CHOICE = """#pragma once
#include <atomic>
#include <cstdlib>
namespace mutant {
inline bool is(int number) noexcept {
    static const char* const given = std::getenv("CONCURRENT_FUTURES_MUTANT");
    static const int chosen = given ? std::atoi(given) : -1;
    return number == chosen;
}
}
"""
# Text of a mutant, with its line and the line above it: why no order of events shows it.
KEPT = "may be weaker, kept:"
EXPLAINED = {
    "ends_.fetch_add(1, std::memory_order_acq_rel)": "the maps of the scenarios have one segment, so no thread must hear of a new one",
    "end_request_.store": "orders it before the signal that follows; the checker has no signals",
    "hook_started_.": "a time, which hands over no data",
    "first_peak_.store": "orders it behind the signal handler, which the kernel keeps; the checker has no signals",
    "first_peak_.load": "as first_peak_.store",
    # These may be weaker by one step. They are kept: on x86-64 nothing is gained, and nobody has measured another processor.
    "std::uint64_t seen = word_.load(std::memory_order_acquire); | // (4)": f"{KEPT} the caller of sleep() reads the state again",
    "closed_.store(true, std::memory_order_release)": f"{KEPT} whoever finds the pool closed takes the mutex",
    "closed_.load(std::memory_order_acquire)": f"{KEPT} whoever finds the pool closed takes the mutex",
    "news_.load(std::memory_order_acquire)": f"{KEPT} try_take() takes the mutex",
    "news_.exchange(some, std::memory_order_release)": f"{KEPT} try_take() takes the mutex",
    "strip.word.fetch_and(waiter, std::memory_order_acq_rel)": f"{KEPT} the lock, and tell_waiter() behind it, order it",
    "acq_rel is acquire: if (strip.word.compare_exchange_weak(seen, seen + claimed": f"{KEPT} the reader is the waiter",
    "acq_rel is release: if (word.fetch_add(0, std::memory_order_acq_rel) & waiter)": f"{KEPT} tell_waiter_of() acquires, too",
    "acq_rel is release: strips_.front().word.fetch_add(0, std::memory_order_acq_rel)":
        "orders signal_once() behind the name that the waiter stored; in the checker stores take effect as they run",
    "acq_rel is acquire: word.fetch_and(~waiter": f"{KEPT} it continues the release sequence of what it read",
    "acq_rel is acquire: word.fetch_or(waiter": f"{KEPT} it continues the release sequence of what it read",
    "running_since_.store(0, std::memory_order_release)": f"{KEPT} it hands over no data; lanes and outbox have mutexes",
    "running_since_.load(std::memory_order_acquire)": f"{KEPT} it hands over no data; lanes and outbox have mutexes",
    "ring_->written.load(std::memory_order_seq_cst) - read_": f"{KEPT} who is about to sleep looks by has_news()",
    "waited_for_.exchange(0, std::memory_order_seq_cst)": f"{KEPT} the load before it is ordered",
    "word(task, SlotState::sent), std::memory_order_release)": f"{KEPT} the frame, sent behind it, hands it over",
    "std::memory_order_acq_rel,  // (2)": f"{KEPT} the word decides; success hands over nothing",
    "acq_rel is release: std::memory_order_acq_rel,  // (3)": f"{KEPT} of a task that was sent nothing is read in the page",
    "std::memory_order_acquire);  // with (2)": f"{KEPT} of a task that was revoked nothing is read",
}


class Mutant:
    def __init__(self, number, header, line, what):
        self.number, self.header, self.line = number, header, line
        self.name = f"{header.removeprefix(PUBLIC + '/').removeprefix('detail/')}:{line}: {what}"


def described(mutant):
    lines = (ROOT / mutant.header).read_text(encoding="utf-8").split("\n")
    return f"{mutant.name}: {lines[mutant.line - 1].strip()} | {lines[mutant.line - 2].strip()}"


def weaker_orders(code, order):
    for weaker in WEAKER[order]:
        if ".load(" in code:
            weaker = OF_LOAD.get(weaker, weaker)
        if ".store(" in code:
            weaker = OF_STORE.get(weaker, weaker)
        yield weaker


def plant():
    """All mutants, and by header its text with them."""
    mutants, texts = [], {}

    def new(*what):
        mutants.append(Mutant(len(mutants), *what))
        return mutants[-1].number

    for header in HEADERS:
        lines = (ROOT / header).read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines, 1):
            code = line.split("//")[0]
            if "memory_order order" in code or "signal_fence" in code:
                continue

            def order(match, number=number, code=code):
                given = match[0]
                for weaker in weaker_orders(code, match[1]):
                    given = f"mutant::is({new(header, number, f'{match[1]} is {weaker}')}) ? std::memory_order_{weaker} : {given}"
                return f"({given})"

            changed = re.sub(r"std::memory_order_(seq_cst|acq_rel|acquire|release)\b", order, code)
            match = WAKE.search(changed)
            if match and "void " not in code and "=" not in code[:code.find(match[0])].split("(")[0]:
                which = new(header, number, f"without {match[0].split('(')[0]}()")
                instead = "choose_idle()" if "choose_idle()" in match[0] else ""
                changed = changed[:match.start()] + f"(mutant::is({which}) ? void({instead}) : void({match[0]}))" + changed[match.end():]
            for where, statement, instead in STATEMENTS:
                if where in header and changed.strip() == statement:
                    which = new(header, number, f"without {statement}")
                    changed = f"if (!mutant::is({which})) {{ {statement} }} else {{ {instead} }}"
            for where, look, instead in LOOKS:
                if where in header and look in code:
                    which = new(header, number, f"{look} is {instead.strip('= ()')}")
                    begin, end = (look[:2], "") if look[0] == "=" else (look[0], look[-1]) if look[0] == "(" else ("", "")
                    value = look.removeprefix(begin).removesuffix(end)
                    changed = changed.replace(look, f"{begin}(mutant::is({which}) ? {instead.strip('= ()')} : {value}){end}", 1)
            lines[number - 1] = changed + line[len(code):]
        texts[header] = "\n".join(lines)
    names = "\n".join(mutant.name for mutant in mutants)
    lost = [f"{where}: {text}" for where, text, _ in STATEMENTS if f": without {text}" not in names]
    lost += [f"{where}: {text}" for where, text, _ in LOOKS if f": {text} is " not in names]
    lost += [text for text in EXPLAINED if not any(text in described(mutant) for mutant in mutants)]
    if lost:
        sys.exit("mutants.py: these are not in the headers any more:\n" + "\n".join(lost))
    return mutants, texts


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)


class Programs:
    """Each with the scenarios of one file."""

    def __init__(self, folder, texts):
        self.folder, self.built = folder, {}
        for header, text in texts.items():
            copy = folder / header
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(text, encoding="utf-8")
        (folder / "choice.hpp").write_text(CHOICE, encoding="utf-8")

    def compile(self, name):
        output = self.folder / f"{name}.o"
        built = run(["g++", *FLAGS, "-include", f"{self.folder}/choice.hpp", f"-I{self.folder}/include", f"-I{ROOT}/include",
                     f"-I{ROOT}/tests", "-c", f"{ROOT}/tests/model/checker/{name}.cpp", "-o", output])
        if built.returncode != 0:
            sys.exit(f"mutants.py: {name}.cpp does not compile with the mutants: {built.stdout[:3000]}")
        return output

    def get(self, name):
        if name not in self.built:
            checker = self.built.setdefault("checker", None) or self.compile("checker")
            self.built["checker"] = checker
            program = self.folder / name
            subprocess.run(["g++", "-rdynamic", "-pthread", self.compile(name), checker, "-ldl", "-o", program], check=True)
            self.built[name] = program
        return self.built[name]

    def find(self, mutant, limit):
        """How it was found, or an empty text."""
        for name in next(files for part, files in SCENARIOS if part in mutant.header):
            program = self.get(name)
            seen = run([program, "--limit", str(limit), "--random", str(limit // 2), "--stop", "1"],
                       env=dict(os.environ, CONCURRENT_FUTURES_MUTANT=str(mutant.number)))
            if seen.returncode != 0:
                wrong = re.search(r"^WRONG: (.*)", seen.stdout, re.MULTILINE)
                return f"{name}: {wrong[1] if wrong else seen.stdout[-200:]}"
        return ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--results")
    parser.add_argument("--list", action="store_true")
    given = parser.parse_args()
    mutants, texts = plant()
    chosen = [mutant for mutant in mutants if given.only in mutant.name]
    results = pathlib.Path(given.results) if given.results else None
    before = results.read_text(encoding="utf-8") if results and results.exists() else ""
    lost = 0
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(pathlib.Path(folder), texts)
        for mutant in chosen:
            if given.list:
                print(described(mutant).split(" | ")[0])
                continue
            if f"\n{mutant.name}: " in f"\n{before}":
                continue
            how = programs.find(mutant, given.limit)
            reason = next((why for text, why in EXPLAINED.items() if text in described(mutant)), "")
            line = f"{mutant.name}: {('found: ' + how) if how else ('not found, explained: ' + reason) if reason else 'NOT FOUND'}"
            print(line, flush=True)
            if results:
                with results.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
            lost += not how and not reason
    print(f"{len(chosen)} defects, {lost} not found and not explained")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
