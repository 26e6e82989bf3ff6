"""The claims of initial-condensation-cnn, its figures, and the experiment."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from condensery.charts import (
    Axis,
    Chart,
    Legend,
    Lines,
    Look,
    Panel,
    Texts,
    cosine_map,
    figure,
    square_panels,
)
from condensery.declare import (
    Declared,
    Measured,
    Tables,
    at_least,
    at_most,
)
from condensery.experiments.initial_condensation_cnn import _tables
from condensery.experiments.initial_condensation_cnn._sources import (
    ABSENT,
    of_images,
    project_on_images,
)
from condensery.experiments.initial_condensation_cnn._tables import (
    STAGES,
    TAU,
    UNTRAINED,
)
from condensery.experiments.initial_condensation_cnn._theory_claims import THEORY
from condensery.experiments.initial_condensation_cnn._work import (
    CNN_KERNELS,
    ENTRIES,
    LARGE,
    SMALL,
    Config,
    digest,
    work,
)
from condensery.records import FigureSpec
from condensery.theory import aligned_by_chance

# The CNN on images

CONDENSED = 0.8
"""Share of aligned pairs of a condensed layer."""


@project_on_images(
    "cnn-before",
    "CNN: before training no more kernels are aligned than by chance, less than one "
    "pair of a layer (largest number of pairs).",
    at_most(1.0),
)
def before(config: Config, tables: Tables) -> Measured:
    """The largest number of pairs of all CNNs."""
    starts = tables["followed"].select(step=0, std=SMALL)["pairs"]
    pairs = CNN_KERNELS * (CNN_KERNELS - 1) / 2
    chance = pairs * aligned_by_chance(ENTRIES, TAU)
    note = f"by chance {chance:.1g} of {pairs:.0f} pairs"
    return Measured(float(starts.max()) * pairs, note)


def while_untrained(activation: str, config: Config, tables: Tables) -> Measured:
    """The largest share of pairs up to an accuracy of 20 %."""
    course = tables["followed"].select(activation=activation, std=SMALL)
    early = course["accuracy"] <= UNTRAINED
    if activation not in config.activations or not early.any():
        return ABSENT
    end = course["step"] == course["step"].max()
    note = (
        f"at the end {np.mean(course['pairs'][end]):.2f} with "
        f"{np.mean(course['accuracy'][end]):.0%} right"
    )
    if activation != "tanh":
        # a line cannot be expected of p > 1 or without p: there is no theorem for them
        note = f"no prediction; {note}"
    largest = float(course["pairs"][early].max())
    if activation == "tanh" and largest < CONDENSED:
        most = int(np.argmax(course["pairs"]))
        note += (
            f"; the largest share of all is {course['pairs'][most]:.2f}, with "
            f"{course['accuracy'][most]:.0%} right: it learns before it has "
            "condensed; cause unknown"
        )
    return Measured(largest, note)


cnn_tanh = of_images(
    "cnn-tanh",
    "tanh: kernels condense while the accuracy is below 20 % (share of pairs).",
    at_least(CONDENSED),
    kind="reproduction",
)(partial(while_untrained, "tanh"))
cnn_xtanh = project_on_images(
    "cnn-xtanh",
    "x tanh x: the same.",
    at_least(None),
)(partial(while_untrained, "xtanh"))
cnn_relu = project_on_images(
    "cnn-relu",
    "ReLU: the same.",
    at_least(None),
)(partial(while_untrained, "relu"))


@project_on_images(
    "cnn-large",
    "From 1e-1 there is no such stage (largest share of pairs at any step).",
    at_most(0.2),
)
def from_large(config: Config, tables: Tables) -> Measured:
    """The largest share at any step."""
    large = tables["followed"].select(std=LARGE)
    note = f"{float(large['accuracy'].max()):.0%} right at best"
    return Measured(float(large["pairs"].max()), note)


# Figures

TITLES = {"xtanh": "x tanh x", "x2tanh": "x² tanh x", "relu": "ReLU"}
sorted_line = partial(
    Lines,
    table="sorted_kernels",
    x="share",
    by="std",
    shades="ordered",
)
alignment = Panel(
    marks=(
        sorted_line(y="cosine", look=Look(width=1.8), label="std {}"),
        sorted_line(
            y="linear",
            look=Look(colour="ink", dashes=(0, (4, 3)), width=0.8),
            label="linearised flow",
        ),
    ),
    x=Axis(label="share of the kernels", limits=(0, 1)),
    y=Axis(label="|cosine| with the singular vector", limits=(0, 1.02)),
    legend="lower right",
)


def _course(config: Config, activation: str, std: float, *, is_first: bool) -> Panel:
    course = partial(
        Lines,
        table="courses",
        x="step",
        only={"activation": activation, "std": std},
    )
    ticks = {"0": 0.0}
    ticks |= {str(k): float(k) for k in (1, 10, 100, 1000) if k <= config.steps}
    return Panel(
        marks=(
            course(y="pairs", look=Look(width=1.8), label="parallel pairs"),
            course(
                y="accuracy",
                look=Look(colour="1", dashes=(0, (4, 2))),
                label="training accuracy",
            ),
        ),
        title=f"{TITLES.get(activation, activation)}, std {std:g}",
        x=Axis(label="step", scale="symlog", limits=(0, config.steps), ticks=ticks),
        y=Axis(
            label="share" if is_first else "",
            limits=(-0.02, 1.03),
            ticks={"0": 0.0, "0.5": 0.5, "1": 1.0},
        ),
    )


def _cosine_panels(config: Config) -> Iterator[Panel]:
    """A row per stage, a column per network."""
    names = ("before training", "below 20 %", "at the end")
    for name, stage in zip(names, STAGES, strict=True):
        for number, (activation, std) in enumerate(config.cnns):
            network = {"activation": activation, "std": std, "stage": stage}
            title = ""
            accuracy = Texts(
                table="cosines",
                x=0.5,
                y=1.06,
                text="title",
                only=network,
                inside="panel",
            )
            if stage == STAGES[0]:
                title = f"{TITLES.get(activation, activation)}, std {std:g}"
            panel = cosine_map(title, **network)
            marks = panel.marks if title else (*panel.marks, accuracy)
            side = panel.y.model_copy(update={"label": "" if number else name})
            yield panel.model_copy(update={"marks": marks, "y": side})


def figures(config: Config) -> list[FigureSpec]:
    """Alignment of the kernels, the CNN while it learns, its cosine matrices."""
    panels = [
        _course(config, activation, std, is_first=not number)
        for number, (activation, std) in enumerate(config.cnns)
    ]
    panels_of_cosines = list(_cosine_panels(config))
    return [
        figure(
            "kernel-alignment",
            "|cosine| of every kernel of the two-layer network with the first singular "
            "vector, sorted, from three scales of initialisation. Dashed: the "
            "linearised flow.",
            Chart(panels=((alignment,),), width=3.8, height=2.6),
        ),
        figure(
            "kernels-while-learning",
            "The CNN while it learns: share of pairs of kernels with |cosine| > .95, "
            "and its accuracy on the training images.",
            Chart(
                panels=(tuple(panels),),
                height=2.3,
                legend=Legend(place="outside upper center", columns=2),
            ),
        ),
        figure(
            "kernel-cosines",
            "Cosines between the kernels of the CNN, sorted: before training, "
            "at the last step with an accuracy below 20 %, and at the end. The last "
            "column is from a large initialisation.",
            square_panels(panels_of_cosines, across=len(config.cnns)).model_copy(
                update={"height": 4.8}
            ),
        ),
    ]


initial_condensation_cnn = Declared(
    name="initial-condensation-cnn",
    title="Initial condensation of convolution kernels",
    summary="The kernels of one convolution layer condense as neurons do. In a "
    "two-layer "
    "network the direction is known beforehand: the first singular vector of a matrix "
    "of mean patches of the labelled images. In a small CNN on images the kernels "
    "become "
    "parallel while its accuracy is that of guessing.",
    papers=("zhou2023cnn", "condensery"),
    Config=Config,
    presets={"quick": {}, "paper": {"draws": 96, "seeds": 4, "steps": 2000}},
    work=work,
    makes={
        "members": _tables.members,
        "kernels": _tables.kernels,
        "followed": _tables.followed,
        "cosines": _tables.cosines,
    },
    derives={
        "sorted_kernels": _tables.sorted_kernels,
        "courses": _tables.courses,
    },
    judges=(
        *THEORY,
        before,
        cnn_tanh,
        cnn_xtanh,
        cnn_relu,
        from_large,
    ),
    draws=figures,
    reads=digest,
)
