"""The monitor at work: the same network trained from a small and from an ordinary
initialisation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from condensery.protocols import Advance, Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table

STARTS = ("condensed", "ordinary")
LAYERS = 2


class Config(BaseModel):
    """What monitor-demo can be told.

    Attributes:
        data: A data set with labels 0, 1, ….
        width: Units of each of the two hidden layers.
        exponent: The condensed start: all parameters from N(0, std²), std =
            width^−exponent.
        steps: Adam steps.
        rate: Learning rate.
        batch: Samples of a step.
        every: Cadence of the monitor.
        seeds: How many trainings of each start.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = "digits"
    width: int = Field(default=100, ge=2, le=10_000)
    exponent: float = Field(default=1.5, ge=0.0, le=5.0)
    steps: int = Field(default=1000, ge=1)
    rate: float = Field(default=1e-3, gt=0.0, allow_inf_nan=False)
    batch: int = Field(default=128, ge=1)
    every: int = Field(default=50, ge=1)
    seeds: int = Field(default=3, ge=1, le=1000)


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train one network.

    Args:
        parameters: Those of `Config` without seeds, and start.
        seed: Of the split into training and test samples (two thirds and one), the
            initialisation and the batches.
        advance: Told how far it is.
    """
    from condensery.data import load
    from condensery.torch.studies import watch_classifier

    config = Config.model_validate(
        {key: value for key, value in parameters.items() if key != "start"}
    )
    data = load(config.data)
    order = np.random.default_rng(seed).permutation(len(data.x))
    first, rest = np.split(order, [2 * len(order) // 3])
    return watch_classifier(
        (data.x[first], data.y[first]),
        (data.x[rest], data.y[rest]),
        width=config.width,
        exponent=config.exponent if parameters["start"] == "condensed" else None,
        steps=config.steps,
        rate=config.rate,
        batch=config.batch,
        every=config.every,
        seed=seed,
        on_step=lambda step: advance(
            f"step {step} of {config.steps}", step / config.steps
        ),
    )


def _statement(name: str, relation: Literal["<=", ">="], statement: str) -> Statement:
    return Statement(
        id=name,
        paper="xu2025overview",
        statement=statement,
        relation=relation,
        source="abstract; setting and bounds are ours, set after trials",
    )


STATEMENTS = (
    _statement(
        "gathers",
        "<=",
        "From a small initialisation the neurons of a layer gather in few directions.",
    ),
    _statement(
        "spread",
        ">=",
        "From an ordinary one nearly every neuron keeps a direction of its own.",
    ),
    _statement(
        "made",
        ">=",
        "It is training that condenses: at the start no layer is condensed.",
    ),
    _statement(
        "grows",
        ">=",
        "The number of directions grows while the network learns: the least comes "
        "before the end.",
    ),
)


class MonitorDemo:
    """A classifier of two hidden layers, watched while it trains."""

    name: ClassVar[str] = "monitor-demo"
    title: ClassVar[str] = "The monitor at work: a condensed and an ordinary training"
    summary: ClassVar[str] = (
        "A ReLU network with two hidden layers learns to tell handwritten digits, "
        "from a small and from an ordinary "
        "initialisation, while the monitor measures the effective ratio of each "
        "layer: the number of directions that "
        "cover its neurons, over the number of neurons."
    )
    papers: ClassVar[tuple[str, ...]] = ("xu2025overview",)
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"seeds": 3},
        "paper": {"seeds": 10, "steps": 5000, "every": 100},
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """Digest of the samples."""
        from condensery.data import load

        return load(Config.model_validate(config.model_dump()).data).digest

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One per start and seed."""
        known = Config.model_validate(config.model_dump())
        settings = known.model_dump(mode="json", exclude={"seeds"})
        return [
            Task(
                function="condensery.experiments.monitor_demo:train",
                parameters={**settings, "start": start},
                seed=seed,
                version=self.task_version,
                cost=float(known.steps) * known.width,
                label=f"{start}, seed {seed}",
            )
            for start in STARTS
            for seed in range(known.seeds)
        ]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """What the monitor saw, what the network could do at the same steps, and what
        `inspect` says of the end.
        """
        known = Config.model_validate(config.model_dump())
        runs = [(start, seed) for start in STARTS for seed in range(known.seeds)]
        return {
            "monitor": _stacked(
                [
                    _monitor_rows(run, shard)
                    for run, shard in zip(runs, shards, strict=True)
                ]
            ),
            "fit": _stacked(
                [_fit_rows(run, shard) for run, shard in zip(runs, shards, strict=True)]
            ),
            "end": _stacked(
                [_end_rows(run, shard) for run, shard in zip(runs, shards, strict=True)]
            ),
        }

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """On the medians over seeds; asserted for a condensed start alone (exponent at
        least 1.5).
        """
        known = Config.model_validate(config.model_dump())
        note = (
            ""
            if known.exponent >= 1.5
            else "no prediction for so large an initialisation"
        )
        small, usual = (tables["monitor"].select(start=start) for start in STARTS)
        last, least = _ends(small)
        asserted = (0.5, 0.9, 0.9, 0.02) if not note else (None,) * 4
        values = (
            float(np.median(last, axis=0).max()),
            float(_ends(usual)[0].min()),
            float(tables["monitor"].select(step=0)["effective_ratio"].min()),
            float(np.median(last - least)),
        )
        notes = (
            "the larger of the two layers' medians over seeds at the end",
            "the least of all seeds and layers at the end",
            "the least of all seeds, layers and starts at step 0",
            "median over seeds and layers of the ratio at the end less its least",
        )
        return [
            statement.check(value, bound, note=note or remark)
            for statement, value, bound, remark in zip(
                self.statements, values, asserted, notes, strict=True
            )
        ]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Ratios and accuracy."""
        return [
            FigureSpec(
                name="monitor-demo",
                plot="condensery.plots.monitor_demo",
                caption=(
                    "Left: effective ratio of the two hidden layers from a small "
                    "(colours) and an ordinary "
                    "initialisation (grey), every seed a thin line, their median a "
                    "thick one. Right: accuracy on "
                    "samples that were not trained on."
                ),
            )
        ]


def _ends(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Last and least ratio of every seed (row) and layer (column)."""
    seeds, layers = np.unique(table["seed"]), np.unique(table["layer"])
    ratios = [
        [table.select(seed=s, layer=k)["effective_ratio"] for k in layers]
        for s in seeds
    ]
    return np.array([[r[-1] for r in row] for row in ratios]), np.array(
        [[r.min() for r in row] for row in ratios]
    )


Rows = dict[str, np.ndarray]


def _monitor_rows(run: tuple[str, int], shard: Arrays) -> Rows:
    steps = np.asarray(shard["step"])
    return {
        **_named(run, len(steps) * LAYERS),
        "step": np.repeat(steps, LAYERS),
        "layer": np.tile(np.arange(1, LAYERS + 1), len(steps)),
        "effective_ratio": np.asarray(shard["ratio"]).ravel(),
        "largest_cosine": np.asarray(shard["largest"]).ravel(),
    }


def _fit_rows(run: tuple[str, int], shard: Arrays) -> Rows:
    return {
        **_named(run, len(shard["step"])),
        **{name: np.asarray(shard[name]) for name in ("step", "loss", "accuracy")},
    }


def _end_rows(run: tuple[str, int], shard: Arrays) -> Rows:
    return {
        **_named(run, LAYERS),
        "layer": np.arange(1, LAYERS + 1),
        "exact_merges": np.asarray(shard["exact"]),
        "approximate_merges": np.asarray(shard["approximate"]),
    }


def _named(run: tuple[str, int], count: int) -> Rows:
    return {"start": np.full(count, run[0]), "seed": np.full(count, run[1])}


def _stacked(parts: Sequence[Rows]) -> Table:
    return Table(
        columns={
            name: np.concatenate([part[name] for part in parts]) for name in parts[0]
        }
    )
