"""The experiment: what it declares to the workbench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, JsonValue

from condensery.experiments.optimistic_sizes._config import Config
from condensery.experiments.optimistic_sizes._tables import build_tables, parts
from condensery.protocols import Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table

_PAPER = "zhang2023optimistic"
_HERE = "condensery.experiments.optimistic_sizes"
UNRECOVERED = 1e-2
"""A median test error above this is none of a recovered target."""

STATEMENTS = (
    Statement(
        id="ranks",
        paper=_PAPER,
        relation="equal",
        source="optimistic sample sizes of matrices and tanh CNNs",
        statement="The model rank is 2 for the bilinear model at 1 + x₁ and 3 for "
        "the linear one, 2rd − r² for a "
        "matrix, and for k kernels s × s on d × d images k(s² + (d + 1 − s)²) with "
        "shared weights, "
        "k(d + 1 − s)²(s² + 1) with local ones and k(d + 1 − s)²(d² + 1) in a dense "
        "net; wider nets of the same output "
        "keep it (largest deviation).",
    ),
    Statement(
        id="bilinear-two",
        paper=_PAPER,
        relation="<=",
        source="experiment on 1 + x₁",
        statement="From small parameters θ₀ + θ₁x₁ + θ₂θ₃x₂ fits 1 + x₁ from two "
        "points (median test error).",
    ),
    Statement(
        id="linear-three",
        paper=_PAPER,
        relation="equal",
        source="experiment on 1 + x₁",
        statement="θ₀ + θ₁x₁ + θ₂x₂ needs three (least number of points with a "
        "recovered median).",
    ),
    *(
        Statement(
            id=f"completion-{rank}",
            paper=_PAPER,
            relation="<=",
            source="experiment on 4 × 4 matrices",
            statement="Gradient descent from small factors recovers matrices of "
            f"rank {rank} from 2rd − r² entries "
            "that hold them locally (median test error).",
        )
        for rank in (1, 2, 3, 4)
    ),
    Statement(
        id="one-less",
        paper=_PAPER,
        relation=">=",
        source="Lemma 1",
        statement="With one entry less it does not (smallest median test error over "
        "the ranks).",
    ),
    Statement(
        id="small-start",
        paper=_PAPER,
        relation=">=",
        source="near-optimism",
        statement="From small factors no fewer matrices are recovered than from "
        "large ones at 2rd − r² entries "
        "(share recovered at the smallest initial scale minus that at the largest, "
        "smallest over the ranks).",
    ),
)


class OptimisticSizes:
    """Matrices, a plane and convolutional nets: fewest samples by rank, and whether
    training needs more.
    """

    name: ClassVar[str] = "optimistic-sizes"
    title: ClassVar[str] = "How few samples can be enough"
    summary: ClassVar[str] = (
        "The model rank counts the samples that hold a target locally. Matrices of "
        "ranks 1 to 4 are completed from "
        "that many entries and from one less, a plane is fitted from two points and "
        "three, and the rank formulas of "
        "convolutional nets with shared weights, with local ones, and of dense nets "
        "are measured."
    )
    papers: ClassVar[tuple[str, ...]] = (_PAPER,)
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"masks": 30},
        "paper": {
            "masks": 40,
            "around": [-2, -1, 0, 1, 2],
            "scales": [0.1, 1e-2, 1e-4, 1e-8],
            "steps": 200_000,
            "images": [
                [4, 2, 1],
                [5, 3, 1],
                [5, 3, 2],
                [6, 3, 1],
                [6, 3, 2],
                [7, 3, 1],
            ],
        },
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """The data are made, not read."""
        return ""

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One task per rank and initial scale, one per model of the plane, and the
        ranks.
        """
        known = Config.model_validate(config.model_dump())
        common, tasks = known.model_dump(mode="json"), []
        for model, rank, scale in parts(known):
            function = "complete" if model == "matrix" else "plane"
            own = (
                {"rank": rank, "scale": scale}
                if rank
                else {"bilinear": model == "bilinear"}
            )
            label = (
                f"matrices of rank {rank} from std {scale:g}"
                if rank
                else f"{model} model of the plane"
            )
            tasks.append(
                Task(
                    function=f"{_HERE}._tasks:{function}",
                    parameters={**common, **own},
                    version=self.task_version,
                    # smaller factors and more of them take longer to grow
                    cost=float(rank) * (1 - np.log10(scale)) if rank else 2.0,
                    label=label,
                )
            )
        measure = Task(
            function=f"{_HERE}._ranks:ranks",
            parameters=common,
            version=self.task_version,
            cost=3.0,
            label="model ranks",
        )
        return [*tasks, measure]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Every fit; medians and shares; ranks."""
        *fits, measured = shards
        return build_tables(Config.model_validate(config.model_dump()), fits, measured)

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """Judged at the smallest initial scale; shares are in the notes."""
        known = Config.model_validate(config.model_dump())
        by_id = {statement.id: statement for statement in self.statements}
        small = tables["recovery"].select(scale=min(known.scales), model="matrix")
        claims = [
            _ranks(by_id["ranks"], tables["ranks"]),
            *_plane(by_id, known, tables["recovery"]),
        ]
        for rank in (1, 2, 3, 4):
            row = small.select(rank=rank, samples=known.optimistic(rank))
            claims.append(
                by_id[f"completion-{rank}"].check(
                    float(row["test"][0]) if len(row) else None,
                    known.recovered,
                    note=_note(known, row),
                )
            )
        less = small["test"][small["samples"] == small["optimistic"] - 1]
        claims.append(
            by_id["one-less"].check(
                float(less.min()) if less.size else None, UNRECOVERED
            )
        )
        claims.append(by_id["small-start"].check(_gain(known, tables["recovery"]), 0.0))
        return claims

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Recovery of matrices and of the plane, and measured ranks against their
        formulas.
        """
        return [
            FigureSpec(
                name="optimistic-sizes",
                plot="condensery.plots.optimistic_sizes",
                caption="Left: test error of completed matrices, one colour per "
                "rank, against the number of observed "
                "entries less 2rd − r²; dots are single targets from the smallest "
                "initial factors, lines their "
                "medians, and thin dashed lines the medians from the largest. "
                "Middle: the same for 1 + x₁ fitted by a "
                "bilinear and a linear model against the number of points. Right: "
                "measured model ranks against their "
                "formulas; rings are wider nets of the same output.",
            )
        ]


def _ranks(statement: Statement, ranks: Table) -> Claim:
    wide = ranks["rank_wide"] >= 0
    apart = [
        *np.abs(ranks["rank"] - ranks["expected"]),
        *np.abs(ranks["rank_wide"] - ranks["expected"])[wide],
    ]
    note = f"{len(ranks)} models, {int((ranks['decided'] == 0).sum())} undecided"
    return statement.check(float(max(apart)), 0.0, note=note)


def _plane(
    by_id: Mapping[str, Statement], config: Config, recovery: Table
) -> list[Claim]:
    two = recovery.select(model="bilinear", samples=2)
    linear = recovery.select(model="linear")
    enough = linear["samples"][linear["test"] < config.recovered]
    return [
        by_id["bilinear-two"].check(
            float(two["test"][0]), config.recovered, note=_note(config, two)
        ),
        by_id["linear-three"].check(float(enough.min()) if enough.size else None, 3.0),
    ]


def _note(config: Config, row: Table) -> str:
    if not len(row):
        return ""
    return f"{row['recovered'][0]:.0%} of {config.masks} below {config.recovered:g}"


def _gain(config: Config, recovery: Table) -> float | None:
    gains = []
    for rank in range(1, config.size + 1):
        at = recovery.select(model="matrix", rank=rank, samples=config.optimistic(rank))
        if len(at):
            ends = [
                float(at.select(scale=scale)["recovered"][0])
                for scale in (min(config.scales), max(config.scales))
            ]
            gains.append(ends[0] - ends[1])
    return min(gains, default=None)
