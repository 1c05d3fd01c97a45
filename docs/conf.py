"""How Sphinx builds the documentation site: ``make site``."""

import re
from pathlib import Path

from sphinx.application import Sphinx

import matvir

project = "MatVir"
author = copyright = "The MatVir developers"
version = release = matvir.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = True
autodoc_typehints = "none"  # the docstrings say more
numpydoc_show_class_members = False
copybutton_prompt_text = "$ "
exclude_patterns = ["make_*.py"]
html_theme = "furo"
html_title = "MatVir"
nitpicky = True
# Types of other libraries, in signatures.
nitpick_ignore_regex = [("py:.*", r".*")]


def _files_outside(app: Sphinx, docname: str, source: list[str]) -> None:
    """Turn links to tables and files outside of the pages into downloads."""
    folder = Path(app.srcdir)

    def link(match: re.Match[str]) -> str:
        text, path = match.groups()
        outside = not text.startswith("!") and (folder / path).is_file()
        return f"{text}(path:{path})" if outside else match[0]

    source[0] = re.sub(r"(!?\[[^\]]*\])\((\.\./[^)#]+)\)", link, source[0])


def setup(app: Sphinx) -> None:
    """Connect what is done to each page."""
    app.connect("source-read", _files_outside)
