"""Demo C: a target of four kinks, learned with one orientation more after another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import numpy as np
from pydantic import Field, field_validator

from condensery.declare import (
    Declared,
    Exponent,
    Measured,
    Positive,
    Results,
    Settings,
    Tables,
    Work,
    at_least,
    claim,
    rows,
    stack,
    task,
)
from condensery.protocols import Advance, Arrays
from condensery.records import FigureSpec, Table

SNAPSHOTS = (100, 1000, 5000, 10_000, 12_000, 100_000)
THRESHOLD, ACTIVE = 0.99, 0.05
FRAMES_PER_DECADE = 12
SEEDS_PER_TASK = 8
FINE = np.linspace(-1, 1, 201)
"""Abscissae of the drawn outputs."""
KINKS = ((-1.0, 1.0, 0.0), (1.0, 2.0, -0.3), (-1.0, 1.5, 0.4), (1.0, 0.5, 0.8))
"""Sign, slope and abscissa of the target's kinks."""
COUNTS = ("orientations", "orientations_product", "groups")


def target(x: np.ndarray) -> np.ndarray:
    """−σ(x) + σ(2(x + .3)) − σ(1.5(x − .4)) + σ(.5(x − .8)) with σ = ReLU."""
    units = [sign * np.maximum(slope * (x - kink), 0) for sign, slope, kink in KINKS]
    return np.sum(units, axis=0)


class Config(Settings):
    """Parameters of demo-c."""

    exponent: Exponent = 2.0
    """All parameters start from N(0, std²) with std = width^−exponent."""
    width: int = Field(default=100, ge=1, le=1_000_000)
    """Number of units."""
    samples: int = Field(default=40, ge=2)
    """Points of data, even on [−1, 1] (the source does not say how many)."""
    rate: Positive = 0.1
    """Learning rate of full-batch gradient descent on the mean square."""
    snapshots: tuple[int, ...] = Field(default=SNAPSHOTS, min_length=1)
    """Steps at which orientations are counted and drawn; training ends at the last."""
    seeds: int = Field(default=1, ge=1, le=10_000)
    """How many runs, with seeds 0, 1, …; the source shows one."""

    @field_validator("snapshots")
    @classmethod
    def _increasing(cls, snapshots: tuple[int, ...]) -> tuple[int, ...]:
        falls = any(late <= early for early, late in pairwise(snapshots))
        if snapshots[0] < 1 or falls:
            raise ValueError("increasing steps >= 1")
        return snapshots

    @property
    def is_reference(self) -> bool:
        """Whether the statements are about this setting."""
        setting = (self.exponent, self.width, self.samples, self.rate, self.snapshots)
        return setting == (2.0, 100, 40, 0.1, SNAPSHOTS)

    @property
    def x(self) -> np.ndarray:
        """Abscissae of the data."""
        return np.linspace(-1, 1, self.samples)


def count_orientations(step: int, snapshot: Arrays) -> Arrays:
    """The probe that follows the growth, with the weights of the first member.

    Counts orientations by ‖(w, b)‖, the same by |a|·‖(w, b)‖, and groups by complete
    linkage of the first kind.
    """
    from condensery.metrics import condensation

    counts = []
    for a, w in zip(snapshot["a"], snapshot["w"], strict=True):
        count = partial(condensation, w, threshold=THRESHOLD, active=ACTIVE)
        by_input = count(amplitude="input")
        by_product = count(a)
        neurons = by_input.effective_neurons, by_product.effective_neurons
        counts.append((*neurons, len(by_input.group_sizes)))
    first = {"first_a": snapshot["a"][0], "first_w": snapshot["w"][0]}
    return {"counts": np.asarray(counts), **first}


@task(Config)
def train(config: Config, seed: int, advance: Advance, *, count: int) -> Arrays:
    """Train one network per seed and count its orientations on the way.

    Args:
        config: The configuration.
        seed: The first seed.
        advance: Progress callback, (text, fraction).
        count: How many seeds from `seed` on.

    Returns:
        step, loss (member, step), status, counts (step, member, kind), and the first
        member's a (step, unit) and w (step, unit, feature).
    """
    from condensery.engine import SGD, Ensemble, descend, log_steps, mean_square
    from condensery.models import TwoLayer

    steps = config.snapshots[-1]
    ensemble = Ensemble.grid(
        widths=[config.width],
        gammas=[2 * config.exponent],
        seeds=range(seed, seed + count),
    )
    schedule = log_steps(steps, per_decade=FRAMES_PER_DECADE, extra=config.snapshots)
    result = descend(
        ensemble.draw(features=2),
        mean_square(TwoLayer("relu")),
        config.x[:, None],
        target(config.x),
        optimiser=SGD(config.rate),
        steps=steps,
        schedule=schedule.tolist(),
        probes={"circle": count_orientations},
        on_progress=advance,
    )
    trained = {"step": result.recorded, "loss": result.loss, "status": result.status}
    return trained | result.probed["circle"]


def work(config: Config) -> Iterator[Work]:
    """Blocks of eight seeds."""
    for first in range(0, config.seeds, SEEDS_PER_TASK):
        count = min(SEEDS_PER_TASK, config.seeds - first)
        cost = float(count * config.snapshots[-1]) * config.width
        label = f"seeds {first} to {first + count - 1}"
        yield train.work(label, cost, first, count=count)


# Tables


def _all_seeds(results: Results, name: str, *, axis: int = 0) -> np.ndarray:
    blocks = [run[name] for _, run in results.of(train)]
    return np.concatenate(blocks, axis=axis)


def _first_run(results: Results) -> Arrays:
    _, run = next(results.of(train))
    return run


def members(config: Config, results: Results) -> Table:
    """The end of every seed."""
    block = rows(
        {"seed": range(config.seeds)},
        width=config.width,
        gamma=2 * config.exponent,
        gamma_prime=0.0,
        status=_all_seeds(results, "status"),
        loss=_all_seeds(results, "loss")[:, -1],
        orientations=_all_seeds(results, "counts", axis=1)[-1, :, 0],
    )
    return stack(
        [block], gamma="phase coordinate: 2 × the exponent of the standard deviation"
    )


def _at_snapshots(config: Config, step: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.isin(step, config.snapshots))


def counts(config: Config, results: Results) -> Table:
    """Counts of every seed at every snapshot."""
    step = _first_run(results)["step"]
    chosen = _at_snapshots(config, step)
    counted = _all_seeds(results, "counts", axis=1)[chosen]
    axes = {"step": step[chosen], "seed": range(config.seeds)}
    columns = {kind: counted[:, :, index] for index, kind in enumerate(COUNTS)}
    return stack(
        [rows(axes, **columns)],
        orientations="directions that cover all neurons with ‖(w, b)‖ > .05 of the "
        "largest at cosine .99",
        orientations_product="the same by |a|·‖(w, b)‖",
        groups="groups of the same neurons by complete linkage at cosine .99",
    )


def growth(config: Config, results: Results) -> Table:
    """Counts of the first seed at every recorded step."""
    run = _first_run(results)
    counted = run["counts"][:, 0]
    block = rows(
        {"step": run["step"]},
        orientations=counted[:, 0],
        orientations_product=counted[:, 1],
        loss=run["loss"][0],
    )
    return stack(
        [block],
        orientations="of seed 0, by ‖(w, b)‖",
        orientations_product="of seed 0, by |a|·‖(w, b)‖",
    )


def frames(config: Config, results: Results) -> Table:
    """Neurons and output of the first seed, one row per recorded step."""
    from condensery.metrics import amplitude, condensation, orientation

    run = _first_run(results)
    a, w = run["first_a"], run["first_w"]
    count = partial(condensation, amplitude="input", threshold=THRESHOLD, active=ACTIVE)
    slopes, biases = w[:, None, :, 0], w[:, None, :, 1]
    hidden = np.maximum(FINE[None, :, None] * slopes + biases, 0)
    columns = {
        "step": run["step"],
        "orientation": orientation(w),
        "amplitude": amplitude(None, w),
        "group": np.stack([count(weights).groups for weights in w]),
        "x": np.tile(FINE, (len(w), 1)),
        "model": np.einsum("spu,su->sp", hidden, a),
        "target": np.tile(target(FINE), (len(w), 1)),
    }
    units = {"orientation": "rad", "amplitude": "‖(w, b)‖", "group": "−1 is not active"}
    return Table(columns=columns, units=units)


def _of_snapshots(config: Config, results: Results, *names: str) -> Table:
    """Columns of the frames at the snapshots, one row per neuron or point."""
    table = frames(config, results)
    chosen = _at_snapshots(config, table["step"])
    columns = {name: table[name][chosen] for name in names}
    size = columns[names[0]].shape[1]
    block = rows({"step": table["step"][chosen], "index": range(size)}, **columns)
    del block["index"]
    return stack([block])


def snapshots(config: Config, results: Results) -> Table:
    """Neurons of the first seed at the snapshots."""
    return _of_snapshots(config, results, "orientation", "amplitude", "group")


def output(config: Config, results: Results) -> Table:
    """Output of the first seed at the snapshots."""
    return _of_snapshots(config, results, "x", "model", "target")


def data(config: Config, results: Results) -> Table:
    """The samples."""
    return stack([rows({"x": config.x}, y=target(config.x))])


# Claims

grown = partial(
    claim,
    paper="xu2025overview",
    source="condensation during training, m = 100, std m⁻²",
    when=lambda config: config.is_reference,
)


def _by_snapshot(config: Config, tables: Tables) -> np.ndarray:
    """Orientations (snapshot, seed)."""
    shape = len(config.snapshots), config.seeds
    return tables["counts"]["orientations"].reshape(shape)


@grown(
    "grows",
    "From snapshot to snapshot the number of orientations does not fall (τ = .99, "
    "neurons with ‖(w, b)‖ > .05 of the largest; median over seeds).",
    at_least(0.0),
)
def smallest_change(config: Config, tables: Tables) -> Measured:
    """Smallest change of the median between successive snapshots."""
    orientations = _by_snapshot(config, tables)
    changes = np.diff(np.median(orientations, axis=1))
    falling = int((np.diff(orientations, axis=0) < 0).any(axis=0).sum())
    note = "smallest change of the median between successive snapshots"
    if config.seeds > 1:
        note += f"; the count falls somewhere in {falling} of {config.seeds} runs"
    return Measured(float(changes.min()) if changes.size else None, note)


@grown(
    "three",
    "By step 5000 there are at least 3 orientations (in every run).",
    at_least(3.0),
)
def least_by_5000(config: Config, tables: Tables) -> Measured:
    """The least number of all runs."""
    early = np.asarray(config.snapshots) <= 5000
    orientations = _by_snapshot(config, tables)[early]
    return Measured(float(orientations[-1].min()) if orientations.size else None)


demo_c = Declared(
    name="demo-c",
    title="Demo C: the number of orientations grows",
    summary="A two-layer ReLU network of 100 units with parameters of size m⁻² learns "
    "a target of four kinks. At first all neurons share one orientation; then new ones "
    "split off, and with each the output gains a kink.",
    papers=("xu2025overview",),
    task_version="2",
    Config=Config,
    presets={"quick": {"seeds": 1}, "paper": {"seeds": 16}},
    work=work,
    makes={
        "members": members,
        "counts": counts,
        "growth": growth,
        "snapshots": snapshots,
        "output": output,
        "frames": frames,
        "data": data,
    },
    judges=(smallest_change, least_by_5000),
    draws=(
        FigureSpec(
            name="orientation-growth",
            plot="condensery.plots.orientation_growth",
            caption="Number of orientations against the step, and at the snapshots "
            "every neuron's orientation and amplitude ‖(w, b)‖ with the output below. "
            "Each new orientation is a new kink of the output.",
            animated=True,
        ),
    ),
)
