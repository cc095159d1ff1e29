"""Settings of Sphinx. Nothing here is fetched: the pages build and are read without a network."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import theorycheck  # noqa: E402

project = "theorycheck"
author = "The theorycheck developers"
copyright = f"2026, {author}"
release = version = theorycheck.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "mathml",
    "generated_pages",
]
html_math_renderer = "mathml"
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_ext", "_*.md"]

myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "fieldlist", "colon_fence"]
myst_heading_anchors = 3
# Quotes are made curly; `--strict` keeps its hyphens.
smartquotes_action = "qe"

napoleon_google_docstring = False
napoleon_numpy_docstring = True
napoleon_use_ivar = True
napoleon_use_rtype = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# The pages build without the extras, too.
autodoc_mock_imports = ["flint", "torch", "xarray"]
autodoc_default_options = {"members": True, "show-inheritance": False}

html_theme = "furo"
html_title = "theorycheck"
html_static_path = ["_static"]
html_css_files = ["theorycheck.css"]
html_theme_options = {"navigation_with_keys": True}
html_show_sphinx = False
