"""The tables of embedding-width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from condensery.experiments.embedding_width._claims import as_published
from condensery.experiments.embedding_width._config import NAMES
from condensery.protocols import Arrays
from condensery.records import Table

COUNTS = ("negative", "zero", "positive")


def build_tables(
    line: Arrays, iris: Arrays, escapes: Sequence[Arrays]
) -> dict[str, Table]:
    """Points and splits of both nets in one table each; spectra one row per
    eigenvalue.
    """
    nets = {"three steps": line, "iris": iris}
    splits = _stack([_splits(name, arrays) for name, arrays in nets.items()])
    points = _stack([_points(name, arrays) for name, arrays in nets.items()])
    published = {point for point, _ in as_published(splits.select(net="iris"))}
    shown = (points["net"] == "iris") & np.isin(points["point"], list(published))
    return {
        "points": Table(columns={**points.columns, "as_published": shown}),
        "splits": splits,
        "spectra": _stack([_spectra(name, arrays) for name, arrays in nets.items()]),
        "widths": _widths(line),
        "descent": Table(
            columns={
                name: np.asarray(line[f"curve_{name}"])
                for name in ("point", "unit", "curvature", "t", "loss")
            },
            units={
                "curvature": "uᵀHu along the unit direction u",
                "t": "distance along u",
            },
        ),
        "escapes": _escapes(escapes),
    }


def _escapes(shards: Sequence[Arrays]) -> Table:
    names = ("width", "seed", "steps", "rate", "status")
    columns = {
        name: np.concatenate([np.asarray(shard[name]) for shard in shards])
        for name in names
    }
    return Table(
        columns={**columns, "time": columns["steps"] * columns["rate"]},
        units={
            "steps": "of gradient descent until the loss is 1 % below that of the "
            "embedded point",
            "time": "steps · rate, the time of the gradient flow",
        },
    )


def _stack(parts: list[dict[str, np.ndarray]]) -> Table:
    return Table(
        columns={
            name: np.concatenate([part[name] for part in parts]) for name in parts[0]
        }
    )


def _points(net: str, arrays: Arrays) -> dict[str, np.ndarray]:
    count = len(arrays["point_width"])
    return {
        "net": np.full(count, net),
        "point": np.arange(count),
        "width": np.asarray(arrays["point_width"]),
        "loss": np.asarray(arrays["point_loss"]),
        "gradient": np.asarray(arrays["point_gradient"]),
        "starts": np.asarray(arrays["point_starts"]),
        **{
            name: np.asarray(arrays["point_counts"])[:, place]
            for place, name in enumerate(COUNTS)
        },
    }


def _splits(net: str, arrays: Arrays) -> dict[str, np.ndarray]:
    predicted, measured = (
        np.asarray(arrays["split_predicted"]),
        np.asarray(arrays["split_measured"]),
    )
    point = np.asarray(arrays["split_point"])
    return {
        "net": np.full(len(point), net),
        "point": point,
        "width": np.asarray(arrays["point_width"])[point],
        "unit": np.asarray(arrays["split_unit"]),
        "fractions": np.asarray(NAMES)[np.asarray(arrays["split_kind"])],
        **{name: predicted[:, place] for place, name in enumerate(COUNTS)},
        **{f"measured_{name}": measured[:, place] for place, name in enumerate(COUNTS)},
        "rank": np.asarray(arrays["split_rank"]),
        "decided": np.asarray(arrays["split_decided"]),
    }


def _spectra(net: str, arrays: Arrays) -> dict[str, np.ndarray]:
    spectrum = np.asarray(arrays["split_spectrum"])
    row, place = np.nonzero(np.isfinite(spectrum))
    point = np.asarray(arrays["split_point"])[row]
    return {
        "net": np.full(len(row), net),
        "point": point,
        "width": np.asarray(arrays["point_width"])[point],
        "unit": np.asarray(arrays["split_unit"])[row],
        "fractions": np.asarray(NAMES)[np.asarray(arrays["split_kind"])[row]],
        "index": place,
        "eigenvalue": spectrum[row, place],
    }


def _widths(line: Arrays) -> Table:
    predicted, measured = (
        np.asarray(line["wide_predicted"]),
        np.asarray(line["wide_measured"]),
    )
    columns: Mapping[str, np.ndarray] = {
        "width": np.asarray(line["wide_width"]),
        **{name: predicted[:, place] for place, name in enumerate(COUNTS)},
        **{f"measured_{name}": measured[:, place] for place, name in enumerate(COUNTS)},
        "lambda_min": np.asarray(line["wide_lambda"]),
        "lambda_min_dense": np.asarray(line["wide_lambda_dense"]),
    }
    note = "−1 where the dense Hessian was not formed"
    return Table(
        columns=dict(columns),
        units={
            "lambda_min": "of the block that the split adds",
            **{f"measured_{name}": note for name in COUNTS},
        },
    )
