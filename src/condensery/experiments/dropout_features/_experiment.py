"""The experiment: what it declares to the workbench."""

from __future__ import annotations

from condensery.declare import Declared
from condensery.experiments.dropout_features import (
    _claims,
    _smooth_claims,
    _smoothness,
    _tables,
    _vectors,
)
from condensery.experiments.dropout_features._config import Config
from condensery.experiments.dropout_features._figures import figures
from condensery.experiments.dropout_features._tasks import work

dropout_features = Declared(
    name="dropout-features",
    title="Dropout makes features condense",
    summary="Wide networks fit a few points from a large initialisation, where without "
    "dropout their features stay as drawn. With dropout the features gather in the few "
    "orientations that make up the target and the output loses its wiggles; a "
    "switch to dropout, or to its explicit mean, does the same to a network that fits "
    "already.",
    papers=("zhang2024dropout", "condensery"),
    task_version="4",
    Config=Config,
    presets={
        "quick": {"seeds": 5},
        "paper": {
            "seeds": 5,
            "steps": 1_000_000,
            "deep_width": 500,
            "deep_steps": 100_000,
            "switch_steps": [200_000, 800_000],
            "vector_steps": 2_000_000,
        },
    },
    work=work,
    makes={
        "fits": _tables.fits,
        "growth": _tables.growth,
        "outputs": _tables.outputs,
        "features": _tables.features,
        "profiles": _tables.profiles,
        "switch": _tables.switched,
        "switch_outputs": _tables.switch_outputs,
        "data": _tables.data,
        "predicted": _tables.predicted,
        "vectors": _vectors.vectors,
        "cosines": _vectors.cosines,
    },
    derives={
        "smooth": _smoothness.smooth,
        "smooth_targets": _smoothness.smooth_targets,
    },
    judges=(
        _claims.overshoot,
        _claims.small_loss,
        *_claims.condenses,
        *_smooth_claims.bends_less,
        *_smooth_claims.varies_less,
        _smooth_claims.together,
        *_claims.on_target,
        _claims.stays_without,
        _claims.noise_is_not_enough,
        _claims.switch_r1,
        _claims.switch_agree,
        _claims.switch_condenses,
        _claims.flatter,
        _claims.blocks,
        _claims.adds_up,
        _claims.no_blocks,
    ),
    draws=figures,
)
