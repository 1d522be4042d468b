#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks a file that TraceFile has written, and says what is in it.

    check_trace.py FILE            every slice has an end, every call that was submitted has ended
    check_trace.py --crashed FILE  the program crashed: the last ']' is missing, calls may be running

Prints one line per call, "NAME: submit run callback", in the order of submission, and one for each event of a worker.
"""
import collections
import json
import sys


def main():
    crashed = sys.argv[1] == "--crashed"
    text = open(sys.argv[-1], encoding="utf-8").read()
    if crashed:
        assert not text.rstrip().endswith("]"), "the program did not crash"
        text += "]"
    events = json.loads(text)
    for event in events:
        assert {"ph", "pid", "tid"} <= event.keys(), event
        assert event["ph"] in "MXBEiC" and (event["ph"] == "E" or event["name"]), event
        assert event["ph"] == "M" or event["ts"] >= 0, event

    rows = {(e["pid"], e["tid"]) for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    slices = collections.defaultdict(list)  # by the call's id: (what, begin, end)
    open_in_row = collections.defaultdict(list)
    # In the order of time; within a row, records of equal times stay in the order of the file.
    for event in sorted((e for e in events if e["ph"] in "BEX"), key=lambda e: e["ts"]):
        row = (event["pid"], event["tid"])
        assert row in rows, f"a row without a name: {event}"
        if event["ph"] == "X":
            if "bind_id" in event:
                slices[event["bind_id"]].append((event["name"], event["ts"], event["ts"]))
        elif event["ph"] == "B":
            assert event["flow_in"], event
            open_in_row[row].append(event)
        else:
            begin = open_in_row[row].pop()
            assert begin["ts"] <= event["ts"]
            slices[begin["bind_id"]].append((begin["name"], begin["ts"], event["ts"]))
    for row, left in open_in_row.items():
        for begin in left:
            assert crashed, f"no end: {begin}"
            print(f"running: {begin['name']}")
            slices[begin["bind_id"]].append((begin["name"], begin["ts"], float("inf")))

    for parts in sorted(slices.values(), key=lambda parts: parts[0][1]):
        parts.sort(key=lambda part: part[1])
        names = [name for name, _, _ in parts]
        assert names[0] == "submit", parts
        assert crashed or len(names) > 1, f"neither run nor cancelled: {parts}"
        for before, after in zip(parts, parts[1:]):
            assert before[2] <= after[1], f"out of order: {parts}"
        print(" ".join(names))
    for event in sorted((e for e in events if e["ph"] == "i"), key=lambda e: e["ts"]):
        print(f"{event['name']}: {event.get('args', {}).get('about', '')}")
    waiting = [e["args"]["waiting"] for e in sorted((e for e in events if e["ph"] == "C"), key=lambda e: e["ts"])]
    print(f"waiting: at most {max(waiting, default=0)}, in the end {waiting[-1] if waiting else 0}")
    print(f"events: {len(events)}")


main()
