"""The tables of embedding-width, and what the figures show of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from condensery.data import load
from condensery.declare import Blocks, Results, Tables, rows, stack, table
from condensery.experiments.embedding_width._config import (
    COUNTS,
    NAMES,
    RATES,
    Config,
)
from condensery.experiments.embedding_width._counts import as_published
from condensery.experiments.embedding_width._kept import OPERATORS, X
from condensery.experiments.embedding_width._work import (
    embed_deep,
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
    units="hidden units of the wide net",
    change="of the output on the data and on random inputs: the largest, over the "
    "largest output",
    before="of the narrow net: sum of |∇R| over what it would be if nothing cancelled",
    after="that of the wide net",
)
def embeddings(config: Config, results: Results) -> Blocks:
    """Every embedding of every critical point that keeps it critical."""
    names = np.asarray(OPERATORS)
    nets = (*_nets(results), ("two hidden layers", results.only(embed_deep)))
    columns = ("point", "units", "change", "before", "after")
    for net, run in nets:
        yield {
            "net": net,
            "operator": names[run["embedding_kind"]],
            **{name: run[f"embedding_{name}"] for name in columns},
        }


@table(degeneracy="zero eigenvalues, embedded in width 3", label="its width")
def levels(config: Config, results: Results) -> Blocks:
    """The best point of every width in a net of width 3, as in the published figure."""
    line = results.only(embed_line)
    for width, loss in zip(line["level_width"], line["level_loss"], strict=True):
        is_embedded = (line["degenerate_width"] == 3) & (
            line["degenerate_origin"] == width
        )
        degeneracy = line["degenerate_measured"][is_embedded]
        yield rows(
            {"number": range(len(degeneracy))},
            width=width,
            loss=loss,
            degeneracy=degeneracy,
            label=f"width {width}",
        )


@table()
def functions(config: Config, results: Results) -> Blocks:
    """The function of every level."""
    line = results.only(embed_line)
    for width, output in zip(line["level_width"], line["level_output"], strict=True):
        yield rows({"x": X}, width=width, output=output)


@table()
def samples(config: Config, results: Results) -> Blocks:
    """The data of the three steps."""
    data = load("three-steps")
    yield {"x": data.x[:, 0], "y": np.ravel(data.y)}


@table(
    origin="width of the narrow net",
    predicted="zero eigenvalues",
    measured=UNMEASURED,
)
def degeneracies(config: Config, results: Results) -> Blocks:
    """The best point of every width, its first unit in equal copies, in wider nets."""
    line = results.only(embed_line)
    names = ("origin", "width", "predicted", "measured")
    columns = {name: line[f"degenerate_{name}"] for name in names}
    levels = zip(line["level_width"], line["level_loss"], strict=True)
    losses = {int(width): float(loss) for width, loss in levels}
    of_origin = [losses[int(origin)] for origin in columns["origin"]]
    yield {
        **columns,
        "dense": columns["measured"] >= 0,
        "loss": np.array(of_origin),
    }


@table(
    shares="equal copies, or shares that are even on the simplex",
    steps="of gradient descent until the loss is 1 % below that of the embedded point",
    time="mean-field time: steps times the rate per unit",
)
def escapes(config: Config, results: Results) -> Blocks:
    """Every escape."""
    for arguments, run in results.of(escape):
        yield {
            **arguments,
            "seed": run["seed"],
            "steps": run["steps"],
            "time": run["steps"] * RATES[arguments["shares"]],
            "status": run["status"],
        }


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


@table(
    copies="m − 1",
    steepness="minus the least eigenvalue, times m: its size in mean-field time",
)
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
        "steepness": -wide["lambda_min"] * wide["width"],
    }


@table(escaped="share that got away")
def escape_medians(config: Config, tables: Tables) -> Blocks:
    """Median time of the escapes per width and kind of shares; those that did not get
    away count with all their time.
    """
    for shares in RATES:
        escapes = tables["escapes"].select(shares=shares)
        for width in np.unique(escapes["width"]).tolist():
            members = escapes.select(width=width)
            share = float(np.mean(members["status"] == Status.CONVERGED))
            yield {
                "width": width,
                "shares": shares,
                "time": float(np.median(members["time"])),
                "escaped": share,
            }
