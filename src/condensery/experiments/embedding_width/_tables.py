"""The tables of embedding-width, and what the figures show of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from condensery.declare import Results, rows, stack
from condensery.experiments.embedding_width._config import COUNTS, NAMES, Config
from condensery.experiments.embedding_width._counts import as_published
from condensery.experiments.embedding_width._work import (
    embed_iris,
    embed_line,
    escape,
)
from condensery.protocols import Arrays
from condensery.records import Status, Table

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


def points(config: Config, results: Results) -> Table:
    """Every critical point of both nets."""
    blocks = []
    published = as_published(splits(config, results).select(net="iris"))
    numbers = [point for point, _ in published]
    for net, run in _nets(results):
        count = len(run["point_width"])
        number = np.arange(count)
        block: dict[str, Any] = {
            "net": np.full(count, net),
            "point": number,
            "width": run["point_width"],
            "loss": run["point_loss"],
            "gradient": run["point_gradient"],
            "starts": run["point_starts"],
            **_counts("", run["point_counts"]),
            "as_published": (net == "iris") & np.isin(number, numbers),
        }
        blocks.append(block)
    return stack(blocks)


def _counts(prefix: str, counts: Any) -> dict[str, np.ndarray]:
    columns = np.asarray(counts).T
    return {f"{prefix}{name}": columns[index] for index, name in enumerate(COUNTS)}


def splits(config: Config, results: Results) -> Table:
    """Every split of both nets, with predicted and measured inertia."""
    names = np.asarray(NAMES)
    blocks = []
    for net, run in _nets(results):
        point = np.asarray(run["split_point"])
        block: dict[str, Any] = {
            "net": np.full(len(point), net),
            "point": point,
            "width": run["point_width"][point],
            "unit": run["split_unit"],
            "fractions": names[run["split_kind"]],
            **_counts("", run["split_predicted"]),
            **_counts("measured_", run["split_measured"]),
            "rank": run["split_rank"],
            "decided": run["split_decided"],
        }
        blocks.append(block)
    return stack(blocks)


def spectra(config: Config, results: Results) -> Table:
    """Every eigenvalue after every split."""
    names = np.asarray(NAMES)
    blocks = []
    for net, run in _nets(results):
        spectrum = run["split_spectrum"]
        row, index = np.nonzero(np.isfinite(spectrum))
        point = run["split_point"][row]
        block: dict[str, Any] = {
            "net": np.full(len(row), net),
            "point": point,
            "width": run["point_width"][point],
            "unit": run["split_unit"][row],
            "fractions": names[run["split_kind"][row]],
            "index": index,
            "eigenvalue": spectrum[row, index],
        }
        blocks.append(block)
    return stack(blocks)


def widths(config: Config, results: Results) -> Table:
    """The width-1 point in equal copies."""
    line = results.only(embed_line)
    columns: Mapping[str, Any] = {
        "width": line["wide_width"],
        **_counts("", line["wide_predicted"]),
        **_counts("measured_", line["wide_measured"]),
        "lambda_min": line["wide_lambda"],
        "lambda_min_dense": line["wide_lambda_dense"],
    }
    note = "−1 where the dense Hessian was not formed"
    return stack(
        [columns],
        lambda_min="of the block that the split adds",
        measured_negative=note,
        measured_zero=note,
        measured_positive=note,
    )


def descent(config: Config, results: Results) -> Table:
    """The loss along every new direction of descent."""
    line = results.only(embed_line)
    names = ("point", "unit", "curvature", "t", "loss")
    return stack(
        [{name: line[f"curve_{name}"] for name in names}],
        curvature="uᵀHu along the unit direction u",
        t="distance along u",
    )


def escapes(config: Config, results: Results) -> Table:
    """Every escape."""
    names = ("width", "seed", "steps", "rate", "status")
    blocks = []
    for _, run in results.of(escape):
        block = {name: np.asarray(run[name]) for name in names}
        block["time"] = block["steps"] * block["rate"]
        blocks.append(block)
    return stack(
        blocks,
        steps="of gradient descent until the loss is 1 % below that of the "
        "embedded point",
        time="steps · rate, the time of the gradient flow",
    )


def ranked(config: Config, results: Results) -> Table:
    """See `ranked_spectra`."""
    made = (function(config, results) for function in (points, splits, spectra))
    return ranked_spectra(*made)


def ranked_spectra(points: Table, splits: Table, spectra: Table) -> Table:
    """Eigenvalues over the largest, by rank, of the best points of widths 1 and 2 of
    the three steps, and of Iris the point with the published counts, else the best one;
    unit 0. The name of a curve counts its signs.
    """
    blocks = []
    for title, (net, width) in PANELS.items():
        candidates = points.select(net=net, width=width)
        if not len(candidates):
            continue
        # the point with the published counts, where there is one
        if candidates["as_published"].any():
            candidates = candidates.select(as_published=True)
        best = int(np.argmin(candidates["loss"]))
        key = {"net": net, "point": int(candidates["point"][best]), "unit": 0}
        for fractions in SHOWN:
            counted = splits.select(**key, fractions=fractions)
            counts = [str(counted[f"measured_{name}"][0]) for name in COUNTS]
            spectrum = spectra.select(**key, fractions=fractions)
            ascending = np.sort(spectrum["eigenvalue"])
            name = fractions.replace("none", "narrow")
            block = rows(
                {"rank": np.arange(1, len(ascending) + 1)},
                panel=title,
                fractions=fractions,
                curve=f"{name}: ({', '.join(counts)})",
                eigenvalue=ascending / np.abs(ascending).max(),
            )
            blocks.append(block)
    columns = ("rank", "panel", "fractions", "curve", "eigenvalue")
    return _stacked(blocks, columns)


def _stacked(blocks: list[dict[str, Any]], columns: tuple[str, ...]) -> Table:
    """One table, which has its columns also where there is no block."""
    return stack(blocks or [{name: np.zeros(0) for name in columns}])


def steepest(config: Config, results: Results) -> Table:
    """See `steepest_descents`."""
    return steepest_descents(points(config, results), descent(config, results))


def steepest_descents(points: Table, descent: Table) -> Table:
    """The loss along the steepest new direction of the best points of widths 1 and 2,
    and the parabola of its curvature; over the depth that is reached.
    """
    blocks = []
    of_line = points.select(net="three steps")
    for width in (1, 2):
        best = of_line.select(width=width)["point"][:1]
        if not best.size:
            continue
        curves = descent.select(point=int(best[0]))
        if not len(curves):
            continue
        curve = curves.select(curvature=float(curves["curvature"].min()))
        curve = curve.select(unit=int(curve["unit"][0]))
        t, loss, curvature = (curve[name] for name in ("t", "loss", "curvature"))
        start = loss[len(loss) // 2]
        change = (loss - start) / start
        depth = float(-change.min())
        name = f"width {width} in {width + 1}: depth {depth:.1e}"
        block = {
            "width": np.full(len(t), width),
            "curve": np.full(len(t), name),
            "t": t,
            "loss": loss,
            "curvature": curvature,
            "distance": t / abs(t[int(np.argmin(loss))]),
            "change": change / depth,
            "parabola": 0.5 * curvature * t**2 / start / depth,
        }
        blocks.append(block)
    columns = ("width", "curve", "distance", "change", "parabola")
    return _stacked(blocks, columns)


def directions(config: Config, results: Results) -> Table:
    """See `directions_of_descent`."""
    return directions_of_descent(widths(config, results))


def directions_of_descent(widths: Table) -> Table:
    """Number and steepness of the directions of descent at widths above 1."""
    wide = widths["width"] > 1
    width = widths["width"][wide]
    measured = widths["measured_negative"][wide]
    columns = {
        "width": width,
        "predicted": widths["negative"][wide],
        "measured": measured,
        "dense": measured >= 0,
        "copies": width - 1,
        "steepness": -widths["lambda_min"][wide],
    }
    units = {"copies": "m − 1", "steepness": "minus the least eigenvalue"}
    return Table(columns=columns, units=units)


def escape_medians(config: Config, results: Results) -> Table:
    """See `median_escapes`."""
    return median_escapes(escapes(config, results))


def median_escapes(escapes: Table) -> Table:
    """Median time of the escapes per width; those that did not get away count with the
    most steps.
    """
    blocks = []
    for width in np.unique(escapes["width"]).tolist():
        members = escapes.select(width=width)
        share = float(np.mean(members["status"] == Status.CONVERGED))
        block = rows(
            {"width": [width]},
            time=float(np.median(members["time"])),
            escaped=share,
            outcome="time" if share > 0.5 else "not by then",
        )
        blocks.append(block)
    return stack(blocks, escaped="share that got away")
