#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a test program and checks what the first lines of its source promise.

    run_program.py SOURCE PROGRAM

The source begins with comment lines; each of these may appear (repeated where it makes sense):

    // expect-exit: 0                 exit code, or -9 for "ended by signal 9"; default 0
    // expect-output: REGEX           must be found in standard output and error (several: all)
    // expect-no-output: REGEX        must not be found there
    // arguments: WORDS               for the program, split as a shell would
    // environment: NAME=VALUE        set for the program, as is TEST_SOURCE, the path of SOURCE
    // timeout-seconds: 30            default 60; four times as long when the program is sanitized

A program that prints "skipped: REASON" and exits with code 77 counts as skipped.
When the program has ended, nothing it started may be left: no child, no grandchild.
"""
import ctypes
import os
import re
import shlex
import signal
import subprocess
import sys
import time

SET_CHILD_SUBREAPER = 36  # prctl: orphans below this process become its children


def expectations(source):
    found = {"exit": 0, "output": [], "no-output": [], "arguments": [], "environment": {},
             "timeout": 60.0}
    with open(source, encoding="utf-8") as text:
        for line in text:
            if not line.startswith("//"):
                break
            match = re.match(r"// ([a-z-]+): (.*)$", line.rstrip())
            if not match:
                continue
            key, value = match.groups()
            if key == "expect-exit":
                found["exit"] = int(value)
            elif key in ("expect-output", "expect-no-output"):
                found[key[len("expect-"):]].append(value)
            elif key == "arguments":
                found["arguments"] = shlex.split(value)
            elif key == "environment":
                name, _, content = value.partition("=")
                found["environment"][name] = content
            elif key == "timeout-seconds":
                found["timeout"] = float(value)
            elif key.startswith("expect"):
                sys.exit(f"{source}: unknown expectation '{key}'")
    return found


def children():
    """pid -> description of every child of this process, ended ones included."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
                text = stat.read()
        except OSError:
            continue
        state, parent = text[text.rindex(")") + 2:].split()[:2]
        if int(parent) == os.getpid():
            found[int(name)] = f"{text[:text.rindex(')') + 1]} state {state}"
    return found


def left_behind(seconds):
    """What is still alive below this process after at most `seconds`. Ended orphans are reaped."""
    end = time.monotonic() + seconds
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            return {}
        if time.monotonic() > end:
            return children()
        time.sleep(0.01)


def kill_all():
    while remaining := children():
        for pid in remaining:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(-1, 0)


def main():
    source, program = sys.argv[1:3]
    wanted = expectations(source)
    sanitized = any(name in os.environ for name in ("ASAN_OPTIONS", "TSAN_OPTIONS"))
    limit = wanted["timeout"] * (4 if sanitized else 1)
    ctypes.CDLL(None, use_errno=True).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    # A file, not a pipe: a process left behind would keep a pipe open.
    log_path = f"{program}.{os.getpid()}.log"
    with open(log_path, "w+", encoding="utf-8", errors="replace") as log:
        os.unlink(log_path)
        process = subprocess.Popen([program, *wanted["arguments"]], stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=subprocess.STDOUT,
                                   env={**os.environ, "TEST_SOURCE": os.path.abspath(source), **wanted["environment"]})
        failures = []
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
            failures.append(f"it did not end within {limit:g} s")
            for pid in [process.pid, *(p for p in children() if p != process.pid)]:
                subprocess.run(["gdb", "--nx", "--batch", "-ex", "thread apply all backtrace 30",
                                "-p", str(pid)], check=False, stdout=log, stderr=log, timeout=60)
            process.kill()
            process.wait()
        leftovers = left_behind(5 * (4 if sanitized else 1))
        failures += [f"left behind: {text}" for text in leftovers.values()]
        kill_all()
        log.seek(0)
        output = log.read()

    if code == 77 and wanted["exit"] != 77 and not failures and re.search("^skipped: ", output, re.MULTILINE):
        print(output, end="")
        return 77
    if code is not None and code != wanted["exit"]:
        failures.append(f"its exit code is {code}, expected {wanted['exit']}")
    for pattern in wanted["output"]:
        if not re.search(pattern, output, re.MULTILINE):
            failures.append(f"its output lacks /{pattern}/")
    for pattern in wanted["no-output"]:
        if re.search(pattern, output, re.MULTILINE):
            failures.append(f"its output has /{pattern}/")

    print(output, end="")
    for failure in failures:
        print(f"FAILED: {os.path.basename(source)}: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
