"""The experiment: what it declares to the workbench."""

from __future__ import annotations

from condensery.declare import Declared
from condensery.experiments.dropout_regulariser import _tables
from condensery.experiments.dropout_regulariser._claims import CLAIMS
from condensery.experiments.dropout_regulariser._config import Config
from condensery.experiments.dropout_regulariser._tasks import work
from condensery.records import FigureSpec

FIGURES = (
    FigureSpec(
        name="dropout-regulariser",
        plot="condensery.plots.dropout_regulariser",
        caption="R1 against the mean over all masks for random nets; R1 and R2 "
        "against p; distance of one step from the flow and from the modified flow; "
        "two contributions before and after training, which have to add up to the "
        "star, as parallelograms: with R1 they end parallel and equal, with the least "
        "sum of squares, and stop a little short of it.",
    ),
    FigureSpec(
        name="dropout-contours",
        plot="condensery.plots.dropout_contours",
        caption="The plane of two contributions: R_S has a valley of zeros, R1 a "
        "bowl, and their sum one point, where both are equal. Training on R_S stops "
        "where it meets the valley; dropout goes on along it.",
    ),
)

dropout_regulariser = Declared(
    name="dropout-regulariser",
    title="What dropout adds to the loss",
    summary="Averaged over its masks, the loss of dropout is the ordinary loss plus "
    "one explicit term R1, exactly. R1 sums the squares of what the neurons "
    "contribute; for a given output that sum is least when all contributions are "
    "parallel and equal, which is condensation.",
    papers=("zhang2024dropout",),
    Config=Config,
    presets={
        "quick": {"nets": 3, "masks": 20_000},
        "paper": {"nets": 30, "masks": 100_000},
    },
    work=work,
    makes={
        "nets": _tables.nets,
        "drawn": _tables.drawn,
        "flattening": _tables.flattening,
        "orders": _tables.orders,
        "paths": _tables.paths,
        "vectors": _tables.vectors,
        "landscape": _tables.landscape,
    },
    judges=CLAIMS,
    draws=FIGURES,
)
