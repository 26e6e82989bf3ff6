"""Loss curves of nets from 1 to 500 units: the same plateaus, and what leaving them
costs.
"""

from __future__ import annotations

import numpy as np

from condensery.charts import Axis, Chart, Levels, Lines, Look, Panel, Points, figure
from condensery.data import load
from condensery.declare import Declared
from condensery.experiments.width_similarity import _claims, _tables
from condensery.experiments.width_similarity._config import Config, Name
from condensery.experiments.width_similarity._work import work


def data_digest(_config: Config) -> str:
    """Digest of the samples of the three steps."""
    return load("three-steps").digest


STEP = Axis(label="step", scale="log", floor=1)
DESCENT = {"optimiser": "descent"}


def _curves(optimiser: Name, title: str) -> Panel:
    first_seed = {"optimiser": optimiser, "seed": 0}
    curve = Lines(
        table="loss",
        x="step",
        y="loss",
        by="width",
        only=first_seed,
        look=Look(width=0.9),
        label="$m={}$",
    )
    rests = Lines(
        table="resting",
        x="step",
        y="loss",
        by="width",
        each="plateau",
        only=first_seed,
        look=Look(width=2.6, alpha=0.5),
    )
    return Panel(
        marks=(Levels(table="best_losses", value="loss"), curve, rests),
        title=title,
        x=STEP,
        y=Axis(label="loss", scale="log", least=1e-5),
        legend="lower left" if optimiser == "adam" else None,
    )


output = Panel(
    marks=(
        Lines(
            table="outputs",
            x="x",
            y="y",
            by="width",
            only=DESCENT,
            look=Look(width=1.0),
        ),
        Lines(
            table="optima",
            x="x",
            y="y",
            only={"width": 1},
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
            only=DESCENT,
            look=Look(marker="o", hollow=True),
        ),
    ),
    x=Axis(
        label="orientation mod π",
        limits=(-0.1, np.pi + 0.1),
        ticks={"0": 0, "π/2": np.pi / 2, "π": np.pi},
    ),
    y=Axis(label="amplitude / largest"),
)
leaving = Panel(
    marks=(
        Points(table="escapes", x="width", y="steps"),
        Points(
            table="escape_medians",
            x="width",
            y="steps",
            look=Look(marker="_", size=16, hollow=True, colour="1"),
        ),
    ),
    x=Axis(label="width", scale="log"),
    y=Axis(label="steps to escape", limits=(0, None)),
)

width_similarity = Declared(
    name="width-similarity",
    title="Nets of different widths rest at the same losses",
    summary="Tanh nets of widths 1 to 500 learn three steps on a line from small "
    "initial weights. Their losses rest on "
    "common plateaus, which are critical losses of narrower nets, with outputs and "
    "features that condense to those of "
    "the narrow net. From one embedded point the steps to escape are counted "
    "against the width.",
    papers=("zhang2021embedding", "xu2025overview"),
    task_version="3",
    Config=Config,
    presets={
        "quick": {"seeds": 1},
        "paper": {
            "seeds": 3,
            "steps": 300_000,
            "adam_steps": 300_000,
            "starts": 512,
            "escape_widths": [2, 3, 5, 10, 20],
            "escape_steps": 2_000_000,
            "noise": 1e-3,
        },
    },
    reads=data_digest,
    work=work,
    makes={
        "loss": _tables.losses,
        "plateaus": _tables.plateaus,
        "resting": _tables.resting,
        "outputs": _tables.outputs,
        "features": _tables.features,
        "levels": _tables.levels_of_narrow_nets,
        "best_losses": _tables.best_losses,
        "optima": _tables.optima,
        "escapes": _tables.escapes,
        "escape_medians": _tables.escape_medians,
    },
    judges=(
        _claims.common_plateau,
        _claims.common_output,
        _claims.condensed,
        _claims.second_level,
        _claims.widest_fits,
        _claims.wider_escapes,
    ),
    draws=(
        figure(
            "width-similarity",
            "Above: losses of nets of all widths under gradient descent and Adam, "
            "with their plateaus drawn bold; "
            "dashed lines are the best losses of widths 1 and 2. Below: outputs on "
            "the first plateau of gradient "
            "descent, and the best width-1 function (dotted); their features, "
            "orientation up to sign; and the steps "
            "that gradient descent needs to leave the width-1 optimum, embedded in "
            "wider nets.",
            Chart(
                panels=(
                    (_curves("descent", "gradient descent"), _curves("adam", "Adam")),
                    (output, feature, leaving),
                ),
                height=4.8,
            ),
        ),
    ),
)
