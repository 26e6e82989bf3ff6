"""The experiment: what it declares to the workbench."""

from __future__ import annotations

from condensery.declare import Declared
from condensery.experiments.initial_condensation import _summaries, _tables
from condensery.experiments.initial_condensation._claims import JUDGES
from condensery.experiments.initial_condensation._config import Config
from condensery.experiments.initial_condensation._figures import figures
from condensery.experiments.initial_condensation._tasks import work

initial_condensation = Declared(
    name="initial-condensation",
    title="Initial condensation and multiplicity",
    summary="Networks that start small condense before they learn: their neurons "
    "gather "
    "on a few lines through 0. For an activation whose first p − 1 derivatives "
    "vanish at "
    "0 and inputs of one dimension there are at most p of them, and they can be "
    "predicted from the data. Shown on a line, in five dimensions and in the layers "
    "of a "
    "deep network, under Adam as in the paper and under the plain gradient descent "
    "that "
    "its theorem is about.",
    papers=("zhou2022initial", "xu2025overview", "condensery"),
    Config=Config,
    presets={
        "quick": {"draws": 12, "deep_draws": 4},
        "paper": {"draws": 96, "deep_draws": 24},
    },
    work=work,
    makes={
        "measures": _tables.measures,
        "neurons": _tables.neurons,
        "field": _tables.field,
        "predicted": _tables.predicted,
        "output": _tables.output,
        "cosines": _tables.cosines,
        "deep": _tables.deep,
    },
    derives={
        "line_counts": _summaries.line_counts,
        "moved": _summaries.moved,
        "courses": _summaries.courses,
    },
    judges=JUDGES,
    draws=figures,
)
