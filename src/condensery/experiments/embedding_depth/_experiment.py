"""Embedding in depth: a layer that is linear on the data adds flat directions and
nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from condensery.experiments.embedding_depth._tables import depth_tables, measured
from condensery.experiments.embedding_depth._tasks import COLUMNS, LINEAR
from condensery.protocols import Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table

_HERE = "condensery.experiments.embedding_depth._tasks"
ACTIVATIONS = ("relu", "hardtanh", "gelu")
"""All have an affine piece, gelu one to the last bit."""


class Config(BaseModel):
    """What embedding-depth can be told.

    Attributes:
        points: Critical points per activation, at most: so many minima on demo-c, and
            so many made by their targets.
        starts: Random starts from which the minima are looked for.
        lift_widths: Units of the inserted layer.
        samples: Sizes of the data (points of demo-c); the largest is also that of the
            other comparisons.
        width: Units of every hidden layer of the trained tanh nets, which have three.
        steps: Full-batch steps of Adam at rate 1e-3.
        seeds: Nets per setting.
        retrain: Steps of the pruned nets, and of the deep ones beside them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    points: int = Field(default=3, ge=1, le=100)
    starts: int = Field(default=40, ge=1, le=10_000)
    lift_widths: tuple[int, ...] = Field(default=(2, 3), min_length=1)
    samples: tuple[int, ...] = Field(default=(5, 10, 20, 40), min_length=2)
    width: int = Field(default=20, ge=1, le=1000)
    steps: int = Field(default=8_000, ge=10)
    seeds: int = Field(default=3, ge=1, le=100)
    retrain: int = Field(default=200, ge=1)


def _statement(
    name: str,
    relation: Literal["<=", ">=", "equal"],
    statement: str,
    source: str = "Abstract",
) -> Statement:
    return Statement(
        id=name,
        paper="bai2024depth",
        statement=statement,
        relation=relation,
        source=source,
    )


OWN = "Abstract, made precise in this program (ADR 021)"
STATEMENTS = (
    _statement(
        "output", "<=", "A lift preserves the network's outputs on the training inputs."
    ),
    _statement("critical", "<=", "A lift takes critical points to critical points."),
    _statement(
        "inertia",
        "equal",
        "A lift adds one zero eigenvalue per new parameter and changes nothing else.",
        OWN,
    ),
    _statement(
        "saddle",
        ">=",
        "A local minimum can be lifted to a strict saddle.",
        "Abstract of the 2022 version",
    ),
    _statement(
        "shared-plateau", "<=", "Nets of different depth stagnate at the same loss."
    ),
    _statement(
        "data",
        "<=",
        "More data shrink the lifted manifolds: trained layers are less linear.",
    ),
    _statement(
        "batch-norm",
        "<=",
        "Batch normalisation suppresses the linearisation of layers.",
    ),
    _statement(
        "pruning",
        "<=",
        "Linear layers can be pruned: the shallower net goes on from the same loss.",
    ),
)


class EmbeddingDepth:
    """Lifts of critical points, and how linear the layers of trained nets are."""

    name: ClassVar[str] = "embedding-depth"
    title: ClassVar[str] = "Embedding in depth: a linear layer adds flat directions"
    summary: ClassVar[str] = (
        "A hidden layer whose neurons all stay in a linear piece of the activation "
        "computes nothing: a shallow net can "
        "be lifted into a deep one with the same outputs. Critical points are "
        "lifted, their Hessian spectra compared; "
        "then deep nets are trained, and it is measured how linear their layers "
        "are, with more data and with batch "
        "normalisation, and what happens if linear layers are cut out."
    )
    papers: ClassVar[tuple[str, ...]] = ("bai2024depth",)
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"seeds": 3},
        "paper": {
            "seeds": 20,
            "points": 20,
            "starts": 600,
            "steps": 50_000,
            "width": 50,
            "lift_widths": [2, 3, 5],
        },
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """The data are made, not read."""
        return ""

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One per activation for the lifts; one per setting of the trained nets."""
        known = Config.model_validate(config.model_dump())
        shared = {
            "points": known.points,
            "starts": known.starts,
            "lift_widths": list(known.lift_widths),
        }
        tasks = [
            Task(
                function=f"{_HERE}:lifted",
                parameters={"activation": name, **shared},
                version=self.task_version,
                cost=3e4,
                label=f"lifts, {name}",
            )
            for name in ACTIVATIONS
        ]
        for hidden, samples, normalised in settings(known):
            tasks.append(
                Task(
                    function=f"{_HERE}:train",
                    parameters={
                        "hidden": hidden,
                        "samples": samples,
                        "batch_norm": normalised,
                        "width": known.width,
                        "steps": known.steps,
                        "seeds": known.seeds,
                        "retrain": known.retrain,
                    },
                    version=self.task_version,
                    cost=float(known.steps * hidden * known.seeds),
                    label=f"{hidden} hidden layers, {samples} "
                    f"samples{', batch norm' * normalised}",
                )
            )
        return tasks

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Lifts, spectra, curves, scores, and prunings."""
        known = Config.model_validate(config.model_dump())
        return depth_tables(shards, ACTIVATIONS, settings(known), COLUMNS)

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """Each at the worst case, or the median over seeds where it says so."""
        known = Config.model_validate(config.model_dump())
        values, notes = measured(tables, known.samples, LINEAR)
        limits = {
            "output": 1e-10,
            "critical": 1e-8,
            "inertia": 1.0,
            "saddle": None,
            "shared-plateau": 0.1,
            "data": 0.0,
            "batch-norm": 0.0,
            "pruning": 1.05,
        }
        return [
            statement.check(
                values[statement.id], limits[statement.id], note=notes[statement.id]
            )
            for statement in self.statements
        ]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Spectra of lifts; linearity of layers."""
        return [
            FigureSpec(
                name="spectra",
                plot="condensery.plots.depth_spectra",
                caption=(
                    "Hessian eigenvalues at a critical point and at its lift, both "
                    "ascending, on an axis that is "
                    "logarithmic on either side of zero: the lift adds a step of "
                    "zeros in the middle and nothing at "
                    "the ends."
                ),
            ),
            FigureSpec(
                name="linearity",
                plot="condensery.plots.layer_linearity",
                caption=(
                    "Left: loss of tanh nets with one, two and three hidden layers, "
                    "which rest at one plateau. Middle: "
                    "the least linearity (correlation of input and output of a "
                    "neuron) of any layer while it trains, "
                    "without and with batch normalisation. Right: the same at the "
                    "end, against the number of samples."
                ),
            ),
        ]


def settings(config: Config) -> list[tuple[int, int, bool]]:
    """(hidden layers, samples, batch norm) of the trained nets."""
    most = max(config.samples)
    deep = [(3, samples, False) for samples in sorted(config.samples)]
    return [
        *deep,
        (1, most, False),
        (2, most, False),
        (3, min(config.samples), True),
        (3, most, True),
    ]
