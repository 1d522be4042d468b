#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gdb shows futures, promises and pools with scripts/gdb_printers.py.

    gdb_printers.py COMPILER REPOSITORY
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SHOWN = {  # what is printed: what gdb must say
    "finished": r"cf::Future<int>: finished = \{value = 36\}",
    "text": r'cf::Future<std::.*string.*>: finished = \{value = "forty-two"\}',
    "nothing": r"cf::Future<void>: finished$",
    "failed": r"cf::Future<int>: failed = \{exception = 0x[0-9a-f]+\}",
    "running": r"cf::Future<void>: running$",
    "pending": r"cf::Future<int>: pending$",
    "cancelled": r"cf::Future<int>: cancelled$",
    "empty": r"cf::Future<int>: empty$",
    "promise": r"cf::Promise<int>: pending$",
    "pool": r"cf::ThreadPoolExecutor: 1 of 1 threads, 0 asleep, 0 blocked, [12] tasks queued = \{queued\[0\] = .*ThreadCall.*\}",
    "processes": r"cf::ProcessPoolExecutor: 1 of 1 processes = \{worker\[0\] = \d+\}",
}


def main():
    compiler, repository = sys.argv[1], pathlib.Path(sys.argv[2])
    if not shutil.which("gdb"):
        print("skipped: gdb is not installed; Debian has it in gdb")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        program = pathlib.Path(name) / "program"
        subprocess.run([compiler, "-std=c++20", "-g", "-O0", "-pthread", "-I", repository / "include", HERE / "gdb_printers/program.cpp",
                        "-o", program], check=True, timeout=600)
        commands = ["set debuginfod enabled off", "set width 0", "set print thread-events off",
                    f"source {repository}/scripts/gdb_printers.py", "set breakpoint pending on", "break stop_here",
                    "run", "up"]
        for variable in SHOWN:
            commands += [f"echo \\n== {variable}:", f"output {variable}", "echo \\n"]
        commands += ["kill"]
        gdb = ["gdb", "-nx", "-batch", program] + [part for command in commands for part in ("-ex", command)]
        done = subprocess.run(gdb, capture_output=True, text=True, timeout=900, check=False)
    if re.search("ptrace|Cannot (create|run)|Could not trace", done.stderr) and "== finished" not in done.stdout:
        print("skipped: gdb cannot trace a process here:", done.stderr.strip().splitlines()[-1])
        sys.exit(77)
    wrong = 0
    for variable, expected in SHOWN.items():
        found = re.search(rf"^== {variable}:(.*)$", done.stdout, re.MULTILINE)
        if not found or not re.match(expected, found[1]):
            print(f"{variable}: expected {expected}, gdb printed {found[1] if found else 'nothing'}")
            wrong += 1
    if wrong:
        sys.exit(f"gdb_printers.py: {wrong} wrong; all that gdb printed:\n{done.stdout}\n{done.stderr}")
    print(f"gdb shows {len(SHOWN)} objects as expected")


main()
