"""Papers and figures that the statements are from, and the rows that they are about."""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import (
    Expected,
    Measured,
    Tables,
    claim,
    exactly,
)
from condensery.experiments.initial_condensation._tables import ADAM
from condensery.records import Table

ABSENT = Measured(None, needs="its part and activation among those chosen")
NO_THEOREM = "no prediction: there is no theorem for p > 1 in more than one dimension"
OPEN = Expected("between", None)
"""Nothing is predicted: the number is reported."""

REFERENCE = exactly(
    line_steps=(100, 200, 1000),
    five_steps=100,
    deep_steps=(1000, 900, 900, 1400, 1400),
    demo_b_steps=101,
)
"""The lengths of training that the statements are about."""

reported = partial(claim, paper="zhou2022initial")
judged = partial(reported, when=REFERENCE)
on_line = partial(judged, source="Figs. 5 and 6, d = 1")
in_five = partial(judged, source="Fig. 2, d = 5")
in_six_layers = partial(judged, source="Fig. 3, six layers")
without_residuals = partial(judged, source="Appendix, six layers without residuals")
of_project = partial(claim, paper="condensery", kind="observation")
beside_five = partial(
    of_project,
    source="this project, beside Fig. 2 of Zhou et al. 2022, d = 5",
)
beside_six_layers = partial(
    of_project,
    source="this project, beside Fig. 3 of Zhou et al. 2022, six layers",
)
notebook = partial(
    claim,
    paper="xu2025overview",
    source="demonstration notebook",
    when=REFERENCE,
)


def rows_of(
    tables: Tables,
    part: str,
    name: str,
    *,
    optimiser: str = ADAM,
    **equals: object,
) -> Table:
    """Rows of one part and activation; by default those of the last step."""
    table = tables.get("measures", Table(columns={"part": np.array([], dtype="U1")}))
    if not len(table):
        return table
    conditions = equals or {"last": True}
    return table.select(part=part, activation=name, optimiser=optimiser, **conditions)
