"""The table that `inspect` gives: one row per layer, printable, as JSON, and in a
notebook.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from condensery.records import Table


@dataclass(frozen=True)
class LayerReport:
    """One row of an inspection.

    Attributes:
        layer: The module's name, and after a colon what of it where that is not all.
        kind: What the units are.
        units: Number of units.
        features: Entries of a unit's row (w, b).
        active: Units whose ‖(w, b)‖ is above the cut.
        groups: Condensed groups of the active units; a unit alone is one.
        largest_group: Units of the largest group.
        effective_neurons: Directions that cover the active units.
        effective_ratio: effective_neurons / units.
        chance_ratio: The same for random orientations in a layer of this shape with as
            many active units.
        excess: chance_ratio − effective_ratio: condensation that is not chance. In [-1,
            1]; 0 is none.
        largest_cosine: Between two active units; nan where there are fewer than two.
        chance_cosine: Median of the largest cosine for random orientations.
        smallest_cosine: The most opposite two active units.
        dead: Units without incoming weights.
        duplicates: Units whose direction an earlier unit has, to 1e-6 rad.
        activation: Name of the activation that follows, ``linear`` for none; empty
            where it has none or is not known.
        mergeable: ``exactly``, ``approximately`` or ``not``.
        exact_merges: Units that could go without any change of the output in evaluation
            mode, to rounding.
        approximate_merges: Units that could go with a change that has to be measured.
        why: Why.
        note: What a reader must know to read the row.
    """

    layer: str
    kind: str
    units: int
    features: int
    active: int
    groups: int
    largest_group: int
    effective_neurons: int
    effective_ratio: float
    chance_ratio: float
    excess: float
    largest_cosine: float
    chance_cosine: float
    smallest_cosine: float
    dead: int
    duplicates: int
    activation: str
    mergeable: str
    exact_merges: int
    approximate_merges: int
    why: str
    note: str = ""


_SHOWN = (
    ("layer", "layer"),
    ("kind", "kind"),
    ("units", "units"),
    ("groups", "groups"),
    ("effective_neurons", "effective"),
    ("effective_ratio", "ratio"),
    ("chance_ratio", "by chance"),
    ("largest_cosine", "max cos"),
    ("chance_cosine", "by chance"),
    ("dead", "dead"),
    ("duplicates", "duplicates"),
    ("mergeable", "mergeable"),
    ("why", "why"),
)
"""Columns of a printed table and their heads; `columns` has all."""
_WORDS = frozenset({"layer", "kind", "mergeable", "why"})
"""Columns that are aligned to the left."""


class Inspection(Sequence[LayerReport]):
    """What `inspect` found: a sequence of rows with named columns.

    Attributes:
        rows: One `LayerReport` per layer.
        threshold: Cosine from which two directions counted as one.
        active: Cut, as a share of the largest ‖(w, b)‖ of each layer.
        skipped: Weights that were not measured, each with the reason.
        parameters: Number of weights in the model.

    Example:
        >>> import torch
        >>> from condensery.torch import inspect
        >>> table = inspect(torch.nn.Linear(4, 3))
        >>> len(table), table["units"].tolist(), table[0].kind
        (1, [3], 'Linear')
    """

    def __init__(
        self,
        rows: Sequence[LayerReport],
        *,
        threshold: float,
        active: float,
        skipped: Mapping[str, str],
        parameters: int,
    ) -> None:
        self.rows = tuple(rows)
        self.threshold = threshold
        self.active = active
        self.skipped = dict(skipped)
        self.parameters = parameters

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[LayerReport]:
        return iter(self.rows)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return np.array([getattr(row, key) for row in self.rows])
        return self.rows[key]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(field.name for field in fields(LayerReport))

    def layer(self, name: str) -> LayerReport:
        """The row of one layer.

        Raises:
            KeyError: If there is none of this name.
        """
        for row in self.rows:
            if row.layer == name:
                return row
        raise KeyError(name)

    def to_table(self) -> Table:
        """The rows as a record of the store, for export and figures."""
        from condensery.records import Table

        return Table(columns={name: self[name] for name in self.columns})

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self.rows])

    def document(self) -> dict[str, Any]:
        """The inspection as what JSON can hold; numbers that are none (nan) are
        None.
        """
        rows = [
            {
                key: None if isinstance(value, float) and math.isnan(value) else value
                for key, value in asdict(row).items()
            }
            for row in self.rows
        ]
        return {
            "threshold": self.threshold,
            "active": self.active,
            "parameters": self.parameters,
            "layers": rows,
            "skipped": self.skipped,
        }

    def to_json(self) -> str:
        """The inspection as one JSON document."""
        return json.dumps(
            self.document(), indent=2, ensure_ascii=False, allow_nan=False
        )

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """Heads and texts of the printed table."""
        return [head for _, head in _SHOWN], [
            [_text(getattr(row, key)) for key, _ in _SHOWN] for row in self.rows
        ]

    def remarks(self) -> list[str]:
        """Notes on single layers, and what was not measured."""
        notes = [f"{row.layer}: {row.note}" for row in self.rows if row.note]
        return notes + [
            f"not measured: {name}: {reason}" for name, reason in self.skipped.items()
        ]

    def summary(self) -> str:
        """All layers in one line."""
        units = sum(row.units for row in self.rows)
        exact = sum(row.exact_merges for row in self.rows)
        near = sum(row.approximate_merges for row in self.rows)
        return (
            f"{len(self)} layers, {units:,} units, {self.parameters:,} parameters: "
            f"{exact} exact merges, {near} approximate (cosine ≥ {self.threshold:g})"
        )

    def __repr__(self) -> str:
        heads, rows = self.cells()
        columns = list(zip(heads, *rows, strict=True))
        widths = [max(len(cell) for cell in column) for column in columns]
        padded = [
            [
                cell.ljust(width) if key in _WORDS else cell.rjust(width)
                for cell, width, (key, _) in zip(line, widths, _SHOWN, strict=True)
            ]
            for line in [heads, *rows]
        ]
        printed = ["  ".join(line).rstrip() for line in padded]
        return "\n".join([*printed, self.summary(), *self.remarks()])

    def _repr_html_(self) -> str:
        heads, rows = self.cells()
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
            for row in rows
        )
        remarks = "".join(f"<br>{html.escape(remark)}" for remark in self.remarks())
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"{table}<p>{html.escape(self.summary())}{remarks}</p>"


def _text(value: object) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.3f}"
    return str(value)
