"""The experiment: what it declares to the workbench."""

from __future__ import annotations

from condensery.declare import Declared
from condensery.experiments.three_layer import _claims, _tables
from condensery.experiments.three_layer._config import Config
from condensery.experiments.three_layer._figures import figures
from condensery.experiments.three_layer._work import work

three_layer = Declared(
    name="phase-diagram-three-layer",
    title="Phase diagram of three-layer networks",
    summary="Three-layer networks of growing width are trained from initialisations at "
    "(γ₂, γ₃). Each layer has a relative distance and a regime of its own, and one can "
    "condense while the other stays where it was.",
    papers=("zhou2022three", "luo2021phase", "condensery"),
    task_version="2",
    Config=Config,
    presets={
        "quick": {},
        "paper": {
            "gamma2s": [-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0],
            "gamma3s": [
                *(0.9, 1.05, 1.2, 1.35, 1.5, 1.65, 1.8, 1.95),
                *(2.1, 2.4, 2.7, 3.0, 3.3),
            ],
            "widths": [100, 200, 400, 1000],
            "seeds": 3,
            "row_seeds": 6,
            "shown_width": 1000,
            "eta": 0.05,
        },
    },
    work=work,
    makes={
        "members": _tables.members,
        "boundary": _tables.boundary,
        "orientations": _tables.orientations,
        "outputs": _tables.outputs,
        "pairs": _tables.pairs,
        "neurons": _tables.neurons,
        "methods": _tables.methods,
        "data": _tables.data,
    },
    derives={
        "slopes": _tables.slopes,
        "plane": _tables.plane,
        "row_distances": _tables.row_distances,
    },
    judges=(
        _claims.first_linear,
        _claims.first_condensed,
        _claims.first_crossing,
        _claims.second_linear,
        _claims.grows,
        _claims.mixed,
        _claims.four_regimes,
        _claims.condenses,
        *_claims.condensed_plane,
        _claims.fewer,
        _claims.method,
        _claims.exponents,
    ),
    draws=figures,
)
