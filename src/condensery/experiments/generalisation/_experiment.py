"""The experiment: its figure, and what it declares to the workbench."""

from __future__ import annotations

from functools import partial

from condensery.charts import (
    Axis,
    Chart,
    Guide,
    Legend,
    Lines,
    Look,
    Panel,
    Points,
    Texts,
    figure,
)
from condensery.declare import Declared
from condensery.experiments.generalisation import _claims, _tables
from condensery.experiments.generalisation._config import Config
from condensery.experiments.generalisation._work import work
from condensery.records import FigureSpec

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
ERROR = Axis(label="test error", scale="log", floor=_tables.LEAST, limits=(None, 100))
SHARE = (-0.04, 1.04)
CAPTION = (
    "Above: share of data sets from which a net recovers the target of k units, with "
    "its 95 % interval, against the number of samples; one panel per initial scale, "
    "one line per width; the dashed line is the optimistic sample size k(d + 1). "
    "Below: test errors of all fitted nets with between one and two times that many "
    "samples, apart by whether they have condensed to fewer than k + ½ effective "
    "neurons: dots are nets, bars their quartiles with the median, numbers how many."
)


def _recovery(config: Config, k: int, scale: float) -> Panel:
    looks = {
        str(width): Look(marker=marker)
        for width, marker in zip(config.widths, MARKERS, strict=False)
    }
    curves = Lines(
        table="recovery",
        x="place",
        y="recovered",
        low="low",
        high="high",
        spread="bars",
        by="width",
        shades="ordered",
        only={"units": k, "scale": scale},
        label="width {}",
        look=Look(width=0.9, size=3),
        looks=looks,
    )
    optimistic = Guide(
        x=(config.optimistic(k),),
        label="$k(d+1)$",
        look=Look(colour="ink", dashes=(0, (4, 2)), width=0.9),
    )
    is_left = scale == config.scales[0]
    is_last = k == config.units[-1]
    return Panel(
        marks=(optimistic, curves),
        x=Axis(label="samples $n$" if is_last else ""),
        y=Axis(label="share recovered" if is_left else "", limits=SHARE),
        title=f"$k$ = {k}, std {scale:g}",
    )


CLASSES = {
    True: Look(colour="1", marker="o", label="condensed"),
    False: Look(colour="0", marker="s", label="not condensed"),
}


def _condensation(config: Config, k: int) -> Panel:
    marks: list[Points | Texts] = []
    for condensed, look in CLASSES.items():
        rows = {"units": k, "condensed": condensed}
        faint = look.model_copy(update={"size": 2.0, "alpha": 0.3, "label": None})
        strong = look.model_copy(update={"size": 5.0, "above": 3})
        dots = Points(table="near", x="place", y="test", only=rows, look=faint)
        bars = Points(
            table="classes",
            x="place",
            y="test",
            low="low",
            high="high",
            only=rows,
            look=strong,
            label=str(look.label),
        )
        counts = Texts(
            table="classes",
            x="place",
            y="top",
            text="nets",
            only=rows,
            look=Look(colour=look.colour, size=6),
        )
        marks.extend((dots, bars, counts))
    return Panel(
        marks=tuple(marks),
        x=Axis(label="samples $n$", whole=True),
        y=ERROR,
        title=f"$k$ = {k}, fitted nets of all widths and scales",
    )


def figures(config: Config) -> list[FigureSpec]:
    """Recovery by scale, one row per k, and errors of both classes."""
    above = [
        tuple(_recovery(config, k, scale) for scale in config.scales)
        for k in config.units
    ]
    below = tuple(map(partial(_condensation, config), config.units))
    legend = Legend(place="outside upper center", columns=1 + len(config.widths))
    height = 1.7 * len(above) + 2.6
    chart = Chart(panels=(*above, below), height=height, legend=legend)
    return [figure("generalisation", CAPTION, chart)]


generalisation = Declared(
    name="generalisation",
    title="Condensation and generalisation",
    summary="Two-layer tanh nets of several widths and initial scales are fitted to n "
    "samples of a target of k units. The optimistic estimate says that k(d + 1) "
    "samples can be enough at any width; whether they are depends on how far the "
    "trained net condenses: condensed nets and others are compared at equal n.",
    papers=("zhang2023optimistic", "xu2025overview", "condensery"),
    Config=Config,
    presets={
        "quick": {"seeds": 6},
        "paper": {
            "seeds": 20,
            "units": [1, 2, 3],
            "widths": [3, 10, 30, 100],
            "steps": 50_000,
            "samples": [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 20, 24],
            "scales": [1.0, 0.3, 0.1, 0.01, 0.001],
        },
    },
    work=work,
    makes={
        "nets": _tables.nets,
        "ranks": _tables.ranks,
    },
    derives={
        "recovery": _tables.recovery,
        "thresholds": _tables.thresholds,
        "near": _tables.near,
        "classes": _tables.classes,
        "gains": _tables.gains,
    },
    judges=(
        _claims.rank,
        _claims.not_before,
        _claims.any_width,
        _claims.near,
        _claims.scale_helps,
        *_claims.condensed_gains,
    ),
    draws=figures,
)
