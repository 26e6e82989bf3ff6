"""The experiment: its figures, and what it declares to the workbench."""

from __future__ import annotations

from condensery.charts import (
    SIGN_COUNTS,
    ZEROS,
    Axis,
    Chart,
    Guide,
    Legend,
    Lines,
    Look,
    Panel,
    Points,
    eigenvalue_axis,
    figure,
)
from condensery.data import load
from condensery.declare import Declared
from condensery.experiments.embedding_width import _claims, _tables
from condensery.experiments.embedding_width._config import Config
from condensery.experiments.embedding_width._work import work

MARKERS = ("o", "s", "^")
WIDTH = Axis(label="width $m$", scale="log")


def _digest(config: Config) -> str:
    """Digest of the samples of the three steps."""
    return load("three-steps").digest


def _spectra(title: str) -> Panel:
    """Eigenvalues before and after splits, by rank."""
    curves = [
        Lines(
            table="ranked",
            x="rank",
            y="eigenvalue",
            by="curve",
            only={"panel": title, "fractions": fractions},
            label="{}",
            look=Look(
                colour=str(number),
                marker=marker,
                size=3.2,
                hollow=number > 0,
                width=0.5,
                above=2 - number,
            ),
        )
        for number, (fractions, marker) in enumerate(
            zip(_tables.SHOWN, MARKERS, strict=True)
        )
    ]
    is_first = title == next(iter(_tables.PANELS))
    return Panel(
        marks=(ZEROS, *curves),
        x=Axis(label="rank", whole=True),
        y=eigenvalue_axis(300.0, label=is_first),
        title=title,
        legend=Legend(place="lower right", title=SIGN_COUNTS),
    )


along = Panel(
    marks=(
        Lines(table="steepest", x="distance", y="change", by="curve", label="{}"),
        Lines(
            table="steepest",
            x="distance",
            y="parabola",
            by="curve",
            look=Look(dashes=":", width=1.0),
        ),
        Guide(
            x=(0.0, 0.0),
            y=(0.0, 0.0),
            label="$λt^2/2$",
            look=Look(colour="grey", dashes=":"),
        ),
        Points(
            table="steepest",
            x="distance",
            y="change",
            only={"distance": 0.0},
            look=Look(colour="ink", marker="o"),
        ),
    ),
    x=Axis(label="distance along the direction / $t_{min}$"),
    y=Axis(label="change of the loss / depth", limits=(-2.0, 3.4)),
    legend="upper center",
)

numbers = Panel(
    marks=(
        Points(
            table="directions",
            x="width",
            y="predicted",
            look=Look(colour="0"),
            label="predicted",
        ),
        Points(
            table="directions",
            x="width",
            y="measured",
            only={"dense": True},
            label="dense Hessian",
            look=Look(colour="1", marker="s", size=6.0, hollow=True),
        ),
        Lines(
            table="directions",
            x="width",
            y="copies",
            label="$m-1$",
            look=Look(colour="grey", width=0.8, above=-1),
        ),
    ),
    x=WIDTH,
    y=Axis(label="directions of descent", scale="log"),
    legend="upper left",
)

steepness = Panel(
    marks=(
        Lines(
            table="directions",
            x="width",
            y="steepness",
            look=Look(colour="0", marker="o", width=0.8),
        ),
    ),
    x=WIDTH,
    y=Axis(label="$-λ_{min}$", scale="log"),
)

times = Panel(
    marks=(
        Lines(
            table="escape_medians",
            x="width",
            y="time",
            by="outcome",
            only={"outcome": "time"},
            look=Look(colour="1", marker="s", dashes="--", width=0.8),
        ),
        Points(
            table="escape_medians",
            x="width",
            y="time",
            by="outcome",
            only={"outcome": "not by then"},
            label="{}",
            look=Look(colour="1", marker="^", hollow=True),
        ),
    ),
    x=WIDTH,
    y=Axis(label="time to escape", scale="log"),
    legend="best",
)

FIGURES = (
    figure(
        "embedding-spectra",
        "Eigenvalues of the Hessian at critical points of widths 1 "
        "and 2 and on Iris, before and after "
        "splitting one neuron in two or three equal copies, on an axis that "
        "is logarithmic on both sides of "
        "the band that counts as zero. Every copy adds eigenvalues below "
        "the band.",
        Chart(panels=(tuple(map(_spectra, _tables.PANELS)),), height=2.7),
    ),
    figure(
        "embedding-descent",
        "Above: the loss along a direction of descent that the narrow net does not "
        "have, and the number of directions of descent of the width-1 optimum against "
        "the width it is embedded in. Below: its most negative eigenvalue, and the "
        "time, steps times learning rate, that gradient descent needs to leave.",
        Chart(panels=((along, numbers), (steepness, times)), height=4.8),
    ),
)

embedding_width = Declared(
    name="embedding-width",
    title="The embedding principle in width",
    summary="Critical points of tanh nets of widths 1, 2 and 3 are found to ‖g‖ ≤ "
    "1e-10 and embedded in wider nets by "
    "splitting neurons. The loss stays; each copy adds a zero eigenvalue, and "
    "where the inner Hessian of "
    "the neuron is not zero a direction of descent: a local minimum becomes a "
    "strict saddle.",
    papers=(
        "zhang2021embedding",
        "zhang2022embedding",
        "fukumizu2000local",
    ),
    task_version="2",
    Config=Config,
    presets={
        "quick": {"starts": 128, "iris_starts": 128},
        "paper": {
            "starts": 1000,
            "iris_starts": 1000,
            "dense_up_to": 200,
            "escape_widths": [2, 3, 5, 10, 20, 50],
            "escape_seeds": 8,
            "escape_steps": 1_500_000,
        },
    },
    work=work,
    makes={
        "points": _tables.points,
        "splits": _tables.splits,
        "spectra": _tables.spectra,
        "widths": _tables.widths,
        "descent": _tables.descent,
        "escapes": _tables.escapes,
    },
    derives={
        "ranked": _tables.ranked,
        "steepest": _tables.steepest,
        "directions": _tables.directions,
        "escape_medians": _tables.escape_medians,
    },
    judges=_claims.JUDGES,
    draws=FIGURES,
    reads=_digest,
)
