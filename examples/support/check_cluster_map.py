#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_cluster_map.py PROGRAM MPIEXEC: the right number of primes, on one rank and on three, and with pools in ranks."""
import os
import subprocess
import sys

program, mpiexec = sys.argv[1:3]
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_mpi_yield_when_idle="1")
for ranks, arguments in ((1, []), (3, []), (3, ["200000", "threads"]), (3, ["200000", "processes"])):
    output = subprocess.run([mpiexec, "-n", str(ranks), program, *arguments], env=environment, check=True,
                            stdout=subprocess.PIPE, text=True, timeout=150).stdout
    print(ranks, "ranks:", output, end="")
    if not output.startswith("17984 primes below 200000, counted by "):
        sys.exit("that is not right")
