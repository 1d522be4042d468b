#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws a trace of this library (trace.hpp, CONCURRENT_FUTURES_TRACE=run.json) as a picture.

    scripts/draw_trace.py run.json run.svg

A row per thread or worker process, a box per task, an arrow from submit to the task's start, the number of queued
tasks on top. For a trace of some hundred tasks; larger ones are better looked at in https://ui.perfetto.dev.
"""

import json
import pathlib
import sys
from html import escape

WIDTH, LEFT, RIGHT, TOP, ROW, BOX = 1000, 130, 20, 14, 44, 24
QUEUE_HEIGHT = 40
OK, FAILED, LINE, TEXT, QUIET = "#4a7ebb", "#c0392b", "#7f8c8d", "#222222", "#d5dbdb"


class Row:
    def __init__(self, name):
        self.name = name
        self.boxes = []  # (begin, end, name, failed)
        self.marks = []  # (time, text)
        self.submits = []  # times
        self.open = None

    def first(self):
        return min([box[0] for box in self.boxes] + [mark[0] for mark in self.marks] + self.submits, default=0.0)


def read(path):
    """The rows, the depths of the queues as (time, waiting), and the arrows as (from row, time, to row, time)."""
    events = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    rows, queue, submitted, arrows = {}, [], {}, []
    names = {(event["pid"], event["tid"]): event["args"]["name"]
             for event in events if event.get("name") == "thread_name"}
    # Threads and processes write their parts of the file apart from each other.
    for event in sorted((event for event in events if "ts" in event and event["ph"] != "M"),
                        key=lambda event: event["ts"]):
        key, time, kind = (event["pid"], event["tid"]), event["ts"] / 1000, event["ph"]
        if kind == "C":
            queue.append((time, event["args"]["waiting"]))
            continue
        row = rows.setdefault(key, Row(names.get(key, f"{key[0]}.{key[1]}")))
        if kind == "i":
            row.marks.append((time, event["args"]["about"] if "args" in event and "about" in event["args"]
                              else event["name"]))
        elif kind == "X" and event["name"] == "submit":
            row.submits.append(time)
            submitted[event["bind_id"]] = (key, time)
        elif kind == "B":
            row.open = (time, event["name"])
            if event.get("bind_id") in submitted:
                arrows.append((*submitted[event["bind_id"]], key, time))
        elif kind == "E" and row.open:
            row.boxes.append((row.open[0], time, row.open[1], event.get("args", {}).get("end") == "failed"))
            row.open = None
    return rows, queue, arrows


def draw(rows, queue, arrows):
    keys = sorted(rows, key=lambda key: (not rows[key].submits, rows[key].first()))
    times = [time for row in rows.values() for box in row.boxes for time in box[:2]]
    times += [mark[0] for row in rows.values() for mark in row.marks]
    times += [time for row in rows.values() for time in row.submits]
    begin, end = min(times), max(times)
    scale = (WIDTH - LEFT - RIGHT) / max(end - begin, 1e-9)
    first_row = TOP + QUEUE_HEIGHT + 16
    height = first_row + ROW * len(keys) + 30

    def x(time):
        return round(LEFT + (time - begin) * scale, 1)

    top_of = {key: first_row + ROW * index for index, key in enumerate(keys)}
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
             f'font-size="12" fill="{TEXT}">',
             '<rect width="100%" height="100%" fill="white"/>',
             '<defs><marker id="head" markerWidth="7" markerHeight="6" refX="6" refY="3" orient="auto">'
             f'<path d="M0,0 L7,3 L0,6 z" fill="{LINE}"/></marker></defs>']
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 1e4, 1e5, 1e9)
                if (end - begin) / step <= 12)
    for tick in range(int((end - begin) / step) + 1):
        at = x(begin + tick * step)
        parts.append(f'<path d="M{at},{TOP - 8} V{height - 22}" stroke="{QUIET}"/>'
                     f'<text x="{at}" y="{height - 8}" text-anchor="middle">{tick * step:g} ms</text>')

    most = max((waiting for _, waiting in queue), default=0)
    if most:
        bottom = TOP + QUEUE_HEIGHT
        path = f"M{x(begin)},{bottom}"
        for time, waiting in queue:
            path += f" H{x(time)} V{bottom - QUEUE_HEIGHT * waiting / most:.1f}"
        parts.append(f'<path d="{path} H{x(end)} V{bottom} Z" fill="{QUIET}"/>'
                     f'<text x="8" y="{bottom - 12}">queued (max {most})</text>')

    for key in keys:
        row, top = rows[key], top_of[key]
        parts.append(f'<text x="8" y="{top + BOX - 8}">{escape(row.name)}</text>'
                     f'<path d="M{LEFT},{top + BOX} H{WIDTH - RIGHT}" stroke="{QUIET}"/>')
        for start, stop, name, failed in row.boxes:
            width = max(x(stop) - x(start), 1.5)
            parts.append(f'<g><title>{escape(name)}: {stop - start:.3f} ms{", failed" if failed else ""}</title>'
                         f'<rect x="{x(start)}" y="{top}" width="{width:.1f}" height="{BOX}" rx="2" '
                         f'fill="{FAILED if failed else OK}"/>')
            if width > 7 * len(name):
                parts.append(f'<text x="{x(start) + 4}" y="{top + BOX - 8}" fill="white">{escape(name)}</text>')
            parts.append("</g>")
        for time in row.submits:
            parts.append(f'<path d="M{x(time)},{top + 4} V{top + BOX}" stroke="{LINE}" stroke-width="2"/>')
        for time, text in row.marks:
            is_death = "killed" in text or "exited" in text or "died" in text
            parts.append(f"<g><title>{escape(text)}</title>")
            if is_death:
                parts.append(f'<path d="M{x(time) - 5},{top + 7} l10,10 m0,-10 l-10,10" stroke="{FAILED}" '
                             'stroke-width="2.5"/>'
                             f'<text x="{x(time) + 10}" y="{top + BOX - 8}" fill="{FAILED}">{escape(text)}</text>')
            else:
                parts.append(f'<circle cx="{x(time)}" cy="{top + BOX}" r="3" fill="{LINE}"/>')
            parts.append("</g>")
    for source, time, goal, start in arrows:
        parts.append(f'<path d="M{x(time)},{top_of[source] + BOX} L{x(start)},{top_of[goal]}" stroke="{LINE}" '
                     'stroke-opacity="0.6" fill="none" marker-end="url(#head)"/>')
    return "\n".join([*parts, "</svg>", ""])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    rows, queue, arrows = read(sys.argv[1])
    if not rows:
        sys.exit(f"draw_trace: {sys.argv[1]} holds no task: was the program's pool used?")
    pathlib.Path(sys.argv[2]).write_text(draw(rows, queue, arrows), encoding="utf-8")


if __name__ == "__main__":
    main()
