#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random programs, run by CPython's own executor and by ours: the same must be seen.

    programs.py RUNNER [--programs N] [--seed S]

A program is a few dozen lines such as `submit 3 gate 1`, `cancel 2`, `wait first_completed 0 2 3`.
After each line both sides wait until nothing can move any more (every task has ended, waits at a shut
gate, or waits for a worker), so what is seen does not depend on timing. RUNNER (runner.cpp) reads
programs from its input and prints what it sees; here CPython prints what it sees.

Differences that are argued, and evened out on CPython's side (see wait_ and as_completed_):
  1. A cancelled future is done for wait() and as_completed() at once; CPython counts it as not done until
     a worker comes across it in the queue (cpython#87893, #109934, #136655).
"""
import argparse
import concurrent.futures as cf
import random
import subprocess
import sys
import threading
import time

RETURN_WHEN = {"first_completed": cf.FIRST_COMPLETED, "first_exception": cf.FIRST_EXCEPTION,
               "all_completed": cf.ALL_COMPLETED}


LONG, SHORT = 5.0, 0.001  # seconds that a wait() has which must return at once, and which must not


class Boom(Exception):
    pass


def generate(rng):
    """One program, as a list of lines."""
    workers = rng.randint(1, 3)
    lines = [f"pool {workers}"]
    submitted, gates = 0, 3
    for _ in range(rng.randint(5, 40)):
        some = [rng.randrange(submitted) for _ in range(rng.randint(1, 6))] if submitted else []
        kind = rng.choice(["submit"] * 6 + ["open", "cancel", "cancel", "look", "result", "exception",
                                            "callback", "wait", "wait", "as_completed", "map",
                                            "shutdown"])
        if kind == "submit":
            what = rng.choice(["value", "value", "boom", "gate", "gate", "gateboom"])
            lines.append(f"submit {what} {rng.randrange(gates)}")
            submitted += 1
        elif kind == "open":
            lines.append(f"open {rng.randrange(gates)}")
        elif kind == "map":
            values = " ".join(str(rng.randint(-2, 9)) for _ in range(rng.randint(0, 6)))
            lines.append(f"map {rng.randint(1, 3)} {values}".rstrip())
        elif kind == "shutdown":
            if rng.random() < 0.15:
                lines.append(f"shutdown {rng.randint(0, 1)}")
        elif not some:
            continue
        elif kind == "wait":
            lines.append(f"wait {rng.choice(list(RETURN_WHEN))} {' '.join(map(str, some))}")
        elif kind == "as_completed":
            lines.append(f"as_completed {' '.join(map(str, some))}")
        else:
            lines.append(f"{kind} {some[0]}")
    for gate in range(gates):
        lines.append(f"open {gate}")
    lines += [f"look {index}" for index in range(submitted)] + ["end"]
    return lines


class Reference:
    """Runs a program on CPython's ThreadPoolExecutor."""

    def __init__(self):
        self.lock = threading.Lock()
        self.gates = [threading.Event() for _ in range(3)]
        self.futures, self.blocked_at, self.seen, self.log = [], {}, [], []
        self.started, self.ended = set(), set()
        self.attached, self.called = [], 0
        self.closed = False

    def task(self, index, what, gate):
        with self.lock:
            self.started.add(index)
            if what.startswith("gate"):
                self.blocked_at[index] = gate
        if what.startswith("gate"):
            self.gates[gate].wait()
        with self.lock:
            self.ended.add(index)
        if what.endswith("boom"):
            raise Boom(f"boom {index}")
        return index * 10

    def settle(self):
        """Until nothing can move."""
        while True:
            with self.lock:
                running = self.started - self.ended
                stuck = all(not self.gates[self.blocked_at[i]].is_set() for i in running
                            if i in self.blocked_at) and all(i in self.blocked_at for i in running)
                waiting = [i for i, f in enumerate(self.futures)
                           if f and i not in self.started and not f.cancelled()]
                ended = all(self.futures[i].done() for i in self.ended if self.futures[i])
                called = self.called == sum(self.futures[i].done() for i in self.attached)
                if stuck and ended and called and (len(running) == self.workers or not waiting):
                    return
            time.sleep(0)

    def say(self, text):
        self.seen.append(text)

    def outcome(self, call):
        try:
            return str(call())
        except cf.CancelledError:
            return "cancelled"
        except cf.TimeoutError:
            return "timeout"
        except Boom as error:
            return f"raised {error}"

    def run(self, lines):
        for line in lines:
            word, *rest = line.split()
            getattr(self, word + "_")(*rest)
            if word != "pool":
                self.settle()
            if self.log:
                # Several tasks may end at one gate, on several workers: in which order is chance.
                self.say("callbacks " + " ".join(sorted(self.log)))
                self.log.clear()
        return self.seen

    def pool_(self, workers):
        self.workers = int(workers)
        self.pool = cf.ThreadPoolExecutor(self.workers)

    def submit_(self, what, gate):
        index = len(self.futures)
        try:
            with self.lock:
                future = self.pool.submit(self.task, index, what, int(gate))
                self.futures.append(future)
            self.say("submitted")
        except RuntimeError:
            self.futures.append(None)
            self.say("refused")

    def open_(self, gate):
        self.gates[int(gate)].set()

    def at(self, index):
        return self.futures[int(index)]

    def cancel_(self, index):
        self.say(str(self.at(index).cancel()) if self.at(index) else "none")

    def look_(self, index):
        future = self.at(index)
        self.say(f"{future.done()} {future.running()} {future.cancelled()}" if future else "none")

    def result_(self, index):
        self.say(self.outcome(lambda: self.at(index).result(0)) if self.at(index) else "none")

    def exception_(self, index):
        self.say(self.outcome(lambda: self.at(index).exception(0)) if self.at(index) else "none")

    def callback_(self, index):
        def call(future):
            with self.lock:
                self.log.append(index)
                self.called += 1

        if self.at(index):
            self.attached.append(int(index))
            self.at(index).add_done_callback(call)

    def some(self, indexes):
        return [self.at(i) for i in indexes if self.at(i)]

    def numbers(self, futures):
        return " ".join(str(i) for i, f in enumerate(self.futures) if f in futures)

    def wait_(self, when, *indexes):
        """What is done, and whether wait() returned for that or because the time was up. Nothing can move, so
        it is known which: where it must return at once it has long, else it has hardly any time, and an early
        return is seen by that time not being over."""
        futures = set(self.some(indexes))
        cancelled = {f for f in futures if f.cancelled()}  # difference 1: taken out of what CPython is asked
        rest = futures - cancelled
        ended = {f for f in rest if f.done()}
        at_once = ended == rest or when == "first_completed" and (ended or cancelled) or \
            when == "first_exception" and any(f.exception() for f in ended)
        limit = LONG if at_once else SHORT
        began = time.monotonic()
        result = cf.wait(rest, timeout=0 if cancelled and when == "first_completed" else limit,
                         return_when=RETURN_WHEN[when])
        early = time.monotonic() - began < limit
        self.say(f"done {self.numbers(result.done | cancelled)} not {self.numbers(result.not_done)} "
                 f"{'at once' if early else 'timeout'}")

    def as_completed_(self, *indexes):
        futures, got, timed_out = self.some(indexes), set(), ""
        try:
            for future in cf.as_completed(futures, timeout=0):
                got.add(future)
        except cf.TimeoutError:
            timed_out = "timeout"
        late = {f for f in set(futures) - got if f.cancelled()}  # difference 1
        if late and got | late == set(futures):
            timed_out = ""
        self.say(f"got {self.numbers(got | late)} {timed_out}".rstrip())

    def map_(self, chunksize, *values):
        if self.closed or len(self.started - self.ended) == self.workers:
            self.say("no map")
            return
        results = []
        iterator = self.pool.map(self.item, map(int, values), chunksize=int(chunksize))
        while True:
            try:
                results.append(str(next(iterator)))
            except StopIteration:
                break
            except Boom as error:
                results.append(f"raised {error}")
                break  # up to CPython 3.15 the iterator ends here; compare no further
        self.say("map " + " ".join(results))

    @staticmethod
    def item(value):
        if value < 0:
            raise Boom(f"boom {value}")
        return value * value

    def shutdown_(self, cancel):
        self.closed = True
        self.pool.shutdown(wait=False, cancel_futures=cancel == "1")

    def end_(self):
        self.pool.shutdown()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("runner")
    parser.add_argument("--programs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    programs = [generate(rng) for _ in range(arguments.programs)]
    text = "".join("\n".join(program) + "\n" for program in programs)
    ours = subprocess.run([arguments.runner], input=text, capture_output=True, text=True, check=False,
                          timeout=60 + arguments.programs)
    if ours.returncode != 0:
        sys.exit(f"the runner ended with {ours.returncode}: {ours.stderr}")
    blocks = ours.stdout.split("--\n")[:-1]
    differences = 0
    for number, program in enumerate(programs):
        expected = Reference().run(program)
        expected = [line.rstrip() for line in expected]
        got = [line.rstrip() for line in blocks[number].splitlines()] if number < len(blocks) else []
        if got != expected:
            differences += 1
            print(f"program {number} of seed {arguments.seed}:\n  " + "\n  ".join(program))
            print("CPython: ", expected, "\nours:    ", got, sep="\n")
            if differences == 3:
                break
    seen = sum(block.count("\n") for block in blocks)
    print(f"{len(programs)} programs, seed {arguments.seed}, {seen} observations, "
          f"{differences} differences")
    sys.exit(1 if differences or len(blocks) != len(programs) else 0)


if __name__ == "__main__":
    main()
