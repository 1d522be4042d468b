# SPDX-License-Identifier: MIT
"""Pretty-printers for gdb: futures, promises and pools.

    (gdb) source scripts/gdb_printers.py
    (gdb) print future
    $1 = cf::Future<int>: finished = {value = 42}
    (gdb) print pool
    $2 = cf::ThreadPoolExecutor: 2 of 4 threads, 1 asleep, 0 blocked, 3 tasks queued = {…}

They read memory only, so they work on core files, too, and show the moment as it is: nothing is locked. For programs
that were compiled with -g and libstdc++.
"""
import re

import gdb

STATES = ("pending", "running", "completing", "cancelling", "cancelled", "finished", "failed")
MOST_TASKS = 20



def integer(value):
    """Of a plain member or an atomic one."""
    return int(value) if value.type.strip_typedefs().code != gdb.TYPE_CODE_STRUCT else int(atomic_integer(value))


def atomic_integer(value):
    kind = value.type.strip_typedefs()
    for field in kind.fields():
        if field.name == "_M_i":
            return value["_M_i"]
        if field.is_base_class or field.name == "_M_base":
            return atomic_integer(value[field])
    raise gdb.error(f"no atomic number: {kind}")


def list_values(values, of):
    """The elements of a std::list<of>."""
    node = values["_M_impl"]["_M_node"]["_M_next"]
    end = values["_M_impl"]["_M_node"].address
    while node != end:
        yield (node + 1).cast(of.pointer()).dereference()
        node = node.dereference()["_M_next"]


def short(name):
    """The type without the inline namespace."""
    return re.sub(r"concurrent::futures::v\d\w*::", "cf::", name)


def state_of(shared_state):
    return STATES[integer(shared_state["word_"]) & 7]


class FuturePrinter:
    """Future<T> and Promise<T>: both hold one pointer, state_."""

    def __init__(self, value):
        self.kind = short(str(value.type.strip_typedefs()))
        self.state = value["state_"]

    def to_string(self):
        return f"{self.kind}: {'empty' if int(self.state) == 0 else state_of(self.state.dereference())}"

    def children(self):
        if int(self.state) == 0:
            return
        state = self.state.dereference()
        name = state_of(state)
        if name == "finished":
            if not str(state["value_"].type.strip_typedefs()).endswith("::Unit"):
                yield "value", state["value_"]
        elif name == "failed":
            yield "exception", state["error_"]["_M_exception_object"]


def word_at(address):
    return int(gdb.Value(address).cast(gdb.lookup_type("unsigned long").pointer()).dereference())


def class_of(task):
    """The class that the object at this address really has: the symbol of its table of virtual functions."""
    table = word_at(task)
    symbol = gdb.execute(f"info symbol {table}", to_string=True)
    match = re.match(r"vtable for (.*?)( \+ \d+)?( in section .*)?$", symbol.strip())
    return short(match[1]) if match else "task"


def queued_in(task_queue):
    """The classes of the tasks of a TaskQueue, the next one first."""
    link = next(field for field in task_queue["first_"].type.target().fields() if field.name == "link_")
    task = int(task_queue["first_"])
    while task != 0:
        yield class_of(task)
        task = word_at(task + link.bitpos // 8)


class ThreadPoolPrinter:
    def __init__(self, value):
        self.tables = value["submitter_"]["engine_"].dereference()["pool_"]
        inbox = self.tables["queues"]["inbox"]
        self.queues = [inbox[side]["tasks"]["levels_"]["_M_elems"][level]
                       for level in (2, 1, 0) for side in ("next_", "arrived_")]

    def to_string(self):
        count = self.tables["workers"]["count_"]
        tasks = sum(int(queue["size_"]) for queue in self.queues)
        return (f"cf::ThreadPoolExecutor: {int(count['alive_'])} of {int(atomic_integer(count['max_workers_']))} threads, "
                f"{int(count['idle_'])} asleep, {int(count['blocked_'])} blocked, {tasks} tasks queued")

    def children(self):
        number = 0
        for queue in self.queues:
            for task in queued_in(queue):
                if number == MOST_TASKS:
                    yield "more", "…"
                    return
                yield f"queued[{number}]", task[:120]
                number += 1


class ProcessPoolPrinter:
    def __init__(self, value):
        engine = value["submitter_"]["engine_"]["_M_ptr"]
        engine = engine.cast(engine.type.target().strip_typedefs().pointer())  # not by the name that shared_ptr gives it
        self.tables = engine.cast(engine.dynamic_type).dereference()["pool_"]
        links = self.tables["workers"]["links_"]
        owner = links.type.strip_typedefs().template_argument(0)  # a unique_ptr, which begins with the pointer
        link = owner.strip_typedefs().template_argument(0)
        self.workers = [each.address.cast(link.pointer().pointer()).dereference().dereference()
                        for each in list_values(links, owner)]

    def to_string(self):
        return (f"cf::ProcessPoolExecutor: {len(self.workers)} of {int(self.tables['settings']['max_workers'])} "
                f"processes{', closed' if self.tables['closed'] else ''}")

    def children(self):
        for number, worker in enumerate(self.workers):
            yield f"worker[{number}]", int(worker["process"]["pid_"])


PRINTERS = (
    (r"^concurrent::futures::(v\d\w*::)?(Future|Promise)<.*>$", FuturePrinter),
    (r"^concurrent::futures::(v\d\w*::)?ThreadPoolExecutor$", ThreadPoolPrinter),
    (r"^concurrent::futures::(v\d\w*::)?ProcessPoolExecutor$", ProcessPoolPrinter),
)


def look_up(value):
    kind = value.type
    if kind.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        kind = kind.target()
        value = value.referenced_value()
    name = str(kind.unqualified().strip_typedefs())
    for pattern, printer in PRINTERS:
        if re.match(pattern, name):
            try:
                return printer(value)
            except gdb.error:  # another version of the library: gdb prints it as it is
                return None
    return None


look_up.__name__ = "concurrent_futures"
gdb.pretty_printers.append(look_up)
