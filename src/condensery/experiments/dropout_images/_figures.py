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
    in_rows,
)
from condensery.experiments.dropout_images._config import Config
from condensery.records import FigureSpec

KEEP = Axis(label="keep probability $p$")
NAMES = {"dropout": "$R_{drop}$", "expected": "$R_S+R_1$"}
LOOKS = {
    "dropout": Look(colour="1", marker="o", size=3.6),
    "expected": Look(colour="0", dashes="--", marker="s", size=3.6),
}
LARGE_LOOK = Look(colour="1", marker="s", size=5.0)
SMALL_LOOK = Look(colour="0", marker="o", size=5.0, hollow=True)
PART_NAMES = {
    "$L_1$\n$R_S$\n$+R_1$": 1.0,
    "$L_2$\n$R_S$\n$+R_2$": 2.0,
    "$L_3$\n$R_{drop}$\n$-R_2$": 3.0,
    "$L_4$\n$R_{drop}$\n$-R_1$": 4.0,
}
"""What stands on the axis, and where."""
START_NAMES = {"$R_S$": 1.0, "$R_{drop}$": 2.0, "$R_S+R_1$": 3.0}
WRONG = Axis(label="test error (%)", limits=(0.0, None))
"""Errors are drawn from 0 on, so that their lengths can be compared."""


def figures(config: Config) -> list[FigureSpec]:
    """Errors and terms over p, and the lines between solutions where there are any."""
    drawn = [_images(config)]
    if config.part_keeps:
        drawn.append(_paths(config))
    return drawn


def _images(config: Config) -> FigureSpec:
    rows: list[tuple[Panel | None, ...]] = [(_errors(config), _terms())]
    more: list[Panel] = []
    if config.small_steps:
        more.append(_starts(config))
    if config.part_keeps:
        more.append(_parts(config))
    if more:
        rows += in_rows(more, 2)
    return figure(
        "dropout-images",
        f"{config.data}, {config.samples} images. Test error of R_drop and R_S + R1 "
        "over p against that of R_S (dotted), and R_S and R1 of both solutions. Below: "
        "the errors at the first p from the large and from a small start, and of the "
        "four losses that take dropout apart beside R_S (dotted). Bars: ± one standard "
        f"error of the mean over {config.seeds} seeds.",
        Chart(panels=tuple(rows), height=2.6 * len(rows)),
    )


def _over_keep(kind: str, column: str, **options: Any) -> Lines:
    return Lines(
        table="means",
        x="keep",
        y=column,
        only={"kind": kind},
        look=LOOKS[kind],
        **options,
    )


def _level(kind: str) -> Levels:
    """The error of R_S."""
    return Levels(
        table="means",
        value="error",
        only={"kind": kind},
        label="$R_S$",
        look=Look(colour="ink", dashes=":", width=1.2),
    )


def _errors(config: Config) -> Panel:
    curves = [
        _over_keep(
            kind,
            "error",
            low="low",
            high="high",
            spread="bars",
            label=NAMES[kind],
        )
        for kind in LOOKS
    ]
    return Panel(
        marks=(_level("plain"), *curves),
        title="large start" if config.small_steps else "",
        x=KEEP,
        y=WRONG,
        legend="lower left",
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


def _starts(config: Config) -> Panel:
    """The same errors from two initialisations."""
    point = partial(
        Points,
        table="starts",
        x="position",
        y="error",
        low="low",
        high="high",
    )
    return Panel(
        marks=(
            point(only={"small": False}, label="large start", look=LARGE_LOOK),
            point(only={"small": True}, label="small start", look=SMALL_LOOK),
        ),
        title=f"$p = {config.keeps[0]:g}$",
        x=Axis(ticks=START_NAMES, limits=(0.5, 3.5)),
        y=WRONG,
        legend="upper right",
    )


def _parts(config: Config) -> Panel:
    """A mark per loss."""
    part = partial(
        Points,
        table="parts",
        x="position",
        y="error",
        low="low",
        high="high",
    )
    with_term = Look(colour="0", marker="s", size=5.0)
    without = Look(colour="4", marker="o", size=5.0)
    return Panel(
        marks=(
            _level("descent"),
            part(only={"with_r1": True}, label="with $R_1$", look=with_term),
            part(only={"with_r1": False}, label="without", look=without),
        ),
        title=f"$p = {config.part_keeps[0]:g}$, gradient descent",
        x=Axis(ticks=PART_NAMES, limits=(0.5, 4.5)),
        y=WRONG,
        legend="lower left",
    )


FAMILY_LOOKS = {
    "both with $R_1$": Look(colour="0", width=2.2),
    "both without": Look(colour="1", width=2.2, dashes=(0, (4, 1.5))),
    "one with, one without": Look(colour="grey", width=1.0),
}


def _paths(config: Config) -> FigureSpec:
    keeps = sorted(config.part_keeps, reverse=True)
    panels = tuple(
        _path(keep, is_first=not number) for number, keep in enumerate(keeps)
    )
    return figure(
        "dropout-paths",
        "R_S on the straight lines between the solutions of L1 to L4, which all start "
        "from the same parameters; medians over seeds. The source's ends (a = 0 and 1) "
        "lie below 0.001 and its hills are 0.013 to 0.033 high; where ours end higher "
        "up, so do the hills.",
        Chart(
            panels=(panels,),
            width=min(7.0, 3.5 * len(panels)),
            height=3.0,
            legend=Legend(place="outside upper center", columns=min(3, len(panels))),
        ),
    )


def _path(keep: float, *, is_first: bool) -> Panel:
    line = Lines(
        table="path_medians",
        x="place",
        y="loss",
        only={"keep": keep},
        by="family",
        each="pair",
        looks=FAMILY_LOOKS,
        label="{}",
    )
    between = Guide(x=(0.0, 1.0), look=Look(colour="grey", alpha=0.15))
    label = r"$R_S$ at $(1-a)\,\theta_1+a\,\theta_2$" if is_first else ""
    return Panel(
        marks=(between, line),
        title=f"$p = {keep:g}$",
        x=Axis(label="$a$", limits=(-0.5, 1.5)),
        y=Axis(label=label, scale="log"),
    )
