#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs all benchmark programs, interleaved, and prints how they compare as Markdown.

    table.py --programs DIR [--launches N] [--write README.md] [--only TEXT] [--quick] [--keep FILE | --take FILE]

DIR holds the programs bench.<threads|processes>.<workload>.<library>. Each is launched N times, the
libraries of a workload one after the other, in another order each time. A ratio is a library's time
divided by ours in the same round: above 1 we are faster. Speed-ups over a serial loop have their own table,
and so has what is no time but an amount, like memory: there 0 is good. --write puts the tables between the markers in that
file, and a plot beside it. --quick runs small sizes once, to see that everything works. --keep writes all values into FILE
as well; --take shows those of FILE instead of running anything.
"""
import argparse
import collections
import datetime
import json
import math
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

OURS = "concurrent_futures"
LIBRARIES = {  # in the order of the columns; others follow
    OURS: "ours",
    "onetbb": "oneTBB",
    "taskflow": "Taskflow",
    "dispenso": "dispenso",
    "concurrencpp": "concurrencpp",
    "bs_thread_pool": "BS::thread_pool",
    "asio": "Asio",
    "openmp": "OpenMP",
    "std_par": "std par",
    "std_async": "std::async",
    "std_thread": "std::thread",
    "fork_per_call": "fork per call",
    "mpi": "MPI ping-pong",
    "cereal": "cereal, checked",
    "cereal_stream": "cereal, stream",
    "raw_floor": "raw floor",
    "raw_shared_memory": "raw shared ring",
    "python_executor": "Python Executor",
    "python_pool": "Python Pool",
}
# As in the README; workloads that are not named here follow.
WORKLOADS = ["submit_result", "post", "round_trip", "map", "for_each", "algorithms", "fib", "producers", "construct",
             "idle", "memory", "scaling", "trace", "echo", "span_argument", "shared_argument",
             "channel", "codec", "pool_start", "worker_killed"]
TIMES = ["per item", "p50", "p99", "mean", "processor time"]  # counters, in seconds
GAINS = ["speed-up"]  # more is better
AMOUNTS = ["CPU ms until at rest", "CPU ms/s", "context switches/s", "allocations/task", "bytes/future",
           "bytes/future left behind"]
STEADY = {"idle": 3, "memory": 3}  # launches are enough: amounts hardly vary, and a second takes a second
COLUMN = " @ "  # in a row's name: what stands behind it becomes a column, of workers
MOST_PEERS = 6  # in one table: more are spread over several
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
PYTHON_SCRIPT = pathlib.Path(__file__).resolve().parent / "python" / "process_pools.py"


def place(name, order):
    order = list(order)
    return (order.index(name) if name in order else len(order), name)


# ---- running --------------------------------------------------------------------------------------
def commands(programs, quick):
    """{(group, workload): {library: command}}"""
    found = collections.defaultdict(dict)
    for program in sorted(programs.glob("bench.*")):
        if program.is_file() and os.access(program, os.X_OK):
            _, group, workload, library = program.name.split(".")
            found[group, workload][library] = [str(program), "--benchmark_format=json",
                                               "--benchmark_min_time=" + ("0.001" if quick else "0.1")]
    for group, workload in found:
        if group == "processes":
            for pool in ("executor", "pool"):
                found[group, workload][f"python_{pool}"] = [sys.executable, str(PYTHON_SCRIPT), pool,
                                                            workload]
    if not found:
        sys.exit(f"table.py: no programs bench.* in {programs}; build the preset bench first")
    without_ours = [workload for workload, peers in found.items() if OURS not in peers]
    if without_ours:
        sys.exit(f"table.py: nothing of our own for {without_ours}")
    order = sorted(found, key=lambda key: (key[0] != "threads", place(key[1], WORKLOADS)))
    return {key: {name: found[key][name] + (["--quick"] if quick else [])
                  for name in sorted(found[key], key=lambda name: place(name, LIBRARIES))}
            for key in order}


def launch(command):
    """{(row, counter): value} and the library's name with its version, if the program gives it."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        sys.exit(f"table.py: {os.path.basename(command[0])} has not ended after two minutes")
    if done.returncode != 0:
        sys.exit(f"table.py: {os.path.basename(command[0])} ended with {done.returncode}:\n{done.stderr}")
    output = json.loads(done.stdout)
    values = {}
    for entry in output["benchmarks"]:
        if entry.get("error_occurred"):
            sys.exit(f"table.py: {command[0]}: {entry['error_message']}")
        for counter in TIMES + GAINS + AMOUNTS:
            if counter in entry:
                values[entry["name"].split("/")[0], counter] = entry[counter]
    return values, output.get("context", {}).get("library")


def measure(found, launches):
    """{(group, row, counter): {library: [value per launch]}}, and the versions of libraries."""
    rows, versions = {}, set()
    for number in range(launches):
        print(f"round {number + 1} of {launches}", file=sys.stderr)
        for (group, workload), cells in found.items():
            if number >= STEADY.get(workload, launches):
                continue
            names = list(cells)
            turn = number % len(names)
            results = {name: launch(cells[name]) for name in names[turn:] + names[:turn]}
            for name in names:
                values, version = results[name]
                versions |= {version} - {None}
                for row, counter in values:
                    if (row, counter) not in results[OURS][0]:
                        sys.exit(f"table.py: {workload}/{name} has a row that ours has not: {row}")
            for row, counter in results[OURS][0]:
                by_library = rows.setdefault((group, row, counter), {})
                for name in names:
                    if (row, counter) in results[name][0]:
                        by_library.setdefault(name, []).append(results[name][0][row, counter])
    return rows, sorted(versions)


# ---- showing --------------------------------------------------------------------------------------
def as_time(seconds):
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{three_digits(seconds * factor)} {unit}"
    return f"{three_digits(seconds * 1e9)} ns"


def three_digits(value):
    if value <= 0:
        return f"{value}"
    digits = max(0, 2 - math.floor(math.log10(value)))
    return f"{value:.{min(digits, 3)}f}"


def as_gain(value):
    return f"{value:.2f}"


def as_amount(value):
    return three_digits(value) if value >= 0.0005 else f"{round(value, 3) + 0.0:g}"  # no -0


def spread(values, show):
    middle = show(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} [{show(min(values))}–{show(max(values))}]"


def ratios(by_library, name):
    return [peer / ours for peer, ours in zip(by_library[name], by_library[OURS])]


def verdict(values):
    """A ratio that was on both sides of 1 is a tie."""
    return "win" if min(values) > 1 else "loss" if max(values) < 1 else "tie"


def is_less(cells, name):
    """Of amounts: in every launch, and as far as they are shown; less than nothing is nothing."""
    return all(round(max(peer, 0), 3) < round(max(ours, 0), 3)
               for peer, ours in zip(cells[name], cells[OURS]))


def is_more(cells, name):
    """Of speed-ups, likewise."""
    return all(round(peer, 2) > round(ours, 2) for peer, ours in zip(cells[name], cells[OURS]))


def bold_if(is_better, show):
    """How a peer's cell is shown."""
    return lambda cells, name: ("**{}**" if is_better(cells, name) else "{}").format(spread(cells[name], show))


def ratio_cell(values):
    return {"win": "{}", "tie": "≈ {}", "loss": "**{}**"}[verdict(values)].format(
        spread(values, three_digits))


def markdown(header, lines):
    table = [header, *lines]
    widths = [max(len(line[column]) for line in table) for column in range(len(header))]
    def row(cells):
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |"
    return "\n".join([row(header), "|" + "|".join("-" * (width + 2) for width in widths) + "|",
                      *map(row, lines)])


def title(row, counter):
    return row if counter == "per item" else f"{row}, {counter}"


def evenly(names, most):
    """In as few parts as that allows, all about as long."""
    parts = max(1, math.ceil(len(names) / most))
    return [names[len(names) * i // parts:len(names) * (i + 1) // parts] for i in range(parts)]


def comparison(rows, show_ours, show_peer):
    """Per group, a line per row, a column per library; more libraries than fit a page in more than one table."""
    blocks = []
    for group in dict.fromkeys(group for group, _, _ in rows):
        inside = {key: cells for key, cells in rows.items() if key[0] == group}
        names = sorted({name for cells in inside.values() for name in cells} - {OURS},
                       key=lambda name: place(name, LIBRARIES))
        for number, some in enumerate(evenly(names, MOST_PEERS)):
            lines = [[title(row, counter), show_ours(cells)] +
                     [show_peer(cells, name) if name in cells else "" for name in some]
                     for (_, row, counter), cells in inside.items()
                     if not cells.keys().isdisjoint(some) or (number == 0 and cells.keys() == {OURS})]
            blocks.append(markdown([group, "ours"] + [LIBRARIES.get(name, name) for name in some], lines))
    return blocks


def by_workers(rows):
    """A table per group of ours only: a line per row, a column per number of workers."""
    blocks = []
    for group in dict.fromkeys(group for group, _, _ in rows):
        cells = {(title(row.split(COLUMN)[0], counter), row.split(COLUMN)[1]): spread(by[OURS], as_time)
                 for (of, row, counter), by in rows.items() if of == group}
        columns = list(dict.fromkeys(column for _, column in cells))
        blocks.append(markdown([f"{group}; workers:", *columns],
                               [[line] + [cells.get((line, column), "") for column in columns]
                                for line in dict.fromkeys(line for line, _ in cells)]))
    return blocks


def kinds(rows):
    """Of the rows: times compared with others, speed-ups, amounts, and times by number of workers."""
    def only(holds):
        return {key: cells for key, cells in rows.items() if holds(*key)}
    return (only(lambda _, row, counter: counter in TIMES and COLUMN not in row),
            only(lambda _, row, counter: counter in GAINS),
            only(lambda _, row, counter: counter in AMOUNTS),
            only(lambda _, row, counter: counter in TIMES and COLUMN in row))


def tables(rows):
    times, gains, amounts, scaling = kinds(rows)
    blocks = []
    if times:
        blocks += [
            "### Ratios: their time ÷ ours",
            "Above 1 we are faster, **bold** below 1 we are slower, ≈ was on both sides of 1. Median of "
            "the launches, [least–most]. Empty: the library cannot do it, or has no row of its own there.",
            *comparison(times, lambda cells: spread(cells[OURS], as_time),
                        lambda cells, name: ratio_cell(ratios(cells, name))),
            "### Times",
            "Per task or item where the row does not say p50, p99 or mean. Median of the launches, "
            "[least–most].",
            *comparison(times, lambda cells: spread(cells[OURS], as_time),
                        lambda cells, name: spread(cells[name], as_time))]
    if gains:
        blocks += [
            "### Speed-ups: a serial loop's time ÷ that of the library's",
            "Two threads work, so 2 is the most that can be expected, and less where they share a memory bus or a "
            "core. **Bold** is more than ours in every launch. Median of the launches, [least–most].",
            *comparison(gains, lambda cells: spread(cells[OURS], as_gain), bold_if(is_more, as_gain))]
    if amounts:
        blocks += [
            "### Amounts",
            "Less is better, and 0 is possible, so there are no ratios; the unit is in the row's name. "
            "**Bold** is less than ours in every launch. Median of the launches, [least–most].",
            *comparison(amounts, lambda cells: spread(cells[OURS], as_amount), bold_if(is_less, as_amount))]
    if scaling:
        blocks += ["### Other numbers of workers",
                   "Ours only, per task. Median of the launches, [least–most].",
                   *by_workers(scaling)]
    return blocks


def losses(rows):
    times, gains, amounts, _ = kinds(rows)
    lines = []
    for (group, row, counter), cells in times.items():
        lost = [(name, ratios(cells, name)) for name in cells if name != OURS]
        lost = [f"{LIBRARIES.get(name, name)} {three_digits(1 / statistics.median(values))} ×"
                for name, values in lost if verdict(values) == "loss"]
        if lost:
            lines.append(f"- {group}, {title(row, counter)}: faster than ours are {', '.join(lost)}")
    for (group, row, counter), cells in gains.items():
        more = [f"{LIBRARIES.get(name, name)} {as_gain(statistics.median(cells[name]))}"
                for name in cells if name != OURS and is_more(cells, name)]
        if more:
            lines.append(f"- {group}, {title(row, counter)}: more than our "
                         f"{as_gain(statistics.median(cells[OURS]))} have {', '.join(more)}")
    for (group, row, counter), cells in amounts.items():
        less = [f"{LIBRARIES.get(name, name)} {as_amount(statistics.median(cells[name]))}"
                for name in cells if name != OURS and is_less(cells, name)]
        if less:
            lines.append(f"- {group}, {title(row, counter)}: less than our "
                         f"{as_amount(statistics.median(cells[OURS]))} have {', '.join(less)}")
    return ["### Where we lose", "\n".join(lines) or "Nowhere in this run."]


def first_line(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def cached(programs, variable):
    cache = programs.parent / "CMakeCache.txt"
    found = re.search(rf"^{variable}:\w+=(.*)$", cache.read_text("utf-8"), re.MULTILINE) \
        if cache.exists() else None
    return found.group(1) if found else ""


def machine(programs, versions, launches, load):
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    text = cpuinfo.read_text("utf-8") if cpuinfo.exists() else ""
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    virtual = ", virtual machine" if re.search(r"^flags\s*:.*\bhypervisor\b", text, re.MULTILINE) else ""
    compiler = cached(programs, "CMAKE_CXX_COMPILER") or "c++"
    flags = cached(programs, "CMAKE_CXX_FLAGS_RELEASE")
    peers = ", ".join([*versions, f"Python {platform.python_version()}"])
    return (f"{datetime.date.today().isoformat()}: {model.group(1) if model else platform.machine()}, "
            f"{cores} cores{virtual}; {platform.system()} {platform.release()}; "
            f"{first_line([compiler, '--version'])}, {flags or 'flags unknown'}; {peers}. "
            f"{launches} interleaved launches; load average before the first: {load:.1f}.")


def plot(rows):
    """An SVG: one line per row of the ratios, a dot per library, on a logarithmic axis."""
    rows, _, _, _ = kinds(rows)
    left, width, step = 330, 520, 20
    colours = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb", "#ff8800",
               "#7755cc", "#994400", "#00ccaa", "#ff99cc", "#000000"]
    names = sorted({name for cells in rows.values() for name in cells if name != OURS},
                   key=lambda name: place(name, LIBRARIES))
    colour = {name: colours[i % len(colours)] for i, name in enumerate(names)}
    medians = {key: {name: statistics.median(ratios(cells, name)) for name in cells if name != OURS}
               for key, cells in rows.items()}
    exponents = [math.log10(value) for cells in medians.values() for value in cells.values()]
    low, high = math.floor(min(exponents, default=0)), math.ceil(max(exponents, default=0))
    legend, across, down = [], 10, 14  # where each name goes: as many lines as they need
    for name in names:
        needed = 26 + 6.5 * len(LIBRARIES.get(name, name))
        if across + needed > left + width:
            across, down = 10, down + 18
        legend.append((name, across, down))
        across += needed
    top = down + 30  # the axis
    height = top + 16 + step * len(rows)

    def x(value):
        return left + width * (math.log10(value) - low) / max(high - low, 1)

    def text(at, down, words, anchor="start"):
        words = words.replace("&", "&amp;").replace("<", "&lt;")
        return f'<text x="{at:.0f}" y="{down}" text-anchor="{anchor}">{words}</text>'

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 30}" height="{height}" '
             'font-family="sans-serif" font-size="11">',
             '<!-- SPDX-License-Identifier: MIT, drawn by table.py -->',
             '<rect width="100%" height="100%" fill="white"/>']
    for name, across, down in legend:
        parts.append(f'<circle cx="{across:.0f}" cy="{down}" r="4" fill="{colour[name]}"/>')
        parts.append(text(across + 8, down + 4, LIBRARIES.get(name, name)))
    for exponent in range(low, high + 1):
        at, stroke = x(10.0 ** exponent), "#000" if exponent == 0 else "#ccc"
        parts.append(f'<line x1="{at:.0f}" x2="{at:.0f}" y1="{top}" y2="{height - 4}" stroke="{stroke}"/>')
        parts.append(text(at, top - 4, f"{10.0 ** exponent:g} ×", "middle"))
    for line, ((group, row, counter), cells) in enumerate(medians.items()):
        down = top + 16 + step * line
        parts.append(text(left - 8, down + 4, f"{group}: {title(row, counter)}", "end"))
        parts += [f'<circle cx="{x(value):.1f}" cy="{down}" r="4" fill="{colour[name]}" '
                  'fill-opacity="0.8"/>' for name, value in cells.items()]
    return "\n".join([*parts, "</svg>", ""])


def write(path, report, drawing):
    text = path.read_text("utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"table.py: {path} must have the markers {BEGIN} and {END} once each")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n{report}\n{END}{after}", encoding="utf-8")
    (path.parent / "ratios.svg").write_text(drawing, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--launches", type=int, default=3)
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("--only", default="", help="workloads whose name, like threads.map, has this")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--take", type=pathlib.Path)
    options = parser.parse_args()
    if options.write and (options.quick or options.only):
        parser.error("--write takes the whole matrix: leave out --quick and --only")

    found = {} if options.take else {
        key: cells for key, cells in commands(options.programs, options.quick).items() if options.only in ".".join(key)}
    launches = 1 if options.quick else options.launches
    if options.take:
        kept = json.loads(options.take.read_text("utf-8"))
        head, rows = kept["machine"], {tuple(key): cells for key, cells in kept["rows"]}
    else:
        load = os.getloadavg()[0]
        rows, versions = measure(found, launches)
        head = machine(options.programs, versions, launches, load)
    if options.keep:
        options.keep.write_text(json.dumps({"machine": head, "rows": list(rows.items())}), "utf-8")
    report = "\n\n".join([head,
                          "![The ratios on a logarithmic scale](ratios.svg)" if options.write else "",
                          *tables(rows), *losses(rows)]).replace("\n\n\n", "\n")
    print(report)
    drawing = plot(rows)
    if options.write:
        write(options.write, report, drawing)


if __name__ == "__main__":
    main()
