"""The experiment: its work, tables, claims and figure, and the value that declares
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from condensery.charts import (
    Axis,
    Chart,
    Guide,
    Lines,
    Look,
    Matrix,
    Panel,
    Points,
    figure,
)
from condensery.declare import (
    Blocks,
    Declared,
    Results,
    Work,
    rows,
    table,
)
from condensery.experiments.reduction._claims import STAGNANT, judges
from condensery.experiments.reduction._config import Config
from condensery.experiments.reduction._work import images, train
from condensery.records import FigureSpec

STARTS = {"slowest": "retrain", "plateau": "rest"}
"""Where a network was merged, and what its arrays are called."""

NETWORKS = {"wide": "wide", "merged": "narrow"}
"""A network, and what its arrays are called."""


def work(config: Config) -> Iterator[Work]:
    """One training per seed."""
    cost = float(config.steps) * config.width * config.samples
    for seed in range(config.seeds):
        yield train.work(f"seed {seed}", cost, seed)


def _curves(results: Results, **columns: str) -> Blocks:
    """Arrays of every seed, by the name of their column."""
    for seed, (_, run) in enumerate(results.of(train)):
        values = {column: run[name] for column, name in columns.items()}
        yield {"seed": seed, **values}


@table()
def training(config: Config, results: Results) -> Blocks:
    """Loss and number of groups."""
    yield from _curves(results, step="step", loss="loss", width="width")


@table(
    start="slowest: merged where the loss falls most slowly; plateau: merged in the "
    "middle of the first plateau",
    network="wide or merged",
    ratio="loss over that of the wide network before the merge",
)
def retraining(config: Config, results: Results) -> Blocks:
    """Losses of both networks after either merge."""
    for seed, (_, run) in enumerate(results.of(train)):
        for start, name in STARTS.items():
            steps = run[f"{name}_step"]
            wide = run[f"{name}_wide"]
            for network, stored in NETWORKS.items():
                loss = run[f"{name}_{stored}"]
                yield rows(
                    {"step": steps},
                    seed=seed,
                    start=start,
                    network=network,
                    loss=loss,
                    ratio=loss / wide[:1],
                )


@table()
def sweep(config: Config, results: Results) -> Blocks:
    """What other cosines would leave."""
    yield from _curves(
        results,
        cosine="cosine",
        width="sweep_width",
        agreement="sweep_agreement",
        loss="sweep_loss",
    )


@table(
    slope="−d log loss/d log step of the wide network where it is merged",
    change="max |Δf| over max |f| on the training images",
    left_apart="groups that the merge refused",
    departure="largest |loss of the merged network over that before the merge − 1| "
    "while it trains on",
    departure_wide="as departure, of the wide network",
    rest_width="of the network that is merged on the first plateau; 0 without one",
    rest_departure="as departure, to the end of the first plateau; nan without one",
)
def members(config: Config, results: Results) -> Blocks:
    """One row per seed, at the step where it was merged."""
    for seed, (_, run) in enumerate(results.of(train)):
        chosen = int(run["chosen"])
        wide, narrow = run["accuracy"]
        steps, losses = run["step"], run["loss"]
        falls = -np.gradient(np.log(losses), np.log(steps))
        yield {
            "seed": seed,
            "step": int(steps[chosen]),
            "loss": float(losses[chosen]),
            "slope": float(falls[chosen]),
            "width": int(run["width"][chosen]),
            "agreement": float(run["agreement"]),
            "accuracy_wide": float(wide),
            "accuracy_narrow": float(narrow),
            "change": float(run["change"]),
            "left_apart": int(run["left_apart"]),
            "departure": departure(run["retrain_narrow"], losses[chosen]),
            "departure_wide": departure(run["retrain_wide"], losses[chosen]),
            "rest_width": int(run["rest_width"]),
            "rest_departure": departure(run["rest_narrow"], run["rest_wide"][:1]),
        }


def departure(losses: np.ndarray, before: np.ndarray | float) -> float:
    """Largest |loss/before − 1|; nan of no losses."""
    if not losses.size:
        return np.nan
    return float(np.max(np.abs(losses / before - 1)))


@table()
def cosines(config: Config, results: Results) -> Blocks:
    """Cosines between the units of seed 0, in groups."""
    yield {"cosine": results.first(train)["cosines"]}


# --------------------------------------------------------------------------- figure

cosine_map = Panel(
    marks=(
        Matrix(
            table="cosines",
            value="cosine",
            colours="signs",
            limits=(-1.0, 1.0),
            bar="cosine of two neurons",
        ),
    ),
    x=Axis(label="neurons, group by group", bare=True),
    y=Axis(label="neurons, group by group", bare=True, inverted=True),
    square=True,
)
NEAR = Guide(
    y=(1 - STAGNANT, 1 + STAGNANT),
    label="within 5 %",
    look=Look(colour="grey", alpha=0.25),
)
ratios = partial(Lines, table="retraining", x="step", y="ratio", each="seed")
after = Panel(
    marks=(
        NEAR,
        ratios(
            only={"start": "slowest", "network": "wide"},
            label="wide, from the ring",
            look=Look(colour="0"),
        ),
        ratios(
            only={"start": "slowest", "network": "merged"},
            label="merged at the ring",
            look=Look(colour="1", dashes="--"),
        ),
        ratios(
            only={"start": "plateau", "network": "merged"},
            label="merged on the first plateau",
            look=Look(colour="ink", dashes=":", width=1.6),
        ),
    ),
    x=Axis(label="step after the merge"),
    y=Axis(label="loss / loss before the merge", limits=(0, 1.1)),
    legend="lower left",
)
CAPTION = (
    "Top left: the loss of the wide network (one line per seed; merged at the ring, "
    "where the loss falls most slowly after its first plateau). Top right: its number "
    "of groups. Bottom left: cosines between its neurons, sorted: blocks are groups. "
    "Bottom right: losses while the networks train on, over the loss before the merge. "
    "Merged at the ring the network falls on, as the wide one does; merged on the "
    "first plateau it rests to the plateau's end."
)


def draws(config: Config) -> Sequence[FigureSpec]:
    """The training, the groups, the cosines, and what is left."""
    last_decades = (max(1.0, config.steps / 100), None)
    step = Axis(label="step", scale="log", limits=last_decades)
    along_steps = partial(Lines, table="training", x="step", each="seed")
    ring = Look(hollow=True, colour="ink", marker="o", size=4.5, above=3)
    merged = Points(table="members", x="step", y="loss", look=ring)
    losses = Panel(
        marks=(along_steps(y="loss"), merged),
        x=step,
        y=Axis(label="loss", scale="log"),
    )
    groups = Panel(
        marks=(along_steps(y="width", look=Look(colour="1")),),
        x=step,
        y=Axis(label="groups", limits=(0, None)),
    )
    panels = ((losses, groups), (cosine_map, after))
    return [figure("reduction", CAPTION, Chart(panels=panels, height=4.6))]


reduction = Declared(
    name="reduction",
    title="Reduction: a condensed network is merged and trains on",
    summary="A two-layer ReLU network of width 400, started from N(0, m^−6), learns "
    "1000 images by full-batch Adam. Where "
    "its loss falls most slowly its neurons stand in a few dozen groups; each "
    "group is merged into one neuron, and "
    "the small network is compared with the large one and trained on; so is one that "
    "is merged earlier, where the loss rests.",
    papers=("zhang2021embedding", "chen2024reduction", "condensery"),
    task_version="3",
    Config=Config,
    presets={
        "quick": {"seeds": 3},
        "paper": {"seeds": 8, "steps": 10_000},
    },
    work=work,
    makes={
        "training": training,
        "retraining": retraining,
        "sweep": sweep,
        "members": members,
        "cosines": cosines,
    },
    judges=judges,
    draws=draws,
    reads=lambda config: images(config).digest,
)
