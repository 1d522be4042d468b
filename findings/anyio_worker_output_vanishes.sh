#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Question: a function that runs in a worker process of anyio.to_process prints a line. Where does it go?
# Guess:    to the terminal, as with multiprocessing and concurrent.futures.
# Truth:    nowhere. The worker talks to its parent over standard input and output, so anyio gives the function
#           another sys.stdout, which leads to /dev/null. What it writes to standard error is lost, too.
# Seen with: anyio 3.6.2 (Debian 12), Python 3.11.
# For pools: a channel on the standard streams costs users their print(); descriptors of its own do not.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

unpack python3-anyio=3.6.2-1 python3-sniffio=1.2.0-1 python3-idna=3.3-1+deb12u1
cat >"$work/program.py" <<'PYTHON'
import sys
import anyio
import anyio.to_process
import concurrent.futures

def work(name):
    print("printed by", name, flush=True)
    print("error of", name, file=sys.stderr, flush=True)
    return name

if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        pool.submit(work, "concurrent.futures").result()
    assert anyio.run(anyio.to_process.run_sync, work, "anyio") == "anyio"
PYTHON
PYTHONPATH=$root/usr/lib/python3/dist-packages /usr/bin/python3 "$work/program.py" >"$work/out" 2>"$work/err"
count() { grep -c "$1" "$2" || true; }
echo "anyio 3.6.2, $(/usr/bin/python3 --version)"
expect "lines on stdout from concurrent.futures" "$(count 'printed by concurrent' "$work/out")" 1
expect "lines on stdout from anyio" "$(count 'printed by anyio' "$work/out")" 0
expect "lines on stderr from concurrent.futures" "$(count 'error of concurrent' "$work/err")" 1
expect "lines on stderr from anyio" "$(count 'error of anyio' "$work/err")" 0
