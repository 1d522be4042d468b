#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the input of the documentation site: the documents of the tree, a page per public header, and a page per
source file that a document links to.

    docs/site/pages.py SOURCE_ROOT OUTPUT_FOLDER

The documents stay as they are in the tree, where their links lead to files. On the site a link must lead to a page:
a link to a document leads to its page, a link to any other file to a page that shows the file, a link to a folder to
a list of its files. A link that leads nowhere is an error.
"""

import os
import pathlib
import re
import subprocess
import sys

GUIDES = {  # caption of the sidebar -> documents, in reading order
    "Begin": ["docs/install.md", "examples/README.md", "docs/from_python.md", "docs/coming_from.md",
              "docs/threads_or_processes.md"],
    "Use": ["docs/how_to.md", "docs/when_it_does_not_compile.md", "docs/promises.md", "docs/what_crosses.md", "docs/processes_and_channels.md", "docs/more_machines.md", "docs/scaling.md",
            "docs/seeing.md", "docs/alternatives.md", "docs/beside_others.md", "docs/api_decisions.md", "docs/other_runtimes.md",
            "SECURITY.md"],
    "Understand": ["docs/design/README.md", "docs/design/threads.md", "docs/design/processes.md", "docs/design/mpi.md",
                   "docs/design/memory.md", "benchmarks/README.md", "docs/surroundings.md", "findings/README.md"],
    "Contribute": [".github/CONTRIBUTING.md", "tests/README.md", "CHANGELOG.md"],
}
INTERNAL = {"detail", "impl"}  # folders of headers that users do not include
NOT_PAGES = {"docs/README.md"}  # the sidebar says the same
LANGUAGES = {".hpp": "cpp", ".cpp": "cpp", ".py": "python", ".sh": "bash", ".cmake": "cmake", ".txt": "text",
             ".json": "json"}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)( \"[^\"]*\")?\)")
DEFINITION = re.compile(r"^\[([^\]]+)\]: (\S+)$")  # of a link by name
FENCE = re.compile(r"^ *(```|~~~)")


class Site:
    def __init__(self, root: pathlib.Path, output: pathlib.Path) -> None:
        self.root = root
        self.output = output
        self.documents = {"README.md", *(name for names in GUIDES.values() for name in names)}
        self.shown: set[str] = set()  # source files and folders that have a page
        self.diagrams: list[tuple[str, str]] = []  # page, file name without its ending
        self.errors: list[str] = []

    def check_that_all_documents_are_listed(self) -> None:
        found = {str(path.relative_to(self.root)) for path in (self.root / "docs").rglob("*.md")}
        for name in sorted(found - self.documents - NOT_PAGES):
            self.errors.append(f"{name}: no place in the sidebar: add it to GUIDES in docs/site/pages.py")
        for name in sorted(self.documents):
            if not (self.root / name).is_file():
                self.errors.append(f"{name}: listed in GUIDES in docs/site/pages.py, but not there")

    # ---- links ----

    def page_of(self, target: str) -> str:
        """The page that stands for a file or folder of the tree; both relative to the root."""
        if target in self.documents:
            return target
        if target in NOT_PAGES:
            return "README.md"
        path = self.root / target
        if path.is_dir() and f"{target}/README.md" in self.documents:
            return f"{target}/README.md"
        parts = pathlib.PurePath(target).parts
        if parts[:3] == ("include", "concurrent", "futures") and not INTERNAL & set(parts) and path.suffix == ".hpp":
            return f"reference/{'/'.join(parts[3:])}.md"
        if target not in self.shown:
            self.shown.add(target)
            self.write_source_page(target)
        return f"source/{target}.md"

    def link(self, document: str, page: str, match: re.Match[str]) -> str:
        image, text, target, title = match.groups()
        return f"{image}[{text}]({self.goal(document, page, target, bool(image))}{title or ''})"

    def goal(self, document: str, page: str, target: str, is_image: bool = False) -> str:
        """What a link on `page` says to reach what `target` in `document` means."""
        if re.match(r"[a-z]+:|#", target):
            return target
        file, _, fragment = target.partition("#")
        resolved = os.path.normpath(os.path.join(os.path.dirname(document), file))
        if not (self.root / resolved).exists():
            self.errors.append(f"{document}: the link to {target} leads nowhere")
            return target
        if is_image:
            copy = self.output / resolved
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((self.root / resolved).read_bytes())
            goal = resolved
        else:
            goal = self.page_of(resolved)
        relative = os.path.relpath(goal, os.path.dirname(page) or ".")
        if goal not in self.documents:
            fragment = ""  # a line of a source file: its page has no such mark
        return f"{relative}#{fragment}" if fragment else relative

    def rewrite(self, document: str, page: str, text: str) -> str:
        lines: list[str] = []
        in_code = False
        diagram: list[str] | None = None
        for line in text.splitlines():
            if FENCE.match(line):
                in_code = not in_code
                if in_code and line.strip() == "```mermaid":
                    diagram = []
                    continue
                if not in_code and diagram is not None:
                    lines.append(self.write_diagram(page, diagram))
                    diagram = None
                    continue
            elif diagram is not None:
                diagram.append(line)
                continue
            elif not in_code and (defined := DEFINITION.match(line)):
                line = f"[{defined.group(1)}]: {self.goal(document, page, defined.group(2))}"
            elif not in_code:
                line = LINK.sub(lambda match: self.link(document, page, match), line)
            lines.append(line)
        return "\n".join(lines) + "\n"

    # ---- diagrams ----

    def write_diagram(self, page: str, mermaid: list[str]) -> str:
        """Writes a diagram for PlantUML, which Debian has; gives the image to show. Mermaid needs a browser."""
        number = sum(1 for drawn in self.diagrams if drawn[0] == page) + 1
        name = f"{page.removesuffix('.md')}_{number}"
        self.diagrams.append((page, name))
        lines = ["@startuml", "skinparam backgroundColor white", "hide empty description"]
        for line in mermaid[1:]:
            line = re.sub(r"^ *participant (\w+) as (.*)", r'participant "\2" as \1', line)
            line = re.sub(r"->>", "->", line)
            line = re.sub(r"^ *Note over", "note over", line)
            lines.append(line)
        self.write(f"{name}.puml", "\n".join([*lines, "@enduml", ""]))
        return f"![{mermaid[0]}]({os.path.basename(name)}.svg)"

    def draw_diagrams(self) -> None:
        if self.diagrams:
            files = [str(self.output / f"{name}.puml") for _, name in self.diagrams]
            subprocess.run(["plantuml", "-tsvg", "-failfast2", *files], check=True)

    # ---- pages ----

    def write(self, page: str, text: str) -> None:
        path = self.output / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def write_document(self, name: str) -> None:
        self.write(name, self.rewrite(name, name, (self.root / name).read_text(encoding="utf-8")))

    def write_source_page(self, name: str) -> None:
        path = self.root / name
        page = f"source/{name}.md"
        if path.is_dir():
            entries = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
            lines = [f"# {name}/", ""]
            for entry in entries:
                target = f"{name}/{entry}"
                if (path / entry).is_dir():
                    lines.append(f"* `{entry}/`")
                else:
                    relative = os.path.relpath(self.page_of(target), os.path.dirname(page))
                    lines.append(f"* [{entry}]({relative})")
            self.write(page, "---\norphan: true\n---\n" + "\n".join(lines) + "\n")
            return
        text = path.read_text(encoding="utf-8")
        language = LANGUAGES.get(path.suffix, "cmake" if path.name == "CMakeLists.txt" else "text")
        if text.startswith("#!/usr/bin/env bash"):
            language = "bash"
        fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=2) + 1)
        fence = fence if len(fence) > 3 else "```"
        self.write(page, f"---\norphan: true\n---\n# {name}\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n")

    def write_reference(self) -> list[str]:
        folder = self.root / "include/concurrent/futures"
        headers = [path for path in sorted(folder.rglob("*.hpp")) if not INTERNAL & set(path.relative_to(folder).parts)]
        pages = []
        for path in headers:
            name = str(path.relative_to(folder))
            page = f"reference/{name}.md"
            title, banner = banner_of(path)
            text = f"# {name}\n\n{title}\n\n```cpp\n#include <concurrent/futures/{name}>\n```\n\n{banner}\n"
            relative = path.relative_to(self.root)
            text += f"\n[The whole header]({os.path.relpath(f'source/{relative}.md', os.path.dirname(page))})\n"
            text += f"\n## Names\n\n```{{doxygenfile}} {relative}\n```\n"
            self.write(page, text)
            self.write_source_page(str(relative))
            pages.append(page)
        return pages

    def write_start(self, reference: list[str]) -> None:
        """The page that a visitor sees first: the README, and the sidebar's tree behind it."""
        text = self.rewrite("README.md", "README.md", (self.root / "README.md").read_text(encoding="utf-8"))
        for caption, names in [*GUIDES.items(), ("Reference", reference)]:
            listed = "\n".join(names)
            text += f"\n```{{toctree}}\n:caption: {caption}\n:hidden:\n:maxdepth: 1\n\n{listed}\n```\n"
        self.write("README.md", text)


def as_prose(line: str) -> str:
    """`std::vector<bool>` is no tag of HTML. A line that is wrapped before a minus sign is no item of a list."""
    return line.replace("<", "\\<")


def banner_of(path: pathlib.Path) -> tuple[str, str]:
    """The comment at the top of a header, as Markdown: its first sentence, and the rest."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("//"):
            break
        lines.append(line[2:].removeprefix(" "))
    while lines and (not lines[0] or lines[0].startswith("SPDX")):
        del lines[0]
    title, rest = lines[0], lines[1:]
    while rest and rest[0]:  # a first sentence of several lines
        title += " " + rest.pop(0)
    title = as_prose(re.sub(r"^[\w/]+\.hpp: *", "", title))
    text, in_code = [], False
    for line in rest:
        is_code = line.startswith("    ") and (in_code or not text or not text[-1] or text[-1].endswith(":"))
        if is_code != in_code:
            text += ["", "```cpp"] if is_code else ["```"]
            in_code = is_code
        if is_code:
            text.append(line[4:])
            continue
        labelled = re.match(r"([A-Z][a-z]+(?: [a-z]+)*):(?!:) *(.*)", line)
        if labelled:
            text += ["", f"**{labelled.group(1)}:** {as_prose(labelled.group(2))}"]
        else:
            text.append(as_prose(line.strip() if not line.startswith("- ") else f"\\{line}"))
    if in_code:
        text.append("```")
    return title[:1].upper() + title[1:], "\n".join(text)


def main() -> int:
    site = Site(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve())
    site.check_that_all_documents_are_listed()
    reference = site.write_reference()
    for name in sorted(site.documents - {"README.md"}):
        site.write_document(name)
    site.write_start(reference)
    site.draw_diagrams()
    for error in site.errors:
        print(f"site: {error}", file=sys.stderr)
    return 1 if site.errors else 0


if __name__ == "__main__":
    sys.exit(main())
