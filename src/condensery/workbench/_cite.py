"""BibTeX for what a run rests on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from condensery.protocols import Experiment
from condensery.records import Claim
from condensery.workbench._opened import reopen
from condensery.workbench._registry import find

SOFTWARE = "condensery"


@cache
def references() -> dict[str, str]:
    """Key to BibTeX entry, in the order of ``refs.bib``.

    Example:
        >>> from condensery.workbench import references
        >>> references()["luo2021phase"].splitlines()[0]
        '@article{luo2021phase,'
    """
    text = (
        files("condensery.workbench").joinpath("refs.bib").read_text(encoding="utf-8")
    )
    entries = re.split(r"\n(?=@)", text)
    found = (re.match(r"@\w+\{([^,\s]+),", entry) for entry in entries)
    return {
        match[1]: entry.strip()
        for match, entry in zip(found, entries, strict=True)
        if match
    }


def bibliography(experiment: Experiment, claims: Sequence[Claim]) -> str:
    """The entries of the experiment's papers, of its claims' papers and of condensery
    itself.

    A key without an entry (an experiment of another package may cite what it likes)
    becomes a BibTeX comment.
    """
    known = references()
    keys = dict.fromkeys(
        [*experiment.papers, *(claim.paper for claim in claims), SOFTWARE]
    )
    return "\n\n".join(
        known.get(key, f"% {key}: no entry in condensery's references") for key in keys
    )


def cite(run: str, runs: str | Path = "runs") -> str:
    """BibTeX of the papers that a run checks, and of the software that ran it.

    A run that does not exist is refused with `InvalidInputError`.

    Args:
        run: Its id, a unique beginning of it, or ``last``.
        runs: The folder that holds all runs.
    """
    opened = reopen(run, runs)
    experiment = find(opened.config.experiment).experiment
    head = (
        f"% what run {opened.id} ({opened.config.experiment}) rests on; "
        f"condensery {version(SOFTWARE)}"
    )
    return f"{head}\n\n{bibliography(experiment, opened.claims)}\n"
