"""The experiment: what it declares to the workbench."""

from __future__ import annotations

from condensery.declare import Declared
from condensery.experiments.initial_phase_diagram import _claims, _tables
from condensery.experiments.initial_phase_diagram._config import Config
from condensery.experiments.initial_phase_diagram._figures import figures
from condensery.experiments.initial_phase_diagram._work import work

initial_phase_diagram = Declared(
    name="initial-phase-diagram",
    title="Phase diagram of initial condensation",
    summary="Two-layer tanh networks are trained until the loss has fallen by a tenth. "
    "In the condensed regime, γ > 1 and γ' < γ − 1, their input weights have by then "
    "moved far and all along one direction, ẑ, and how far, how well aligned and how "
    "long after the start is told by the linearised flow without a free parameter.",
    papers=("chen2023phase",),
    Config=Config,
    presets={
        "quick": {},
        "paper": {
            "gammas": [1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0],
            "gamma_primes": [-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0],
            "widths": [100, 1000, 10_000],
            "row_widths": [100, 300, 1000, 3000, 10_000, 30_000, 100_000],
            "seeds": 3,
            "row_seeds": 5,
        },
    },
    work=work,
    makes={
        "members": _tables.members,
    },
    derives={
        "slopes": _tables.slopes,
        "row_slopes": _tables.row_slopes,
        "row_courses": _tables.row_courses,
    },
    judges=(
        _claims.rd_condensed,
        _claims.alignment_condensed,
        _claims.rd_linear,
        _claims.time,
        _claims.slope_closed,
        _claims.rd_closed,
        _claims.alignment_closed,
        _claims.time_closed,
        _claims.sign,
    ),
    draws=figures,
)
