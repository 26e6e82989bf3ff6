"""Two ways to a condensed network: a small initialisation, which stalls, and dropout,
which does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Literal, get_args

import numpy as np
from pydantic import Field

from condensery.charts import Axis, Chart, Lines, Look, Panel, Points, figure
from condensery.declare import (
    Blocks,
    Count,
    Declared,
    Exponent,
    Measured,
    Positive,
    Results,
    Settings,
    Share,
    Tables,
    Work,
    at_least,
    at_most,
    claim,
    exactly,
    no_less,
    rows,
    table,
    task,
)
from condensery.metrics import (
    amplitude,
    effective_orientations,
    orientation,
    orientation_bins,
)
from condensery.protocols import Advance, Arrays
from condensery.records import Table

Way = Literal["descent", "adam", "dropout"]
"""Small initialisation by gradient descent and by Adam; dropout from a large one by
Adam.
"""
WAYS: tuple[Way, ...] = get_args(Way)
X, FINE = np.linspace(-12, 12, 15), np.linspace(-12, 12, 481)
BINS, PER_DECADE = 64, 10
PLATEAU = (2000, 100_000)
"""Steps between which the small initialisations are seen to rest."""


def target(x: np.ndarray) -> np.ndarray:
    """tanh(x − 6) + tanh(x + 6)."""
    return np.tanh(x - 6) + np.tanh(x + 6)


class Config(Settings):
    """Parameters of dropout-stall."""

    keep: Share = 0.9
    """The keep probability p."""
    width: int = Field(default=1000, ge=2, le=100_000)
    """Number of units."""
    small_exponent: Exponent = 1.0
    """The small initialisation: N(0, std²) with std = width^−small_exponent."""
    large_exponent: Exponent = 0.1
    """The same for the network with dropout."""
    rate: Positive = 1e-3
    """Learning rate of Adam, with dropout and without."""
    descent_rate: Positive = 2e-3
    """Learning rate of gradient descent."""
    steps: Count = 150_000
    """Steps of every run."""
    seeds: int = Field(default=1, ge=1, le=1000)
    """How many runs of everything, with seeds 0, 1, …."""


@task(Config)
def train(config: Config, seed: int, advance: Advance, *, way: Way) -> Arrays:
    """Train one network per seed in one of the three ways.

    Returns:
        step, loss R_S (member, step), status, orientations (step, member), and of the
        first member the outputs at 2000 steps (or the nearest recorded ones) and at the
        end.
    """
    from condensery.engine import (
        SGD,
        Adam,
        RecordOutput,
        descend,
        dropout_loss,
        log_steps,
    )
    from condensery.models import TwoLayer, two_layer_normal

    std = float(config.width) ** -(
        config.large_exponent if way == "dropout" else config.small_exponent
    )
    model = TwoLayer("tanh")
    steps = config.steps
    seeds = range(seed, seed + config.seeds)
    rule = SGD(config.descent_rate) if way == "descent" else Adam(config.rate)
    members = [
        two_layer_normal(config.width, features=2, seed=member, std_a=std, std_w=std)
        for member in seeds
    ]
    schedule = log_steps(steps, per_decade=PER_DECADE, extra=PLATEAU)
    outputs = RecordOutput(model, FINE[:, None])
    keep = config.keep if way == "dropout" else 1.0

    def report(text: str, fraction: float) -> None:
        advance(f"{way}, {text}", fraction)

    result = descend(
        members,
        dropout_loss(model, keep=keep),
        X[:, None],
        target(X),
        optimiser=rule,
        steps=steps,
        seeds=seeds,
        dtype="float32",
        schedule=schedule.tolist(),
        probes={"circle": count_orientations, "fine": outputs},
        on_progress=report,
    )
    early = int(np.argmin(np.abs(result.recorded - PLATEAU[0])))
    output = result.probed["fine"]["output"].astype(np.float64)
    return {
        "step": result.recorded,
        "loss": result.loss,
        "status": result.status,
        **result.probed["circle"],
        "output": output[[early, -1], 0],
    }


def count_orientations(step: int, snapshot: Arrays) -> Arrays:
    """The probe: amplitude-weighted effective orientations of every member."""
    angles = orientation(snapshot["w"])
    amplitudes = amplitude(snapshot["a"], snapshot["w"])
    counts = []
    for angle, weights in zip(angles, amplitudes, strict=True):
        bins = orientation_bins(angle, weights, bins=BINS)
        counts.append(effective_orientations(bins))
    return {"orientations": np.array(counts)}


def work(config: Config) -> Iterator[Work]:
    """One training per way."""
    updates = config.steps * config.seeds * config.width
    for way in WAYS:
        cost = updates * (1.5 if way == "dropout" else 1.0)
        yield train.work(way, cost, way=way)


@table(loss="R_S without masks", orientations="effective, over 64 bins")
def curves(config: Config, results: Results) -> Blocks:
    """Loss and effective orientations of every seed."""
    for arguments, run in results.of(train):
        yield rows(
            {"seed": range(config.seeds), "step": run["step"]},
            **arguments,
            loss=run["loss"],
            orientations=run["orientations"].T,
        )


@table(early="after 2,000 steps", late="at the end")
def outputs(config: Config, results: Results) -> Blocks:
    """Outputs of the first seed."""
    for arguments, run in results.of(train):
        early, late = run["output"]
        columns = {"early": early, "late": late, "wanted": target(FINE)}
        yield rows({"x": FINE}, **arguments, **columns)


@table()
def data(config: Config, results: Results) -> Blocks:
    """The samples."""
    yield rows({"x": X}, y=target(X))


REFERENCE = exactly(
    keep=0.9,
    small_exponent=1.0,
    large_exponent=0.1,
    rate=1e-3,
    descent_rate=2e-3,
) & no_less(width=1000, steps=100_000)
"""The setting of the figure, long enough to see what it shows."""

fig_9 = partial(
    claim,
    paper="zhang2024dropout",
    source="Fig. 9",
    when=REFERENCE,
)


def median_at(curves: Table, way: Way, step: int, *, column: str = "loss") -> float:
    """The median over seeds at the recorded step nearest to `step`."""
    curve = curves.select(way=way)
    nearest = curve["step"][np.argmin(np.abs(curve["step"] - step))]
    return float(np.median(curve.select(step=int(nearest))[column]))


def rests(way: Way, config: Config, tables: Tables) -> Measured:
    """R_S after 100,000 steps over R_S after 2,000."""
    first, last = (median_at(tables["curves"], way, step) for step in PLATEAU)
    return Measured(last / first, _length(config))


def _length(config: Config) -> str:
    return f"{config.steps:,} steps; the paper follows the plateau for 900,000"


stalls_descent = fig_9(
    "stalls-descent",
    "Gradient descent from a small initialisation rests on a plateau (R_S after "
    "100,000 steps over R_S after 2,000; 1 "
    "is no progress).",
    at_least(0.95),
    kind="reproduction",
)(partial(rests, "descent"))
stalls_adam = fig_9(
    "stalls-adam", "So does Adam.", at_least(0.95), kind="reproduction"
)(partial(rests, "adam"))


@fig_9(
    "escapes",
    "Dropout from a large initialisation gets below a tenth of the plateau's R_S, "
    "for good, in a fraction of the steps "
    "after which the small initialisations do, or have not done so yet (about 1e5 "
    "against 9e5 in the source).",
    at_most(0.5),
    kind="reproduction",
)
def escapes(config: Config, tables: Tables) -> Measured:
    """Steps of dropout over the fewer of the other two."""
    plateau = median_at(tables["curves"], "descent", PLATEAU[0])
    below = {way: _first_below(tables["curves"], way, plateau / 10) for way in WAYS}
    slow = min(below["descent"], below["adam"], config.steps)
    note = (
        f"{_steps(below)}; plateau at {plateau:.3g}; {_length(config)}; "
        "a bound of 10,000 steps, set before the first run, failed"
    )
    # a short run shows only that the others take longer than itself
    stricter = at_most(0.12) if config.steps >= 900_000 else None
    return Measured(below["dropout"] / slow, note, stricter)


def _steps(below: Mapping[Way, float]) -> str:
    return ", ".join(
        f"{way} {step:,.0f}" if np.isfinite(step) else f"{way} never"
        for way, step in below.items()
    )


def _first_below(curves: Table, way: Way, loss: float) -> float:
    """The first recorded step from which on the median over seeds stays below `loss`;
    inf if there is none.
    """
    curve = curves.select(way=way)
    steps = np.unique(curve["step"])
    below = [np.median(curve["loss"][curve["step"] == step]) <= loss for step in steps]
    stays = np.logical_and.accumulate(below[::-1])[::-1]
    return float(steps[np.argmax(stays)]) if stays.any() else np.inf


@fig_9(
    "ends-lower",
    "At the end R_S of the small initialisations is more than ten times that of "
    "dropout (least ratio).",
    at_least(10.0),
    kind="reproduction",
)
def ends_lower(config: Config, tables: Tables) -> Measured:
    """The least of the two ratios."""
    curves = tables["curves"]
    descent, adam, dropout = (median_at(curves, way, config.steps) for way in WAYS)
    return Measured(min(descent, adam) / max(dropout, 1e-300), _length(config))


@fig_9(
    "condensed-both",
    "Both ways condense: effective orientations at the end, the larger of dropout "
    "and of the plateau.",
    at_most(8.0),
    kind="reproduction",
)
def condensed_both(config: Config, tables: Tables) -> Measured:
    """The larger of the two numbers."""
    count = partial(median_at, tables["curves"], column="orientations")
    end = count("dropout", config.steps)
    plateau = count("descent", PLATEAU[0])
    return Measured(
        max(end, plateau), f"dropout {end:.1f}, plateau {plateau:.1f} of {BINS}"
    )


LOOKS = {
    "descent": Look(label="small, gradient descent"),
    "adam": Look(label="small, Adam", colour="4", dashes=(0, (4, 1.5))),
    "dropout": Look(label="large, dropout", colour="1", dashes=(0, (1.5, 0.6))),
}
STEP = Axis(label="step", scale="log", floor=0.8)
by_way = partial(Lines, by="way", looks=LOOKS)
losses = Panel(
    marks=(by_way(table="curves", x="step", y="loss", each="seed", label="{}"),),
    x=STEP,
    y=Axis(label="$R_S$", scale="log"),
    legend="lower left",
)
counts = Panel(
    marks=(by_way(table="curves", x="step", y="orientations", each="seed"),),
    x=STEP,
    y=Axis(label="effective orientations", limits=(0, None)),
)
EARLY = Look(colour="1", width=0.9, dashes=(0, (1, 1)))
early_and_late = Panel(
    marks=(
        Lines(
            table="outputs",
            x="x",
            y="early",
            only={"way": "dropout"},
            label="dropout, step 2,000",
            look=EARLY,
        ),
        by_way(table="outputs", x="x", y="late", look=Look(width=1.5)),
        Points(table="data", x="x", y="y", role="samples", label="data"),
    ),
    legend="upper left",
    title="output at the end",
    x=Axis(label="$x$"),
    y=Axis(label="output", limits=(-3, 4.4)),
)

dropout_stall = Declared(
    name="dropout-stall",
    title="Small initialisation stalls, dropout does not",
    summary="A network condenses if it starts small or if it is trained with "
    "dropout. Starting small it soon rests on "
    "a plateau, near a saddle point that embeds the best narrower network, and "
    "waits there for a very long time; with "
    "dropout it starts large, passes no such plateau and condenses on the way.",
    papers=("zhang2024dropout",),
    Config=Config,
    presets={"quick": {"seeds": 2}, "paper": {"seeds": 5, "steps": 1_000_000}},
    work=work,
    makes={"curves": curves, "outputs": outputs, "data": data},
    judges=(stalls_descent, stalls_adam, escapes, ends_lower, condensed_both),
    draws=(
        figure(
            "dropout-stall",
            "R_S and the number of effective orientations while training from a "
            "small initialisation and with dropout, "
            "and the outputs at the end. That of dropout after 2,000 steps is dotted; "
            "those of the small initialisations have hardly moved since.",
            Chart(panels=((losses, counts, early_and_late),)),
        ),
    ),
)
