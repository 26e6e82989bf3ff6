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
        Lines(
            table="steepest",
            x="distance",
            y="change",
            by="curve",
            shades="ordered",
            label="{}",
        ),
        Lines(
            table="steepest",
            x="distance",
            y="parabola",
            by="curve",
            shades="ordered",
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
    x=Axis(label="distance / distance of the lowest place"),
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
    y=Axis(label="$-λ_{min} · m$", limits=(0.0, 0.025)),
)

times = Panel(
    marks=(
        Points(
            table="escapes",
            x="width",
            y="time",
            by="shares",
            look=Look(hollow=True, size=2.5, alpha=0.5),
        ),
        Lines(
            table="escape_medians",
            x="width",
            y="time",
            by="shares",
            label="{} shares, median",
            look=Look(width=0.9, size=4.0),
            looks={"random": Look(dashes=(0, (4, 1.5)))},
        ),
    ),
    x=WIDTH,
    y=Axis(label="mean-field time to leave", limits=(0.0, None)),
    legend="lower left",
)

by_degeneracy = Panel(
    marks=(
        Points(
            table="levels",
            x="degeneracy",
            y="loss",
            by="width",
            shades="ordered",
            label="best net of width {}",
            look=Look(size=6.0),
        ),
    ),
    x=Axis(label="zero eigenvalues in width 3", limits=(-0.3, 2.3), whole=True),
    y=Axis(label="loss", limits=(-0.01, 0.13)),
    legend="upper left",
)

by_width = Panel(
    marks=(
        Lines(
            table="degeneracies",
            x="width",
            y="predicted",
            by="origin",
            shades="ordered",
            label="from width {}",
            look=Look(width=0.8, size=3.5),
        ),
        Points(
            table="degeneracies",
            x="width",
            y="measured",
            only={"dense": True},
            label="dense Hessian",
            look=Look(colour="ink", marker="o", hollow=True, size=6.5),
        ),
    ),
    x=WIDTH,
    y=Axis(label="zero eigenvalues", scale="symlog", limits=(-0.3, None)),
    legend="upper left",
)


def _function(width: int, loss: str) -> Panel:
    """The function of a level, over the data."""
    return Panel(
        marks=(
            Points(table="samples", x="x", y="y", role="samples"),
            Lines(
                table="functions",
                x="x",
                y="output",
                by="width",
                shades="ordered",
                only={"width": width},
                look=Look(width=1.6, marker=""),
            ),
        ),
        title=f"width {width}, loss {loss}",
        x=Axis(label="$x$"),
        y=Axis(label="output" if width == 1 else "", limits=(-3.6, 3.6)),
    )


outputs = tuple(_function(width, text) for width, (_, text) in _claims.LOSSES.items())

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
        "embedding-levels",
        "Above, left: the best points of widths 1, 2 and 3 in a net of width 3, loss "
        "against the number of zero eigenvalues: the simpler the net that a level "
        "comes from, the more degenerate. Right: the same in wider nets; at loss 0 "
        "(from width 3) every copy adds three zeros. Below: the functions of the "
        "levels, and the data.",
        Chart(panels=((by_degeneracy, by_width), outputs), height=4.8),
    ),
    figure(
        "embedding-descent",
        "Above: the loss along a direction of descent that the narrow net does not "
        "have, over the distance of its lowest place, and the number of directions of "
        "descent of the width-1 optimum against the width it is embedded in by equal "
        "copies. Below: its most negative eigenvalue times the width, and the "
        "mean-field time that gradient descent needs to leave, from equal copies and "
        "from random points of the critical set; width 1 never leaves, and nets that "
        "stay stand at the last time.",
        Chart(panels=((along, numbers), (steepness, times)), height=4.8),
    ),
)

embedding_width = Declared(
    name="embedding-width",
    title="The embedding principle in width",
    summary="Critical points of tanh nets of widths 1, 2 and 3 are found to ‖g‖ ≤ "
    "1e-10 and embedded in wider nets by "
    "splitting neurons. Output and criticality stay; each copy adds a zero "
    "eigenvalue, and where the inner Hessian of "
    "the neuron is not zero a direction of descent: a local minimum becomes a "
    "strict saddle.",
    papers=(
        "zhang2021embedding",
        "zhang2022embedding",
        "fukumizu2000local",
        "xu2025overview",
        "condensery",
    ),
    task_version="3",
    Config=Config,
    presets={
        "quick": {"starts": 128, "iris_starts": 128},
        "paper": {
            "starts": 1000,
            "iris_starts": 1000,
            "dense_up_to": 200,
            "deep": 100,
            "escape_widths": [1, 2, 3, 5, 10, 20, 50, 100],
            "escape_seeds": 24,
        },
    },
    work=work,
    makes={
        "points": _tables.points,
        "splits": _tables.splits,
        "spectra": _tables.spectra,
        "embeddings": _tables.embeddings,
        "levels": _tables.levels,
        "functions": _tables.functions,
        "samples": _tables.samples,
        "degeneracies": _tables.degeneracies,
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
