#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants faults in the logic of the library, one at a time, and looks whether its tests find them.

    mutants.py [--results FILE] [--only TEXT] [--jobs 2] [--folder FOLDER] [--seed TEXT] [--steps]
    mutants.py --list | --check | --table FILE

Which faults: a fixed choice from all headers that have a test of their own, by a hash of the line, so that a change
of one line changes little else. Another --seed is another choice. With --steps it is no choice: in the headers of the
protocols, each line that is a step (an assignment or a call) is left out, and of each condition of two or more parts
one part. All of them are compiled at once into copies of the headers, each behind a question whether it is the one of
this run, so each file of tests is compiled once. One that does not compile is left out. With --folder, what has been
compiled there is used again. The test of the header runs first, then for what it does not find other tests that
include the header, and the model checker's scenarios. A line for each: found, and by which test, or NOT FOUND. With
--results, lines go to the end of that file, too, and faults that it names are not run again. --check only looks
whether there are enough and EXPLAINED is right; --table counts a file of results by part. Exit code 1 if one is not
found that EXPLAINED does not name. Takes most of an hour; for by hand.
"""

import argparse
import collections
import concurrent.futures
import hashlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = pathlib.Path("include/concurrent/futures")
TESTS = pathlib.Path("tests/concurrent/futures")
sys.path.insert(0, str(ROOT / "tests/model"))
import mutants as model  # noqa: E402  (its table of scenarios)

SEED = "R24"
UNSEEN = "not found by its own test"  # so far
ENOUGH = 300
PROTOCOLS = re.compile(r"^(detail/(channels|loops|map|memory|mpi|processes|scheduling|state|task|wire)/|impl/)")  # for --steps
# Headers without logic, or whose tests need a library or a machine of their own.
LEFT_OUT = re.compile(r"^(execution|asio|serialization/|version|errors|detail/(asio|execution)/|detail/platform/(tuning|config|assert))")
# At most so many headers of a part, those with the most candidates first.
HEADERS_OF_PART = {"processes": 15, "platform": 7, "public": 10, "impl": 5, "serialization": 7, "wire": 8, "mpi": 8}
WIDER = (  # what runs besides the tests that include a header themselves
    ("(thread_pool|process_pool|any)_executor|impl/worker_threads", ["observer", "contract/control", "contract/shutdown"]),
    ("detail/(state|scheduling|task|memory)/|future|promise|then|when|wait|impl/(work|dead|shared)",
     ["thread_pool_executor", "detail/state/blocking", "then", "detail/state/left_in_parent", "observer", "contract/idle", "contract/bound"]),
    ("detail/map/|detail/loops|map_results|algorithm", ["map_results", "algorithm", "observer"]),
    ("detail/(processes|wire|platform)/|process", ["process_pool_executor", "process_pool_deaths", "process_pool_workers", "process_pool_limits", "process_pool_shutdown",
                                                   "process_pool_host", "process_pool_payloads", "observer",
                                                   "shared_array"]),
    ("serialization", ["serialization", "process_pool_executor"]),
    ("detail/mpi/", ["detail/mpi/mpi_hub", "detail/mpi/rank_server", "detail/mpi/reply_reader", "detail/mpi/lane_dispatcher", "detail/mpi/mpi_direct_path"]),
)
FLAGS = ["-std=c++20", "-O0", "-g0", "-w", "-pthread", "-ffold-simple-inlines", "--param=ggc-min-heapsize=1000000",
         "-DCONCURRENT_FUTURES_ASSERTIONS=1"]
MODEL_FLAGS = ["-std=c++20", "-O1", "-w", "-rdynamic", "-pthread", '-DCONCURRENT_FUTURES_MODEL="model/checker/atomic.hpp"',
               "-DCONCURRENT_FUTURES_ASSERTIONS=1"]
QUESTION = """#pragma once
#include <cstdlib>
namespace mutant {
inline int chosen = -2;
inline bool is_chosen(int number) noexcept {
    int now = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
    if (now == -2) {
        const char* const given = std::getenv("MUTANT_OF_THIS_RUN");
        now = given ? std::atoi(given) : -1;
        __atomic_store_n(&chosen, now, __ATOMIC_RELAXED);
    }
    return number == now;
}
constexpr bool is(int number) noexcept { return !__builtin_is_constant_evaluated() && is_chosen(number); }
}
"""
ALL_HEADERS = """#include "question.hpp"
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <concurrent/futures.hpp>
#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>
"""
# Part of `what: the line | the line before` of a fault: why no test can see it.
SPEED = "speed alone"
EXPLAINED = {
    "sort: without detail::require_this_process<E>();": "it is checked by the compiler",
    "decoder: without detail::explain_obstacle<T>();": "it is checked by the compiler",
    "vocabulary_codec: + is - | return detail::minimum_size<First>()": "it is computed by the compiler, where no fault is planted",
    "scan: 4 is 3 | else if (static_cast<double>(spent) > short_rest / 4) break;": SPEED,
    "sort: 3 is 2 | const Iterator at = begin + (1 + 3 * third * eighth);": f"{SPEED}: which elements are looked at for a pivot",
    "sort: -- is ++ | --divisions;": f"{SPEED}: when it stops dividing",
    "branchless_sort: 2 is 3 | const std::size_t step = (size - 2) / samples;": f"{SPEED}: which elements are looked at",
    "worker_events: 0 is 1 | if (ready.exited || (!is_watched && link.process.pid() > 0))": "no worker has the number 1",
    "worker_events: true is false | return true; | for (int pauses": f"{SPEED}: it looks again before it sleeps",
    "mpi_direct_path: >= is > | if (looks_here ? !goes_on : waited >= patience_with_engine) break;": "a nanosecond",
    "mpi_direct_path: false is true | bool news = false;": "it is written again before it is read",
    "thread_call: true is false | return true; | execute(here": "who asks looks next whether the call has ended, which it has",
    "queue_room: 30 is 31": "only with a thousand million submitters",
    "queue_room: without freed_ = 0; | if (waiting_++ == 0) freed_ = 0;": f"{SPEED}: a submitter is woken earlier",
    "workforce: without free_numbers_.reserve(": "it is needed where memory runs out behind it: tests/fault",
    "deadline_heap: without one->next_ = one->before_ = nullptr;": "both are written again before they are read",
    "file_descriptor: || is && | if (errno == EAGAIN || errno == EWOULDBLOCK)": "the two are the same number here",
    "file_descriptor: 0 is 1 | if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)": "it is for systems without O_CLOEXEC",
    "descriptor_socket: < is <= | while (sent < 0 && (errno == EINTR": "at least one byte is sent, so it is never 0",
    "last_words: without usual.sa_handler = SIG_DFL;": "SIG_DFL is 0, which is there already",
    "shared_block: 0 is 1 | const int seals = F_SEAL_SHRINK | F_SEAL_GROW |": "1 is F_SEAL_SEAL, which is added in the next line",
    "template_process: < is <= | if (message.pid < 0)": "no process has the number 0",
    "template_process: without descriptors.open.reserve(": "it is needed where memory runs out behind it: tests/fault",
    "deadline_enforcer: > is >= | if (lost > 0) grant(lost);": "to grant no time changes nothing",
    "deadline_enforcer: >= is > | if (now >= policy_.of_hook(times, now))": "a nanosecond",
    "dispatcher: > is >= | if (!link->life.has_exited() && link->tasks.wanted() > 1)": "it adds 0",
    "payload_arena: >= is > | if (region_.fd() >= 0)": "it never has the number of a standard stream",
    "byte_ring: > is >= | if (size > first) std::memcpy(ring_->bytes.data(), bytes.data() + first": "it copies 0 bytes",
    "range_codec: without result.reserve(count);": SPEED,
    "submission_queue: || is && | if (intake.may_have_tasks() || cancelled_ > size()) collect();":
        "it collects later; what was cancelled is more than what was collected only while tasks wait there",
}


# ---- what may be planted --------------------------------------------------------------------------
SWAPS = ((" < ", " <= "), (" > ", " >= "), (" <= ", " < "), (" >= ", " > "), (" == ", " != "), (" != ", " == "), (" && ", " || "),
         (" || ", " && "), (" + ", " - "), (" - ", " + "), (" * ", " / "), (" % ", " / "), (" += ", " -= "), (" -= ", " += "))
NUMBER = re.compile(r"(?<![\w.'\"])(\d+)([uUlL]*)(?![\w.'\"])")
NEVER = re.compile(r"^\s*#|\\$|\b(constexpr|consteval|static_assert|requires|template|concept|using|typedef|operator|throw|asm|case|co_\w+|goto)\b"
                   r"|ASSERT|assert\(|R\"")


def without_comments(text):
    pattern = r'//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\')'
    return re.sub(pattern, lambda m: m[1] or "\n" * m[0].count("\n"), text, flags=re.DOTALL)


def is_balanced(text):
    depth = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if depth < 0:
            return False
    return depth == 0


def closing(text, start):
    """Where the parenthesis at `start` ends, or -1."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place
    return -1


def lines_in_functions(code):
    """For each line, whether it begins within a function."""
    stack, since, found = [], "", []
    for line in code.split("\n"):
        found.append(bool(stack) and stack[-1])
        for letter in re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])+\'', '""', line if not line.lstrip().startswith("#") else ""):
            if letter == "{":
                outside = re.sub(r"\([^()]*\)|<[^<>]*>", "", since)
                stack.append(not re.search(r"\b(class|struct|union|enum|namespace|extern)\b", outside))
            elif letter == "}" and stack:
                stack.pop()
            since = "" if letter in "{};" else since + letter
        since += " "
    return found


def changes(expression):
    """(what, the expression with it) for each small change of an expression."""
    quoted = [(m.start(), m.end()) for m in re.finditer(r'"(?:\\.|[^"\\])*"', expression)]
    def apart(place):
        return not any(begin <= place < end for begin, end in quoted)
    for old, new in SWAPS:
        for match in re.finditer(re.escape(old), expression):
            if apart(match.start()):
                yield f"{old.strip()} is {new.strip()}", expression[:match.start()] + new + expression[match.end():]
    for match in NUMBER.finditer(expression):
        if apart(match.start()) and "memory_order" not in expression:
            for more in (1, -1) if match[1] not in "0" else (1,):
                yield f"{match[1]} is {int(match[1]) + more}", f"{expression[:match.start()]}{int(match[1]) + more}{match[2]}{expression[match.end():]}"
    for match in re.finditer(r"\b(true|false)\b", expression):
        other = "false" if match[1] == "true" else "true"
        yield f"{match[1]} is {other}", expression[:match.start()] + other + expression[match.end():]
    for match in re.finditer(r"(?:\+\+|--)(?=[\w*])|(?<=\w)(?:\+\+|--)", expression):
        other = "--" if match[0] == "++" else "++"
        yield f"{match[0]} is {other}", expression[:match.start()] + other + expression[match.end():]


def parts_left_out(expression):
    """As changes(): a condition of several parts without one of them."""
    found, depth = [], 0
    for place, letter in enumerate(expression):
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0 and expression[place:place + 4] in (" && ", " || "):
            found.append(place)
    if not found or len({expression[place:place + 4] for place in found}) > 1 or not is_balanced(expression):
        return
    parts = [expression[begin:end] for begin, end in zip([0, *(place + 4 for place in found)], [*found, len(expression)])]
    for left_out in range(len(parts)):
        rest = expression[found[0]:found[0] + 4].join(part for index, part in enumerate(parts) if index != left_out)
        yield f"without the part {parts[left_out].strip()}", rest


ASSIGNMENT = re.compile(r"^[\w.\->\[\]():*]+ (?:[-+*/|&^%]|<<|>>)?= .+;$|^(?:\+\+|--)[\w.\->\[\]():*]+;$|^[\w.\->\[\]():*]+(?:\+\+|--);$")
CALL = re.compile(r"^(?:static_cast<void>\()?[\w:]+(?:<[\w:, ]+>)?(?:(?:\.|->|::)\w+|\([^;]*\)|\[[^\]]*\])*\([^;]*\);$")
DECLARATION = re.compile(r"^(\s*(?:const |auto |unsigned |static )*[\w:<>, ]+?[ *]+\w+ = )([^{}\[\];]+)(;\s*)$")
KEYWORDS = re.compile(r"^(return|break|continue|delete|else|do|if|for|while|switch|try|catch|struct|class|public|private|friend|void)\b")


def candidates_of_line(code, before, parts=False):
    """(what, the line with `NUMBER` where the question asks) for each fault that may be planted in it."""
    asks = "::mutant::is(NUMBER)"
    for match in re.finditer(r"\b(if|while) \(", code):
        end = closing(code, match.end() - 1)
        inner = code[match.end():end]
        if end > 0 and ";" not in inner and not re.match(r"(const |auto\b|[\w:<>]+[ *&]+(?:const )?\w+ = )", inner):
            for what, changed in [(f"{match[1]} ({inner}) is negated", f"!({inner})"), *changes(inner), *(parts_left_out(inner) if parts else ())]:
                yield what, f"{code[:match.end()]}{asks} ? bool({changed}) : bool({inner}){code[end:]}"
    match = re.search(r"\bfor \([^;]*;([^;]+);[^;]*\)", code)
    if match:
        for what, changed in changes(match[1].strip()):
            yield what, f"{code[:match.start(1)]} {asks} ? bool({changed}) : bool({match[1].strip()}){code[match.end(1):]}"
    match = re.search(r"\breturn ([^;{}]+);", code)
    if match and is_balanced(match[1]) and code.count("return ") == 1 and "[" not in re.sub(r"\w\[", "", match[1]):
        some = list(changes(match[1]))
        if re.match(r"\s*(?:\[\[nodiscard\]\] )?(?:static |friend |virtual |inline )*bool \w+\(", code) or re.search(r" (?:[=!]=|<=?|>=?|&&|\|\|) ", match[1]):
            some.append((f"return {match[1]} is negated", f"!({match[1]})"))
            some += parts_left_out(match[1]) if parts else ()
        for what, changed in some:
            yield what, f"{code[:match.start()]}{{ if ({asks}) return {changed}; return {match[1]}; }}{code[match.end():]}"
    for match in re.finditer(r"\b(break|continue);", code):
        yield f"without {match[0]}", f"{code[:match.start()]}{{ if (!{asks}) {match[0]} }}{code[match.end():]}"
    match = re.match(r"^(\s*(?:\} )?(?:else )?)(?:if \()?", code)
    begin = match.end(1)
    if match[0].endswith("if ("):
        begin = closing(code, match.end() - 1) + 1
    statement = code[begin:].strip()
    lead = code[:begin] + " " * (len(code[begin:]) - len(code[begin:].lstrip()))
    whole = begin == match.end(1) and re.search(r"[{};:)]$|\belse$|^$", before.strip()) or begin > match.end(1) > 0
    if whole and statement.count(";") == 1 and is_balanced(statement) and not KEYWORDS.match(statement):
        if ASSIGNMENT.match(statement) or CALL.match(statement):
            yield f"without {statement}", f"{lead}{{ if (!{asks}) {statement} }}"
        if ASSIGNMENT.match(statement):
            for what, changed in changes(statement):
                yield what, f"{lead}{{ if ({asks}) {changed} else {statement} }}"
    match = DECLARATION.match(code)
    if match and is_balanced(match[2]) and not KEYWORDS.match(code.strip()):
        for what, changed in changes(match[2]):
            yield what, f"{match[1]}{asks} ? ({changed}) : ({match[2]}){match[3]}"


class Fault:
    def __init__(self, header, line, what, text, code, above, seed):
        short = header.relative_to(LIBRARY).with_suffix("").as_posix()
        self.header, self.line, self.what, self.text = header, line, what, text
        self.part = short.removeprefix("detail/").split("/")[0] if "/" in short else "public"
        self.described = f"{short}: {what} | {code.strip()} | {above.strip()}"
        self.rank = hashlib.sha256(f"{seed}{self.described}".encode()).hexdigest()
        self.name = f"{short}:{line}: {what}"
        self.number = int(self.rank[:7], 16)


def faults_of(header, seed, parts=False):
    """All that may be planted in a header, in the order of their hashes."""
    code = without_comments((ROOT / header).read_text(encoding="utf-8")).split("\n")
    inside = lines_in_functions("\n".join(code))
    found = []
    for number, line in enumerate(code, 1):
        if NEVER.search(line) or not (inside[number - 1] or "{ return " in line):
            continue
        seen = set()
        before = next((code[above] for above in range(number - 2, -1, -1) if code[above].strip()), "")
        for what, text in candidates_of_line(line, before, parts):
            if what not in seen and text.count("NUMBER") == 1:
                seen.add(what)
                found.append(Fault(header, number, what, text, line, before, seed))
    return sorted(found, key=lambda fault: fault.rank)


def mirror_of(header):
    """The test of a header, or nothing. Those of impl/ are in the folder of the class."""
    short = header.relative_to(LIBRARY).with_suffix("").as_posix()
    if short.startswith("impl/"):
        found = sorted((ROOT / TESTS).rglob(f"{header.stem}.test.cpp"))
        return found[0].relative_to(ROOT / TESTS).as_posix().removesuffix(".test.cpp") if len(found) == 1 else None
    return short if (ROOT / TESTS / f"{short}.test.cpp").exists() else None


def choose(seed):
    """All candidates, and those that are planted: at most four of a header, one in a line, three of a kind."""
    everything, headers = [], collections.defaultdict(list)
    for path in sorted((ROOT / LIBRARY).rglob("*.hpp")):
        header = path.relative_to(ROOT)
        if not mirror_of(header) or LEFT_OUT.match(header.relative_to(LIBRARY).as_posix()):
            continue
        faults = faults_of(header, seed)
        everything += faults
        if len(faults) >= 8:
            headers[faults[0].part].append(faults)
    chosen = []
    for part, lists in headers.items():
        lists.sort(key=len, reverse=True)
        for faults in lists[:HEADERS_OF_PART.get(part, 99)]:
            lines, kinds, count = set(), collections.Counter(), min(4, 2 + len(faults) // 25)
            for fault in faults:
                kind = fault.what.split()[0]
                if count and fault.line not in lines and kinds[kind] < 3:
                    lines.add(fault.line)
                    kinds[kind] += 1
                    count -= 1
                    chosen.append(fault)
    return everything, chosen


def choose_steps(seed):
    """As choose(): all steps and parts of conditions in the headers of the protocols, one in a line."""
    everything, chosen = [], []
    for path in sorted((ROOT / LIBRARY).rglob("*.hpp")):
        header = path.relative_to(ROOT)
        short = header.relative_to(LIBRARY).as_posix()
        if not mirror_of(header) or LEFT_OUT.match(short):
            continue
        faults = faults_of(header, seed, parts=True)
        everything += faults
        lines = set()
        for fault in faults:
            if PROTOCOLS.match(short) and fault.what.startswith("without ") and fault.line not in lines:
                lines.add(fault.line)
                chosen.append(fault)
    return everything, chosen


# ---- programs with tests --------------------------------------------------------------------------
class DoesNotCompile(Exception):
    """With the faults that the compiler names."""


class Programs:
    """Files of tests, each compiled and linked when it is first wanted, with all faults of `chosen` that compile."""

    def __init__(self, folder, chosen, note_dropped):
        self.folder, self.planted, self.note_dropped = folder, list(chosen), note_dropped
        self.lock, self.locks, self.seconds = threading.Lock(), collections.defaultdict(threading.Lock), {}
        self.support = []
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "question.hpp").write_text(QUESTION, encoding="utf-8")
        (folder / "all.hpp").write_text(ALL_HEADERS, encoding="utf-8")

    def write_headers(self):
        """Whether any text is new."""
        new = False
        for path in (ROOT / "include").rglob("*.hpp"):
            header = path.relative_to(ROOT)
            lines = path.read_text(encoding="utf-8").split("\n")
            for fault in self.planted:
                if fault.header == header:
                    lines[fault.line - 1] = fault.text.replace("NUMBER", str(fault.number))
            copy = self.folder / header
            copy.parent.mkdir(parents=True, exist_ok=True)
            text = "\n".join(lines)
            if not copy.exists() or copy.read_text(encoding="utf-8") != text:
                copy.write_text(text, encoding="utf-8")
                new = True
        return new

    def run_compiler(self, command):
        built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if built.returncode == 0:
            return
        for where in (r"error:", r""):  # what the compiler says besides, if the errors name no fault
            found = {(name, int(line)) for name, line in re.findall(rf"(include/[\w/]+\.hpp):(\d+):\d+: *{where}", built.stdout)}
            guilty = [fault for fault in self.planted if (fault.header.as_posix(), fault.line) in found]
            if guilty:
                raise DoesNotCompile(guilty)
        sys.exit(f"mutants.py: {' '.join(map(str, command))}\n{built.stdout[:4000]}")

    def drop(self, guilty):
        for fault in guilty:
            if fault in self.planted:
                self.planted.remove(fault)
                self.note_dropped(fault)

    def prepare(self):
        """The headers with the faults, parsed once for all tests, and what all tests are linked with."""
        while True:
            if not self.write_headers() and (self.folder / "all.hpp.gch").exists():
                break
            try:
                self.run_compiler(["g++", *FLAGS, f"-I{self.folder}/include", "-x", "c++-header", self.folder / "all.hpp",
                                   "-o", self.folder / "all.hpp.gch"])
                break
            except DoesNotCompile as error:
                (self.folder / "all.hpp.gch").unlink(missing_ok=True)
                self.drop(error.args[0])
        if not self.support:
            sources = [path for path in (ROOT / "tests/support").glob("*.cpp") if not path.name.endswith(".test.cpp")]
            self.support = [self.compile(path, self.folder / f"support_{path.stem}.o") for path in sources]

    def compile(self, source, output):
        if not output.exists():
            self.run_compiler(["g++", *FLAGS, "-include", self.folder / "all.hpp", f"-I{self.folder}/include",
                               f"-I{ROOT}/tests", "-c", source, "-o", output])
        return output

    def object_of(self, name):
        base = ROOT / ("tests" if name.startswith("contract/") else TESTS)
        return self.compile(base / f"{name}.test.cpp", self.folder / f"{name.replace('/', '.')}.o")

    def compile_all(self, names, jobs, then):
        """Again and again, until no fault is left that does not compile. `then(name)` when one has been compiled."""
        left = list(names)
        while left:
            guilty, again = [], []

            def one(name):
                try:
                    self.object_of(name)
                except DoesNotCompile as error:
                    guilty.extend(error.args[0])
                    again.append(name)
                else:
                    then(name)

            with concurrent.futures.ThreadPoolExecutor(jobs) as threads:
                list(threads.map(one, left))
            left = again
            if guilty:
                self.drop(guilty)
                self.prepare()

    def is_compiled(self, name):
        return (self.folder / f"{name.replace('/', '.')}.o").exists()

    def get(self, name):
        """The program with the tests of a file. None if it does not compile with the faults, or fails without one."""
        with self.locks[name]:
            program = self.folder / "programs" / name.replace("/", ".")
            if name not in self.seconds:
                try:
                    built = self.object_of(name)
                    program.parent.mkdir(exist_ok=True)
                    subprocess.run(["g++", "-pthread", "-fuse-ld=lld" if pathlib.Path("/usr/bin/ld.lld").exists() else "-pthread",
                                    built, *self.support, "-lCatch2", "-ldl", "-o", program], check=True)
                    begin = time.monotonic()
                    how = run_tests([program], -1, 300, self.folder)
                    self.seconds[name] = None if how else time.monotonic() - begin
                    if how:
                        print(f"  {name} fails without a fault: {how}", flush=True)
                except DoesNotCompile as error:
                    print(f"  {name} does not compile with {', '.join(fault.name for fault in error.args[0])}", flush=True)
                    self.seconds[name] = None
        return program if self.seconds[name] is not None else None

    def scenarios(self, name):
        """The model checker with the scenarios of one file. None if they do not compile with the faults."""
        with self.locks["model"]:
            program = self.folder / f"model_{name}"
            if program not in self.seconds:
                try:
                    for source in (name, "checker"):
                        if not (self.folder / f"model_{source}.o").exists():
                            self.run_compiler(["g++", *MODEL_FLAGS, "-include", self.folder / "question.hpp", f"-I{self.folder}/include",
                                               f"-I{ROOT}/tests", "-c", f"{ROOT}/tests/model/checker/{source}.cpp", "-o",
                                               self.folder / f"model_{source}.o"])
                    subprocess.run(["g++", "-rdynamic", "-pthread", self.folder / f"model_{name}.o", self.folder / "model_checker.o", "-ldl",
                                    "-o", program], check=True)
                    self.seconds[program] = 0.0
                except DoesNotCompile as error:
                    print(f"  {name}.cpp does not compile with {', '.join(fault.name for fault in error.args[0])}", flush=True)
                    self.seconds[program] = None
        return program if self.seconds[program] is not None else None


def run_tests(command, number, limit, folder):
    """How it ended, or an empty text if all tests passed. What it started is killed with it."""
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=folder, start_new_session=True,
                                   env=dict(os.environ, MUTANT_OF_THIS_RUN=str(number)))
        try:
            process.wait(limit)
            how = f"exit code {process.returncode}" if process.returncode > 0 else f"signal {-process.returncode}" if process.returncode else ""
        except subprocess.TimeoutExpired:
            how = "no end"
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        output.seek(0)
        text = output.read()
    if not how:
        return ""
    named = re.search(r"^-{70,}\n(.+)\n-{70,}|^(WRONG: .*)|(\S+:\d+: failed: .*)", text, re.MULTILINE)
    return f"{how}, {(named[1] or named[2] or named[3]).strip()}" if named else how


def includes(path):
    return set(re.findall(r'#include [<"](concurrent/[\w/]+\.hpp)', path.read_text(encoding="utf-8")))


class Finder:
    def __init__(self, programs):
        self.programs = programs
        self.files = {}
        for path in sorted([*(ROOT / TESTS).rglob("*.test.cpp"), *(ROOT / "tests/contract").glob("*.test.cpp")]):
            name = path.relative_to(ROOT / TESTS if path.is_relative_to(ROOT / TESTS) else ROOT / "tests").as_posix().removesuffix(".test.cpp")
            self.files[name] = includes(path)
        self.direct = {path: includes(path) for path in (ROOT / "include").rglob("*.hpp")}

    def wider(self, fault):
        """Other tests, at most fourteen: of headers that include this one, that include it themselves, of the part."""
        header, mirror = fault.header.relative_to("include").as_posix(), mirror_of(fault.header)
        if "/impl/" in header:
            header = f"concurrent/futures/{mirror}.hpp"  # which declares what is defined there
        users = [path.relative_to(ROOT) for path, included in self.direct.items() if header in included and path.is_relative_to(ROOT / LIBRARY)]
        names = [mirror_of(path) for path in users if mirror_of(path)][:4]
        names += [name for name, included in self.files.items() if header in included][:4]
        short = fault.header.relative_to(LIBRARY).as_posix()
        for pattern, more in WIDER:
            if re.match(pattern, short):
                names += more
        return [name for name in dict.fromkeys(names) if name != mirror and not re.match(r"asio|execution|serialization/|shutdown_matrix", name)][:14]

    def run(self, name, fault):
        program = self.programs.get(name)
        if not program:
            return ""
        how = run_tests([program, "--abort"], fault.number, 15 + 8 * self.programs.seconds[name], self.programs.folder)
        return f"{name}: {how}" if how else ""

    def find(self, fault):
        """By the header's own test."""
        return self.run(mirror_of(fault.header), fault)

    def programs_for(self, fault):
        """What else may find it: ("model", file) or ("tests", file)."""
        short = fault.header.as_posix()
        files = next((files for part, files in model.SCENARIOS if part in short and (short in model.HEADERS or part == "/mpi/")), [])
        return [*(("model", name) for name in files), *(("tests", name) for name in self.wider(fault))]

    def find_by(self, program, fault):
        kind, name = program
        if kind == "tests":
            return self.run(name, fault)
        path = self.programs.scenarios(name)
        how = path and run_tests([path, "--limit", "250", "--random", "250", "--stop", "1"], fault.number, 200, self.programs.folder)
        return f"model {name}: {how}" if how else ""


# ---- the whole ------------------------------------------------------------------------------------
def reason_of(fault):
    return next((why for text, why in EXPLAINED.items() if text in fault.described), "")


def table(lines):
    """By part: how many, how many were found, by their own test or by another, explained, and the score."""
    last = {}
    for line in lines:
        match = re.match(r"(\S+:\d+: .*) => (found by (?:model )?(\S+?):|explained|NOT FOUND|does not compile|not found by its own test)", line)
        if match:
            last[match[1]] = match
    rows = collections.defaultdict(collections.Counter)
    for name, match in last.items():
        path = name.split(":")[0]
        part = path.removeprefix("detail/").split("/")[0] if "/" in path else "public headers"
        if match[2] == "does not compile":
            continue
        own = match[3] and match[3] == mirror_of(LIBRARY / f"{path}.hpp")
        for row in (rows[part], rows["together"]):
            row["all"] += 1
            row["own" if own else "other" if match[3] else "NOT FOUND" if "ound" in match[2] else match[2]] += 1
    print("| part | mutants | found by the header's test | by another | explained | not found | score |\n|---|---|---|---|---|---|---|")
    for part in sorted(rows, key=lambda part: (part == "together", part)):
        row = rows[part]
        count = row["all"] - row["explained"]
        print(f"| {part} | {row['all']} | {row['own']} | {row['other']} | {row['explained']} | {row['NOT FOUND']} | "
              f"{100 * (row['own'] + row['other']) / max(count, 1):.1f} % |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--results")
    parser.add_argument("--folder")
    parser.add_argument("--seed", default=SEED)
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--table")
    given = parser.parse_args()
    if given.table:
        table(pathlib.Path(given.table).read_text(encoding="utf-8").split("\n"))
        return 0
    everything, chosen = choose_steps(given.seed) if given.steps else choose(given.seed)
    lost = [text for text in EXPLAINED if not any(text in fault.described for fault in everything)]
    if lost or len(chosen) < ENOUGH:
        sys.exit("\n".join([f"mutants.py: {len(chosen)} faults; these of EXPLAINED are not in the headers any more:", *lost]))
    if given.check:
        return 0
    results = pathlib.Path(given.results) if given.results else None
    before = results.read_text(encoding="utf-8") if results and results.exists() else ""
    last = dict(line.split(" => ", 1) for line in before.split("\n") if " => " in line)
    known = {name for name, how in last.items() if how != UNSEEN}
    dropped = {name for name, how in last.items() if how == "does not compile"}
    chosen = [fault for fault in chosen if given.only in fault.name]
    if given.list:
        for fault in chosen:
            print(fault.name)
        print(f"{len(chosen)} faults in {len({fault.header for fault in chosen})} headers")
        return 0
    lock = threading.Lock()

    def tell(fault, how):
        with lock:
            print(f"{fault.name} => {how}", flush=True)
            if results:
                with results.open("a", encoding="utf-8") as file:
                    file.write(f"{fault.name} => {how}\n")

    left = [fault for fault in chosen if fault.name not in known]
    survivors = [fault for fault in left if last.get(fault.name) == UNSEEN]
    left = [fault for fault in left if fault not in survivors]
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(pathlib.Path(given.folder or folder).resolve(), [fault for fault in chosen if fault.name not in dropped],
                            lambda fault: tell(fault, "does not compile"))
        programs.prepare()
        finder = Finder(programs)

        def own(fault):
            how = finder.find(fault)
            tell(fault, f"found by {how}" if how else UNSEEN)
            if not how:
                survivors.append(fault)

        def others(program):
            """A program that is compiled serves all faults that it may find."""
            for fault in list(wanted[program]):
                if fault not in survivors or not (how := finder.find_by(program, fault)):
                    continue
                with lock:
                    first = fault in survivors  # another program may have found it meanwhile
                    if first:
                        survivors.remove(fault)
                if first:
                    tell(fault, f"found by {how}")

        with concurrent.futures.ThreadPoolExecutor(given.jobs) as threads:
            waits = []

            def compiled(name):
                waits.extend(threads.submit(own, fault) for fault in left if fault in programs.planted and mirror_of(fault.header) == name)

            programs.compile_all(dict.fromkeys(mirror_of(fault.header) for fault in left), given.jobs, compiled)
            for wait in waits:
                wait.result()
        for fault in [fault for fault in survivors if reason_of(fault)]:
            survivors.remove(fault)
            tell(fault, f"explained: {reason_of(fault)}")
        wanted = collections.defaultdict(list)
        for fault in survivors:
            for program in finder.programs_for(fault):
                wanted[program].append(fault)
        with concurrent.futures.ThreadPoolExecutor(given.jobs) as threads:
            order = sorted(wanted, key=lambda program: (not programs.is_compiled(program[1]), -len(wanted[program])))
            list(threads.map(others, order))
        for fault in survivors:
            tell(fault, "NOT FOUND")
    print(f"{len(left)} faults, {len(survivors)} not found and not explained")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
