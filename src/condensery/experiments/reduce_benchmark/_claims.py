"""The claims of reduce-benchmark, each on its measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
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
from condensery.experiments.reduce_benchmark._work import CONTROL, OURS
from condensery.metrics import MeanDifference, mean_difference
from condensery.records import Table

WITH_DATA = ("folding-repair",)
LOST = 0.005
"""Accuracy that may be lost: half a point."""

sentence = partial(
    claim,
    kind="aim",
    paper="condensery",
    source="this project, on merging by direction (Chen et al. 2024)",
)


def loss(
    network: Network, ratio: float, column: str, config: Config, tables: Tables
) -> Measured:
    """Upper end of the interval of what the better of our two ways loses; the ordinary
    network in the note.
    """
    networks = tables["accuracy"].select(network=network)
    condensed = networks.select(start="condensed")
    ordinary = networks.select(start="ordinary")
    if not np.any(np.isclose(condensed["ratio"], ratio)):
        return Measured(None, needs=f"networks with {network}, ratios with {ratio:g}")
    lost, method = _least_loss(condensed, ratio, column)
    note = f"{method} loses {_points(lost)} points"
    if len(ordinary):
        peer, _ = _least_loss(ordinary, ratio, column)
        note += f"; the ordinary network {_points(peer)}"
    return _ending(lost.high, note)


def _least_loss(table: Table, ratio: float, column: str) -> tuple[MeanDifference, str]:
    """What the better of our two ways loses, over seeds."""
    losses = []
    for method in OURS:
        seeds = table.select(method=method, ratio=ratio)
        lost = mean_difference(seeds["whole"], seeds[column])
        losses.append((lost, method))
    return min(losses, key=lambda entry: entry[0].mean)


def _points(difference: MeanDifference) -> str:
    """A difference of accuracies in points, with its interval."""
    names = ("mean", "low", "high")
    scaled = {name: 100 * getattr(difference, name) for name in names}
    return str(replace(difference, **scaled))


def _ending(value: float, note: str) -> Measured:
    """The end of an interval; one seed has none."""
    if not np.isfinite(value):
        return Measured(None, needs="two seeds or more")
    return Measured(value, note)


def lead(network: Network, config: Config, tables: Tables) -> Measured:
    """The least lower end of the lead over any peer at any size, of the better of our
    two ways; like with like in the note.
    """
    condensed = tables["accuracy"].select(network=network, start="condensed")
    if not len(condensed):
        return Measured(None, needs=f"networks with {network}")
    leads = _leads(condensed, OURS, lambda method: True)
    lead, where = _nearest(leads)
    plain = _leads(condensed, OURS[:1], lambda method: method not in WITH_DATA)
    fitted = _leads(condensed, OURS[1:], lambda method: method in WITH_DATA)
    ahead = sum(lead.low > 0 for lead, _ in leads)
    behind = sum(lead.high < 0 for lead, _ in leads)
    note = (
        f"of {len(leads)} pairs of peer and size ahead in {ahead}, behind in {behind}, "
        f"not decided in {len(leads) - ahead - behind}; nearest {where}: "
        f"{_points(lead)} points; without data against peers without "
        f"{_points(_nearest(plain)[0])}, with data against peers with "
        f"{_points(_nearest(fitted)[0])}; merging leaves at most {_more(condensed)} "
        "units more than the peers"
    )
    return _ending(lead.low, note)


Leads = list[tuple[MeanDifference, str]]


def _leads(
    accuracy: Table, ours: Sequence[str], counts: Callable[[str], bool]
) -> Leads:
    """Leads of the better of our ways over every peer that counts, at every size."""
    leads: Leads = []
    for ratio in np.unique(accuracy["ratio"]).tolist():
        rows = accuracy.select(ratio=ratio)
        columns = [rows.select(method=method)["before"] for method in ours]
        best = max(columns, key=np.mean)
        for method in np.unique(rows["method"]).tolist():
            if method not in (*OURS, CONTROL) and counts(method):
                peer = rows.select(method=method)["before"]
                where = f"{method} at {ratio:.3g} of the width"
                leads.append((mean_difference(best, peer), where))
    return leads


def _nearest(leads: Leads) -> tuple[MeanDifference, str]:
    return min(leads, key=lambda entry: entry[0].low)


def _more(accuracy: Table) -> str:
    """Units that are left above those of the control: clusters that cancel are not
    merged, and stay.
    """
    differences = []
    for ratio in np.unique(accuracy["ratio"]).tolist():
        rows = accuracy.select(ratio=ratio)
        ours = max(_units(rows, method) for method in OURS)
        differences.append(ours - _units(rows, CONTROL))
    return f"{max(differences):.3g}"


def _units(rows: Table, method: str) -> float:
    return float(np.mean(rows.select(method=method)["units"]))


mlp_four_times = sentence(
    "mlp-four-times",
    "The condensed mlp with 4 times fewer hidden units loses at most half a point "
    "without fine-tuning (upper end of the 95 % interval over seeds).",
    at_most(LOST),
)(partial(loss, "mlp", 0.25, "before"))
mlp_eight_times = sentence(
    "mlp-eight-times",
    "The condensed mlp with 8 times fewer hidden units loses at most half a point "
    "after fine-tuning (upper end of the 95 % interval over seeds).",
    at_most(LOST),
)(partial(loss, "mlp", 0.125, "after"))
mlp_ahead = sentence(
    "mlp-ahead",
    "On the condensed mlp merging by direction is ahead of every peer at every size, "
    "before fine-tuning (least lower end of the lead's 95 % interval over seeds).",
    at_least(0.0),
)(partial(lead, "mlp"))
cnn_four_times = sentence(
    "cnn-four-times",
    "The condensed cnn with 4 times fewer channels and units loses at most half a "
    "point without fine-tuning (upper end of the 95 % interval over seeds).",
    at_most(LOST),
)(partial(loss, "cnn", 0.25, "before"))
cnn_eight_times = sentence(
    "cnn-eight-times",
    "The condensed cnn with 8 times fewer channels and units loses at most half a "
    "point after fine-tuning (upper end of the 95 % interval over seeds).",
    at_most(LOST),
)(partial(loss, "cnn", 0.125, "after"))
cnn_ahead = sentence(
    "cnn-ahead",
    "On the condensed cnn merging by direction is ahead of every peer at every size, "
    "before fine-tuning (least lower end of the lead's 95 % interval over seeds).",
    at_least(0.0),
)(partial(lead, "cnn"))


@sentence(
    "mlp-threshold-units",
    "Merging by direction at the cosine tau alone leaves at most a quarter of "
    "the condensed mlp's hidden units.",
    at_most(0.25),
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
    "half a point (upper end of the 95 % interval over seeds).",
    at_most(LOST),
)
def threshold_loss(config: Config, tables: Tables) -> Measured:
    """The upper end of the interval of the accuracy lost."""
    table = _mlp(tables, "condensed")
    if not len(table):
        return Measured(None, "not run", at_most(None))
    lost = _lost(table)
    note = f"loses {_points(lost)} points; {_threshold_note(tables)}"
    return _ending(lost.high, note)


def _mlp(tables: Tables, start: str) -> Table:
    return tables["threshold"].select(network="mlp", start=start)


def _lost(table: Table) -> MeanDifference:
    return mean_difference(table["whole"], table["before"])


def _threshold_note(tables: Tables) -> str:
    condensed, ordinary = _mlp(tables, "condensed"), _mlp(tables, "ordinary")
    left = np.mean(condensed["left"])
    note = f"of {condensed['units'][0]} units {left:.0f} are left"
    if len(ordinary):
        note += (
            f", of the ordinary network's {np.mean(ordinary['left']):.0f}, which loses "
            f"{_points(_lost(ordinary))} points"
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
