"""The figures: outputs and features, the switch, the controls, and cosines."""

from __future__ import annotations

from functools import partial

import numpy as np

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
    cosine_map,
    figure,
    square_panels,
)
from condensery.experiments.dropout_features._config import (
    Config,
    Kind,
    TargetName,
    abscissas,
    target_output,
)
from condensery.experiments.dropout_features._smooth_figure import smoothness_figure
from condensery.experiments.dropout_features._tasks import BRANCHES
from condensery.records import FigureSpec

ZOOM = {"tanh": (2.0, 10.0), "relu": (-0.75, 0.75)}
"""Range of the zoomed outputs."""
TITLES = {"tanh": "tanh", "relu": "ReLU"}
NAMES: dict[Kind, str] = {"plain": "without dropout", "dropout": "with dropout"}
LOOKS = {
    "plain": Look(label="$p = 1$", colour="4", width=1.0),
    "batches": Look(label="batches of two", colour="2", dashes=(0, (3, 1.5))),
    "dropout": Look(label="dropout", colour="1", width=1.5),
}
BRANCH_LOOKS = {
    "first": Look(label="before, $R_S$", colour="grey"),
    "plain": Look(label="$R_S$", colour="4", width=1.3),
    "dropout": Look(label="$R_{drop}$", colour="1", width=1.3),
    "expected": Look(
        label="$R_S+R_1$",
        colour="0",
        width=1.3,
        dashes=(0, (3, 1.5)),
    ),
}
target_line = partial(
    Lines,
    x="x",
    y="wanted",
    role="target",
    label="target",
)


def figures(config: Config) -> list[FigureSpec]:
    """Outputs and features per target, the switch, the controls, and the cosines in ten
    dimensions.
    """
    return [
        *(_features(config, target) for target in config.targets),
        smoothness_figure(config),
        _switch(config),
        _controls(config),
        _cosines(config),
    ]


# Outputs and features


def _features(config: Config, target: TargetName) -> FigureSpec:
    depths = (2, 3) if config.deep_width else (2,)
    panels = tuple(_fits(target, layers) for layers in depths)
    return figure(
        f"dropout-features-{target}",
        "Outputs, zoomed outputs, and the features of the first layer before "
        "(blue rings) and after (vermilion), without and with dropout. With dropout "
        "the features of two layers stand on the dashed lines, the orientations that "
        "make up the target. Three layers need not be made of them, and have no lines.",
        Chart(
            panels=panels,
            height=0.8 + 1.9 * len(panels),
            legend=Legend(place="outside upper center", columns=7),
        ),
    )


def _fits(target: TargetName, layers: int) -> tuple[Panel, ...]:
    """The row of one depth."""
    is_first = layers == 2
    low, high = ZOOM[target]
    x = abscissas(target)
    shown = target_output(target, x[(x >= low) & (x <= high)])
    margin = 0.3 * float(np.ptp(shown))
    around = (float(shown.min()) - margin, float(shown.max()) + margin)
    marks = _outputs(target, layers)
    output = Panel(
        marks=marks,
        x=Axis(label="$x$", count=4),
        y=Axis(label=f"{layers} layers\noutput", count=4),
        title="outputs" if is_first else "",
    )
    zoomed = Panel(
        marks=marks,
        x=Axis(label="$x$", count=4, limits=(low, high)),
        y=Axis(count=4, limits=around),
        title="zoomed" if is_first else "",
    )
    return output, zoomed, *(_units(target, layers, kind) for kind in NAMES)


def _outputs(target: TargetName, layers: int) -> tuple[Lines | Points, ...]:
    fits = {"target": target, "layers": layers}
    output = partial(
        Lines,
        table="outputs",
        x="x",
        y="final",
        by="kind",
        label="{}",
        looks=LOOKS,
    )
    plain = fits | {"kind": "plain"}
    dropout = fits | {"kind": "dropout"}
    samples = Points(
        table="data",
        x="x",
        y="y",
        only={"target": target},
        role="samples",
        label="data",
        look=Look(size=2.4),
    )
    target_output_line = target_line(table="outputs", only=plain)
    return output(only=plain), output(only=dropout), target_output_line, samples


def _units(target: TargetName, layers: int, kind: Kind) -> Panel:
    fit = {"target": target, "layers": layers, "kind": kind}
    units = partial(Points, table="features", x="orientation", y="amplitude")
    is_left = kind == "plain"
    expected = Levels(
        table="predicted",
        value="orientation",
        only={"target": target},
        direction="up",
        label="target's units",
        look=Look(colour="ink", dashes=(0, (3, 2)), width=0.7),
    )
    before = units(only=fit | {"when": 0}, role="before", label="initial")
    after = units(only=fit | {"when": 1}, role="after", label="final")
    # two layers alone must be made of the target's units
    guides = (expected,) if layers == 2 else ()
    return Panel(
        marks=(*guides, before, after),
        title=NAMES[kind] if layers == 2 else "",
        x=Axis(
            label="orientation (rad)",
            ticks={"−π": -np.pi, "0": 0.0, "π": np.pi},
            limits=(-3.33, 3.33),
        ),
        y=Axis(
            label="amplitude / max." if is_left else "",
            limits=(-0.04, 1.06),
            ticks={"0": 0.0, "0.5": 0.5, "1": 1.0},
        ),
    )


# The switch


def _switch(config: Config) -> FigureSpec:
    before, after = config.switch_steps
    total = before + after
    ticks = {f"{step / 1000:g}": float(step) for step in (0, before, total)}
    x = Axis(label="step / 1000", ticks=ticks)
    loss = _course(config, "loss", x, Axis(scale="log"), "$R_S$")
    term = _course(config, "r1", x, Axis(scale="log"), "$R_1$")
    count = _course(
        config,
        "effective_orientations",
        x,
        Axis(limits=(0, None)),
        "effective orientations",
    )
    final = Lines(
        table="switch_outputs",
        x="x",
        y="final",
        only={"seed": 0},
        by="branch",
        looks=BRANCH_LOOKS,
    )
    seed = {"seed": 0, "branch": BRANCHES[0]}
    output = Panel(
        marks=(final, target_line(table="switch_outputs", only=seed)),
        x=Axis(label="$x$"),
        title="output",
    )
    return figure(
        "dropout-switch",
        "A network at a minimum of R_S goes on with R_S, with dropout, or with R_S "
        "+ R1 (from the dashed line on): R_S, R1, the number of effective "
        "orientations, and the outputs at the end.",
        Chart(
            panels=((loss, term, count, output),),
            height=2.6,
            legend=Legend(place="outside upper center", columns=5),
        ),
    )


def _course(config: Config, column: str, x: Axis, y: Axis, title: str) -> Panel:
    course = Lines(
        table="switch",
        x="step",
        y=column,
        only={"seed": 0},
        by="branch",
        label="{}",
        looks=BRANCH_LOOKS,
    )
    at_switch = Guide(
        x=(float(config.switch_steps[0]),),
        look=Look(colour="ink", dashes=(0, (4, 2)), width=0.8),
    )
    return Panel(marks=(at_switch, course), x=x, y=y, title=title)


# Controls


def _controls(config: Config) -> FigureSpec:
    first = config.targets[0]
    course = Lines(
        table="growth",
        x="step",
        y="effective_orientations",
        only={"target": first, "layers": 2},
        by="kind",
        label="{}",
        looks=LOOKS,
    )
    growth = Panel(
        marks=(course,),
        title=f"{TITLES[first]}: while training",
        x=Axis(label="step", scale="log", floor=0.8),
        y=Axis(label="effective orientations", limits=(0, None)),
    )
    profiles = tuple(map(_profile, config.targets))
    return figure(
        "dropout-controls",
        "Effective orientations while training: dropout condenses, the noise of "
        "mini-batches does not. Right: the loss along random directions around the "
        "solutions.",
        Chart(
            panels=((growth, *profiles),),
            height=2.6,
            legend=Legend(place="outside upper center", columns=3),
        ),
    )


def _profile(target: TargetName) -> Panel:
    losses = Lines(
        table="profiles",
        x="distance",
        y="loss",
        only={"target": target, "layers": 2},
        by="kind",
        looks=LOOKS,
    )
    return Panel(
        marks=(losses,),
        title=f"{TITLES[target]}: $R_S$ along directions",
        x=Axis(label="distance / length of parameters"),
        y=Axis(scale="log"),
    )


def _cosines(config: Config) -> FigureSpec:
    titles = ("$p = 1$", f"$p = {config.vector_keep:g}$")
    panels = [cosine_map(title, title=title) for title in titles]
    return figure(
        "dropout-cosines",
        "Cosines between the input weights of all units of a network with ten "
        "inputs, sorted. Without dropout there is no order; with it there are two "
        "blocks, one direction and its opposite. The distribution of the inputs and "
        "the number of steps are our choice, the source gives neither.",
        square_panels(panels, across=2),
    )
