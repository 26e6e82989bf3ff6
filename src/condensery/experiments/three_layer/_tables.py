"""From the shards to the tables: slopes of both layers, outputs, neurons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condensery.experiments.three_layer._config import Config
from condensery.experiments.three_layer._tasks import points
from condensery.metrics import condensation, width_slope
from condensery.protocols import Arrays
from condensery.records import Status, Table
from condensery.theory import three_layer_boundaries, three_layer_slopes

COLUMNS = (
    "gamma2",
    "gamma3",
    "width",
    "seed",
    "rd1",
    "rd2",
    "rd_a",
    "loss",
    "time",
    "steps",
    "status",
)
THRESHOLD = 0.99
ACTIVE = 0.1
"""Active are the longest tenth of the neurons: those away from the origin, of which the
paper gives no number.
"""


def build_tables(config: Config, shards: Sequence[Arrays]) -> dict[str, Table]:
    """All tables; the last shard is that of `show`."""
    *trained, shown = shards
    members = Table(
        columns={
            name: np.concatenate([np.asarray(shard[name]) for shard in trained])
            for name in COLUMNS
        },
        units={
            "time": "normalised flow time t/(β1 β2 β3)^(2/3)",
            "loss": "mean square",
            "rd1": "of W1",
            "rd2": "of W2",
        },
    )
    x, y = points()
    fine = np.linspace(min(config.gamma2s) - 0.5, max(config.gamma2s) + 0.5, 201)
    lines = three_layer_boundaries(fine)
    return {
        "members": members,
        "slopes": slope_table(members),
        "boundary": Table(
            columns={"gamma2": fine, "first": lines.first, "second": lines.second}
        ),
        **_shown(config, shown),
        "data": Table(columns={"x": x, "y": y}),
    }


def slope_table(members: Table) -> Table:
    """Width slopes of every cell from the members that converged, with the exponents of
    the balance of layers.
    """
    cells = np.unique(np.column_stack([members["gamma2"], members["gamma3"]]), axis=0)
    names = {"first": "rd1", "second": "rd2", "output": "rd_a"}
    columns: dict[str, list[float]] = {
        f"{name}{end}": [] for name in names for end in ("", "_se")
    }
    columns["left_out"] = []
    for gamma2, gamma3 in cells:
        own = members.select(gamma2=gamma2, gamma3=gamma3)
        good = own["status"] == Status.CONVERGED
        columns["left_out"].append(float(np.sum(~good)))
        for name, rd in names.items():
            enough = len(np.unique(own["width"][good])) > 1
            fit = (
                width_slope(own["width"][good].astype(float), own[rd][good])
                if enough
                else None
            )
            columns[name].append(fit.slope if fit else np.nan)
            columns[f"{name}_se"].append(fit.slope_se if fit else np.nan)
    theory = three_layer_slopes(cells[:, 0], cells[:, 1])
    return Table(
        columns={
            "gamma2": cells[:, 0],
            "gamma3": cells[:, 1],
            **{name: np.array(c) for name, c in columns.items()},
            "theory_first": theory.first,
            "theory_second": theory.second,
        },
        units={
            "first": "S_W1",
            "second": "S_W2",
            "theory_first": "by the balance of layers, this library's",
        },
    )


def _longest(w: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(w, axis=1)
    return w[np.argsort(-lengths)[: max(2, round(ACTIVE * len(w)))]]


def _shown(config: Config, shard: Arrays) -> dict[str, Table]:
    gamma3, grid, outputs, pairs = (
        np.asarray(shard[name]) for name in ("gamma3", "grid", "outputs", "pairs")
    )
    x, y = points()
    units = pairs.shape[2]
    found = [
        [condensation(_longest(w), threshold=THRESHOLD, active=0.0) for w in both]
        for both in pairs
    ]
    checked = np.asarray(shard["checked"])
    return {
        "outputs": Table(
            columns={
                "gamma3": np.repeat(gamma3, len(grid)),
                "x": np.tile(grid, len(gamma3)),
                "initial": outputs[:, 0].ravel(),
                "final": outputs[:, 1].ravel(),
                "reference": np.tile(np.interp(grid, x[:, 0], y), len(gamma3)),
            }
        ),
        "pairs": Table(
            columns={
                "gamma3": np.repeat(gamma3, 2 * units),
                "when": np.tile(np.repeat([0, 1], units), len(gamma3)),
                "weight": pairs[..., 0].ravel(),
                "bias": pairs[..., 1].ravel(),
            },
            units={
                "when": "0 before, 1 after training",
                "weight": "w of the first layer, normalised",
            },
        ),
        "neurons": Table(
            columns={
                "gamma3": gamma3,
                "width": np.full(len(gamma3), config.shown_width),
                "orientations_before": np.array(
                    [both[0].effective_neurons for both in found]
                ),
                "orientations": np.array([both[1].effective_neurons for both in found]),
                "active": np.array([both[1].active_units for both in found]),
            },
            units={
                "orientations": f"cover at cosine {THRESHOLD} of the longest tenth "
                "of the neurons"
            },
        ),
        "methods": Table(
            columns={
                "gamma3": gamma3,
                "exponential_1": checked[:, 0, 0],
                "gram_1": checked[:, 1, 0],
                "exponential_2": checked[:, 0, 1],
                "gram_2": checked[:, 1, 1],
            }
        ),
    }
