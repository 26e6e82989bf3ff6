"""The tables of embedding-width, and what the figures show of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from condensery.declare import Blocks, Results, Tables, rows, stack, table
from condensery.experiments.embedding_width._config import COUNTS, NAMES, Config
from condensery.experiments.embedding_width._counts import as_published
from condensery.experiments.embedding_width._work import (
    embed_iris,
    embed_line,
    escape,
)
from condensery.protocols import Arrays
from condensery.records import Status

PANELS = {
    "three steps, width 1": ("three steps", 1),
    "three steps, width 2": ("three steps", 2),
    "Iris, width 2": ("iris", 2),
}
"""Title of a panel to its net and width."""

SHOWN = ("none", "2 equal", "3 equal")


def _nets(results: Results) -> Iterator[tuple[str, Arrays]]:
    yield "three steps", results.only(embed_line)
    yield "iris", results.only(embed_iris)


@table()
def points(config: Config, results: Results) -> Blocks:
    """Every critical point of both nets."""
    iris = stack(_splits(results))
    numbers = [point for point, _ in as_published(iris.select(net="iris"))]
    for net, run in _nets(results):
        number = np.arange(len(run["point_width"]))
        yield {
            "net": net,
            "point": number,
            "width": run["point_width"],
            "loss": run["point_loss"],
            "gradient": run["point_gradient"],
            "starts": run["point_starts"],
            **_counts("", run["point_counts"]),
            "as_published": (net == "iris") & np.isin(number, numbers),
        }


def _counts(prefix: str, counts: Any) -> dict[str, np.ndarray]:
    columns = np.asarray(counts).T
    return {f"{prefix}{name}": columns[index] for index, name in enumerate(COUNTS)}


@table()
def splits(config: Config, results: Results) -> Blocks:
    """Every split of both nets, with predicted and measured inertia."""
    return _splits(results)


def _splits(results: Results) -> Blocks:
    names = np.asarray(NAMES)
    for net, run in _nets(results):
        point = np.asarray(run["split_point"])
        yield {
            "net": net,
            "point": point,
            "width": run["point_width"][point],
            "unit": run["split_unit"],
            "fractions": names[run["split_kind"]],
            **_counts("", run["split_predicted"]),
            **_counts("measured_", run["split_measured"]),
            "rank": run["split_rank"],
            "decided": run["split_decided"],
        }


@table()
def spectra(config: Config, results: Results) -> Blocks:
    """Every eigenvalue after every split."""
    names = np.asarray(NAMES)
    for net, run in _nets(results):
        spectrum = run["split_spectrum"]
        row, index = np.nonzero(np.isfinite(spectrum))
        point = run["split_point"][row]
        yield {
            "net": net,
            "point": point,
            "width": run["point_width"][point],
            "unit": run["split_unit"][row],
            "fractions": names[run["split_kind"][row]],
            "index": index,
            "eigenvalue": spectrum[row, index],
        }


UNMEASURED = "−1 where the dense Hessian was not formed"


@table(
    lambda_min="of the block that the split adds",
    measured_negative=UNMEASURED,
    measured_zero=UNMEASURED,
    measured_positive=UNMEASURED,
)
def widths(config: Config, results: Results) -> Blocks:
    """The width-1 point in equal copies."""
    line = results.only(embed_line)
    yield {
        "width": line["wide_width"],
        **_counts("", line["wide_predicted"]),
        **_counts("measured_", line["wide_measured"]),
        "lambda_min": line["wide_lambda"],
        "lambda_min_dense": line["wide_lambda_dense"],
    }


@table(curvature="uᵀHu along the unit direction u", t="distance along u")
def descent(config: Config, results: Results) -> Blocks:
    """The loss along every new direction of descent."""
    line = results.only(embed_line)
    names = ("point", "unit", "curvature", "t", "loss")
    yield {name: line[f"curve_{name}"] for name in names}


@table(
    steps="of gradient descent until the loss is 1 % below that of the embedded point",
    time="steps · rate, the time of the gradient flow",
)
def escapes(config: Config, results: Results) -> Blocks:
    """Every escape."""
    names = ("width", "seed", "steps", "rate", "status")
    for _, run in results.of(escape):
        block = {name: np.asarray(run[name]) for name in names}
        block["time"] = block["steps"] * block["rate"]
        yield block


@table()
def ranked(config: Config, tables: Tables) -> Blocks:
    """Eigenvalues over the largest, by rank, of the best points of widths 1 and 2 of
    the three steps, and of Iris the point with the published counts, else the best one;
    unit 0. The name of a curve counts its signs.
    """
    no_row = {"rank": np.zeros(0, dtype=np.int64)}
    yield rows(no_row, panel="", fractions="", curve="", eigenvalue=0.0)
    for title, (net, width) in PANELS.items():
        candidates = tables["points"].select(net=net, width=width)
        if not len(candidates):
            continue
        # the point with the published counts, where there is one
        if candidates["as_published"].any():
            candidates = candidates.select(as_published=True)
        best = int(np.argmin(candidates["loss"]))
        key = {"net": net, "point": int(candidates["point"][best]), "unit": 0}
        for fractions in SHOWN:
            counted = tables["splits"].select(**key, fractions=fractions)
            counts = [str(counted[f"measured_{name}"][0]) for name in COUNTS]
            spectrum = tables["spectra"].select(**key, fractions=fractions)
            ascending = np.sort(spectrum["eigenvalue"])
            name = fractions.replace("none", "narrow")
            yield {
                "rank": np.arange(1, len(ascending) + 1),
                "panel": title,
                "fractions": fractions,
                "curve": f"{name}: ({', '.join(counts)})",
                "eigenvalue": ascending / np.abs(ascending).max(),
            }


@table()
def steepest(config: Config, tables: Tables) -> Blocks:
    """The loss along the steepest new direction of the best points of widths 1 and 2,
    and the parabola of its curvature; over the depth that is reached.
    """
    yield rows(
        {"distance": np.zeros(0)},
        width=0,
        curve="",
        t=0.0,
        loss=0.0,
        curvature=0.0,
        change=0.0,
        parabola=0.0,
    )
    of_line = tables["points"].select(net="three steps")
    for width in (1, 2):
        best = of_line.select(width=width)["point"][:1]
        curves = tables["descent"]
        curves = curves.take(np.isin(curves["point"], best))
        if not len(curves):
            continue
        curve = curves.select(curvature=float(curves["curvature"].min()))
        curve = curve.select(unit=int(curve["unit"][0]))
        t, loss, curvature = (curve[name] for name in ("t", "loss", "curvature"))
        start = loss[len(loss) // 2]
        change = (loss - start) / start
        depth = float(-change.min())
        yield {
            "distance": t / abs(t[int(np.argmin(loss))]),
            "width": width,
            "curve": f"width {width} in {width + 1}: depth {depth:.1e}",
            "t": t,
            "loss": loss,
            "curvature": curvature,
            "change": change / depth,
            "parabola": 0.5 * curvature * t**2 / start / depth,
        }


@table(copies="m − 1", steepness="minus the least eigenvalue")
def directions(config: Config, tables: Tables) -> Blocks:
    """Number and steepness of the directions of descent at widths above 1."""
    widths = tables["widths"]
    wide = widths.take(widths["width"] > 1)
    measured = wide["measured_negative"]
    yield {
        "width": wide["width"],
        "predicted": wide["negative"],
        "measured": measured,
        "dense": measured >= 0,
        "copies": wide["width"] - 1,
        "steepness": -wide["lambda_min"],
    }


@table(escaped="share that got away")
def escape_medians(config: Config, tables: Tables) -> Blocks:
    """Median time of the escapes per width; those that did not get away count with the
    most steps.
    """
    escapes = tables["escapes"]
    for width in np.unique(escapes["width"]).tolist():
        members = escapes.select(width=width)
        share = float(np.mean(members["status"] == Status.CONVERGED))
        yield {
            "width": width,
            "time": float(np.median(members["time"])),
            "escaped": share,
            "outcome": "time" if share > 0.5 else "not by then",
        }
