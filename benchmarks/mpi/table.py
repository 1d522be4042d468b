# SPDX-License-Identifier: MIT
"""Median, least and most of the figures that run.sh has collected: table.py FILE"""
import collections
import statistics
import sys

figures = collections.defaultdict(list)  # (what, who): microseconds
with open(sys.argv[1]) as lines:
    for line in lines:
        words = line[39:].split()
        if len(words) == 2 and words[1] == "us":
            figures[line[13:39].strip(), line[:12].strip()].append(float(words[0]))

raw = {what: statistics.median(each) for (what, who), each in figures.items() if who == "raw MPI"}
print("| | | median | least | most | runs | times raw MPI |")
print("|---|---|---|---|---|---|---|")
for (what, who), each in sorted(figures.items()):
    median = statistics.median(each)
    times = f"{median / raw[what]:.2f}" if what in raw else ""
    print(f"| {what} | {who} | {median:.3f} us | {min(each):.3f} | {max(each):.3f} | {len(each)} | {times} |")
