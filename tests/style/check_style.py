#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests about the source itself.

    check_style.py RULE REPOSITORY      one of the functions marked @rule below
    check_style.py all REPOSITORY

A rule yields one line per violation. Beside each rule are bad samples: before a rule looks at the
repository it is run on each of them and must object, so that no rule can pass by being blind.
"""
import pathlib
import re
import sys
import tempfile

import readme_links as links

LIBRARY = "include/concurrent/futures"
OPT_IN = {"mpi_pool_executor.hpp", "asio.hpp", "execution.hpp", "trace.hpp", "progress.hpp", "hang_report.hpp"}  # and serialization/*

# The layers, lowest first. An include goes to the same layer or down, never up. A new public
# header that is not named here is at the layer of its nearest relative below: add it.
LAYERS = [
    {"detail/platform", "errors.hpp", "options.hpp", "observer.hpp", "version.hpp"},
    {"detail/task", "detail/memory"},
    {"detail/state"},
    {"future.hpp", "promise.hpp", "serialization.hpp", "process_main.hpp", "parallelism.hpp",
     "bind_task.hpp", "worker_limits.hpp", "shared_array.hpp", "broadcast.hpp", "detail/serialization", "detail/scheduling", "detail/wire", "detail/processes",
     "detail/loops", "detail/map", "detail/progress", "detail/trace", "detail/hang_report", "detail/channels", "detail/asio", "detail/execution", "detail/mpi"},
    {"executor.hpp", "wait.hpp", "as_completed.hpp", "map_results.hpp", "then.hpp", "or_else.hpp",
     "when_all.hpp", "when_any.hpp", "coroutine.hpp", "channel.hpp", "process.hpp", "serialization", "this_worker.hpp"},
    {"thread_pool_executor.hpp", "process_pool_executor.hpp", "inline_executor.hpp",
     "default_pool.hpp", "any_executor.hpp", "timers.hpp", "algorithm.hpp",
     "find.hpp", "scan.hpp", "sort.hpp", "impl"} | OPT_IN,
    {"../futures.hpp"},
]
DETAIL_MAY_INCLUDE = {"errors.hpp", "options.hpp", "observer.hpp", "version.hpp"}
# What is not for a pool of processes of this machine.
NO_LOCAL_PROCESSES = {"detail/wire", "detail/mpi"}
SERIALIZATION_USERS = {"serialization.hpp", "serialization", "detail/serialization",
                       "detail/wire", "detail/processes", "detail/channels", "detail/mpi", "channel.hpp", "process.hpp", "shared_array.hpp", "broadcast.hpp", "impl"}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]concurrent/(.+?)[>"]', re.MULTILINE)
ANY_INCLUDE = re.compile(r'^\s*#\s*include\s*[<"](.+?)[>"]', re.MULTILINE)
# The end of a header whose functions are defined in impl/, see impl/src.hpp.
IMPLEMENTATION = re.compile(r'^#if CONCURRENT_FUTURES_HEADER_ONLY\n(?:#include "concurrent/futures/impl/\w+\.hpp"\n)+#endif\n\Z',
                            re.MULTILINE)
SOURCE = "futures/impl/src.hpp"
RULES = {}
SAMPLES = {}


class Skip(Exception):
    """There is nothing to check yet; the text says what is missing."""


def rule(function):
    RULES[function.__name__] = function
    SAMPLES.setdefault(function.__name__, [])
    return function


def rejects(name, **files):
    """A bad sample: a repository with these files, `__` in a name for a slash, `_hpp` for .hpp."""
    def path(key):
        key = key.replace("__", "/")
        return re.sub(r"_(hpp|cpp|md|py|sh)$", r".\1", key)
    SAMPLES.setdefault(name, []).append({path(key): text for key, text in files.items()})


def files_of(root, folder, *endings):
    found = (root / folder).rglob("*") if (root / folder).is_dir() else []
    return sorted(path for path in found if path.is_file() and path.name.endswith(endings))


def headers_of(root):
    return files_of(root, "include", ".hpp")


def without_comments(text):
    """The code alone, line numbers kept; string literals are left as they are."""
    pattern = r'//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\')'
    return re.sub(pattern, lambda m: m.group(1) or "\n" * m.group(0).count("\n"), text,
                  flags=re.DOTALL)


def matches(root, paths, pattern, text_of=without_comments):
    """(place, match) for every match of `pattern` in the code of `paths`."""
    for path in paths:
        text = text_of(path.read_text(encoding="utf-8"))
        for match in re.finditer(pattern, text, re.MULTILINE):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path.relative_to(root)}:{line}", match


# ---- layers -------------------------------------------------------------------------------------
def place_of(path):
    """Where a header stands in LAYERS: its folder under detail, or its own name."""
    if path == "futures.hpp":
        return "../futures.hpp"
    inner = path.removeprefix("futures/")
    parts = inner.split("/")
    if parts[0] == "impl":
        return "impl"
    if parts[0] == "detail":
        return "/".join(parts[:2]) if len(parts) > 2 else inner
    return parts[0]


def layer_of(place):
    return next((number for number, names in enumerate(LAYERS) if place in names), None)


rejects("layers", include__concurrent__futures__detail__mpi__a_hpp=
        "#include <concurrent/futures/detail/processes/b.hpp>\n")
rejects("layers", include__concurrent__futures__detail__state__a_hpp=
        "#include <concurrent/futures/detail/scheduling/b.hpp>\n")
rejects("layers", include__concurrent__futures__detail__scheduling__a_hpp=
        "#include <concurrent/futures/future.hpp>\n")
rejects("layers", include__concurrent__futures__future_hpp=
        "#include <concurrent/futures/detail/serialization/a.hpp>\n")
rejects("layers", include__concurrent__futures__wait_hpp=
        "#include <concurrent/futures/thread_pool_executor.hpp>\n")
rejects("layers", include__concurrent__futures__unheard_of_hpp="\n")
rejects("layers", include__concurrent__futures__future_hpp='#include "detail/state/x.hpp"\n')


@rule
def layers(root):
    for header in headers_of(root):
        name = header.relative_to(root / "include/concurrent").as_posix()
        place = place_of(name)
        level = layer_of(place)
        if level is None:
            yield f"{name}: '{place}' has no layer: add it to LAYERS in tests/style/check_style.py"
            continue
        text = IMPLEMENTATION.sub("", header.read_text(encoding="utf-8"))
        for included in ANY_INCLUDE.findall(text):
            if included.endswith(".hpp") and (header.parent / included).exists() or \
                    included.startswith(("detail/", "../", "./")):
                yield f"{name} includes '{included}': write <concurrent/…>"
        for included in INCLUDE.findall(text):
            target = place_of(included)
            target_level = layer_of(target)
            if target == "impl" and name != SOURCE:
                yield f"{name} includes {included}: only at its end, between #if CONCURRENT_FUTURES_HEADER_ONLY and #endif"
            if target_level is None or target_level > level:
                yield f"{name} (layer {level}) includes {included} (layer {target_level}): upward"
            allowed = DETAIL_MAY_INCLUDE | ({"future.hpp"} if place == "detail/map" else set())
            if place.startswith("detail/") and not target.startswith("detail/") and target not in allowed:
                yield f"{name} includes the public {included}: {place} may include only " \
                      f"{', '.join(sorted(allowed))}"
            if target == "detail/processes" and place in NO_LOCAL_PROCESSES:
                yield f"{name} includes {included}: what MPI needs as well belongs into detail/wire"
            if target == "detail/serialization" and place not in SERIALIZATION_USERS:
                yield f"{name} includes {included}: include serialization.hpp instead"


# ---- size and shape -----------------------------------------------------------------------------
rejects("header_length", include__concurrent__futures__a_hpp="\n" * 401)


@rule
def header_length(root):
    for header in headers_of(root):
        count = header.read_text(encoding="utf-8").count("\n")
        if count > 400:
            yield f"{header.relative_to(root)} has {count} lines, 400 are allowed: two ideas?"


rejects("platform_macros", include__concurrent__futures__a_hpp="#ifdef __linux__\n#endif\n")
rejects("platform_macros", include__concurrent__futures__detail__task__a_hpp=
        "#if defined(__GNUC__)\n#endif\n")


@rule
def platform_macros(root):
    """Exempt: the end of a header that includes its implementation."""
    elsewhere = [header for header in headers_of(root)
                 if not header.is_relative_to(root / LIBRARY / "detail/platform")]
    for place, match in matches(root, elsewhere, r"^\s*#\s*(?:el)?(?:if|ifdef|ifndef)\b.*",
                                lambda text: without_comments(IMPLEMENTATION.sub("", text))):
        yield f"{place}: '{match.group(0).strip()}' belongs into detail/platform"


rejects("separate_compilation", include__concurrent__futures__impl__src_hpp="\n",
        include__concurrent__futures__impl__a_hpp="\n")
rejects("separate_compilation", include__concurrent__futures__impl__src_hpp=
        '#include "concurrent/futures/impl/a.hpp"\n', include__concurrent__futures__impl__a_hpp="inline void f() {}\n")


@rule
def separate_compilation(root):
    """impl/src.hpp has all of impl/, each of which some header includes; what is defined there is not always inline."""
    folder = root / LIBRARY / "impl"
    if not folder.exists():
        raise Skip("there is no impl/ yet")
    source = set(INCLUDE.findall((folder / "src.hpp").read_text("utf-8")))
    wanted = {name for header in headers_of(root)
              for block in IMPLEMENTATION.findall(header.read_text("utf-8")) for name in INCLUDE.findall(block)}
    for header in sorted(folder.glob("*.hpp")):
        name = header.relative_to(root / "include/concurrent").as_posix()
        if header.name == "src.hpp":
            continue
        if name not in source:
            yield f"{SOURCE} does not include {name}"
        if name not in wanted:
            yield f"no header includes {name} at its end, between #if CONCURRENT_FUTURES_HEADER_ONLY and #endif"


rejects("inline_namespace", include__concurrent__futures__a_hpp="namespace concurrent::futures {\n}\n")
rejects("inline_namespace", include__concurrent__futures__a_hpp=
        "namespace concurrent::futures::inline v1::detail {\n}\n")
rejects("inline_namespace", include__concurrent__futures__a_hpp=
        "namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {\n}\n")


@rule
def inline_namespace(root):
    """Its name has a tag for each option that changes layout or code: detail/platform/config.hpp."""
    headers = [header for header in headers_of(root) if header.name != "config.hpp"]
    for place, match in matches(root, headers, r"^namespace concurrent\b[^={]*\{"):
        if "::inline CONCURRENT_FUTURES_ABI" not in match.group(0):
            yield f"{place}: write namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI"
    # Where the macro is not defined, its name is the namespace, and nothing in it is found.
    texts = {header.relative_to(root / "include").as_posix(): header.read_text("utf-8") for header in headers_of(root)}

    def reaches_config(name, seen):
        included = {f"concurrent/{inner}" for inner in INCLUDE.findall(texts.get(name, ""))} - seen
        seen |= included
        return any(inner.endswith("platform/config.hpp") or reaches_config(inner, seen) for inner in included)
    for name, text in texts.items():
        if "inline CONCURRENT_FUTURES_ABI" in text and not reaches_config(name, set()):
            yield f"{name}: does not include concurrent/futures/detail/platform/config.hpp, which defines the macro"


rejects("macro_names", include__concurrent__futures__a_hpp="int a = std::min(1, 2);\n")
rejects("macro_names", include__concurrent__futures__a_hpp="int a = std::numeric_limits<int>::max();\n")
rejects("macro_names", include__concurrent__futures__a_hpp="sigset_t signals;\n")


@rule
def macro_names(root):
    """Names that Qt, X11, Windows or Apple define as macros; the whole list is in tests/builds/usual_macros.hpp."""
    names = r"slots|signals|emit|foreach|forever|near|far|small|interface|None|Bool|Status|Success|Complex|OK|ERR"
    for place, match in matches(root, headers_of(root), rf"(?:::|[^\w:(])(?:min|max|check|verify|require)\(|(?<![\w<\"])(?:{names})\b(?!\")"):
        yield f"{place}: '{match.group(0).strip()}' is a macro elsewhere: another name, or (std::max)(a, b)"


CLASS = "class A {\n  public:\n"
rejects("documented", include__concurrent__futures__a_hpp=CLASS + "    int f() const;\n};\n")
rejects("documented", include__concurrent__futures__a_hpp=
        CLASS + "    /// One.\n    int f() const;\n\n    template <class T>\n    int g(T t);\n};\n")
rejects("documented", include__concurrent__futures__a_hpp=
        "struct B {\n    int x;  ///< yes\n    bool operator==(const B& other) const;\n};\n")


@rule
def documented(root):
    """Every public member function has a comment above it, or above its neighbours without a blank line."""
    for header in sorted((root / LIBRARY).glob("*.hpp")):
        in_detail, name, public, commented = False, None, False, False
        for number, line in enumerate(header.read_text(encoding="utf-8").split("\n"), 1):
            if re.match(r"namespace.*\bdetail \{|\}  // namespace detail", line):
                in_detail = line.startswith("namespace")
            elif opened := re.match(r"(class|struct) (\w+)(?!::)\b[^;]*\{$", line):
                name, public, commented = opened.group(2), opened.group(1) == "struct", False
            elif line.startswith("};"):
                name = None
            elif access := re.match(r"  (public|private|protected):", line):
                public, commented = access.group(1) == "public", False
            elif not line or line.startswith("    //"):
                commented = bool(line)
            elif name and public and not in_detail and not commented and not re.search("///<|= delete;", line) \
                    and re.match(r"    (?!using |friend |static_assert)[\w~\[].*[\w=)]\(", line):
                yield f"{header.relative_to(root)}:{number}: {name}: '{line.strip()}' has no comment"


# ---- atomics ------------------------------------------------------------------------------------
rejects("atomic_comments", include__concurrent__futures__a_hpp=
        "int f() {\n\n\n\n\n    return x.load(std::memory_order_acquire);\n}\n")
rejects("atomic_comments", include__concurrent__futures__a_hpp=
        "// a comment too far above\n\n\n\n\n\nauto y = x.load(std::memory_order_relaxed);\n")
rejects("atomic_comments", include__concurrent__futures__a_hpp=
        "#include <atomic>\n// says something\nx.load();\n")


@rule
def atomic_comments(root):
    for header in headers_of(root):
        lines = header.read_text(encoding="utf-8").split("\n")
        code = without_comments("\n".join(lines)).split("\n")
        for number, line in enumerate(code):
            place = f"{header.relative_to(root)}:{number + 1}"
            if re.search(r"memory_order(?:_|::)\w+", line) and "using " not in line:
                near = lines[max(0, number - 4):number + 1]
                if not any("//" in text for text in near):
                    yield f"{place}: a memory order without a comment here or in the 4 lines above"
            if any("<atomic>" in text or "platform/atomic.hpp" in text for text in lines) and \
                    re.search(r"(?:\.|->)(?:load\(\)|(?:fetch_(?:add|sub|and|or|xor)"
                              r"|compare_exchange_(?:weak|strong))\((?![^;]*memory_order)[^;]*;)",
                              line):
                yield f"{place}: an atomic operation without its memory order"


# ---- words that have no place -------------------------------------------------------------------
BANNED = {
    r"\batomic_thread_fence\b": "order the operations themselves: ThreadSanitizer is blind to fences",
    r"\b(?:counting|binary)_semaphore\b": "libstdc++ 12 loses wake-ups in it",
    r"\b(?:recursive_)?timed_mutex\b": "ThreadSanitizer of g++ 12 does not know its calls",
    r"\batomic<\s*std::shared_ptr": "not lock-free, and not in every library",
    r"#\s*include\s*<(?:iostream|regex|format|filesystem|ranges)>": "takes too long to compile for a header",
    r"\busing namespace\b": "leaks into the user's code",
    r"\bpthread_cancel\b": "cannot be used with C++ destructors",
}
rejects("banned_names", include__concurrent__futures__a_hpp="#include <iostream>\n")
rejects("banned_names", include__concurrent__futures__a_hpp="std::binary_semaphore s{0};\n")
rejects("banned_names", include__concurrent__futures__a_hpp="std::atomic_thread_fence(x);\n")
rejects("banned_names", include__concurrent__futures__a_hpp="std::timed_mutex m;\n")
rejects("banned_names", include__concurrent__futures__a_hpp="std::atomic<std::shared_ptr<int>> p;\n")


@rule
def banned_names(root):
    for pattern, reason in BANNED.items():
        for place, match in matches(root, headers_of(root), pattern):
            yield f"{place}: {match.group(0)}: {reason}"


rejects("no_sleeping", tests__a__b_cpp="void f() { std::this_thread::sleep_for(1s); }\n")
rejects("no_sleeping", tests__contract__b_hpp="void f() { ::usleep(5); }\n")


@rule
def no_sleeping(root):
    """A sleep as the work of a call says so in its line: `// workload`. In tests/model/checker time is virtual."""
    sources = [path for path in files_of(root, "tests", ".cpp", ".hpp")
               if not path.is_relative_to(root / "tests/support") and not path.is_relative_to(root / "tests/model/checker")]
    for path in sources:
        lines = path.read_text(encoding="utf-8").split("\n")
        code = without_comments("\n".join(lines)).split("\n")
        for number, line in enumerate(code):
            if re.search(r"\b(?:sleep_for|sleep_until|usleep|nanosleep)\b|(?<![\w.])sleep\(", line) \
                    and "// workload" not in lines[number]:
                yield f"{path.relative_to(root)}:{number + 1}: wait at a gate (tests/support/gate.hpp)"


rejects("deque_constructors", include__concurrent__futures__a_hpp=
        "class A {\n  public:\n    explicit A(int n) noexcept : n_(n) {}\n    int n_;\n    std::deque<int> d_;\n};\n")


@rule
def deque_constructors(root):
    """An empty std::deque of libstdc++ takes memory, so a constructor of its owner is not noexcept."""
    for path in files_of(root, "include", ".hpp"):
        text = without_comments(path.read_text(encoding="utf-8"))
        for owner in re.finditer(r"^(?:class|struct) (\w+)[^;{]*\{(.*?)^\};", text, re.MULTILINE | re.DOTALL):
            name, body = owner.groups()
            if re.search(r"^    std::deque<[^;()]*;", body, re.MULTILINE) \
                    and re.search(rf"^    (?:explicit )?{name}\([^;{{]*?\)\s*noexcept", body, re.MULTILINE):
                yield f"{path.relative_to(root)}: {name} owns a std::deque, and a constructor of it is noexcept"


# ---- the repository -----------------------------------------------------------------------------
rejects("umbrella", include__concurrent__futures_hpp="#include <concurrent/futures/a.hpp>\n",
        include__concurrent__futures__a_hpp="\n", include__concurrent__futures__b_hpp="\n")
rejects("umbrella", include__concurrent__futures_hpp="#include <concurrent/futures/asio.hpp>\n",
        include__concurrent__futures__asio_hpp="\n")


@rule
def umbrella(root):
    path = root / "include/concurrent/futures.hpp"
    if not path.exists():
        raise Skip("there is no include/concurrent/futures.hpp yet")
    included = {name.removeprefix("futures/") for name in INCLUDE.findall(path.read_text("utf-8"))}
    public = {header.name for header in (root / LIBRARY).glob("*.hpp")}
    for name in sorted(public - OPT_IN - included):
        yield f"futures.hpp does not include futures/{name}"
    for name in sorted(included & OPT_IN):
        yield f"futures.hpp includes futures/{name}, which the user opts in to"


rejects("named_headers", include__concurrent__futures__a_hpp="// see b.hpp\n")


@rule
def named_headers(root):
    """A header that a comment names exists, here or in the tests."""
    known = ["/" + path.relative_to(root).as_posix() for folder in ("include", "tests", "benchmarks")
             for path in files_of(root, folder, ".hpp")]
    for header in headers_of(root):
        for number, line in enumerate(header.read_text(encoding="utf-8").split("\n"), 1):
            for name in re.findall(r"(?<![\w./<])[\w./]+\.hpp\b", line.partition("//")[2]):
                if not any(path.endswith("/" + name) for path in known):
                    yield f"{header.relative_to(root)}:{number}: there is no {name}"


rejects("figures", README_md="## Next\nA task 64 ns.\n",
        benchmarks__README_md="| submit | 69.5 ns [60 ns-70 ns] |\n")
rejects("figures", README_md="## How fast\nA task 64 ns.\n```\n64 ns\n```\n",
        benchmarks__README_md="| submit | 69.5 ns [60 ns-70 ns] |\n")


@rule
def figures(root):
    """Each time in these pages, outside of programs, is a median of benchmarks/README.md."""
    table = root / "benchmarks/README.md"
    pages = [page for page in (root / "README.md", root / "docs/threads_or_processes.md") if page.exists()]
    if not (pages and table.exists()):
        raise Skip("there is no README.md or no benchmarks/README.md")
    for page in pages:
        prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        for figure in re.findall(r"[\d.]+\s(?:ns|µs|ms)\b", prose):
            if f"| {' '.join(figure.split())} [" not in table.read_text("utf-8"):
                yield f"{page.relative_to(root)}: {figure} is no median of benchmarks/README.md"


def program_of(source):
    """A source without the comment lines and empty lines on its top."""
    lines = source.split("\n")
    while lines and (not lines[0].strip() or lines[0].startswith("//")):
        lines.pop(0)
    return "\n".join(lines).strip()


rejects("readme", README_md="# T\n```cpp\nint main() {}\n```\n",
        examples__00_readme_cpp="// SPDX\n\nint main() { return 1; }\n")
rejects("readme", README_md="no program\n", examples__00_readme_cpp="int main() {}\n")


@rule
def readme(root):
    text, example = root / "README.md", root / "examples/00_readme.cpp"
    for path in (text, example):
        if not path.exists():
            raise Skip(f"there is no {path.relative_to(root)} yet")
    block = re.search(r"^```cpp\n(.*?)^```", text.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    if not block:
        yield "README.md has no ```cpp block"
    elif block.group(1).strip() != program_of(example.read_text("utf-8")):
        yield "the first program of README.md is not the one of examples/00_readme.cpp"


TABLE = "## From Python\n| Python | here |\n|---|---|\n"
rejects("readme_links", README_md=TABLE + "| `f()` | `g()` |\n")
rejects("readme_links", README_md=TABLE + "| `f()` | [`g()`](a.cpp#L1) |\n",
        a_cpp="\n// From Python: f()\n")
rejects("readme_links", README_md=TABLE + "| `f()` | [`g()`](a.cpp#L1) |\n", a_cpp="// From Python: f(x)\n")
rejects("readme_links", README_md=TABLE + "| `f()` | [`g()`](a.cpp#L1) |\n")
rejects("readme_links", README_md=TABLE + "| f | [yes](a.cpp#L1 \"it does\") |\n", a_cpp="// it fails\nf\n")
rejects("readme_links", README_md=TABLE + "| `f()` | [`g()`](a.cpp#L1) |\n",
        a_cpp="// From Python: f()\n// From Python: h()\n")


@rule
def readme_links(root):
    """Every row of these tables leads to compiled code that shows it."""
    if not (root / "README.md").exists():
        raise Skip("there is no README.md yet")
    yield from links.violations(root)


SNIPPET = "```cpp\nint x = 1;\nf(x);\n```\n"
rejects("docs_snippets", docs__beside_others_md=SNIPPET, examples__a_cpp="    int x = 1;\n")
rejects("docs_snippets", docs__beside_others_md="no snippet\n", examples__a_cpp="    int x = 1;\n")


@rule
def docs_snippets(root):
    """Each snippet of these pages is neighbouring lines of an example, whatever their indentation."""
    pages = [root / "docs" / name for name in ("beside_others.md", "alternatives.md", "coming_from.md", "how_to.md")]
    pages = [page for page in pages if page.exists()]
    if not pages:
        raise Skip("these pages are not there yet")

    def lines_of(text):
        return "\n".join(line.strip() for line in text.strip().split("\n"))
    examples = [lines_of(example.read_text("utf-8")) for example in files_of(root, "examples", ".cpp", ".hpp")]
    for page in pages:
        snippets = re.findall(r"^```cpp\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        if not snippets:
            yield f"docs/{page.name} has no ```cpp block"
        for snippet in snippets:
            if not any(lines_of(snippet) in example for example in examples):
                first = snippet.strip().split("\n")[0]
                yield f"docs/{page.name}: the snippet that starts with '{first}' is in no example"


rejects("doc_links", README_md="[a](docs/b.md)\n")
rejects("doc_links", README_md="[a](docs/b.md#there)\n", docs__b_md="# Here\n")


def anchors_of(text):
    """What GitHub makes of the headings of a page."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.*?) *$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-") for heading in headings}


@rule
def doc_links(root):
    """Each relative link of a document leads to a file, and to a heading of it if it names one."""
    pages = sorted(path for path in root.rglob("*.md") if not {"build", "shared"} & set(path.relative_to(root).parts))
    if not pages:
        raise Skip("there are no documents yet")
    for page in pages:
        prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        prose = re.sub(r"`[^`\n]*`", "", prose)
        for target in re.findall(r"\]\(([^)\s]+)", prose):
            path, _, anchor = target.partition("#")
            if re.match(r"\w+:", path):
                continue
            there = page.parent / path if path else page
            if not there.exists():
                yield f"{page.relative_to(root)}: the link {target} leads nowhere"
            elif anchor and there.suffix == ".md" and not re.fullmatch(r"L\d+", anchor) \
                    and anchor not in anchors_of(there.read_text("utf-8")):
                yield f"{page.relative_to(root)}: {path} has no heading for the link {target}"


WHERE = "## Where things happen\n| what | function | file |\n|---|---|---|\n| a task ends | `Queue::end` | `a.hpp` |\n\n## More\n"
rejects("where_tables", docs__design__p_md=WHERE, include__concurrent__futures__b_hpp="void end();\n")
rejects("where_tables", docs__design__p_md=WHERE, include__concurrent__futures__a_hpp="void ends();\n")


@rule
def where_tables(root):
    """Each function that a table "Where things happen" names is in one of the files of its row."""
    for page in files_of(root, "docs/design", ".md"):
        table = re.search(r"^## Where things happen$(.*?)^## ", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        for row in re.findall(r"^\|(.*)\|$", table[1], re.MULTILINE)[2:] if table else []:
            what, _, where = row.partition("|")
            names = re.findall(r"`([\w:/.]+)(?:\(\))?`", where)
            text = ""
            for name in (name for name in names if name.endswith(".hpp")):
                found = [header for header in headers_of(root) if f"/{header.as_posix()}".endswith(f"/{name}")]
                if not found:
                    yield f"{page.relative_to(root)}: {what.strip()}: there is no {name}"
                text += "".join(header.read_text("utf-8") for header in found)
            for name in (name for name in names if not name.endswith(".hpp")):
                if not re.search(rf"\b{name.split('::')[-1]}\b", text):
                    yield f"{page.relative_to(root)}: {what.strip()}: {name} is in none of the files of this row"


rejects("site_pages", docs__site__pages_py="GUIDES = {}\n", docs__a_md="# A\n")


@rule
def site_pages(root):
    """Each document has its place in the sidebar of the site."""
    generator = root / "docs/site/pages.py"
    if not generator.exists():
        raise Skip("there is no documentation site yet")
    listed = set(re.findall(r'"([^"\n]+\.md)"', generator.read_text("utf-8")))
    for page in files_of(root, "docs", ".md"):
        if str(page.relative_to(root)) not in listed:
            yield f"{page.relative_to(root)}: not in GUIDES of docs/site/pages.py"


# The public names of Python 3.14's concurrent.futures.
PYTHON_NAMES = """
Executor submit map shutdown ThreadPoolExecutor thread_name_prefix initializer initargs max_workers
InterpreterPoolExecutor ProcessPoolExecutor mp_context max_tasks_per_child kill_workers terminate_workers
Future cancel cancelled running done result exception add_done_callback set_running_or_notify_cancel
set_result set_exception wait as_completed FIRST_COMPLETED FIRST_EXCEPTION ALL_COMPLETED CancelledError
TimeoutError InvalidStateError BrokenExecutor BrokenThreadPool BrokenInterpreterPool BrokenProcessPool
""".split()
ALL_NAMES = "".join(f"| {name} | |\n" for name in PYTHON_NAMES)
rejects("python_names", README_md=TABLE + ALL_NAMES.replace("| map |", "| xmap |"))
rejects("python_names", README_md=ALL_NAMES)


@rule
def python_names(root):
    """README.md or docs/from_python.md has a row for each."""
    pages = links.pages(root)
    if not pages:
        raise Skip("there is no README.md yet")
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    names = [name for _, section, name, _ in links.rows(text) if section == "From Python"]
    words = set(re.findall(r"\w+", " ".join(names)))
    for name in PYTHON_NAMES:
        if name not in words:
            yield f"{', '.join(links.PAGES)}: no row of 'From Python' has {name}"


rejects("licence_lines", include__concurrent__futures__a_hpp="#pragma once\n")
rejects("licence_lines", scripts__a_sh="#!/bin/bash\necho\n")


@rule
def licence_lines(root):
    for folder in ("include", "tests", "examples", "benchmarks", "scripts"):
        for path in files_of(root, folder, ".hpp", ".cpp", ".py", ".sh", ".cmake", "CMakeLists.txt"):
            with path.open(encoding="utf-8") as text:
                top = [next(text, "") for _ in range(3)]
            if not any("SPDX-License-Identifier: MIT" in line for line in top):
                yield f"{path.relative_to(root)}: no SPDX line on top"


# ---- running ------------------------------------------------------------------------------------
def is_blind(name, sample):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in sample.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        return not list(RULES[name](root))


def check(name, root):
    if not SAMPLES[name]:
        sys.exit(f"{name}: the rule has no bad sample to prove itself on")
    for sample in SAMPLES[name]:
        if is_blind(name, sample):
            sys.exit(f"{name}: the rule does not object to its bad sample {sample}")
    try:
        violations = list(RULES[name](root))
    except Skip as reason:
        print(f"{name}: skipped: {reason}")
        return 77
    for violation in violations:
        print(f"{name}: {violation}")
    print(f"{name}: {len(violations)} violations; refused {len(SAMPLES[name])} bad samples first")
    return 1 if violations else 0


def main():
    name, root = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    names = sorted(RULES) if name == "all" else [name]
    codes = [check(each, root) for each in names]
    return 1 if 1 in codes else codes[0]


if __name__ == "__main__":
    sys.exit(main())
