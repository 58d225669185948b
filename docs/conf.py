"""Settings of Sphinx, which makes the site from the pages in Markdown: `make docs`."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]

project = "Coldstart"
author = "The Coldstart developers"
copyright = f"{author}, BSD-3-Clause"
release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

# The sources begin at the root of the repository, so that a link is the same on the site, in an
# editor and on the pages of a code host.
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "results/reference/**.md"]
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
nitpicky = True

html_theme = "furo"
html_title = "Coldstart"
html_copy_source = False
html_show_sphinx = False
