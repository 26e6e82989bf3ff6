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
ERROR = Axis(label="test error", scale="log", floor=_tables.LEAST)
CAPTION = (
    "Above: median test error against the number of samples for targets of k units; "
    "one colour per initial scale, one mark per width; the dashed line is the "
    "optimistic sample size k(d + 1). Below: test error of every fitted net with "
    "between one and two times that many samples, against its effective neurons over "
    "k, with the fitted line and its 95 % bootstrap interval."
)


def _recovery(config: Config, k: int) -> Panel:
    curves = [
        Lines(
            table="recovery",
            x="samples",
            y="test",
            by="scale",
            only={"units": k, "width": width},
            label=f"std {{}}, width {width}",
            look=Look(width=0.7, marker=marker, size=3),
        )
        for width, marker in zip(config.widths, MARKERS, strict=False)
    ]
    limit = config.optimistic(k)
    optimistic = Guide(
        x=(limit,),
        label="$k(d+1)$",
        look=Look(colour="ink", dashes=(0, (4, 2)), width=0.9),
    )
    return Panel(
        marks=(*curves, optimistic),
        x=Axis(label="samples $n$"),
        y=ERROR,
        title=f"target of {k} unit{'s' if k > 1 else ''}",
    )


def _condensation(config: Config, k: int) -> Panel:
    clouds = [
        Points(
            table="near",
            x="ratio",
            y="test",
            by="scale",
            only={"units": k, "width": width},
            look=Look(marker=marker, hollow=True),
        )
        for width, marker in zip(config.widths, MARKERS, strict=False)
    ]
    fitted = Lines(
        table="lines",
        x="ratio",
        y="test",
        only={"units": k},
        look=Look(colour="ink", width=1.0),
    )
    slope = Texts(
        table="labels",
        x="x",
        y="y",
        text="text",
        only={"units": k},
        inside="panel",
        align="right",
    )
    return Panel(
        marks=(*clouds, fitted, slope),
        x=Axis(label="effective neurons / $k$", scale="log"),
        y=ERROR,
    )


def figures(config: Config) -> list[FigureSpec]:
    """Recovery, and error against effective neurons, one column per k."""
    above = tuple(map(partial(_recovery, config), config.units))
    below = tuple(map(partial(_condensation, config), config.units))
    legend = Legend(place="outside right center")
    chart = Chart(panels=(above, below), height=4.8, legend=legend)
    return [figure("generalisation", CAPTION, chart)]


generalisation = Declared(
    name="generalisation",
    title="Condensation and generalisation",
    summary="Two-layer tanh nets of several widths and initial scales are fitted to n "
    "samples of a target of k units. The optimistic estimate says that k(d + 1) "
    "samples can be enough at any width; whether they are depends on how far the "
    "trained net condenses, which is measured and set against the test error.",
    papers=("zhang2023optimistic", "xu2025overview"),
    Config=Config,
    presets={
        "quick": {"seeds": 3},
        "paper": {
            "seeds": 10,
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
        "fit": _tables.error_fit,
        "lines": _tables.fitted_lines,
        "labels": _tables.labels,
    },
    judges=(
        _claims.rank,
        _claims.not_before,
        _claims.any_width,
        _claims.near,
        _claims.scale_helps,
        *_claims.slopes,
    ),
    draws=figures,
)
