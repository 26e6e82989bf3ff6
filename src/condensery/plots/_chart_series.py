"""The numbers of a chart: which rows each mark shows, split into series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from condensery.charts import (
    Bars,
    Chart,
    Guide,
    Levels,
    Lines,
    Look,
    Matrix,
    Panel,
    Points,
    Texts,
)
from condensery.plots._chart_rows import Cells, cells_of, distinct, rows_of, text_of
from condensery.records import Table

SeriesMark = Lines | Points | Bars | Levels | Texts
Numbers = Float[np.ndarray, " point"]
Ends = Float[np.ndarray, " _point"]
"""One per point, or none: the axis is not compared with the points."""


def _nothing() -> Ends:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Series:
    """One line, cloud, set of bars, levels or texts.

    Attributes:
        mark: What declared it.
        look: How it looks, with its name in the legend.
        rank: Number of its value of `by`, which chooses colour and shape.
        count: How many values `by` has.
        x: Abscissae; positions of the categories for bars; the levels themselves.
        y: Ordinates; the values of bars.
        low: Lower ends of bands and bars; empty where there are none.
        high: Upper ends.
        texts: Texts, or the categories of bars.
    """

    mark: SeriesMark
    look: Look
    rank: int
    count: int
    x: Numbers
    y: Numbers
    low: Ends = field(default_factory=_nothing)
    high: Ends = field(default_factory=_nothing)
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PanelData:
    """One panel: its declaration, its series, matrices and guides."""

    panel: Panel
    series: tuple[Series, ...]
    cells: tuple[Cells, ...]
    guides: tuple[Guide, ...]


@dataclass(
    frozen=True,
    eq=False,
)
class ChartData:
    """What a chart shows: its declaration and its panels, row by row."""

    chart: Chart
    panels: tuple[PanelData, ...]


Ranks = Mapping[str, Mapping[str, int]]
"""Column that series differ by, to value, to number: one colour in all panels."""


def select(tables: Mapping[str, Table], chart: Chart) -> ChartData:
    """The rows that every mark of a chart shows.

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    listed = [panel for row in chart.panels for panel in row if panel is not None]
    ranks = _ranks(tables, listed)
    panels = tuple(_panel(tables, panel, ranks) for panel in listed)
    return ChartData(chart, panels)


def _panel(
    tables: Mapping[str, Table],
    panel: Panel,
    ranks: Ranks,
) -> PanelData:
    series: list[Series] = []
    cells: list[Cells] = []
    guides: list[Guide] = []
    for mark in panel.marks:
        if isinstance(mark, Guide):
            guides.append(mark)
        elif isinstance(mark, Matrix):
            cells.append(cells_of(tables, mark))
        else:
            series.extend(_split_into_series(tables, mark, ranks))
    return PanelData(
        panel=panel,
        series=tuple(series),
        cells=tuple(cells),
        guides=tuple(guides),
    )


def _ranks(tables: Mapping[str, Table], panels: Sequence[Panel]) -> Ranks:
    marks = [mark for panel in panels for mark in panel.marks]
    ranks: dict[str, dict[str, int]] = {}
    for mark in marks:
        if isinstance(mark, Guide | Matrix) or not mark.by:
            continue
        column = rows_of(tables, mark, mark.by)[mark.by]
        values = ranks.setdefault(mark.by, {})
        # a look that is declared fixes the order, whatever rows there are
        texts = [*mark.looks, *map(text_of, distinct(column))]
        for text in texts:
            values.setdefault(text, len(values))
    return ranks


def _split_into_series(
    tables: Mapping[str, Table],
    mark: SeriesMark,
    ranks: Ranks,
) -> Iterator[Series]:
    each = mark.each if isinstance(mark, Lines) else ""
    rows = rows_of(tables, mark, *_columns(mark), mark.by, each)
    categories = distinct(rows[mark.category]) if isinstance(mark, Bars) else []
    group = ranks.get(mark.by, {"": 0})
    for value, subset in _split(rows, mark.by):
        text = text_of(value)
        look = _look(mark, text)
        for _, line in _split(subset, each):
            yield Series(
                mark=mark,
                look=look,
                rank=group[text],
                count=len(group),
                **_numbers(mark, line, categories),
            )
            # the legend names the first line alone
            look = look.model_copy(update={"label": ""})


def _split(table: Table, column: str) -> Iterator[tuple[object, Table]]:
    """A table by the values of a column, in the order of their first rows."""
    if not column:
        yield "", table
        return
    for value in distinct(table[column]):
        equals = {column: value}
        yield value, table.select(**equals)


def _look(mark: SeriesMark, text: str) -> Look:
    """The look of a series: what its value of `by` says, else what the mark says."""
    special = mark.looks.get(text, Look())
    update = special.model_dump(exclude_defaults=True)
    name = special.label or text
    update["label"] = mark.label.replace("{}", name)
    return mark.look.model_copy(update=update)


def _columns(mark: SeriesMark) -> tuple[str, ...]:
    """Columns that a mark reads, those that split it aside."""
    match mark:
        case Lines() | Points():
            return mark.x, mark.y, mark.low, mark.high
        case Bars():
            return mark.category, mark.value, mark.low, mark.high
        case Texts():
            named = [name for name in (mark.x, mark.y) if isinstance(name, str)]
            return *named, mark.text
        case Levels():
            return (mark.value,)


def _numbers(
    mark: SeriesMark,
    rows: Table,
    categories: Sequence[object],
) -> dict[str, Any]:
    """The arrays of a series, by the names of its attributes."""
    match mark:
        case Levels():
            levels = np.unique(_floats(rows, mark.value))
            return {"x": levels, "y": levels}
        case Texts():
            texts = map(text_of, rows[mark.text].tolist())
            return {
                "x": _coordinates(rows, mark.x),
                "y": _coordinates(rows, mark.y),
                "texts": tuple(mark.template.replace("{}", text) for text in texts),
            }
        case Bars():
            listed = rows[mark.category].tolist()
            positions = [categories.index(value) for value in listed]
            return {
                "x": np.array(positions, dtype=np.float64),
                "y": _floats(rows, mark.value),
                "low": _floats(rows, mark.low),
                "high": _floats(rows, mark.high),
                "texts": tuple(map(text_of, categories)),
            }
        case Lines() | Points():
            return _curve(mark, rows)


def _curve(mark: Lines | Points, rows: Table) -> dict[str, Any]:
    names = {
        "x": mark.x,
        "y": mark.y,
        "low": mark.low,
        "high": mark.high,
    }
    arrays = {key: _floats(rows, column) for key, column in names.items()}
    if isinstance(mark, Points):
        return arrays
    order = np.argsort(arrays["x"], kind="stable")
    return {
        key: values[order] if values.size else values for key, values in arrays.items()
    }


def _coordinates(rows: Table, position: str | float) -> Numbers:
    if isinstance(position, str):
        return _floats(rows, position)
    return np.full(len(rows), position)


def _floats(rows: Table, column: str) -> Numbers:
    if not column:
        return _nothing()
    values = rows[column].astype(np.float64)
    # inputs of one feature are stored as (sample, 1)
    return values[:, 0] if values.shape[1:] == (1,) else values
