"""The table that `inspect` gives: one row per layer, printable, as JSON, and in a
notebook.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from condensery.torch._inspection._layer_report import LayerReport
from condensery.torch._inspection._printed import WIDTH, printed, verdict

if TYPE_CHECKING:
    import pandas as pd

    from condensery.records import Table


_SHOWN = (
    ("layer", "layer"),
    ("kind", "kind"),
    ("units", "units"),
    ("groups", "groups"),
    ("effective_neurons", "effective"),
    ("effective_ratio", "ratio"),
    ("chance_ratio", "ratio by chance"),
    ("largest_cosine", "largest cosine"),
    ("chance_cosine", "cosine by chance"),
    ("dead", "dead"),
    ("duplicates", "duplicates"),
    ("mergeable", "mergeable"),
    ("why", "why"),
)
"""Columns of the table in a notebook and their heads; `columns` has all."""


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
        """Heads and texts of the table in a notebook."""
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

    def verdict(self) -> str:
        """One sentence: condensed or not, and what could be merged."""
        return verdict(self.rows)

    def text(self, *, width: int = WIDTH) -> str:
        """What is printed: the verdict, a table of at most so many columns, why units
        merge or not, and remarks.
        """
        notes = [self.summary(), *self.remarks()]
        return printed(self.rows, notes, width=width)

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        heads, rows = self.cells()
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
            for row in rows
        )
        remarks = "".join(f"<br>{html.escape(remark)}" for remark in self.remarks())
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        first = f"<p><b>{html.escape(self.verdict())}</b></p>"
        return f"{first}{table}<p>{html.escape(self.summary())}{remarks}</p>"


def _text(value: object) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.3f}"
    return str(value)
