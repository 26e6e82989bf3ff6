"""The experiments that come with condensery: one file per phenomenon of the field.

`BUILT_IN` maps the name that a user types to where the experiment is defined; nothing
is imported until it is asked for. A package adds its own under the entry point group
`ENTRY_POINTS`, and a file is named as ``path/to/file.py:Name``.

Example:
    >>> from condensery.experiments import BUILT_IN
    >>> BUILT_IN["phase-diagram"]
    'condensery.experiments.phase_diagram:phase_diagram'
"""

from __future__ import annotations

from condensery.experiments._built_in import BUILT_IN, ENTRY_POINTS

__all__ = ["BUILT_IN", "ENTRY_POINTS"]
