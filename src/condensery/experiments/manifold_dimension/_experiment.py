"""The dimension of critical manifolds: zero modes of the Hessian against what counting
embeddings predicts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from condensery.charts import Axis, Chart, Legend, Lines, Look, Panel, Points, figure
from condensery.declare import (
    Blocks,
    Declared,
    Measured,
    Results,
    Tables,
    Work,
    at_least,
    claim,
    equal_to,
    table,
)
from condensery.experiments.manifold_dimension._work import (
    EDGE,
    EXAMPLE_ALPHA,
    Config,
    dimensions,
    example,
)
from condensery.records import FigureSpec, Table


def work(config: Config) -> Iterator[Work]:
    """One call per depth and number of outputs, and the picture."""
    for hidden in config.hidden:
        for outputs in config.outputs:
            label = f"{hidden} hidden layers, {outputs} outputs"
            cost = float(hidden * config.seeds)
            yield dimensions.work(label, cost, hidden=hidden, outputs=outputs)
    yield example.work("the picture of a split", 0.1, alpha=EXAMPLE_ALPHA)


@table(
    added="K",
    counted="K + ΣK_lK_{l−1}",
    tangent="rank of the embedding's derivative",
    kind="which layers get how many copies",
)
def embeddings(config: Config, results: Results) -> Blocks:
    """One row per embedding."""
    for arguments, run in results.of(dimensions):
        yield {**arguments, **run}


@table(gained="zero eigenvalues of the wide Hessian, less the narrow one's")
def gains(config: Config, tables: Tables) -> Blocks:
    """Zero modes gained by the embeddings with decided spectra."""
    decided = tables["dimensions"].select(decided=1)
    columns = {name: decided[name] for name in ("hidden", "counted", "tangent")}
    yield {**columns, "gained": _gained(decided)}


@table(
    side="0 before, 1 after", kind="0 unchanged, 1 copied input, 2 shared-out output"
)
def edges(config: Config, results: Results) -> Blocks:
    """The edges of the drawn nets."""
    picture = results.only(example)
    columns = {name: picture[name].astype(np.int64) for name in EDGE}
    yield {**columns, "weight": picture["weight"]}


embedding_claim = partial(claim, paper="zhang2022embedding")


def _gained(table: Table) -> np.ndarray:
    return table["wide_zero"] - table["narrow_zero"]


@embedding_claim(
    "degenerate",
    "K more neurons give at least K more zero eigenvalues.",
    at_least(0.0),
    kind="identity",
    source="Thm 6.1",
)
def degenerate(config: Config, tables: Tables) -> Measured:
    """The least number of zero modes beyond K, of decided spectra only."""
    table = tables["dimensions"]
    decided = table.select(decided=1)
    beyond = _gained(decided) - decided["added"]
    note = (
        f"least of n₀ − n₀(narrow) − K over the {len(decided)} of "
        f"{len(table)} decided spectra"
    )
    return Measured(float(beyond.min()) if len(decided) else None, note)


@embedding_claim(
    "counted",
    "The embeddings form a manifold of dimension K + ΣK_lK_{l−1}.",
    equal_to(1.0),
    kind="reproduction",
    source="Sec. 6, heuristic",
)
def counted(config: Config, tables: Tables) -> Measured:
    """How often the rank of the derivative is the count."""
    table = tables["dimensions"]
    share = float(np.mean(table["tangent"] == table["counted"]))
    note = "share of embeddings at which the rank of the derivative is the count"
    return Measured(share, note)


@claim(
    "zero-modes",
    "The wide Hessian has no more zero modes than this dimension.",
    equal_to(None),
    kind="observation",
    paper="condensery",
    source="this project, on an open question of Zhang et al. 2022, Sec. 6",
)
def zero_modes(config: Config, tables: Tables) -> Measured:
    """How often the zero modes gained are the count; reported, not judged."""
    decided = tables["dimensions"].select(decided=1)
    excess = _gained(decided) - decided["counted"]
    by_depth = ", ".join(
        f"{hidden} hidden: {np.unique(excess[decided['hidden'] == hidden]).tolist()}"
        for hidden in np.unique(decided["hidden"]).tolist()
    )
    note = (
        "reported, not judged: share with n₀ − n₀(narrow) equal to "
        f"the count; differences by {by_depth}"
    )
    return Measured(float(np.mean(excess == 0)) if len(decided) else None, note)


gained_and_counted = Panel(
    marks=(
        Lines(
            table="gains",
            x="counted",
            y="counted",
            look=Look(colour="grey", width=0.8, above=-1),
        ),
        Points(
            table="gains",
            x="counted",
            y="tangent",
            by="hidden",
            look=Look(size=7, hollow=True),
        ),
        Points(
            table="gains",
            x="counted",
            y="gained",
            by="hidden",
            label="{}",
            look=Look(size=3.2),
        ),
    ),
    x=Axis(label="$K + \\Sigma\\, K_l K_{l-1}$", limits=(0, None)),
    y=Axis(label="zero modes gained; ring: dimension", limits=(0, None)),
    legend=Legend(place="upper left", title="hidden layers"),
)

manifold_dimension = Declared(
    name="manifold-dimension",
    title="How large are critical manifolds?",
    summary="A critical point of a narrow net gives a whole manifold of critical "
    "points of a wider one. Counting free coefficients gives it the dimension "
    "K + ΣK_lK_{l−1}, with K_l neurons more in layer l. The rank of the embedding's "
    "derivative and the zero eigenvalues of the wide Hessian are measured against "
    "this count.",
    papers=("zhang2022embedding", "condensery"),
    Config=Config,
    presets={
        "quick": {"seeds": 4},
        "paper": {"seeds": 40, "most_copies": 3, "outputs": [1, 2]},
    },
    work=work,
    makes={"dimensions": embeddings, "edges": edges},
    derives={"gains": gains},
    judges=(degenerate, counted, zero_modes),
    draws=(
        FigureSpec(
            name="one-step-embedding",
            plot="condensery.plots.embedded_network",
            caption="One neuron (filled) is split in two: the new one (below) has "
            "the same input weights (blue), "
            "and the output weights are shared out between the two "
            "(orange). All other weights (grey) stay.",
        ),
        figure(
            "dimension",
            "Zero eigenvalues gained by general embeddings of critical "
            "points (filled) and the dimension of "
            "the manifold of embeddings (rings) against the count K + "
            "ΣK_lK_{l−1}; on the line they are equal.",
            Chart(panels=((gained_and_counted,),), width=3.4, height=3.0),
        ),
    ),
)
