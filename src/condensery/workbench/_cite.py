"""BibTeX for what a run rests on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from condensery.records import Claim
from condensery.workbench._described import description_of
from condensery.workbench._opened import Run, is_from_file, reopen
from condensery.workbench._provenance import stored
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
    keys = (re.match(r"@\w+\{([^,\s]+),", entry) for entry in entries)
    return {
        match[1]: entry.strip()
        for match, entry in zip(keys, entries, strict=True)
        if match
    }


def bibliography(papers: Sequence[str], claims: Sequence[Claim]) -> str:
    """The entries of the papers, of the claims' papers and of condensery itself.

    A key without an entry becomes a BibTeX comment: an experiment of another package
    may cite what it likes.
    """
    entries = references()
    cited = [*papers, *(claim.paper for claim in claims), SOFTWARE]
    return "\n\n".join(
        entries.get(key, f"% {_on_one_line(key)}: no entry in condensery's references")
        for key in dict.fromkeys(cited)
    )


def _on_one_line(key: str) -> str:
    return " ".join(key.split())


def cite(run: str, runs: str | Path = "runs") -> str:
    """BibTeX of the papers that a run checks, and of the software that ran it.

    A run that does not exist is refused with `InvalidInputError`. An experiment of
    ``path.py:Name`` is not executed: its papers are those that the run has stored.

    Args:
        run: Its id, a unique beginning of it, or ``last``.
        runs: The folder that holds all runs.
    """
    opened = reopen(run, runs)
    name = opened.config.experiment
    software = f"condensery {version(SOFTWARE)}"
    head = f"% what run {opened.id} ({name}) rests on; {software}"
    return f"{head}\n\n{bibliography(_papers(opened), opened.claims)}\n"


def _papers(opened: Run) -> list[str]:
    """What the run has stored; else what the installed experiment says."""
    description = description_of(opened.id, opened.root)
    if description is not None:
        return list(description.papers)
    name = opened.config.experiment
    if not is_from_file(name):
        return list(find(name).experiment.papers)
    section = stored(opened.folder).get("experiment", {})
    return list(filter(None, section.get("papers", "").split(", ")))
