"""How Sphinx builds the documentation: `sphinx-build -W docs build/docs`."""

from trainui.version import __version__

project = "trainui"
copyright = "The trainui maintainers"
release = __version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_title = f"trainui {release}"
myst_heading_anchors = 3
exclude_patterns = ["build"]
