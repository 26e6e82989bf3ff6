"""Loss curves of nets of many widths in mean-field time: one plateau for all, what
they are there, and which of them leave.
"""

from __future__ import annotations

import numpy as np

from condensery.charts import (
    Axis,
    Bars,
    Chart,
    Levels,
    Lines,
    Look,
    Panel,
    Points,
    figure,
)
from condensery.declare import Declared
from condensery.experiments.width_similarity import _claims, _tables
from condensery.experiments.width_similarity._config import Config, Target
from condensery.experiments.width_similarity._work import work
from condensery.records import FigureSpec


def data_digest(config: Config) -> str:
    """Digest of the samples of the targets."""
    from condensery.data import load

    return "-".join(load(target).digest for target in config.nets)


DEPARTURE: dict[Target, float] = {"three-steps": 150.0, "two-steps": 250.0}
"""Mean-field time from which the second panel shows the losses."""
HIGHEST: dict[Target, float] = {"three-steps": 0.13, "two-steps": 0.19}
"""Upper end of its axis."""


def _curves(target: Target) -> tuple[Panel, Panel]:
    """The losses, on a logarithmic axis and, where they leave, on a linear one."""
    of_target = {"target": target}
    curve = Lines(
        table="loss",
        x="time",
        y="loss",
        by="width",
        shades="ordered",
        only=of_target,
        look=Look(width=0.9),
        looks={"1": Look(width=2.4, alpha=0.5), "2": Look(width=1.8)},
        label="$m={}$",
    )
    level = Levels(table="best_losses", value="loss", only=of_target)
    whole = Panel(
        marks=(level, curve),
        title="one net of every width",
        x=Axis(label="mean-field time", scale="log", floor=0.1),
        y=Axis(label="loss", scale="log", limits=(1e-3, None)),
        legend="lower left",
    )
    departure = Panel(
        marks=(level, curve.model_copy(update={"label": ""})),
        title="the same: leaving the plateau",
        x=Axis(label="mean-field time", limits=(DEPARTURE[target], None), count=4),
        y=Axis(limits=(0.0, HIGHEST[target])),
    )
    return whole, departure


def _shares(target: Target) -> Panel:
    bars = Bars(
        table="departures",
        category="width",
        value="share",
        only={"target": target},
    )
    return Panel(
        marks=(bars,),
        title="nets that have left",
        x=Axis(label="width"),
        y=Axis(label="share of nets", limits=(0, 1.05)),
    )


def _at_rest(target: Target) -> tuple[Panel, Panel, Panel]:
    """Outputs, features and directions of descent on the plateau."""
    of_target = {"target": target}
    output = Panel(
        marks=(
            Lines(
                table="outputs",
                x="x",
                y="y",
                by="width",
                shades="ordered",
                only=of_target,
                look=Look(width=1.0),
            ),
            Lines(
                table="optima",
                x="x",
                y="y",
                only={**of_target, "width": 1},
                label="best of width 1",
                look=Look(colour="ink", dashes=":", width=1.4),
            ),
        ),
        x=Axis(label="$x$"),
        y=Axis(label="output on the plateau"),
        legend="upper left",
    )
    feature = Panel(
        marks=(
            Points(
                table="features",
                x="orientation",
                y="amplitude",
                by="width",
                shades="ordered",
                only=of_target,
                look=Look(hollow=True),
            ),
        ),
        x=Axis(
            label="orientation mod π",
            limits=(-0.1, np.pi + 0.1),
            ticks={"0": 0, "π/2": np.pi / 2, "π": np.pi},
        ),
        y=Axis(label="amplitude / largest", limits=(0, 1.05)),
    )
    descent = Panel(
        marks=(
            Lines(
                table="directions",
                x="width",
                y="predicted",
                only=of_target,
                label="$m - 1$",
                look=Look(colour="grey", dashes="--", marker=""),
            ),
            Points(
                table="directions",
                x="width",
                y="negatives",
                only=of_target,
                label="trained nets",
            ),
        ),
        x=Axis(label="width $m$"),
        y=Axis(label="directions of descent", whole=True),
        legend="upper left",
    )
    return output, feature, descent


def _of_target(target: Target) -> FigureSpec:
    suffix = "" if target == "three-steps" else f"-{target}"
    return figure(
        f"width-similarity{suffix}",
        "Above: losses of nets of all widths in mean-field time, from one small start; "
        "they lie on each other down to the loss of the best width-1 net (dashed), and "
        "wider nets leave it sooner. The bars show the share of nets that have left by "
        "the median time of the middle width. Below, where the loss falls most slowly: "
        "outputs and the best width-1 function (dotted), features, orientation up to "
        "sign, and the negative eigenvalues of the Hessian.",
        Chart(
            panels=((*_curves(target), _shares(target)), _at_rest(target)),
            height=4.8,
        ),
    )


def _escapes() -> FigureSpec:
    panels = []
    titles = {"mean-field": "mean-field time", "raw": "raw steps, one rate"}
    for parametrisation, title in titles.items():
        only = {"parametrisation": parametrisation}
        seeds = Points(table="escapes", x="width", y="steps", only=only)
        medians = Points(
            table="escape_medians",
            x="width",
            y="steps",
            only=only,
            label="median",
            look=Look(marker="_", size=16, hollow=True, colour="1"),
        )
        panel = Panel(
            marks=(seeds, medians),
            title=title,
            x=Axis(label="width", scale="log"),
            y=Axis(
                label="steps to a loss 1 % lower" if not panels else "",
                limits=(0, None),
            ),
            legend="best",
        )
        panels.append(panel)
    return figure(
        "escape",
        "Steps from the best width-1 net, in equal copies and pushed a little, to a "
        "loss 1 % lower. In mean-field time wide nets leave sooner, and one unit never "
        "does (it stands at the last step); in raw steps at one rate it is the "
        "contrary.",
        Chart(panels=(tuple(panels),)),
    )


def draws(config: Config) -> tuple[FigureSpec, ...]:
    """A figure per target, and the escapes."""
    return (*(_of_target(target) for target in config.nets), _escapes())


width_similarity = Declared(
    name="width-similarity",
    title="Nets of different widths rest at the same losses",
    summary="Tanh nets of many widths learn steps on a line by gradient descent in "
    "mean-field time from one small start. Their losses lie on each other down to the "
    "loss of the best net of one unit, where outputs agree, features are condensed, "
    "and a trained net of width m has m − 1 directions of descent. The wider the net, "
    "the more of them leave.",
    papers=("zhang2021embedding", "xu2025overview", "condensery"),
    task_version="4",
    Config=Config,
    presets={
        "quick": {},
        "paper": {
            "widths": [1, 2, 3, 5, 10, 20, 50, 200],
            "starts": 512,
            "escape_widths": [1, 2, 3, 5, 20, 100],
            "raw_widths": [2, 3, 5, 10, 20],
            "raw_steps": 2_000_000,
            "printed_steps": 300_000,
        },
    },
    reads=data_digest,
    work=work,
    makes={
        "loss": _tables.losses,
        "nets": _tables.nets,
        "departures": _tables.departures,
        "directions": _tables.descent_directions,
        "outputs": _tables.outputs,
        "features": _tables.features,
        "levels": _tables.levels_of_narrow_nets,
        "best_losses": _tables.best_losses,
        "optima": _tables.optima,
        "escapes": _tables.escapes,
        "escape_medians": _tables.escape_medians,
        "as_printed": _tables.as_printed,
    },
    judges=(
        *_claims.same_fall,
        *_claims.common_plateau,
        *_claims.common_output,
        *_claims.condensed,
        *_claims.saddle_at_rest,
        *_claims.more_leave,
        *_claims.few_narrow_leave,
        *_claims.most_wide_leave,
        *_claims.leave_sooner,
        *_claims.one_stays,
        _claims.escape,
        _claims.escape_raw,
        _claims.fig_1a,
    ),
    draws=draws,
)
