"""Embedding in depth: a layer that is linear on the data adds flat directions and
nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

from condensery.charts import (
    SIGN_COUNTS,
    ZEROS,
    Axis,
    Chart,
    Legend,
    Levels,
    Lines,
    Look,
    Panel,
    Points,
    eigenvalue_axis,
    figure,
)
from condensery.declare import Declared, Work
from condensery.experiments.embedding_depth import _claims, _tables
from condensery.experiments.embedding_depth._config import ACTIVATIONS, Config
from condensery.experiments.embedding_depth._lifts import lifted
from condensery.experiments.embedding_depth._training import train
from condensery.records import FigureSpec


def work(config: Config) -> Iterator[Work]:
    """One call per activation for the lifts; one per setting of the trained nets."""
    for activation in ACTIVATIONS:
        yield lifted.work(f"lifts, {activation}", 3e4, activation=activation)
    for hidden, samples, batch_norm in config.trained:
        suffix = ", batch norm" if batch_norm else ""
        yield train.work(
            f"{hidden} hidden layers, {samples} samples{suffix}",
            float(config.steps * hidden * config.seeds),
            hidden=hidden,
            samples=samples,
            batch_norm=batch_norm,
        )


POINT = Look(marker="o", size=4.5, hollow=True, width=0.5, dashes="-", above=1)
LIFT = Look(marker="o", size=2.6, width=0.5, above=2)


def _spectrum(activation: str) -> Panel:
    """Eigenvalues before and after, by rank."""
    point = Lines(
        table="ranked",
        x="rank",
        y="eigenvalue",
        by="curve",
        only={"activation": activation, "when": 0},
        label="{}",
        role="before",
        look=POINT,
    )
    lift = Lines(
        table="ranked",
        x="rank",
        y="eigenvalue",
        by="curve",
        only={"activation": activation, "when": 1},
        label="{}",
        role="after",
        look=LIFT,
    )
    return Panel(
        marks=(ZEROS, point, lift),
        x=Axis(label="rank"),
        y=eigenvalue_axis(1e8, label=activation == ACTIVATIONS[0]),
        title=activation,
        legend=Legend(place="upper left", title=SIGN_COUNTS),
    )


losses = Panel(
    marks=(
        Lines(
            table="median_losses",
            x="step",
            y="loss",
            by="hidden",
            shades="ordered",
            label="{}",
            looks={
                "1": Look(label="1 hidden layer"),
                "2": Look(label="2 hidden layers"),
                "3": Look(label="3 hidden layers"),
            },
        ),
    ),
    x=Axis(label="step", scale="log"),
    y=Axis(label="loss", scale="log"),
    legend="lower left",
)


def _at_equal_loss(config: Config) -> Panel:
    score = Lines(
        table="least_scores",
        x="loss",
        y="score",
        by="batch_norm",
        each="seed",
        only={"samples": config.most},
        label="{}",
        look=Look(width=0.8, size=2.5),
        looks={
            "0": Look(label="without"),
            "1": Look(label="with batch norm", dashes=(0, (3, 1))),
        },
    )
    plateau = Levels(
        table="plateau_levels",
        value="loss",
        direction="up",
        label="plateau",
        look=Look(colour="grey", dashes="--", width=0.8),
    )
    return Panel(
        marks=(score, plateau),
        x=Axis(label="loss (training goes right)", scale="log", inverted=True),
        y=Axis(label="least score of a layer"),
        legend="lower left",
    )


def _at_the_end(config: Config) -> Panel:
    seeds = Points(
        table="least_scores",
        x="samples",
        y="score",
        only={"batch_norm": 0, "step": config.steps},
        label="a net",
        look=Look(colour="0", size=3.5, hollow=True),
    )
    medians = Points(
        table="median_scores",
        x="samples",
        y="score",
        only={"batch_norm": 0, "last": True},
        label="median",
        look=Look(colour="1", marker="_", size=12.0),
    )
    ticks = {f"{samples:g}": float(samples) for samples in sorted(config.samples)}
    return Panel(
        marks=(seeds, medians),
        x=Axis(label="samples", scale="log", ticks=ticks),
        y=Axis(label="least score at the end"),
        legend="lower left",
    )


def figures(config: Config) -> list[FigureSpec]:
    """Spectra of lifts; linearity of layers."""
    spectra = Chart(panels=(tuple(map(_spectrum, ACTIVATIONS)),))
    linearity = (losses, _at_equal_loss(config), _at_the_end(config))
    return [
        figure(
            "spectra",
            "Hessian eigenvalues at a critical point and at its lift, both "
            "ascending, on an axis that is "
            "logarithmic on either side of zero: the lift adds a step of "
            "zeros in the middle and nothing at "
            "the ends.",
            spectra,
        ),
        figure(
            "linearity",
            "Left: median loss of tanh nets with one, two and three hidden layers, "
            "whose plateaus lie within 10 % of each other. Middle: the least "
            "linearity (correlation of input and output of a neuron) of any layer "
            "against the loss, a line per net, without and with batch normalisation: "
            "at the loss of the plateau (dashed) batch normalisation makes layers "
            "less linear, at the end it is the contrary. Right: the same at the end, "
            "without batch normalisation, for sets of samples of four sizes.",
            Chart(panels=(linearity,), height=2.4),
        ),
    ]


embedding_depth = Declared(
    name="embedding-depth",
    title="Embedding in depth: a linear layer adds flat directions",
    summary="A hidden layer whose neurons all stay in a linear piece of the activation "
    "computes nothing: a shallow net can "
    "be lifted into a deep one with the same outputs. Critical points are "
    "lifted, their Hessian spectra compared; "
    "then deep nets are trained, and it is measured how linear their layers "
    "are, with more data and with batch "
    "normalisation, and what happens if linear layers are cut out.",
    papers=("bai2024depth", "condensery"),
    task_version="2",
    Config=Config,
    presets={
        "quick": {"seeds": 3},
        "paper": {
            "seeds": 20,
            "points": 20,
            "starts": 600,
            "steps": 50_000,
            "width": 50,
            "lift_widths": [2, 3, 5],
        },
    },
    work=work,
    makes={
        "lifts": _tables.lifts,
        "spectra": _tables.spectra,
        "curves": _tables.curves,
        "scores": _tables.scores,
        "pruned": _tables.pruned,
    },
    derives={
        "ranked": _tables.ranked,
        "median_losses": _tables.median_losses,
        "least_scores": _tables.least_scores,
        "median_scores": _tables.median_scores,
        "plateau_levels": _tables.plateau_levels,
    },
    judges=_claims.JUDGES,
    draws=figures,
)
