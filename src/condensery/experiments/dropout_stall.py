"""Two ways to a condensed network: a small initialisation, which stalls, and dropout, which does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from condensery.protocols import Advance, Arrays, Task
from condensery.records import Claim, FigureSpec, Relation, Statement, Table

WAYS = ("descent", "adam", "dropout")
"""Small initialisation by gradient descent and by Adam; dropout from a large one by Adam."""
REACH, SAMPLES, BINS, FINE, PER_DECADE = 12.0, 15, 64, 481, 10
PLATEAU = (2000, 100_000)
"""Steps between which the small initialisations are seen to rest."""


def target(x: np.ndarray) -> np.ndarray:
    """tanh(x − 6) + tanh(x + 6)."""
    return np.tanh(x - 6) + np.tanh(x + 6)


class Config(BaseModel):
    """What dropout-stall can be told.

    Attributes:
        keep: The keep probability p in (0, 1].
        width: Number of units.
        small_exponent: The small initialisation: N(0, std²) with std = width^−small_exponent.
        large_exponent: The same of the network with dropout.
        rate: Learning rate of Adam, with dropout and without.
        descent_rate: Learning rate of gradient descent.
        steps: Steps of every run.
        seeds: How many runs of everything, with seeds 0, 1, ….
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    keep: float = Field(default=0.9, gt=0.0, le=1.0)
    width: int = Field(default=1000, ge=2, le=100_000)
    small_exponent: float = Field(default=1.0, ge=0.0, le=10.0)
    large_exponent: float = Field(default=0.1, ge=0.0, le=10.0)
    rate: float = Field(default=1e-3, gt=0.0)
    descent_rate: float = Field(default=2e-3, gt=0.0)
    steps: int = Field(default=150_000, ge=1)
    seeds: int = Field(default=1, ge=1, le=1000)

    @property
    def is_reference(self) -> bool:
        """Whether the statements are about this setting, and long enough to see them."""
        setting = (
            self.keep,
            self.small_exponent,
            self.large_exponent,
            self.rate,
            self.descent_rate,
        )
        return (
            setting == (0.9, 1.0, 0.1, 1e-3, 2e-3)
            and self.width >= 1000
            and self.steps >= 100_000
        )


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train one network per seed in one of the three ways.

    Args:
        parameters: The configuration without seeds, way, count (how many seeds from `seed` on).
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        step, loss R_S (member, step), status, orientations (step, member), and of the first member the outputs at
        2000 steps (or the nearest recorded ones) and at the end.
    """
    from condensery.engine import (
        SGD,
        Adam,
        RecordOutput,
        descend,
        dropout_loss,
        init_descent,
        log_steps,
    )
    from condensery.models import TwoLayer, two_layer_normal, with_bias

    given: dict[str, Any] = dict(parameters)
    way, width, steps = given["way"], given["width"], given["steps"]
    std = float(width) ** -(
        given["large_exponent"] if way == "dropout" else given["small_exponent"]
    )
    seeds = range(seed, seed + given["count"])
    model, x = TwoLayer("tanh"), np.linspace(-REACH, REACH, SAMPLES)
    rule = SGD(given["descent_rate"]) if way == "descent" else Adam(given["rate"])
    members = [
        two_layer_normal(width, features=2, seed=one, std_a=std, std_w=std)
        for one in seeds
    ]
    fine = np.asarray(with_bias(np.linspace(-REACH, REACH, FINE)))
    result = descend(
        init_descent(members, optimiser=rule, seeds=seeds, dtype="float32"),
        dropout_loss(model, keep=given["keep"] if way == "dropout" else 1.0),
        (with_bias(x), target(x)),
        optimiser=rule,
        steps=steps,
        schedule=log_steps(steps, per_decade=PER_DECADE, extra=PLATEAU).tolist(),
        probes=[_CountOrientations(), RecordOutput(model, fine)],
        on_step=lambda step: advance(
            f"{way}, step {step} of {steps}", min(step / steps, 1.0)
        ),
    )
    middle = int(np.argmin(np.abs(result.recorded - PLATEAU[0])))
    output = np.asarray(result.probed["output"], dtype=np.float64)[:, 0]
    return {
        "step": result.recorded,
        "loss": result.loss,
        "status": result.status,
        "orientations": result.probed["orientations"],
        "output": output[[middle, -1]],
    }


class _CountOrientations:
    """The probe: amplitude-weighted effective orientations of every member."""

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        from condensery.metrics import amplitude, effective_orientations, orientation

        counts = []
        for a, w in zip(snapshot["a"], snapshot["w"], strict=True):
            size = amplitude(a, w)
            bins = np.histogram(
                orientation(w), bins=BINS, range=(-np.pi, np.pi), weights=size
            )[0]
            counts.append(effective_orientations(bins))
        return {"orientations": np.array(counts)}


def _statement(name: str, relation: Relation, statement: str) -> Statement:
    return Statement(
        id=name,
        paper="zhang2024dropout",
        statement=statement,
        relation=relation,
        source="Fig. 9",
    )


STATEMENTS = (
    _statement(
        "stalls-descent",
        ">=",
        "Gradient descent from a small initialisation rests on a plateau (R_S after 100,000 steps over R_S "
        "after 2,000; 1 is no progress).",
    ),
    _statement("stalls-adam", ">=", "So does Adam."),
    _statement(
        "escapes",
        "<=",
        "Dropout from a large initialisation gets below a tenth of the plateau's R_S, for good, in a fraction "
        "of the steps after which the small initialisations do, or have not done so yet (about 1e5 against 9e5 "
        "in the source).",
    ),
    _statement(
        "ends-lower",
        ">=",
        "At the end R_S of the small initialisations is more than ten times that of dropout (least ratio).",
    ),
    _statement(
        "condensed-both",
        "<=",
        "Both ways condense: effective orientations at the end, the larger of dropout and of the plateau.",
    ),
)


class DropoutStall:
    """A small initialisation condenses too, but waits at a saddle point; dropout goes round it."""

    name: ClassVar[str] = "dropout-stall"
    title: ClassVar[str] = "Small initialisation stalls, dropout does not"
    summary: ClassVar[str] = (
        "A network condenses if it starts small or if it is trained with dropout. Starting small it soon rests on a "
        "plateau, near a saddle point that embeds the best narrower network, and waits there for a very long time; "
        "with dropout it starts large, passes no such plateau and condenses on the way."
    )
    papers: ClassVar[tuple[str, ...]] = ("zhang2024dropout",)
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"seeds": 2},
        "paper": {"seeds": 5, "steps": 1_000_000},
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """The data are made, not read."""
        return ""

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One per way."""
        known = Config.model_validate(config.model_dump())
        given = {
            **known.model_dump(mode="json", exclude={"seeds"}),
            "count": known.seeds,
        }
        return [
            Task(
                function="condensery.experiments.dropout_stall:train",
                parameters={**given, "way": way},
                version=self.task_version,
                label=way,
                cost=float(
                    known.steps
                    * known.seeds
                    * known.width
                    * (1.5 if way == "dropout" else 1.0)
                ),
            )
            for way in WAYS
        ]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Losses and effective orientations of every seed, outputs of the first."""
        curves, outputs = [], []
        x = np.linspace(-REACH, REACH, FINE)
        for way, shard in zip(WAYS, shards, strict=True):
            step, loss = np.asarray(shard["step"]), np.asarray(shard["loss"])
            seeds = np.arange(len(loss))
            curves.append(
                {
                    "way": np.full(loss.size, way),
                    "seed": np.repeat(seeds, len(step)),
                    "step": np.tile(step, len(seeds)),
                    "loss": loss.ravel(),
                    "orientations": np.asarray(shard["orientations"]).T.ravel(),
                }
            )
            early, late = np.asarray(shard["output"])
            outputs.append(
                {
                    "way": np.full(FINE, way),
                    "x": x,
                    "early": early,
                    "late": late,
                    "wanted": target(x),
                }
            )
        data = np.linspace(-REACH, REACH, SAMPLES)
        return {
            "curves": _joined(
                curves,
                {
                    "loss": "R_S without masks",
                    "orientations": "effective, over 64 bins",
                },
            ),
            "outputs": _joined(
                outputs, {"early": "after 2,000 steps", "late": "at the end"}
            ),
            "data": Table(columns={"x": data, "y": target(data)}),
        }

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """Asserted at the recipe's setting: medians over seeds."""
        known = Config.model_validate(config.model_dump())
        descent, adam, escapes, lower, both = self.statements
        table, asserted = tables["curves"], known.is_reference
        note = (
            f"{known.steps:,} steps; the paper follows the plateau for 900,000"
            if asserted
            else "no prediction"
        )
        rests = {
            way: _at(table, way, PLATEAU[1]) / _at(table, way, PLATEAU[0])
            for way in ("descent", "adam")
        }
        ends = {way: _at(table, way, known.steps) for way in WAYS}
        plateau = _at(table, "descent", PLATEAU[0])
        below = {way: _first_below(table, way, plateau / 10) for way in WAYS}
        others = min(below[way] or known.steps for way in ("descent", "adam"))
        counts = [
            float(
                np.median(table.select(way="dropout", step=known.steps)["orientations"])
            ),
            _at(table, "descent", PLATEAU[0], column="orientations"),
        ]
        found = ", ".join(
            f"{way} {step:,}" if step else f"{way} never" for way, step in below.items()
        )
        shown = f"{found}; plateau at {plateau:.3g}; {note}; a bound of 10,000 steps, set before the first run, failed"
        # a run can only show that the others took longer than itself: shorter ones are judged by less
        fraction = 0.12 if known.steps >= 900_000 else 0.5
        return [
            descent.check(rests["descent"], 0.95 if asserted else None, note=note),
            adam.check(rests["adam"], 0.95 if asserted else None, note=note),
            escapes.check(
                (below["dropout"] or float("inf")) / others,
                fraction if asserted else None,
                note=shown,
            ),
            lower.check(
                min(ends["descent"], ends["adam"]) / max(ends["dropout"], 1e-300),
                10.0 if asserted else None,
                note=note,
            ),
            both.check(
                max(counts),
                8.0 if asserted else None,
                note=f"dropout {counts[0]:.1f}, plateau {counts[1]:.1f} of 64",
            ),
        ]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Loss and effective orientations over the step, and outputs."""
        return [
            FigureSpec(
                name="dropout-stall",
                plot="condensery.plots.dropout_stall",
                caption=(
                    "R_S and the number of effective orientations while training from a small initialisation and with "
                    "dropout, and the outputs after 2,000 steps (thin) and at the end."
                ),
            )
        ]


def _joined(parts: Sequence[Mapping[str, np.ndarray]], units: dict[str, str]) -> Table:
    return Table(
        columns={
            name: np.concatenate([part[name] for part in parts]) for name in parts[0]
        },
        units=units,
    )


def _at(table: Table, way: str, step: int, *, column: str = "loss") -> float:
    """The median over seeds at the recorded step nearest to `step`."""
    rows = table.select(way=way)
    nearest = rows["step"][np.argmin(np.abs(rows["step"] - step))]
    return float(np.median(rows.select(step=int(nearest))[column]))


def _first_below(table: Table, way: str, loss: float) -> int | None:
    """The first recorded step from which on the median over seeds stays below `loss`."""
    rows = table.select(way=way)
    steps = np.unique(rows["step"])
    below = np.array(
        [np.median(rows.select(step=int(step))["loss"]) <= loss for step in steps]
    )
    stays = np.flip(np.logical_and.accumulate(np.flip(below)))
    return int(steps[np.argmax(stays)]) if stays.any() else None
