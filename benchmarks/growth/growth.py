#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""growth.py: runs growth_threads and growth_processes and makes a table and a drawing of what a task costs at each size.

    benchmarks/growth/growth.py build/bench/benchmarks/growth_{threads,processes} [--launches 3] [--write]

The slope is that of the total processor time over the size, both logarithmic: 1 means that a task costs the same at
each size. --write: the table into benchmarks/README.md, the drawing beside it.
"""
import argparse
import collections
import datetime
import math
import os
import pathlib
import statistics
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
BEGIN, END = "<!-- growth: begin -->", "<!-- growth: end -->"


def measured(programs, launches, quick):
    """{name: {size: [nanoseconds of processor time per task]}}"""
    rows = collections.OrderedDict()
    for program in programs * launches:
        command = [program] + (["--quick"] if quick else [])
        for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
            name, size, processor, _ = line.split("\t")
            rows.setdefault(name, collections.OrderedDict()).setdefault(int(size), []).append(float(processor) * 1e9)
    return rows


def slope(costs):
    """Of the total over the size."""
    points = [(math.log10(size), math.log10(cost)) for size, cost in costs.items()]
    if len(points) < 2:
        return 1.0
    x, y = (statistics.mean(axis) for axis in zip(*points))
    return 1 + sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def table(rows):
    lines = []
    for sizes, names in (("tasks", [n for n in rows if ": " not in n]), ("threads or processes", [n for n in rows if ": " in n])):
        columns = sorted({size for name in names for size in rows[name]})
        lines += ["", f"| {sizes}: | " + " | ".join(f"{size:,}".replace(",", " ") for size in columns) + " | slope |",
                  "|---" * (len(columns) + 2) + "|"]
        for name in names:
            medians = {size: statistics.median(values) for size, values in rows[name].items()}
            cells = [f"{medians[size]:.0f} [{min(rows[name][size]):.0f}–{max(rows[name][size]):.0f}]" if size in medians else ""
                     for size in columns]
            lines.append(f"| {name} | " + " | ".join(cells) + f" | {slope(medians):.2f} |")
    return lines


def drawing(rows):
    """Nanoseconds per task over the size, both logarithmic, one line per row."""
    width, height, left, top = 640, 360, 60, 20
    names = [name for name in rows if ": " not in name]
    def x_of(size):
        return left + (math.log10(size) - 3) / 4 * width
    def y_of(cost):
        return top + height - (math.log10(max(cost, 1)) - 0) / 3 * height
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 260}" height="{top + height + 50}" '
             'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>']
    for power in range(3, 8):
        parts.append(f'<line x1="{x_of(10 ** power):.0f}" y1="{top}" x2="{x_of(10 ** power):.0f}" y2="{top + height}" stroke="#ddd"/>'
                     f'<text x="{x_of(10 ** power):.0f}" y="{top + height + 18}" text-anchor="middle">1e{power}</text>')
    for power in range(0, 4):
        parts.append(f'<line x1="{left}" y1="{y_of(10 ** power):.0f}" x2="{left + width}" y2="{y_of(10 ** power):.0f}" stroke="#ddd"/>'
                     f'<text x="{left - 6}" y="{y_of(10 ** power) + 4:.0f}" text-anchor="end">{10 ** power} ns</text>')
    parts.append(f'<text x="{left + width / 2:.0f}" y="{top + height + 40}" text-anchor="middle">tasks at once; processor time per task</text>')
    for number, name in enumerate(names):
        colour = f"hsl({number * 360 // len(names)}, 70%, 40%)"
        points = " ".join(f"{x_of(size):.1f},{y_of(statistics.median(values)):.1f}" for size, values in rows[name].items())
        y = top + 14 + number * 20
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
                     f'<line x1="{left + width + 15}" y1="{y - 4}" x2="{left + width + 40}" y2="{y - 4}" stroke="{colour}" stroke-width="2"/>'
                     f'<text x="{left + width + 46}" y="{y}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", nargs="+")
    parser.add_argument("--launches", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    rows = measured(options.programs, 1 if options.quick else options.launches, options.quick)
    text = "\n".join([f"{datetime.date.today()}: nanoseconds of processor time per task, medians of {3 * options.launches} with least and "
                      f"most; load average before: {load:.0f}.", "", "![Processor time per task](growth/growth.svg)", *table(rows)])
    print(text)
    if options.write:
        readme = HERE.parent / "README.md"
        old = readme.read_text(encoding="utf-8")
        before, after = old[:old.index(BEGIN) + len(BEGIN)], old[old.index(END):]
        readme.write_text(f"{before}\n{text}\n{after}", encoding="utf-8")
        (HERE / "growth.svg").write_text(drawing(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
