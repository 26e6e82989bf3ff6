"""The figures: accuracies and terms over p, and the lines between solutions."""

from __future__ import annotations

from functools import partial
from typing import Any

from condensery.charts import (
    Axis,
    Chart,
    Guide,
    Legend,
    Levels,
    Lines,
    Look,
    Panel,
    Points,
    figure,
)
from condensery.experiments.dropout_images._config import Config
from condensery.records import FigureSpec

KEEP = Axis(label="keep probability $p$")
NAMES = {"dropout": "$R_{drop}$", "expected": "$R_S+R_1$"}
LOOKS = {
    "dropout": Look(colour="1", marker="o", size=3.6),
    "expected": Look(colour="0", dashes="--", marker="s", size=3.6),
}
PART_NAMES = {
    "$L_1$\n$R_S$\n$+R_1$": 1.0,
    "$L_2$\n$R_S$\n$+R_2$": 2.0,
    "$L_3$\n$R_{drop}$\n$-R_2$": 3.0,
    "$L_4$\n$R_{drop}$\n$-R_1$": 4.0,
}
"""What stands on the axis, and where."""


def figures(config: Config) -> list[FigureSpec]:
    """Accuracies and terms over p, and the lines between solutions."""
    return [_images(config), _paths(config)]


def _images(config: Config) -> FigureSpec:
    panels = (_accuracy(), _terms(), _parts(config))
    return figure(
        "dropout-images",
        "Test accuracy of R_drop and R_S + R1 over p against that of R_S; "
        "R_S and R1 of both solutions; and the accuracies of the four losses that "
        "take dropout apart, beside that of R_S (dotted). Bars: ± one standard error "
        "that the number of test images leaves.",
        Chart(panels=(panels,), height=2.8),
    )


def _over_keep(kind: str, column: str, **options: Any) -> Lines:
    return Lines(
        table="medians",
        x="keep",
        y=column,
        only={"kind": kind},
        look=LOOKS[kind],
        **options,
    )


def _accuracy() -> Panel:
    plain = Levels(
        table="medians",
        value="accuracy",
        only={"kind": "plain"},
        label="$R_S$",
        look=Look(colour="grey", dashes=":", width=1.2),
    )
    curves = [
        _over_keep(
            kind,
            "accuracy",
            low="low",
            high="high",
            spread="bars",
            label=NAMES[kind],
        )
        for kind in LOOKS
    ]
    return Panel(
        marks=(plain, *curves),
        x=KEEP,
        y=Axis(label="test accuracy (%)"),
        legend="center right",
    )


def _terms() -> Panel:
    curves = []
    for kind, look in LOOKS.items():
        hollow = look.model_copy(update={"hollow": True})
        loss = _over_keep(kind, "loss", label=f"$R_S$ of {NAMES[kind]}")
        term = _over_keep(kind, "r1", label=f"$R_1$ of {NAMES[kind]}")
        curves += [loss.model_copy(update={"look": hollow}), term]
    return Panel(
        marks=tuple(curves),
        x=KEEP,
        y=Axis(label="term at the end", scale="log"),
        legend="best",
    )


def _parts(config: Config) -> Panel:
    """A mark per loss: a bar would have to begin at 0."""
    plain = Levels(
        table="medians",
        value="accuracy",
        only={"kind": "descent"},
        label="$R_S$",
        look=Look(colour="ink", dashes=":", width=1.2),
    )
    part = partial(
        Points,
        table="parts",
        x="position",
        y="accuracy",
        low="low",
        high="high",
    )
    with_term = Look(colour="0", marker="s", size=5.0)
    without = Look(colour="4", marker="o", size=5.0)
    return Panel(
        marks=(
            plain,
            part(only={"with_r1": True}, label="with $R_1$", look=with_term),
            part(only={"with_r1": False}, label="without", look=without),
        ),
        title=f"$p = {config.part_keeps[0]:g}$",
        x=Axis(ticks=PART_NAMES, limits=(0.5, 4.5)),
        y=Axis(label="test accuracy (%)"),
        legend="best",
    )


def _paths(config: Config) -> FigureSpec:
    keeps = sorted(config.part_keeps, reverse=True)
    panels = tuple(
        _path(keep, is_first=not number) for number, keep in enumerate(keeps)
    )
    return figure(
        "dropout-paths",
        "R_S on the straight lines between the solutions of the four losses, "
        "which all start from the same parameters. Between two with R1, or two "
        "without (thick), the line stays low at p near 1; between one with and one "
        "without it (thin) it passes a barrier, and the end with R1 is the flatter "
        "one.",
        Chart(
            panels=(panels,),
            height=3.0,
            legend=Legend(place="outside upper center", columns=6),
        ),
    )


def _path(keep: float, *, is_first: bool) -> Panel:
    line = partial(
        Lines,
        table="path_medians",
        x="place",
        y="loss",
        by="pair",
        label="{}",
    )
    alike = line(only={"keep": keep, "alike": True}, look=Look(width=2.2))
    unlike = line(
        only={"keep": keep, "alike": False},
        look=Look(width=1.0, dashes=(0, (4, 1.5))),
    )
    between = Guide(x=(0.0, 1.0), look=Look(colour="grey", alpha=0.15))
    label = r"$R_S$ at $(1-a)\,\theta_1+a\,\theta_2$" if is_first else ""
    return Panel(
        marks=(between, alike, unlike),
        title=f"$p = {keep:g}$",
        x=Axis(label="$a$", limits=(-0.5, 1.5)),
        y=Axis(label=label, scale="log"),
    )
