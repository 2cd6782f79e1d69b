"""The site of these pages: sphinx-build -W docs build/site. Nothing is fetched: no inventories of other sites."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import pib_rl

project = "pib_rl"
smartquotes = False  # options begin with two dashes
author = "The pib_rl developers"
version = release = pib_rl.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "pib_reference"]
html_theme = "furo"
html_title = f"pib_rl {version}"
exclude_patterns = ["results", "_ext"]

myst_enable_extensions = ["fieldlist"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # notebooks hold their outputs; tests/docs/test_notebooks.py runs them

autodoc_typehints = "none"  # signatures have them
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_use_rtype = False
default_role = "code"  # `NAME` in docstrings
