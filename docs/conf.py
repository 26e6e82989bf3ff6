"""The configuration of the site: built strictly, without the network, from committed
results and the code itself.
"""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))

import house  # ruff: ignore[module-import-not-at-top-of-file] - lies beside this file
import pages  # ruff: ignore[module-import-not-at-top-of-file] - lies beside this file
import renew  # ruff: ignore[module-import-not-at-top-of-file]

project = "condensery"
author = "The condensery developers"
copyright = "2026, The condensery developers"
version = release = installed_version("condensery")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "results", "seen", "adr/README.md"]
default_role = "py:obj"
smartquotes = False  # a prime is not a quotation mark

html_theme = "furo"
html_title = f"condensery {release}"
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False
napoleon_custom_sections = ["Formula", "Source"]


def write_pages(app: Sphinx) -> None:
    """Write what is generated, and say which committed results are not of this program
    (an error in a strict build).
    """
    for shown in renew.SHOWN:
        if reason := renew.stale(shown):
            logging.getLogger(__name__).warning(reason)
    pages.write(DOCS / "generated")
    house.write(DOCS / "generated")


def escape_bars(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Absolute values and norms in docstrings are not substitutions of
    reStructuredText.
    """
    lines[:] = pages.escaped(lines)


def skip_fields(
    app: Sphinx, what: str, name: str, obj: object, skip: object, options: object
) -> bool | None:
    """The fields of a named tuple stand in its docstring already."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> None:
    """Connect them."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", escape_bars, priority=900)
    app.connect("autodoc-skip-member", skip_fields)
