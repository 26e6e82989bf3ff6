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
    Levels,
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
    Measured,
    Results,
    Tables,
    Work,
    at_least,
    at_most,
    claim,
    table,
    within,
)
from condensery.experiments.reduction._config import (
    REFERENCE,
    Config,
)
from condensery.experiments.reduction._work import images, train
from condensery.records import FigureSpec


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


@table()
def retraining(config: Config, results: Results) -> Blocks:
    """Losses of both networks after the merge."""
    yield from _curves(
        results,
        step="retrain_step",
        narrow="retrain_narrow",
        wide="retrain_wide",
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
    change="max |Δf| over max |f| on the training images",
    left_apart="groups that the merge refused",
    return_ratio="least loss of the merged network while it trains on, "
    "over the loss before the merge",
)
def members(config: Config, results: Results) -> Blocks:
    """One row per seed, at the step where it was merged."""
    for seed, (_, run) in enumerate(results.of(train)):
        chosen = int(run["chosen"])
        wide, narrow = run["accuracy"]
        loss = run["loss"][chosen]
        yield {
            "seed": seed,
            "step": int(run["step"][chosen]),
            "loss": float(loss),
            "width": int(run["width"][chosen]),
            "agreement": float(run["agreement"]),
            "accuracy_wide": float(wide),
            "accuracy_narrow": float(narrow),
            "change": float(run["change"]),
            "left_apart": int(run["left_apart"]),
            "return_ratio": float(np.min(run["retrain_narrow"])) / float(loss),
        }


@table()
def cosines(config: Config, results: Results) -> Blocks:
    """Cosines between the units of seed 0, in groups."""
    yield {"cosine": results.first(train)["cosines"]}


@table(loss="5 % above the median loss before the merge")
def allowed(config: Config, tables: Tables) -> Blocks:
    """The loss to which the figure compares the merged networks."""
    yield {"loss": 1.05 * float(np.median(tables["members"]["loss"]))}


# --------------------------------------------------------------------------- claims

fig_5 = partial(claim, paper="zhang2021embedding", source="Fig. 5, Appendix")
at_the_setting = partial(fig_5, when=REFERENCE)


def _note(config: Config) -> str:
    if not config.is_reference:
        return "another setting than the paper's"
    return (
        f"the least favourable of {config.seeds} seeds; {config.data}, rate "
        f"{config.rate:g}"
    )


@at_the_setting(
    "width",
    "A condensed network of width 400 is merged to a width at least 4 times smaller.",
    at_least(4.0),
    kind="reproduction",
)
def width(config: Config, tables: Tables) -> Measured:
    """The least factor of the seeds."""
    factors = config.width / tables["members"]["width"]
    return Measured(float(factors.min()), _note(config))


@at_the_setting(
    "agreement",
    "The merged network predicts the same class for at least 97 % of unseen images.",
    at_least(0.97),
    kind="reproduction",
)
def agreement(config: Config, tables: Tables) -> Measured:
    """The least share of the seeds."""
    least = float(tables["members"]["agreement"].min())
    return Measured(least, _note(config))


@at_the_setting(
    "returns",
    "Trained on for a few steps, it is back at the loss before the merge, within 5 %.",
    at_most(1.05),
    kind="reproduction",
)
def returns(config: Config, tables: Tables) -> Measured:
    """The largest ratio of the seeds."""
    ratio = float(tables["members"]["return_ratio"].max())
    return Measured(ratio, f"{_note(config)}; within {config.retrain} steps")


@fig_5(
    "paper-width",
    "The effective width of the paper's network at its plateau is 58.",
    within(None, 10.0),
    kind="reproduction",
)
def paper_width(config: Config, tables: Tables) -> Measured:
    """The median width of the seeds."""
    median = float(np.median(tables["members"]["width"]))
    note = (
        "not judged: the paper's images are MNIST and its stop is not "
        f"printed; median of {config.seeds} seeds"
    )
    return Measured(median, note)


# --------------------------------------------------------------------------- figure

cosine_map = Panel(
    marks=(
        Matrix(
            table="cosines",
            value="cosine",
            limits=(-1.0, 1.0),
            bar="cosine",
        ),
    ),
    x=Axis(label="neuron"),
    y=Axis(label="neuron", inverted=True),
    square=True,
)
retrained_losses = partial(Lines, table="retraining", x="step", each="seed")
after = Panel(
    marks=(
        Levels(table="allowed", value="loss"),
        retrained_losses(y="wide", role="before", label="wide"),
        retrained_losses(y="narrow", role="after", label="merged"),
    ),
    x=Axis(label="step after the merge"),
    y=Axis(label="loss"),
    legend="lower left",
)
CAPTION = (
    "Top left: the loss of the wide network (one line per seed; merged at the ring). "
    "Top right: its number of groups. "
    "Bottom left: cosines between its neurons, sorted: blocks are groups. "
    "Bottom right: the merged network trains on beside the wide one; dashed, 5 % above "
    "the loss before the merge."
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
    "the small network is compared with the large one and trained on.",
    papers=("zhang2021embedding", "chen2024reduction"),
    task_version="2",
    Config=Config,
    presets={
        "quick": {"seeds": 3},
        "paper": {"seeds": 8, "steps": 10_000, "retrain": 1000},
    },
    work=work,
    makes={
        "training": training,
        "retraining": retraining,
        "sweep": sweep,
        "members": members,
        "cosines": cosines,
    },
    derives={"allowed": allowed},
    judges=(width, agreement, returns, paper_width),
    draws=draws,
    reads=lambda config: images(config).digest,
)
