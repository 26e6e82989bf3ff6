"""Demo C: a target of four kinks, and orientations that become more, one by one, while
the network trains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from condensery.protocols import Advance, Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table

SNAPSHOTS = (100, 1000, 5000, 10_000, 12_000, 100_000)
THRESHOLD, ACTIVE = 0.99, 0.05
FRAMES_PER_DECADE = 12
SEEDS_PER_TASK = 8
FINE = 201
"""Points of the drawn outputs."""


def target(x: np.ndarray) -> np.ndarray:
    """−σ(x) + σ(2(x + .3)) − σ(1.5(x − .4)) + σ(.5(x − .8)) with σ = ReLU."""
    parts = ((-1.0, 1.0, 0.0), (1.0, 2.0, -0.3), (-1.0, 1.5, 0.4), (1.0, 0.5, 0.8))
    return np.sum(
        [sign * np.maximum(slope * (x - kink), 0) for sign, slope, kink in parts],
        axis=0,
    )


class Config(BaseModel):
    """What demo-c can be told.

    Attributes:
        gamma: All parameters start from N(0, std²) with std = width^−gamma.
        width: Number of units.
        samples: Points of data, even on [−1, 1] (the source does not say how many).
        rate: Learning rate of full-batch gradient descent on the mean square.
        snapshots: Steps at which orientations are counted and drawn; the last is where
            the training ends.
        seeds: How many runs, with seeds 0, 1, …; the source shows one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gamma: float = Field(default=2.0, ge=0.0, le=10.0)
    width: int = Field(default=100, ge=1, le=1_000_000)
    samples: int = Field(default=40, ge=2)
    rate: float = Field(default=0.1, gt=0.0, allow_inf_nan=False)
    snapshots: tuple[int, ...] = Field(default=SNAPSHOTS, min_length=1)
    seeds: int = Field(default=1, ge=1, le=10_000)

    @field_validator("snapshots")
    @classmethod
    def _increasing(cls, snapshots: tuple[int, ...]) -> tuple[int, ...]:
        if snapshots[0] < 1 or any(
            late <= early for early, late in pairwise(snapshots)
        ):
            raise ValueError("increasing steps >= 1")
        return snapshots

    @property
    def is_reference(self) -> bool:
        """Whether the statements are about this setting."""
        setting = (self.gamma, self.width, self.samples, self.rate, self.snapshots)
        return setting == (2.0, 100, 40, 0.1, SNAPSHOTS)


def _count(a: np.ndarray, w: np.ndarray) -> tuple[int, int, int]:
    """Orientations by ‖(w, b)‖, the same by |a|·‖(w, b)‖, and groups by complete
    linkage of the first kind.
    """
    from condensery.metrics import condensation

    found = condensation(w, amplitude="input", threshold=THRESHOLD, active=ACTIVE)
    product = condensation(w, a, threshold=THRESHOLD, active=ACTIVE)
    return found.effective_neurons, product.effective_neurons, len(found.group_sizes)


class _CountOrientations:
    """The probe that follows the growth: counts at every recorded step, for every
    member.
    """

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        counts = [
            _count(a, w) for a, w in zip(snapshot["a"], snapshot["w"], strict=True)
        ]
        return {
            "counts": np.asarray(counts),
            "first_a": snapshot["a"][0],
            "first_w": snapshot["w"][0],
        }


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train one network per seed and count its orientations on the way.

    Args:
        parameters: The configuration without seeds, and count (how many seeds from
            `seed` on).
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        step, loss (member, step), status, counts (step, member, kind), and the first
        member's a (step, unit) and w (step, unit, feature).
    """
    from condensery.engine import SGD, Ensemble, descend, log_steps, mean_square
    from condensery.models import TwoLayer, with_bias

    config = Config.model_validate(
        {key: value for key, value in parameters.items() if key != "count"}
    )
    steps = config.snapshots[-1]
    ensemble = Ensemble.grid(
        widths=[config.width],
        gammas=[2 * config.gamma],
        seeds=range(seed, seed + int(parameters["count"])),  # pyrefly: ignore[bad-argument-type]
    )
    x = np.linspace(-1, 1, config.samples)
    result = descend(
        ensemble.draw(features=2),
        mean_square(TwoLayer("relu")),
        (with_bias(x), target(x)),
        optimiser=SGD(config.rate),
        steps=steps,
        schedule=log_steps(
            steps, per_decade=FRAMES_PER_DECADE, extra=config.snapshots
        ).tolist(),
        probes=[_CountOrientations()],
        on_step=lambda step: advance(f"step {step} of {steps}", step / steps),
    )
    return {
        "step": result.recorded,
        "loss": result.loss,
        "status": result.status,
        **result.probed,
    }


def _statement(name: str, statement: str) -> Statement:
    source = "condensation during training, m = 100, std m⁻²"
    return Statement(
        id=name,
        paper="xu2025overview",
        statement=statement,
        relation=">=",
        source=source,
    )


class DemoC:
    """A network whose number of orientations grows while it trains."""

    name: ClassVar[str] = "demo-c"
    title: ClassVar[str] = "Demo C: orientations that become more"
    summary: ClassVar[str] = (
        "A two-layer ReLU network of 100 units with parameters of size m⁻² learns a "
        "target of four kinks. At first all "
        "neurons share one orientation; then new ones split off, and with each the "
        "output gains a kink."
    )
    papers: ClassVar[tuple[str, ...]] = ("xu2025overview",)
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"seeds": 1},
        "paper": {"seeds": 16},
    }
    statements: ClassVar[tuple[Statement, ...]] = (
        _statement(
            "grows",
            "From snapshot to snapshot the number of orientations does not fall (τ "
            "= .99, neurons with ‖(w, b)‖ > .05 "
            "of the largest; median over seeds).",
        ),
        _statement(
            "three", "By step 5000 there are at least 3 orientations (in every run)."
        ),
    )

    def data_digest(self, config: BaseModel) -> str:
        """The data are made, not read."""
        return ""

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """Blocks of eight seeds."""
        known = Config.model_validate(config.model_dump())
        tasks = []
        for first in range(0, known.seeds, SEEDS_PER_TASK):
            count = min(SEEDS_PER_TASK, known.seeds - first)
            parameters = {
                **known.model_dump(mode="json", exclude={"seeds"}),
                "count": count,
            }
            tasks.append(
                Task(
                    function="condensery.experiments.demo_c:train",
                    parameters=parameters,
                    seed=first,
                    version=self.task_version,
                    cost=float(count * known.snapshots[-1]) * known.width,
                    label=f"seeds {first} to {first + count - 1}",
                )
            )
        return tasks

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Counts for every seed at every snapshot; growth, neurons and outputs of the
        first.
        """
        known = Config.model_validate(config.model_dump())
        step, x = np.asarray(shards[0]["step"]), np.linspace(-1, 1, known.samples)
        counts = np.concatenate(
            [np.asarray(shard["counts"]) for shard in shards], axis=1
        )
        loss = np.concatenate([np.asarray(shard["loss"]) for shard in shards])
        status = np.concatenate([np.asarray(shard["status"]) for shard in shards])
        seeds, rows = (
            np.arange(known.seeds),
            np.flatnonzero(np.isin(step, known.snapshots)),
        )
        frames = _frames(shards[0])
        return {
            "members": Table(
                columns={
                    "seed": seeds,
                    "width": np.full(known.seeds, known.width),
                    "gamma": np.full(known.seeds, 2 * known.gamma),
                    "gamma_prime": np.zeros(known.seeds),
                    "status": status,
                    "loss": loss[:, -1],
                    "orientations": counts[-1, :, 0],
                },
                units={
                    "gamma": "phase coordinate: 2 × the exponent of the standard "
                    "deviation"
                },
            ),
            "counts": _counts(step[rows], counts[rows], seeds),
            "growth": Table(
                columns={
                    "step": step,
                    "orientations": counts[:, 0, 0],
                    "orientations_product": counts[:, 0, 1],
                    "loss": loss[0],
                },
                units={
                    "orientations": "of seed 0, by ‖(w, b)‖",
                    "orientations_product": "of seed 0, by |a|·‖(w, b)‖",
                },
            ),
            "snapshots": _flattened(
                frames, rows, ("orientation", "amplitude", "group")
            ),
            "output": _flattened(frames, rows, ("x", "model", "target")),
            "frames": frames,
            "data": Table(columns={"x": x, "y": target(x)}),
        }

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """The growth, asserted at the source's setting only."""
        known = Config.model_validate(config.model_dump())
        counts = tables["counts"]
        asserted = known.is_reference
        each = counts["orientations"].reshape(len(known.snapshots), known.seeds)
        grows, three = self.statements
        least = float(np.diff(np.median(each, axis=1)).min()) if len(each) > 1 else None
        falling = int((np.diff(each, axis=0) < 0).any(axis=0).sum())
        note = "" if asserted else "no prediction for this setting"
        middle = "smallest change of the median between successive snapshots"
        remark = (
            f"; the count falls somewhere in {falling} of {known.seeds} runs"
            if known.seeds > 1
            else ""
        )
        by_5000 = each[np.asarray(known.snapshots) <= 5000]
        return [
            grows.check(least, 0.0 if asserted else None, note=note or middle + remark),
            three.check(
                float(by_5000[-1].min()) if by_5000.size else None,
                3.0 if asserted else None,
                note=note,
            ),
        ]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Growth with snapshots of neurons and outputs; also as an animation."""
        return [
            FigureSpec(
                name="orientation-growth",
                plot="condensery.plots.orientation_growth",
                caption=(
                    "Number of orientations against the step, and at the snapshots "
                    "every neuron's orientation and "
                    "amplitude ‖(w, b)‖ with the output below. Each new orientation "
                    "is a new kink of the output."
                ),
                animated=True,
            )
        ]


def _counts(step: np.ndarray, counts: np.ndarray, seeds: np.ndarray) -> Table:
    kinds = ("orientations", "orientations_product", "groups")
    columns = {"step": np.repeat(step, len(seeds)), "seed": np.tile(seeds, len(step))}
    return Table(
        columns={
            **columns,
            **{kind: counts[:, :, place].ravel() for place, kind in enumerate(kinds)},
        },
        units={
            "orientations": "directions that cover all neurons with ‖(w, b)‖ > .05 "
            "of the largest at cosine .99",
            "orientations_product": "the same by |a|·‖(w, b)‖",
            "groups": "groups of the same neurons by complete linkage at cosine .99",
        },
    )


def _frames(shard: Arrays) -> Table:
    """One row per recorded step of the first seed."""
    from condensery.metrics import amplitude, condensation, orientation

    a, w = np.asarray(shard["first_a"]), np.asarray(shard["first_w"])
    x = np.linspace(-1, 1, FINE)
    found = [
        condensation(one, amplitude="input", threshold=THRESHOLD, active=ACTIVE)
        for one in w
    ]
    hidden = np.maximum(x[None, :, None] * w[:, None, :, 0] + w[:, None, :, 1], 0)
    return Table(
        columns={
            "step": np.asarray(shard["step"]),
            "orientation": orientation(w),
            "amplitude": amplitude(None, w),
            "group": np.stack([one.groups for one in found]),
            "x": np.tile(x, (len(w), 1)),
            "model": np.einsum("spu,su->sp", hidden, a),
            "target": np.tile(target(x), (len(w), 1)),
        },
        units={
            "orientation": "rad",
            "amplitude": "‖(w, b)‖",
            "group": "−1 is not active",
        },
    )


def _flattened(frames: Table, rows: np.ndarray, names: Sequence[str]) -> Table:
    chosen = {name: frames[name][rows] for name in names}
    per_frame = chosen[names[0]].shape[1]
    columns = {"step": np.repeat(frames["step"][rows], per_frame)}
    return Table(
        columns={**columns, **{name: array.ravel() for name, array in chosen.items()}}
    )
