# SPDX-License-Identifier: MIT
"""Runs an example and makes sure that it ends well and leaves no process behind."""
import ctypes
import os
import signal
import subprocess
import sys
import time

SET_CHILD_SUBREAPER = 36  # prctl: orphans below this process become its children


def children():
    """pid -> name of every child of this process, ended ones included."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
                name, _, rest = stat.read().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if int(rest.split()[1]) == os.getpid():
            found[int(pid)] = f"{name} ({rest.split()[0]})"
    return found


def left_behind(before, seconds=10):
    """What is there after at most so long that was not there before; what ends meanwhile is waited for."""
    end = time.monotonic() + seconds
    while True:
        left = {pid: name for pid, name in children().items() if pid not in before}
        for pid in left:
            os.waitpid(pid, os.WNOHANG)
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.01)


def run(command, timeout=120):
    """Standard output of the command. Ends the test if it fails or leaves a process behind."""
    on_linux = sys.platform == "linux"
    if on_linux:
        ctypes.CDLL(None, use_errno=True).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = children() if on_linux else {}
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as expired:
        fail(f"{command} did not end in {timeout} s", expired.stdout, expired.stderr)
    if result.returncode != 0:
        fail(f"{command} ended with {result.returncode}", result.stdout, result.stderr)
    if on_linux:
        left = left_behind(before)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        if left:
            fail(f"{command} left processes behind: {left}", result.stdout, result.stderr)
    return result.stdout


def check(condition, message, output=""):
    if not condition:
        fail(message, output)


def fail(message, *outputs):
    for output in outputs:
        if output:
            print(output if isinstance(output, str) else output.decode(errors="replace"))
    print(f"FAILED: {message}")
    sys.exit(1)
