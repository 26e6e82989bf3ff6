"""Dropout on small images: its mean R_S + R1 does as well as dropout, and R1 rather
than R2 is the reason.
"""

from __future__ import annotations

from condensery.declare import Declared
from condensery.experiments.dropout_images import _tables
from condensery.experiments.dropout_images._claims import CLAIMS
from condensery.experiments.dropout_images._config import Config, load_images
from condensery.experiments.dropout_images._figures import figures
from condensery.experiments.dropout_images._line_claims import LINE_CLAIMS
from condensery.experiments.dropout_images._tasks import work


def _digest(config: Config) -> str:
    """Of the images, those for testing included."""
    return load_images(config).digest


dropout_images = Declared(
    name="dropout-images",
    title="Dropout on images: R1 does it",
    summary="A network with one hidden layer learns some hundred images. Dropout "
    "raises its test accuracy by many points; so does its explicit mean R_S + R1, "
    "without any randomness. Taking R1 away takes most of the gain away, taking away "
    "R2, the term of the finite step, does not.",
    papers=("zhang2024dropout", "condensery"),
    task_version="4",
    Config=Config,
    presets={"quick": {"size": "quick"}, "paper": {"size": "paper"}},
    work=work,
    makes={
        "runs": _tables.ends,
        "courses": _tables.courses,
        "paths": _tables.paths,
        "barriers": _tables.barriers,
    },
    derives={
        "means": _tables.means,
        "settling": _tables.settling,
        "starts": _tables.starts,
        "parts": _tables.parts,
        "path_medians": _tables.path_medians,
    },
    judges=(*CLAIMS, *LINE_CLAIMS),
    draws=figures,
    reads=_digest,
)
