# SPDX-License-Identifier: MIT
"""Starts http_server, asks it from several connections at once, and checks every answer.

    check_http_server.py PROGRAM [REQUESTS [CONNECTIONS]]

Every thousandth call in a process crashes its worker: these requests, and no others, must get status 500.
Half as many requests go to the thread pool at the same time.
"""
import http.client
import re
import signal
import subprocess
import sys
import threading

from running import check

PRIMES = {1000: 168, 3000: 430}


def ask(address, kind, limit, count, answers):
    connection = http.client.HTTPConnection(address, timeout=60)
    for _ in range(count):
        connection.request("GET", f"/{kind}/{limit}")
        response = connection.getresponse()
        answers.append((kind, limit, response.status, response.read().decode()))
    connection.close()


def main():
    requests = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    connections = int(sys.argv[3]) if len(sys.argv) > 3 else 8
    with subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True) as server:
        address = server.stdout.readline().strip().removeprefix("http://")
        answers, threads = [], []
        for kind, limit, count in (("processes", 1000, requests), ("threads", 3000, requests // 2)):
            each = count // connections
            threads += [threading.Thread(target=ask, args=(address, kind, limit, each, answers))
                        for _ in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.send_signal(signal.SIGTERM)
        output = server.stdout.read()
        check(server.wait(60) == 0, f"the server ended with {server.returncode}", output)

    sent = requests // connections * connections
    check(len(answers) == sent + requests // 2 // connections * connections, f"{len(answers)} answers", output)
    failed = [answer for answer in answers if answer[2] != 200]
    for kind, limit, status, body in answers:
        if status == 200:
            check(int(body) == PRIMES[limit], f"/{kind}/{limit} gave {body}")
    check(len(failed) == sent // 1000, f"{len(failed)} requests failed, {sent // 1000} should", str(failed[:5]))
    for kind, _, status, body in failed:
        check(kind == "processes" and status == 500 and "signal 6" in body, f"odd failure: {kind} {status} {body}")
    promised = f"{sent} calls in processes, {sent // 1000} failed, {sent // 1000} workers replaced"
    check(re.search(promised, output), f"promised '{promised}'", output)
    print(f"{len(answers)} answers, {len(failed)} crashed their worker\n{output}")


main()
