# SPDX-License-Identifier: MIT
"""The same with mpi4py.futures: mpirun -n 2 python3 -m mpi4py.futures mpi4py_futures.py"""
import time

from mpi4py.futures import MPIPoolExecutor


def call(n):
    return n + 1


def echo(data):
    return data


def timed(what, count, function):
    began = time.perf_counter()
    function(count)
    print(f"{'mpi4py':<12} {what:<26} {(time.perf_counter() - began) / count * 1e6:12.3f} us", flush=True)


if __name__ == "__main__":
    with MPIPoolExecutor() as pool:
        pool.submit(call, 0).result()
        timed("round trip", 500, lambda count: [pool.submit(call, n).result() for n in range(count)])
        timed("submit and result", 2000,
              lambda count: [f.result() for f in [pool.submit(call, n) for n in range(count)]])
        timed("map, an item", 20000, lambda count: sum(pool.map(call, range(count), chunksize=100)))
        data = b"x" * (16 << 20)
        timed("16 MiB there and back", 2, lambda count: [pool.submit(echo, data).result() for _ in range(count)])
