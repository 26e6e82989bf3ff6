"""What a run was computed and judged with, found out without loading a framework."""

from __future__ import annotations

import json
import logging
import os
import platform
from collections.abc import Mapping
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from condensery._errors import InvalidInputError
from condensery.protocols import Experiment
from condensery.store import open_store
from condensery.workbench._judging import claims_digest, now

_PACKAGES = (
    "condensery",
    "numpy",
    "scipy",
    "scikit-learn",
    "jax",
    "jaxlib",
    "torch",
    "pydantic",
    "safetensors",
    "matplotlib",
)

_log = logging.getLogger("condensery.workbench")

FILE = "provenance.json"

Provenance = dict[str, dict[str, str]]
"""Sections of names and texts: versions, machine, verdicts, experiment."""


def provenance(experiment: Experiment) -> Provenance:
    """What bears on a result.

    Versions of Python and of packages, the machine, and what judged the claims.

    Example:
        >>> from condensery.workbench import find
        >>> from condensery.workbench._provenance import provenance
        >>> sorted(provenance(find("demo-c").experiment))
        ['experiment', 'machine', 'verdicts', 'versions']
    """
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    machine = {
        "system": platform.platform(),
        "architecture": platform.machine(),
        "processors": str(os.cpu_count() or "unknown"),
        "finished": now(),
    }
    return judged_by({"versions": versions, "machine": machine}, experiment)


def judged_by(record: Mapping[str, Mapping[str, str]], by: Experiment) -> Provenance:
    """The record with the date of the verdicts and the digests of what gave them."""
    sections = {name: dict(section) for name, section in record.items()}
    sections["verdicts"] = {"judged": now(), **claims_digest(by)}
    papers = ", ".join(by.papers)
    sections["experiment"] = {"title": by.title, "papers": papers}
    return sections


def encode(record: Provenance) -> bytes:
    """The record as a file."""
    return (json.dumps(record, indent=2) + "\n").encode()


def stored(folder: Path) -> Provenance:
    """The record of a run's folder; empty where it has none that is sound."""
    try:
        with closing(open_store(folder.parent)) as store:
            document = json.loads(store.file(folder.name, FILE) or b"{}")
        sections = {str(name): dict(rows) for name, rows in document.items()}
    except (InvalidInputError, ValueError, TypeError, AttributeError) as error:
        _log.warning("%s: %s", folder / FILE, error)
        return {}
    return {
        name: {str(key): str(text) for key, text in rows.items()}
        for name, rows in sections.items()
    }
