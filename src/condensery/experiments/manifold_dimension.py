"""The dimension of critical manifolds: zero modes of the Hessian against what counting
embeddings predicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from condensery.protocols import Advance, Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table

if TYPE_CHECKING:
    from condensery.landscape import Parameters

SAMPLES, INPUTS, STD = 120, 4, 0.7
"""Of the narrow nets; smaller inputs or larger weights leave more spectra undecided."""
GAP = 1e-7
"""Singular values of the tangent map below this part of the largest are zero; central
differences are right to 1e-9.
"""
EXAMPLE_ALPHA = 0.4


class Config(BaseModel):
    """What manifold-dimension can be told.

    Attributes:
        hidden: Numbers of hidden layers of the narrow nets.
        narrow: Units of every hidden layer of the narrow nets.
        most_copies: Copies added per layer, at most; all combinations with at least one
            in the first and last layer.
        outputs: Numbers of outputs.
        seeds: Narrow critical points per kind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: tuple[int, ...] = Field(default=(1, 2, 3), min_length=1)
    narrow: int = Field(default=2, ge=1, le=10)
    most_copies: int = Field(default=2, ge=1, le=4)
    outputs: tuple[int, ...] = Field(default=(1,), min_length=1)
    seeds: int = Field(default=4, ge=1, le=1000)


def copies(hidden: int, most: int) -> list[list[int]]:
    """How many copies each layer gets: all the same, and growing or falling with
    depth.
    """
    same = [[count] * hidden for count in range(1, most + 1)]
    rising = [1 + (level % most) for level in range(hidden)]
    found = [*same, rising, rising[::-1]]
    return [one for place, one in enumerate(found) if one not in found[:place]]


def dimensions(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Embed critical points of one kind of narrow net, and count.

    Args:
        parameters: hidden, narrow, most_copies, outputs, seeds.
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        rows: seed, K, K + ΣK_lK_{l−1}, rank of the tangent map, n₀ of the narrow and of
        the wide net, n₋ of both, whether both spectra are decided, and the number of
        the kind of embedding.
    """
    from condensery.landscape import compatible, made_critical, widths
    from condensery.models import mlp_normal
    from condensery.theory import random_embedding

    hidden, narrow, outputs, count = (
        # pyrefly: ignore[bad-argument-type]
        int(parameters[name])
        for name in ("hidden", "narrow", "outputs", "seeds")
    )
    sizes, rows = [INPUTS, *[narrow] * hidden, outputs], []
    # pyrefly: ignore[bad-argument-type]
    kinds = copies(hidden, int(parameters["most_copies"]))
    for one in range(seed, seed + count):
        net = mlp_normal(sizes, seed=one, std=STD)
        x = np.random.Generator(np.random.Philox(one)).standard_normal(
            (SAMPLES, INPUTS)
        )
        problem = made_critical(net, x, "tanh", seed=one)
        for kind, added in enumerate(kinds):
            made = random_embedding(
                widths(net), add=dict(enumerate(added, start=1)), seed=one, spread=0.5
            )
            _, receipt = compatible(net, problem, made)
            if receipt.inertia_before is None or receipt.inertia is None:
                continue
            rows.append(
                (
                    one,
                    sum(added),
                    sum(added) + sum(a * b for a, b in pairwise(added)),
                    _tangent_rank(net, made),
                    receipt.inertia_before.zero,
                    receipt.inertia.zero,
                    receipt.inertia_before.negative,
                    receipt.inertia.negative,
                    receipt.inertia_before.decided and receipt.inertia.decided,
                    kind,
                )
            )
        advance(f"point {one - seed + 1} of {count}", (one - seed + 1) / count)
    return {"rows": np.asarray(rows, dtype=np.int64).reshape(len(rows), len(COLUMNS))}


COLUMNS = (
    "seed",
    "added",
    "counted",
    "tangent",
    "narrow_zero",
    "wide_zero",
    "narrow_negative",
    "wide_negative",
    "decided",
    "kind",
)


def _tangent_rank(net: Parameters, made: Any) -> int:
    """Rank of the derivative of the embedding with respect to its shares and free
    coefficients: the true dimension.
    """
    from condensery.landscape import flatten, widths
    from condensery.theory import embed, embedding

    rng = np.random.Generator(np.random.Philox(1))
    levels = range(1, len(net))
    source = {level: made.source[level].tolist() for level in levels}
    shapes = [alpha.shape for alpha in made.alpha]
    free = [rng.standard_normal(shape) for shape in shapes]
    # a share per copy that is not the first of its unit; the first makes the sum one
    extra = [
        (level, place)
        for level in levels
        for place in range(widths(net)[level], len(source[level]))
    ]

    def at(coordinates: np.ndarray) -> np.ndarray:
        shares, parts = coordinates[: len(extra)], coordinates[len(extra) :]
        beta = {level: made.beta[level].copy() for level in levels}
        for (level, place), change in zip(extra, shares, strict=True):
            beta[level][place] += change
            beta[level][source[level][place]] -= change
        moved, start = [], 0
        for shape, one in zip(shapes, free, strict=True):
            size = shape[0] * shape[1]
            moved.append(one + parts[start : start + size].reshape(shape))
            start += size
        shares_of = {level: one.tolist() for level, one in beta.items()}
        return flatten(
            embed(
                net,
                embedding(widths(net), source=source, beta=shares_of, free=moved),
                sigma=np.tanh,
            )
        )

    total, step = len(extra) + sum(a * b for a, b in shapes), 1e-4
    columns = [(at(step * row) - at(-step * row)) / (2 * step) for row in np.eye(total)]
    values = np.linalg.svd(np.asarray(columns), compute_uv=False)
    return int((values > GAP * values[0]).sum())


def example(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """The one-step embedding that the picture shows: unit 0 of the first hidden layer
    of a small net, split.

    Args:
        parameters: alpha.
        seed: Of the net.
        advance: Told when it is done.

    Returns:
        edges: side (0 before, 1 after), layer, unit, unit before, weight, kind (0
        unchanged, 1 copied, 2 shared); widths of both nets; change, the largest change
        of the output on random inputs.
    """
    from condensery.landscape import Problem, split
    from condensery.models import mlp_normal

    alpha = float(parameters["alpha"])  # pyrefly: ignore[bad-argument-type]
    net = mlp_normal([2, 3, 2, 1], seed=seed, std=1.0)
    problem = Problem(np.eye(2), np.zeros(2), "tanh")
    wide, receipt = split(net, problem, layer=1, unit=0, alpha=alpha, spectrum=False)
    rows = []
    for side, one in enumerate((net, wide)):
        new = len(one[0][0]) - 1
        for layer, (W, _) in enumerate(one, start=1):
            for unit, before in np.ndindex(*W.shape):
                touched = unit if layer == 1 else before if layer == 2 else -1
                changed = touched in {0, new} if side else touched == 0
                rows.append(
                    (
                        side,
                        layer,
                        unit,
                        before,
                        W[unit, before],
                        (layer if changed else 0),
                    )
                )
    advance("the picture", 1.0)
    return {
        "edges": np.asarray(rows, dtype=np.float64),
        "change": np.array(receipt.random_change),
        "widths": np.array(receipt.widths),
    }


def _statement(
    name: str, relation: Literal[">=", "equal"], statement: str, source: str
) -> Statement:
    return Statement(
        id=name,
        paper="zhang2022embedding",
        statement=statement,
        relation=relation,
        source=source,
    )


STATEMENTS = (
    _statement(
        "degenerate",
        ">=",
        "K more neurons give at least K more zero eigenvalues.",
        "Thm 6.1",
    ),
    _statement(
        "counted",
        "equal",
        "The embeddings form a manifold of dimension K + ΣK_lK_{l−1}.",
        "Sec. 6, heuristic",
    ),
    _statement(
        "zero-modes",
        "equal",
        "The wide Hessian has no more zero modes than this dimension.",
        "open question",
    ),
)


class ManifoldDimension:
    """Random critical points of narrow nets, embedded in general position, and their
    zero modes counted.
    """

    name: ClassVar[str] = "manifold-dimension"
    title: ClassVar[str] = "How large are critical manifolds?"
    summary: ClassVar[str] = (
        "A critical point of a narrow net gives a whole manifold of critical points "
        "of a wider one. Counting free "
        "coefficients gives it the dimension K + ΣK_lK_{l−1}, with K_l neurons more "
        "in layer l. The rank of the "
        "embedding's derivative and the zero eigenvalues of the wide Hessian are "
        "measured against this count."
    )
    papers: ClassVar[tuple[str, ...]] = ("zhang2022embedding",)
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"seeds": 4},
        "paper": {"seeds": 40, "most_copies": 3, "outputs": [1, 2]},
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """The data are made, not read."""
        return ""

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One per depth and number of outputs, and the picture."""
        known = Config.model_validate(config.model_dump())
        here = "condensery.experiments.manifold_dimension"
        tasks = [
            Task(
                function=f"{here}:dimensions",
                version=self.task_version,
                cost=float(hidden * known.seeds),
                parameters={
                    "hidden": hidden,
                    "narrow": known.narrow,
                    "most_copies": known.most_copies,
                    "outputs": outputs,
                    "seeds": known.seeds,
                },
                label=f"{hidden} hidden layers, {outputs} outputs",
            )
            for hidden in known.hidden
            for outputs in known.outputs
        ]
        picture = Task(
            function=f"{here}:example",
            parameters={"alpha": EXAMPLE_ALPHA},
            version=self.task_version,
            cost=0.1,
            label="the picture of a split",
        )
        return [*tasks, picture]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """One row per embedding; the edges of the drawn nets."""
        known = Config.model_validate(config.model_dump())
        *counted, picture = shards
        kinds = [
            (hidden, outputs) for hidden in known.hidden for outputs in known.outputs
        ]
        sizes = [len(shard["rows"]) for shard in counted]
        rows = np.concatenate([np.asarray(shard["rows"]) for shard in counted]).reshape(
            -1, len(COLUMNS)
        )
        hidden, outputs = (
            np.repeat([kind[place] for kind in kinds], sizes) for place in (0, 1)
        )
        edges = np.asarray(picture["edges"])
        names = ("side", "layer", "unit", "before", "weight", "kind")
        columns = {name: edges[:, place] for place, name in enumerate(names)}
        return {
            "dimensions": Table(
                columns={
                    "hidden": hidden,
                    "outputs": outputs,
                    **dict(zip(COLUMNS, rows.T, strict=True)),
                },
                units={
                    "added": "K",
                    "counted": "K + ΣK_lK_{l−1}",
                    "tangent": "rank of the embedding's derivative",
                    "kind": "which layers get how many copies",
                },
            ),
            "edges": Table(
                columns={
                    name: column if name == "weight" else column.astype(np.int64)
                    for name, column in columns.items()
                },
                units={
                    "side": "0 before, 1 after",
                    "kind": "0 unchanged, 1 copied input, 2 shared-out output",
                },
            ),
        }

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """Judged on decided spectra only; the open question is reported."""
        degenerate, counted, modes = self.statements
        table = tables["dimensions"]
        rows = table.select(decided=1)
        gained = rows["wide_zero"] - rows["narrow_zero"]
        excess = gained - rows["counted"]
        some = len(rows) > 0
        by_depth = ", ".join(
            f"{hidden} hidden: {np.unique(excess[rows['hidden'] == hidden]).tolist()}"
            for hidden in np.unique(rows["hidden"]).tolist()
        )
        return [
            degenerate.check(
                float((gained - rows["added"]).min()) if some else None,
                0.0,
                note=f"least of n₀ − n₀(narrow) − K over the {len(rows)} of "
                f"{len(table)} decided spectra",
            ),
            counted.check(
                float(np.mean(table["tangent"] == table["counted"])),
                1.0,
                note="share of embeddings at which the rank of the derivative is "
                "the count",
            ),
            modes.check(
                float(np.mean(excess == 0)) if some else None,
                None,
                note="reported, not judged: share with n₀ − n₀(narrow) equal to "
                f"the count; differences by {by_depth}",
            ),
        ]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """The embedding as a drawn network, and the counts."""
        return [
            FigureSpec(
                name="one-step-embedding",
                plot="condensery.plots.embedded_network",
                caption=(
                    "One neuron (filled) is split in two: the new one (below) has "
                    "the same input weights (blue), "
                    "and the output weights are shared out between the two "
                    "(orange). All other weights (grey) stay."
                ),
            ),
            FigureSpec(
                name="dimension",
                plot="condensery.plots.manifold_dimension",
                caption=(
                    "Zero eigenvalues gained by general embeddings of critical "
                    "points (filled) and the dimension of "
                    "the manifold of embeddings (rings) against the count K + "
                    "ΣK_lK_{l−1}; on the line they are equal."
                ),
            ),
        ]
