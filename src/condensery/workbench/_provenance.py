"""What a run was computed with: versions and machine, found out without importing any
framework.
"""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

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

FILE = "provenance.json"


def provenance() -> dict[str, dict[str, str]]:
    """Versions of Python and of the packages that can bear on a result, and the
    machine.

    Example:
        >>> from condensery.workbench._provenance import provenance
        >>> sorted(provenance())
        ['machine', 'versions']
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
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {"versions": versions, "machine": machine}


def encode(found: dict[str, dict[str, str]]) -> bytes:
    """The record as a file."""
    return (json.dumps(found, indent=2) + "\n").encode()
