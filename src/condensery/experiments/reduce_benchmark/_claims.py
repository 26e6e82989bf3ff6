"""The claims of reduce-benchmark, each on its measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from condensery.declare import (
    Measured,
    Tables,
    at_least,
    at_most,
    claim,
)
from condensery.experiments.reduce_benchmark._config import Config, Network
from condensery.records import Table

OURS = ("direction", "direction-lstsq")
CONTROL = "from-scratch"
WITH_DATA = ("folding-repair",)
LOST = 0.005
"""Accuracy that may be lost: half a point."""

sentence = partial(
    claim,
    paper="chen2024reduction",
    source="claim of this package, after the paper's merging by direction",
)


def loss(
    network: Network, ratio: float, column: str, config: Config, tables: Tables
) -> Measured:
    """Points lost by the better of our two ways; the ordinary network in the note."""
    networks = tables["means"].select(network=network)
    condensed = networks.select(start="condensed")
    ordinary = networks.select(start="ordinary")
    if not np.any(np.isclose(condensed["ratio"], ratio)):
        return Measured(None, needs=f"networks with {network}, ratios with {ratio:g}")
    lost, method = _least_loss(condensed, ratio, column)
    peer = float("nan")
    if len(ordinary):
        peer, _ = _least_loss(ordinary, ratio, column)
    note = f"{method}; the ordinary network loses {100 * peer:.1f} points"
    return Measured(lost, note)


def _least_loss(table: Table, ratio: float, column: str) -> tuple[float, str]:
    losses = []
    for method in OURS:
        row = table.select(method=method, ratio=ratio)
        losses.append((float(row["whole"][0] - row[column][0]), method))
    return min(losses)


def lead(network: Network, config: Config, tables: Tables) -> Measured:
    """The least lead over any peer at any size, of the better of our two ways; like
    with like in the note.
    """
    means = tables["means"].select(network=network, start="condensed")
    if not len(means):
        return Measured(None, needs=f"networks with {network}")
    worst, where = _least_lead(means, OURS, lambda method: True)
    plain, _ = _least_lead(means, OURS[:1], lambda method: method not in WITH_DATA)
    fitted, _ = _least_lead(means, OURS[1:], lambda method: method in WITH_DATA)
    note = (
        f"nearest: {where}; without data against peers without {100 * plain:+.1f} "
        "points, with data against peers "
        f"with {100 * fitted:+.1f}; merging leaves at most {_more(means)} units more "
        "than the peers"
    )
    return Measured(worst, note)


def _least_lead(
    means: Table, ours: Sequence[str], counts: Callable[[str], bool]
) -> tuple[float, str]:
    worst, where = np.inf, ""
    for ratio in np.unique(means["ratio"]).tolist():
        rows = means.select(ratio=ratio)
        best = max(_value(rows, method, "before") for method in ours)
        for row in np.flatnonzero(np.isclose(means["ratio"], ratio)).tolist():
            method = str(means["method"][row])
            advantage = best - float(means["before"][row])
            is_peer = method not in (*OURS, CONTROL) and counts(method)
            if is_peer and advantage < worst:
                worst, where = advantage, f"{method} at {ratio:.3g} of the width"
    return float(worst), where


def _more(means: Table) -> str:
    """Units that are left above those of the control: clusters that cancel are not
    merged, and stay.
    """
    differences = []
    for ratio in np.unique(means["ratio"]).tolist():
        rows = means.select(ratio=ratio)
        ours = max(_value(rows, method, "units") for method in OURS)
        differences.append(ours - _value(rows, CONTROL, "units"))
    return f"{max(differences):.3g}"


def _value(rows: Table, method: str, column: str) -> float:
    return float(rows.select(method=method)[column][0])


mlp_four_times = sentence(
    "mlp-four-times",
    "The condensed mlp with 4 times fewer hidden units loses at most half a point "
    "without fine-tuning.",
    at_most(LOST),
    kind="aim",
)(partial(loss, "mlp", 0.25, "before"))
mlp_eight_times = sentence(
    "mlp-eight-times",
    "The condensed mlp with 8 times fewer hidden units loses at most half a point "
    "after fine-tuning.",
    at_most(LOST),
    kind="aim",
)(partial(loss, "mlp", 0.125, "after"))
mlp_ahead = sentence(
    "mlp-ahead",
    "On the condensed mlp merging by direction is ahead of every peer at every size, "
    "before fine-tuning (the least lead, mean over seeds).",
    at_least(0.0),
    kind="aim",
)(partial(lead, "mlp"))
cnn_four_times = sentence(
    "cnn-four-times",
    "The condensed cnn with 4 times fewer channels and units loses at most half a "
    "point without fine-tuning.",
    at_most(LOST),
    kind="aim",
)(partial(loss, "cnn", 0.25, "before"))
cnn_eight_times = sentence(
    "cnn-eight-times",
    "The condensed cnn with 8 times fewer channels and units loses at most half a "
    "point after fine-tuning.",
    at_most(LOST),
    kind="aim",
)(partial(loss, "cnn", 0.125, "after"))
cnn_ahead = sentence(
    "cnn-ahead",
    "On the condensed cnn merging by direction is ahead of every peer at every size, "
    "before fine-tuning (the least lead, mean over seeds).",
    at_least(0.0),
    kind="aim",
)(partial(lead, "cnn"))


@sentence(
    "mlp-threshold-units",
    "Merging by direction at the cosine tau alone leaves at most a quarter of "
    "the condensed mlp's hidden units.",
    at_most(0.25),
    kind="aim",
)
def threshold_units(config: Config, tables: Tables) -> Measured:
    """The mean share of units that are left."""
    table = _mlp(tables, "condensed")
    if not len(table):
        return Measured(None, needs="networks with mlp")
    share = float(np.mean(table["left"] / table["units"]))
    return Measured(share, _threshold_note(tables))


@sentence(
    "mlp-threshold-loss",
    "Merging by direction at the cosine tau alone costs the condensed mlp at most "
    "half a point.",
    at_most(LOST),
    kind="aim",
)
def threshold_loss(config: Config, tables: Tables) -> Measured:
    """The mean accuracy lost."""
    table = _mlp(tables, "condensed")
    if not len(table):
        return Measured(None, needs="networks with mlp")
    return Measured(_lost(table), _threshold_note(tables))


def _mlp(tables: Tables, start: str) -> Table:
    return tables["threshold"].select(network="mlp", start=start)


def _lost(table: Table) -> float:
    return float(np.mean(table["whole"] - table["before"]))


def _threshold_note(tables: Tables) -> str:
    condensed, ordinary = _mlp(tables, "condensed"), _mlp(tables, "ordinary")
    left = np.mean(condensed["left"])
    note = f"of {condensed['units'][0]} units {left:.0f} are left"
    if len(ordinary):
        note += (
            f", of the ordinary network's {np.mean(ordinary['left']):.0f}, which loses "
            f"{100 * _lost(ordinary):.1f} points"
        )
    return note


judges = (
    mlp_four_times,
    mlp_eight_times,
    mlp_ahead,
    cnn_four_times,
    cnn_eight_times,
    cnn_ahead,
    threshold_units,
    threshold_loss,
)
