#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The process workloads on Python's own pools: prints what Google Benchmark would, as JSON.

    process_pools.py executor|pool WORKLOAD [--quick]

executor is concurrent.futures.ProcessPoolExecutor, pool is multiprocessing.Pool. WORKLOAD is the name
of a folder in benchmarks/processes. Names of rows and counters are those of that folder's programs,
the sizes are smaller where Python is slow: all figures are per item or per trip. Answers are checked.
"""
import array
import concurrent.futures
import json
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import time

WORKERS = 2
CHUNK = 100


def call(n):
    return n + 1


def square(n):
    return n * n


def echo(numbers):
    return numbers


STRIDE = 4096 // 8


def sum_of_pages(numbers, factor=1):
    return sum(numbers[::STRIDE]) * factor


def wait_forever(started):
    with open(started, "wb", buffering=0) as fifo:
        fifo.write(b"r")
    while True:
        signal.pause()


class Executor:
    """ProcessPoolExecutor with the few operations used here."""

    def __init__(self, workers, method="fork"):
        context = multiprocessing.get_context(method)
        self.pool = concurrent.futures.ProcessPoolExecutor(workers, mp_context=context)

    def submit(self, function, *arguments):
        return self.pool.submit(function, *arguments).result

    def map(self, function, items, chunksize):
        return self.pool.map(function, items, chunksize=chunksize)

    def close(self):
        self.pool.shutdown()


class Pool:
    """multiprocessing.Pool with the same."""

    def __init__(self, workers, method="fork"):
        self.pool = multiprocessing.get_context(method).Pool(workers)

    def submit(self, function, *arguments):
        return self.pool.apply_async(function, arguments).get

    def map(self, function, items, chunksize):
        return self.pool.imap(function, items, chunksize=chunksize)

    def close(self):
        self.pool.terminate()
        self.pool.join()


def percentile(samples, percent):
    return sorted(samples)[(len(samples) - 1) * percent // 100]


def distribution(samples):
    return {"p50": percentile(samples, 50), "p99": percentile(samples, 99),
            "mean": sum(samples) / len(samples)}


def timed(function):
    begin = time.perf_counter()
    answer = function()
    return time.perf_counter() - begin, answer


def check(what, got, expected):
    if got != expected:
        sys.exit(f"wrong answer: {what}: {got!r} instead of {expected!r}")


def round_trip(make, scaled):
    pool = make(WORKERS)
    samples = []
    for n in range(-20, scaled(1000)):
        seconds, answer = timed(lambda n=n: pool.submit(call, n)())
        check("result", answer, n + 1)
        if n >= 0:
            samples.append(seconds)
    pool.close()
    return {"round trip": distribution(samples)}


def submit_result(make, scaled):
    pool = make(WORKERS)

    def batch(count):
        results = [pool.submit(call, n) for n in range(count)]
        check("sum of the results", sum(result() for result in results), count * (count + 1) // 2)

    count = scaled(6_000)
    batch(max(count // 10, 1))
    seconds, _ = timed(lambda: batch(count))
    pool.close()
    return {"submit, keep, result": {"per item": seconds / count}}


def map_items(make, scaled):
    pool = make(WORKERS)

    def run(items, chunksize):
        expected = [n * n for n in range(items)]
        check("first results", list(pool.map(square, range(10), chunksize)), expected[:10])
        seconds, results = timed(lambda: list(pool.map(square, range(items), chunksize)))
        check("results", results, expected)
        return {"per item": seconds / items}

    rows = {"map, a task per item": run(scaled(5_000), 1),
            "map, chunks of 100": run(scaled(100_000), CHUNK)}
    pool.close()
    return rows


def echo_numbers(make, scaled):
    pool = make(WORKERS)
    numbers = array.array("d", (0.5 * i for i in range(scaled(2_097_152))))
    samples = []
    for trip in range(-1, 5):
        seconds, returned = timed(lambda: pool.submit(echo, numbers)())
        check("the same numbers", returned == numbers, True)
        if trip >= 0:
            samples.append(seconds)
    pool.close()
    return {"16 MiB there and back": {"p50": percentile(samples, 50)}}


def span_argument(make, scaled):
    pool = make(WORKERS)
    numbers = array.array("d", range(scaled(33_554_432)))
    expected = sum_of_pages(numbers)
    samples = []
    for trip in range(-1, 3):
        seconds, total = timed(lambda: pool.submit(sum_of_pages, numbers)())
        check("the sum of one number per page", total, expected)
        if trip >= 0:
            samples.append(seconds)
    pool.close()
    return {"256 MiB read as a span": {"p50": percentile(samples, 50)}}


def shared_argument(make, scaled):
    """An argument is pickled for each call."""
    pool = make(WORKERS)
    numbers = array.array("d", range(scaled(8_388_608)))
    expected = sum_of_pages(numbers)

    def batch(count):
        results = [pool.submit(sum_of_pages, numbers, n) for n in range(count)]
        check("sums", [result() for result in results], [expected * n for n in range(count)])

    count = 8
    batch(2)
    seconds, _ = timed(lambda: batch(count))
    pool.close()
    return {"the same 64 MiB for 100 calls": {"per item": seconds / count}}


def pool_start(make, scaled):
    def run(method, times):
        samples = []
        for n in range(times):
            begin = time.perf_counter()
            pool = make(WORKERS, method)
            answer = pool.submit(call, n)()
            samples.append(time.perf_counter() - begin)
            check("first result", answer, n + 1)
            pool.close()
        return {"p50": percentile(samples, 50)}

    return {"pool to first result, fork": run("fork", scaled(10)),
            "pool to first result, spawn": run("spawn", 2)}


def worker_killed(make, scaled):
    """A multiprocessing.Pool never tells."""
    if make is Pool:
        return {}
    samples = []
    for _ in range(scaled(10)):
        pool = make(1)
        with tempfile.TemporaryDirectory() as folder:
            started = os.path.join(folder, "started")
            os.mkfifo(started)
            result = pool.submit(wait_forever, started)
            with open(started, "rb") as fifo:
                fifo.read(1)
        pid = next(iter(pool.pool._processes))  # there is no public way to learn it
        begin = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        try:
            result()
            sys.exit("wrong answer: a killed worker gave a result")
        except concurrent.futures.process.BrokenProcessPool:
            samples.append(time.perf_counter() - begin)
        pool.close()
    return {"worker killed to future failed": {"p50": percentile(samples, 50)}}


def send_ints(requests, values):
    while (count := requests.recv()) > 0:
        for n in range(1, count + 1):
            values.send(n)


def send_arrays(requests, values):
    while (count := requests.recv()) > 0:
        for n in range(1, count + 1):
            values.send(array.array("d", (n,)) * 131_072)


def channel(make, scaled):
    """Pipe and Process of multiprocessing, so in the column of its Pool."""
    if make is not Pool:
        return {}

    def run(send, count, value_of, expected):
        asked, requests = multiprocessing.Pipe(duplex=False)
        values, sent = multiprocessing.Pipe(duplex=False)
        sender = multiprocessing.get_context("fork").Process(target=send, args=(asked, sent))
        sender.start()

        def batch(items):
            requests.send(items)
            check("sum of the values", sum(value_of(values.recv()) for _ in range(items)), expected(items))

        batch(2)
        seconds, _ = timed(lambda: batch(count))
        requests.send(0)
        sender.join()
        return {"per item": seconds / count}

    def sum_up_to(count):
        return count * (count + 1) // 2

    return {"an int through a channel": run(send_ints, scaled(50_000), int, sum_up_to),
            "1 MiB through a channel": run(send_arrays, scaled(200), lambda numbers: numbers[-1], sum_up_to)}


def codec(make, scaled):
    """pickle, which both pools use, so in one column."""
    if make is not Executor:
        return {}
    records = [(f"the record with number {i}", i, [float(i)] * 8) for i in range(1000)]
    samples = []
    for _ in range(scaled(200)):
        seconds, copy = timed(lambda: pickle.loads(pickle.dumps(records)))
        check("equal records", copy == records, True)
        samples.append(seconds)
    return {"1000 records encoded and decoded": {"p50": percentile(samples, 50)}}


WORKLOADS = {"channel": channel, "codec": codec, "round_trip": round_trip, "submit_result": submit_result, "map": map_items,
             "echo": echo_numbers, "span_argument": span_argument, "shared_argument": shared_argument,
             "pool_start": pool_start, "worker_killed": worker_killed}


def main():
    make = {"executor": Executor, "pool": Pool}[sys.argv[1]]
    quick = "--quick" in sys.argv
    rows = WORKLOADS[sys.argv[2]](make, lambda count: max(count // 100, 2) if quick else count)
    print(json.dumps({"benchmarks": [{"name": name, **counters} for name, counters in rows.items()]}))


if __name__ == "__main__":
    main()
