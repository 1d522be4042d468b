#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the cases of cases.cpp under mpirun and compares what they print.

    run_cases.py MPIRUN PROGRAM ANOTHER_BUILD
"""
import re
import subprocess
import sys

mpirun, program, another = sys.argv[1:4]

ENDED_THREAD = (r"a task, initializer or worker_exit ended a thread of an MPI rank, with pthread_exit\(\) or because it was "
                r"cancelled; return or throw instead$")

# name, ranks, exit code (None: any but 0), {regular expression: how often}
CASES = [
    ("forgotten", 4, 0, {r"refused: .*mpi_main\(argc, argv\)": 4}),
    ("forgotten", 1, 0, {r"refused: .*mpi_main\(argc, argv\)": 1}),
    ("level", 2, 0, {r"refused: .*MPI_THREAD_MULTIPLE": 2}),
    ("identity", (1, 1), 0, {r"refused: .*different builds: rank 0 on \S+: .*; rank 1 on \S+: ": 2}),
    ("comm", 1, 0, {r"^root 0 of 1: 14$": 1, r"^half 0: 16$": 1}),
    ("comm", 3, 0, {r"^root [012] of 3: 14$": 3, r"^another: 25$": 3, r"^half [01]: 16$": 2}),
    ("comm_fails", 3, 0, {r"^rank root: the root has had enough$": 1,
                          r"^rank other: .*root rank 0.*the root has had enough$": 2}),
    ("dies", 2, None, {r"rank 1 on .* is ended by signal 11 in task 1 'the fatal one'": 1}),
    ("throws", 3, None, {r"leaves main": 1}),
    ("wrong_root", 1, 0, {r"refused: mpi_comm_executor: root = (-1|1) is none of the ranks 0 to 0$": 2, r"^16$": 1, "nevertheless": 0}),
    ("wrong_root", 2, 0, {r"refused: mpi_comm_executor: root = (-1|2) is none of the ranks 0 to 1$": 4, r"^16$": 1, "nevertheless": 0}),
    # The job ends, whoever's thread it was; a rank that is not the root says in which task.
    ("task_ends_thread", 1, None, {ENDED_THREAD: 1, "goes on": 0}),
    ("task_ends_thread", 2, None, {ENDED_THREAD: 1, r"rank 1 on .* is ended by signal 6 in task 1 'the last one'$": 1,
                                   "goes on": 0}),
    ("initializer_ends_thread", 2, None, {ENDED_THREAD: 1, r"rank 1 on .* is ended by signal 6$": 1, "goes on": 0}),
    ("worker_exit_ends_thread", 2, None, {ENDED_THREAD: 1, r"rank 1 on .* is ended by signal 6$": 1, "goes on": 0}),
    # The root's pools have failed: the ranks end nevertheless, or the whole job does.
    ("root_refuses_answer", 2, 0, {r"^broken: .*a rank ended a task that it was not given$": 1}),
    ("root_refuses_answer", 4, 0, {r"^broken: .*a rank ended a task that it was not given$": 1}),
    ("root_loses_mpi", 3, None, {r"^broken: .*MPI_Improbe failed in an MPI pool": 1,
                                 r"the ranks of MPI pools cannot be told to end.*: .*MPI_Improbe failed": 1}),
    ("exits_in_callback", 2, 7, {r"^36$": 1}),
    ("exits_in_callback", 3, 7, {r"^36$": 1}),
    ("exits", 3, 7, {r"^36$": 1}),
    ("exits", 1, 7, {r"^36$": 1}),
    ("finalizes", 3, 0, {r"^49$": 1, r"refused: .*finalized": 1}),
    # A worker of a process pool in a rank is no rank: it may start MPI programs, and call MPI_Init.
    ("processes", 2, 0, {r"^this is a rank, its worker sees '' and '1', started: 0, alone: 1$": 1,
                         r"^child [01] of 2$": 2}),
    ("processes", 1, 0, {r"^this is a rank, its worker sees '' and '1', started: 0, alone: 1$": 1}),
    ("spawns_in_comm", 2, 0, {r"refused: .*MPIPoolOptions::spawn needs mpi_main": 1}),
    # A thread pool has as many threads as the launcher has bound its rank to.
    ("threads", 2, 0, {r"^root 1, rank 1$": 1}),
]
# Ranks that the pool starts itself. MPICH over UCX, as Debian has it, cannot start any.
if "mpich" in mpirun:
    CASES += [("spawns", 2, 0, {r"refused: .*MPI_Comm_spawn cannot start 2 ranks: ": 1, r"^the root goes on$": 1})]
else:
    said = {r"^spawned 2: 14$": 1, r"^one more: 25$": 1, r"^of the launcher: 36$": 1, r"^the root goes on$": 1}
    CASES += [("spawns", 1, 0, said), ("spawns", 2, 0, said), ("spawns_and_exits", 1, 7, {r"^36$": 1})]
MORE_OF_LAUNCHER = {"threads": ["--bind-to", "hwthread"]}  # both MPIs know it so

failures = 0
for name, ranks, code, expected in CASES:
    if isinstance(ranks, tuple):
        command = [mpirun, "-n", str(ranks[0]), program, name, ":", "-n", str(ranks[1]), another, name]
    else:
        command = [mpirun, *MORE_OF_LAUNCHER.get(name, []), "-n", str(ranks), program, name, mpirun]
    try:
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
                             errors="replace")
        output, ended = run.stdout, run.returncode
    except subprocess.TimeoutExpired as error:
        output, ended = (error.stdout or b"").decode(errors="replace"), "a hang"
    complaints = []
    if ended == "a hang" or (code is None and ended == 0) or (code is not None and ended != code):
        complaints.append(f"ended with {ended}, not {'an error' if code is None else code}")
    for pattern, count in expected.items():
        found = len(re.findall(pattern, output, re.MULTILINE))
        # MPICH's launcher ends the other ranks when the first one leaves without MPI_Finalize, before they have printed.
        if name == "identity" and "mpich" in mpirun and found > 0:
            continue
        if found != count:
            complaints.append(f"{found} times {pattern!r}, not {count}")
    print(f"{'FAILED' if complaints else 'passed'}: {name} on {ranks} ranks")
    for complaint in complaints:
        print("   ", complaint)
    if complaints:
        print(output)
        failures += 1
sys.exit(1 if failures else 0)
