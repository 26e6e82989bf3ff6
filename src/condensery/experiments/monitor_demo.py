"""The monitor at work: the same network trained from a small and from an ordinary
initialisation.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Literal, get_args

import numpy as np
from pydantic import Field

from condensery.charts import Axis, Chart, Lines, Look, Panel, figure
from condensery.data import load
from condensery.declare import (
    Blocks,
    Count,
    Declared,
    Measured,
    Positive,
    Results,
    Settings,
    Tables,
    Work,
    at_least,
    at_most,
    claim,
    no_less,
    rows,
    table,
    task,
)
from condensery.protocols import Advance, Arrays
from condensery.records import DataPath
from condensery.theory import aligned_by_chance

Start = Literal["condensed", "ordinary"]
STARTS: tuple[Start, ...] = get_args(Start)
LAYERS = (1, 2)
COSINE = 0.95
"""From which the monitor counts two directions as one, unless it is told otherwise."""


class Config(Settings):
    """Parameters of monitor-demo."""

    data: Annotated[str, DataPath()] = "digits"
    """A data set with labels 0, 1, …."""
    width: int = Field(default=100, ge=2, le=10_000)
    """Units of each of the two hidden layers."""
    exponent: float = Field(default=1.5, ge=0.0, le=5.0)
    """The condensed start: all parameters from N(0, std²), std = width^−exponent."""
    steps: Count = 1000
    """Adam steps."""
    rate: Positive = 1e-3
    """Learning rate."""
    batch: Count = 128
    """Samples of a step."""
    every: Count = 50
    """Cadence of the monitor."""
    seeds: int = Field(default=3, ge=1, le=1000)
    """Trainings of each start."""


@task(Config)
def train(config: Config, seed: int, advance: Advance, *, start: Start) -> Arrays:
    """Train one network; the seed splits the samples (two thirds for training), draws
    the initialisation and orders the batches.
    """
    from condensery.torch.studies import watch_classifier

    data = load(config.data)
    order = np.random.default_rng(seed).permutation(len(data.x))
    training, test = np.split(order, [2 * len(order) // 3])

    def report(step: int) -> None:
        advance(f"step {step} of {config.steps}", step / config.steps)

    return watch_classifier(
        (data.x[training], data.y[training]),
        (data.x[test], data.y[test]),
        width=config.width,
        exponent=config.exponent if start == "condensed" else None,
        steps=config.steps,
        rate=config.rate,
        batch=config.batch,
        every=config.every,
        seed=seed,
        on_step=report,
    )


def work(config: Config) -> Iterator[Work]:
    """One training per start and seed."""
    cost = float(config.steps) * config.width
    for start in STARTS:
        for seed in range(config.seeds):
            yield train.work(f"{start}, seed {seed}", cost, seed, start=start)


def _runs(results: Results) -> Iterator[tuple[dict[str, str | int], Arrays]]:
    """Start and seed of every training, and its arrays."""
    for work, run in results.calls(train):
        yield {**work.arguments, "seed": work.seed}, run


@table()
def monitored(config: Config, results: Results) -> Blocks:
    """What the monitor saw."""
    for names, run in _runs(results):
        measures = {"effective_ratio": run["ratio"], "largest_cosine": run["largest"]}
        yield rows({"step": run["step"], "layer": LAYERS}, **names, **measures)


@table()
def fit(config: Config, results: Results) -> Blocks:
    """What the network could do at the same steps."""
    for names, run in _runs(results):
        measures = {"loss": run["loss"], "accuracy": run["accuracy"]}
        yield rows({"step": run["step"]}, **names, **measures)


@table()
def end(config: Config, results: Results) -> Blocks:
    """What `inspect` says of the end."""
    for names, run in _runs(results):
        counts = {
            "exact_merges": run["exact"],
            "approximate_merges": run["approximate"],
        }
        yield rows({"layer": LAYERS}, **names, **counts)


@table()
def medians(config: Config, results: Results) -> Blocks:
    """Medians over the seeds, which the figure draws thick."""
    for start in STARTS:
        runs = [run for names, run in _runs(results) if names["start"] == start]
        ratios = np.median([run["ratio"] for run in runs], axis=0)
        accuracy = np.median([run["accuracy"] for run in runs], axis=0)
        step = runs[0]["step"]
        for layer in LAYERS:
            measures = {"effective_ratio": ratios[:, layer - 1], "accuracy": accuracy}
            yield rows({"step": step}, start=start, layer=layer, **measures)


of_project = partial(
    claim,
    kind="observation",
    paper="condensery",
    source="this project, on sentences of the abstract of Xu et al. 2025; bounds set "
    "after trials",
    when=no_less(exponent=1.5),
)


def _ratios(tables: Tables, start: Start) -> list[list[np.ndarray]]:
    """Ratios over the steps, for every seed and layer."""
    table = tables["monitor"].select(start=start)
    layers = np.unique(table["layer"])
    return [
        [table.select(seed=seed, layer=layer)["effective_ratio"] for layer in layers]
        for seed in np.unique(table["seed"])
    ]


def _last(tables: Tables, start: Start) -> np.ndarray:
    """Ratio at the end of every seed (row) and layer (column)."""
    ratios = _ratios(tables, start)
    return np.array([[layer[-1] for layer in seed] for seed in ratios])


@of_project(
    "gathers",
    "From a small initialisation the neurons of a layer gather in few directions.",
    at_most(0.5),
)
def gathers(config: Config, tables: Tables) -> Measured:
    """The larger of the two layers' medians."""
    layers = np.median(_last(tables, "condensed"), axis=0)
    note = "the larger of the two layers' medians over seeds at the end"
    return Measured(float(layers.max()), note)


def merged_by_chance(config: Config, *, inputs: int) -> dict[int, float]:
    """At most so much the ratio of random orientations is below 1 on average, for each
    layer's width and dimension.

    Every direction that is saved needs a pair above the cosine of the monitor. Of
    random pairs half of those whose |cosine| is above it have it above.
    """
    dimensions = {1: inputs + 1, 2: config.width + 1}
    partners = (config.width - 1) / 2
    return {
        layer: partners * aligned_by_chance(dimension, COSINE) / 2
        for layer, dimension in dimensions.items()
    }


def _over_chance(config: Config, ratios: np.ndarray, remark: str) -> Measured:
    """The least ratio (row, layer) over that by chance."""
    inputs = load(config.data).x.shape[1]
    merged = merged_by_chance(config, inputs=inputs)
    chance = np.maximum(1 - np.array(list(merged.values())), 1 / config.width)
    least = (ratios / chance).min()
    listed = " and ".join(f"1 − {share:.1g}" for share in merged.values())
    note = (
        f"{remark}; random orientations of the layers' width and dimension have a "
        f"ratio of at least {listed}"
    )
    return Measured(float(least), note)


@of_project(
    "spread",
    "From an ordinary one nearly every neuron keeps a direction of its own: as many "
    "as of random orientations (ratio over theirs).",
    at_least(0.9),
)
def spread(config: Config, tables: Tables) -> Measured:
    """The least ratio at the end over that by chance."""
    last = _last(tables, "ordinary")
    return _over_chance(config, last, "the least of all seeds and layers at the end")


@of_project(
    "made",
    "It is training that condenses: at the start the layers have as many directions "
    "as random orientations (ratio over theirs).",
    at_least(0.9),
)
def made(config: Config, tables: Tables) -> Measured:
    """The least ratio at step 0 over that by chance."""
    first = np.array(
        [
            [layer[0] for layer in seed]
            for start in STARTS
            for seed in _ratios(tables, start)
        ]
    )
    note = "the least of all seeds, layers and starts at step 0"
    return _over_chance(config, first, note)


@of_project(
    "grows",
    "The number of directions grows while the network learns: the least comes "
    "before the end.",
    at_least(0.02),
)
def grows(config: Config, tables: Tables) -> Measured:
    """Ratio at the end less its least."""
    ratios = _ratios(tables, "condensed")
    least = np.array([[layer.min() for layer in seed] for seed in ratios])
    growth = np.median(_last(tables, "condensed") - least)
    note = "median over seeds and layers of the ratio at the end less its least"
    return Measured(float(growth), note)


STEP = Axis(
    label="optimiser step",
    scale="symlog",
    limits=(0, None),
)
DASHES = {1: "-", 2: (0, (4, 1.5))}
COLOURS = {"condensed": "0", "ordinary": "grey"}


def _ratio_lines(start: Start, layer: int) -> tuple[Lines, Lines]:
    colour = str(layer - 1) if start == "condensed" else "grey"
    look = Look(colour=colour, dashes=DASHES[layer], width=0.4, alpha=0.6)
    curve = partial(
        Lines,
        x="step",
        y="effective_ratio",
        only={"start": start, "layer": layer},
    )
    thick = look.model_copy(update={"width": 1.6, "alpha": 1.0})
    return (
        curve(table="monitor", each="seed", look=look),
        curve(table="medians", look=thick, label=f"{start}, layer {layer}"),
    )


def _accuracy_lines(start: Start) -> tuple[Lines, Lines]:
    look = Look(colour=COLOURS[start], width=0.4, alpha=0.6)
    curve = partial(Lines, x="step", y="accuracy")
    thick = look.model_copy(update={"width": 1.6, "alpha": 1.0})
    return (
        curve(table="fit", only={"start": start}, each="seed", look=look),
        curve(
            table="medians",
            only={"start": start, "layer": 1},
            look=thick,
            label=start,
        ),
    )


ratio = Panel(
    marks=tuple(
        line
        for start in STARTS
        for layer in LAYERS
        for line in _ratio_lines(start, layer)
    ),
    x=STEP,
    y=Axis(label="effective ratio", limits=(-0.03, 1.05)),
    legend="best",
)
accuracy = Panel(
    marks=tuple(line for start in STARTS for line in _accuracy_lines(start)),
    x=STEP,
    y=Axis(label="accuracy on test samples", limits=(-0.03, 1.05)),
    legend="best",
)


def data_digest(config: Config) -> str:
    """Digest of the samples."""
    return load(config.data).digest


monitor_demo = Declared(
    name="monitor-demo",
    title="The monitor at work: a condensed and an ordinary training",
    summary="A ReLU network with two hidden layers learns to classify handwritten "
    "digits, from a small and from an ordinary initialisation, while the monitor "
    "measures the effective ratio of each layer: the number of directions that cover "
    "its neurons, over the number of neurons.",
    papers=("xu2025overview", "condensery"),
    Config=Config,
    presets={
        "quick": {"seeds": 3},
        "paper": {"seeds": 10, "steps": 5000, "every": 100},
    },
    reads=data_digest,
    work=work,
    makes={"monitor": monitored, "fit": fit, "end": end, "medians": medians},
    judges=(gathers, spread, made, grows),
    draws=(
        figure(
            "monitor-demo",
            "Left: effective ratio of the two hidden layers from a small (colours) and "
            "an ordinary initialisation (grey), every seed a thin line, their median a "
            "thick one. Right: accuracy on samples that were not trained on.",
            Chart(panels=((ratio, accuracy),), height=2.6),
        ),
    ),
)
