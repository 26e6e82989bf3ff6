"""Demo C: a target of four kinks, learned with one orientation more after another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import numpy as np
from pydantic import Field, field_validator

from condensery.data import demo_c_target
from condensery.declare import (
    Blocks,
    Declared,
    Exponent,
    Measured,
    Positive,
    Results,
    Settings,
    Tables,
    Work,
    at_least,
    at_most,
    claim,
    exactly,
    rows,
    table,
    task,
)
from condensery.metrics import amplitude, condensation, lineages, orientation
from condensery.protocols import Advance, Arrays
from condensery.records import FigureSpec

SNAPSHOTS = (100, 1000, 5000, 10_000, 12_000, 100_000)
THRESHOLD, ACTIVE = 0.99, 0.05
FRAMES_PER_DECADE = 12
SEEDS_PER_TASK = 8
TURNED = 0.5
"""Radians from which a neuron is said to have turned."""
FINE = np.linspace(-1, 1, 201)
"""Abscissae of the drawn outputs."""
COUNTS = ("orientations", "orientations_product", "groups")


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
    def x(self) -> np.ndarray:
        """Abscissae of the data."""
        return np.linspace(-1, 1, self.samples)


def count_orientations(step: int, snapshot: Arrays) -> Arrays:
    """The probe that follows the growth, with the weights of the first member.

    Counts orientations by ‖(w, b)‖, the same by |a|·‖(w, b)‖, and groups by complete
    linkage of the first kind.
    """
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
        demo_c_target(config.x),
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


@table(
    gamma="phase coordinate: 2 × the exponent of the standard deviation",
    greatest_fall="of the number of orientations below an earlier one, over all "
    "recorded steps from the first snapshot on",
    fall_from="step of that earlier number",
    fall_to="step of the lower one; both 0 where it never falls",
)
def members(config: Config, results: Results) -> Blocks:
    """The end of every seed."""
    counted = results.joined(train, "counts", axis=1)
    step = results.first(train)["step"]
    later = step >= config.snapshots[0]
    falls = [greatest_fall(step[later], number) for number in counted[later, :, 0].T]
    sizes, begins, ends = zip(*falls, strict=True)
    yield {
        "seed": range(config.seeds),
        "width": config.width,
        "gamma": 2 * config.exponent,
        "gamma_prime": 0.0,
        "status": results.joined(train, "status"),
        "loss": results.joined(train, "loss")[:, -1],
        "orientations": counted[-1, :, 0],
        "greatest_fall": sizes,
        "fall_from": begins,
        "fall_to": ends,
    }


def greatest_fall(step: np.ndarray, count: np.ndarray) -> tuple[int, int, int]:
    """How far a count falls at most below an earlier one, and between which steps;
    zeros where it never falls.
    """
    highest = np.maximum.accumulate(count)
    falls = highest - count
    end = int(np.argmax(falls))
    size = int(falls[end])
    if size == 0:
        return 0, 0, 0
    begin = int(np.flatnonzero(count[:end] == highest[end])[-1])
    return size, int(step[begin]), int(step[end])


def _at_snapshots(config: Config, step: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.isin(step, config.snapshots))


@table(
    orientations="directions that cover all neurons with ‖(w, b)‖ > .05 of the "
    "largest at cosine .99",
    orientations_product="the same by |a|·‖(w, b)‖",
    groups="groups of the same neurons by complete linkage at cosine .99",
)
def counts(config: Config, results: Results) -> Blocks:
    """Counts of every seed at every snapshot."""
    step = results.first(train)["step"]
    chosen = _at_snapshots(config, step)
    counted = results.joined(train, "counts", axis=1)[chosen]
    axes = {"step": step[chosen], "seed": range(config.seeds)}
    columns = {kind: counted[:, :, index] for index, kind in enumerate(COUNTS)}
    yield rows(axes, **columns)


@table(
    orientations="of seed 0, by ‖(w, b)‖",
    orientations_product="of seed 0, by |a|·‖(w, b)‖",
)
def growth(config: Config, results: Results) -> Blocks:
    """Counts of the first seed at every recorded step."""
    run = results.first(train)
    by_input, by_product, _ = run["counts"][:, 0].T
    yield {
        "step": run["step"],
        "orientations": by_input,
        "orientations_product": by_product,
        "loss": run["loss"][0],
    }


@table(
    orientation="rad",
    amplitude="‖(w, b)‖",
    group="the same number for the same group at all steps; −1 is not active",
)
def frames(config: Config, results: Results) -> Blocks:
    """Neurons and output of the first seed, one row per recorded step."""
    from condensery.models import Network

    run = results.first(train)
    a, w = run["first_a"], run["first_w"]
    count = partial(condensation, amplitude="input", threshold=THRESHOLD, active=ACTIVE)
    network = Network.of({"a": a, "w": w}, "relu")
    groups = np.stack([count(weights).groups for weights in w])
    lengths = amplitude(None, w)
    yield {
        "step": run["step"],
        "orientation": orientation(w),
        "amplitude": lengths,
        "group": lineages(groups, lengths).member_of,
        "x": np.tile(FINE, (len(w), 1)),
        "model": network.forward(FINE[:, None]),
        "target": np.tile(demo_c_target(FINE), (len(w), 1)),
    }


def _of_snapshots(config: Config, tables: Tables, *names: str) -> Blocks:
    """Columns of the frames at the snapshots, one row per neuron or point."""
    frames = tables["frames"]
    chosen = frames.take(_at_snapshots(config, frames["step"]))
    columns = {name: chosen[name] for name in names}
    size = columns[names[0]].shape[1]
    yield rows({"step": chosen["step"], "": range(size)}, **columns)


@table()
def snapshots(config: Config, tables: Tables) -> Blocks:
    """Neurons of the first seed at the snapshots."""
    return _of_snapshots(config, tables, "orientation", "amplitude", "group")


@table()
def output(config: Config, tables: Tables) -> Blocks:
    """Output of the first seed at the snapshots."""
    return _of_snapshots(config, tables, "x", "model", "target")


@table()
def data(config: Config, results: Results) -> Blocks:
    """The samples."""
    yield {"x": config.x, "y": demo_c_target(config.x)}


# Claims

grown = partial(
    claim,
    paper="xu2025overview",
    source="condensation during training, m = 100, std m⁻²",
    when=exactly(
        exponent=2.0,
        width=100,
        samples=40,
        rate=0.1,
        snapshots=SNAPSHOTS,
    ),
)


def _by_snapshot(config: Config, tables: Tables) -> np.ndarray:
    """Orientations (snapshot, seed)."""
    shape = len(config.snapshots), config.seeds
    return tables["counts"]["orientations"].reshape(shape)


@grown(
    "grows",
    "Once the neurons have gathered the number of orientations does not fall (greatest "
    "fall below an earlier number over all recorded steps from step 100 on; τ = .99, "
    "neurons with ‖(w, b)‖ > .05 of the largest; median over seeds).",
    at_most(0.0),
    kind="reproduction",
)
def median_fall(config: Config, tables: Tables) -> Measured:
    """Median over seeds of the greatest fall."""
    members = tables["members"]
    falls = members["greatest_fall"]
    falling = int((falls > 0).sum())
    note = f"it falls in {falling} of {config.seeds} runs"
    if falls[0] > 0:
        begin, end = (int(members[name][0]) for name in ("fall_from", "fall_to"))
        turning, active = _turning(tables, begin, end)
        note += (
            f"; in seed 0 by {falls[0]:g} from step {begin} to {end}, while {turning} "
            f"of its {active} active neurons turn by more than {TURNED} rad: on their "
            "way they count as directions"
        )
    return Measured(float(np.median(falls)), note)


def _turning(tables: Tables, begin: int, end: int) -> tuple[int, int]:
    """Neurons of the first seed that turn between two steps, and all that are active
    at both.
    """
    frames = tables["frames"]
    first, last = (int(np.flatnonzero(frames["step"] == s)[0]) for s in (begin, end))
    group, angle = frames["group"], frames["orientation"]
    active = (group[first] >= 0) & (group[last] >= 0)
    turn = np.abs(np.angle(np.exp(1j * (angle[last] - angle[first]))))
    return int((turn[active] > TURNED).sum()), int(active.sum())


@grown(
    "snapshots",
    "From each of the six drawn steps to the next the number of orientations does not "
    "fall (smallest change of the median over seeds).",
    at_least(0.0),
    kind="reproduction",
)
def smallest_change(config: Config, tables: Tables) -> Measured:
    """Smallest change of the median between successive snapshots."""
    orientations = _by_snapshot(config, tables)
    changes = np.diff(np.median(orientations, axis=1))
    falling = int((np.diff(orientations, axis=0) < 0).any(axis=0).sum())
    note = "these are the steps that the source shows"
    if config.seeds > 1:
        note += f"; the count falls somewhere in {falling} of {config.seeds} runs"
    return Measured(float(changes.min()) if changes.size else None, note)


@grown(
    "three",
    "By step 5000 there are at least 3 orientations (in every run).",
    at_least(3.0),
    kind="reproduction",
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
        "frames": frames,
        "data": data,
    },
    derives={"snapshots": snapshots, "output": output},
    judges=(median_fall, smallest_change, least_by_5000),
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
