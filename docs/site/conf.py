# SPDX-License-Identifier: MIT
# Configuration of Sphinx for the documentation site. scripts/site.sh runs it; docs/site/pages.py writes its input.
import logging
import os
import pathlib
import subprocess
import sys

root = pathlib.Path(os.environ["CONCURRENT_FUTURES_SOURCE"])

project = "concurrent_futures"
author = "the authors of concurrent_futures"
version = release = subprocess.run([sys.executable, root / "scripts/version.py"], check=True, capture_output=True,
                                   text=True).stdout.strip()

extensions = ["myst_parser", "breathe", "sphinx_copybutton"]
root_doc = "README"
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
myst_enable_extensions = ["linkify"]

breathe_projects = {project: os.environ["CONCURRENT_FUTURES_DOXYGEN_XML"]}
breathe_default_project = project
primary_domain = "cpp"
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure"]  # code with an ellipsis



class NamespaceOnEachPage(logging.Filter):
    """Each page of the reference declares our namespace again, which Sphinx takes for a mistake."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return not (text.startswith("Duplicate C++ declaration")
                    and text.endswith((".. cpp:type:: concurrent'.", ".. cpp:type:: futures'.")))


logging.getLogger("sphinx.sphinx.domains.cpp").addFilter(NamespaceOnEachPage())

html_theme = "furo"
html_title = f"concurrent_futures {version}"
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False
html_static_path = [str(root / "docs/site/static")]
html_css_files = ["site.css"]
