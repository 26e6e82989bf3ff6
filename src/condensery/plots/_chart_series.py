"""The numbers of a chart: which rows each mark shows, split into series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Shaped

from condensery.charts import (
    Bars,
    Chart,
    Guide,
    Levels,
    Lines,
    Look,
    Mark,
    Matrix,
    Panel,
    Points,
    Texts,
)
from condensery.plots._tables import need
from condensery.records import Table

SeriesMark = Lines | Points | Bars | Levels | Texts
Numbers = Float[np.ndarray, " point"]


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
    low: Numbers = field(default_factory=lambda: np.zeros(0))
    high: Numbers = field(default_factory=lambda: np.zeros(0))
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Cells:
    """One matrix.

    Attributes:
        mark: What declared it.
        values: Its cells; nan where the table has no row.
        x: Centres of the columns.
        y: Centres of the rows.
        names_x: What stands at the columns; empty: numbers.
        names_y: What stands at the rows.
    """

    mark: Matrix
    values: Float[np.ndarray, "row column"]
    x: Float[np.ndarray, " column"]
    y: Float[np.ndarray, " row"]
    names_x: tuple[str, ...] = ()
    names_y: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PanelData:
    """One panel: its declaration, its series, matrices and guides."""

    panel: Panel
    series: tuple[Series, ...]
    cells: tuple[Cells, ...]
    guides: tuple[Guide, ...]


@dataclass(frozen=True, eq=False)
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
    return ChartData(chart, tuple(_panel(tables, panel, ranks) for panel in listed))


def _panel(tables: Mapping[str, Table], panel: Panel, ranks: Ranks) -> PanelData:
    series: list[Series] = []
    cells: list[Cells] = []
    guides: list[Guide] = []
    for mark in panel.marks:
        if isinstance(mark, Guide):
            guides.append(mark)
        elif isinstance(mark, Matrix):
            cells.append(_cells(tables, mark))
        else:
            series.extend(_series(tables, mark, ranks))
    return PanelData(panel, tuple(series), tuple(cells), tuple(guides))


def text_of(value: object) -> str:
    """How a value of a table is written in a legend and in the keys of a chart.

    Example:
        >>> text_of(0.5), text_of(3.0), text_of("adam")
        ('0.5', '3', 'adam')
    """
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _ranks(tables: Mapping[str, Table], listed: list[Panel]) -> Ranks:
    ranks: dict[str, dict[str, int]] = {}
    for panel in listed:
        for mark in panel.marks:
            if isinstance(mark, Guide | Matrix) or not mark.by:
                continue
            values = ranks.setdefault(mark.by, {})
            # a look that is declared fixes the order, whatever rows there are
            for text in [*mark.looks, *map(text_of, _distinct(tables, mark, mark.by))]:
                values.setdefault(text, len(values))
    return ranks


def _rows(tables: Mapping[str, Table], mark: Mark, *columns: str) -> Table:
    """The rows that a mark shows, of which there may be none."""
    wanted = [column for column in (*columns, *mark.only) if column]
    table = tables.get(mark.table)
    if table is None or not set(wanted) <= set(table.columns):
        table = need(tables, mark.table, *wanted)
    return table.select(**mark.only)


def _distinct(tables: Mapping[str, Table], mark: Mark, column: str) -> list[object]:
    return list(dict.fromkeys(_rows(tables, mark, column)[column].tolist()))


def _columns(mark: SeriesMark) -> tuple[str, ...]:
    """Columns that a mark reads, those that split it aside."""
    match mark:
        case Lines() | Points():
            return mark.x, mark.y, mark.low, mark.high
        case Bars():
            return mark.category, mark.value, mark.low, mark.high
        case Texts():
            return mark.x, mark.y, mark.text
        case Levels():
            return (mark.value,)


def _series(
    tables: Mapping[str, Table], mark: SeriesMark, ranks: Ranks
) -> Iterator[Series]:
    each = mark.each if isinstance(mark, Lines) else ""
    shown = _rows(tables, mark, *_columns(mark), mark.by, each)
    categories = _categories(shown, mark)
    for value, rows in _split(shown, mark.by):
        text = text_of(value) if mark.by else ""
        rank = ranks[mark.by][text] if mark.by else 0
        count = len(ranks[mark.by]) if mark.by else 1
        look = _look(mark, text)
        for _, subset in _split(rows, each):
            yield _one_series(mark, look, (rank, count), subset, categories)
            look = look.model_copy(update={"label": ""})


def _split(table: Table, column: str) -> Iterator[tuple[object, Table]]:
    """A table by the values of a column, in the order of their first rows."""
    if not column:
        yield "", table
        return
    for value in dict.fromkeys(table[column].tolist()):
        yield value, table.select(**{column: value})


def _look(mark: SeriesMark, text: str) -> Look:
    """The look of a series: what its value of `by` says, else what the mark says."""
    special = mark.looks.get(text, Look()).model_dump(exclude_defaults=True)
    look = mark.look.model_copy(update=special)
    template = mark.label or (look.label or "")
    if mark.label and look.label:
        # the value has a name of its own, which the label of the mark embraces
        return look.model_copy(update={"label": mark.label.replace("{}", look.label)})
    label = template.replace("{}", text) if mark.label else ""
    return look.model_copy(update={"label": label})


def _categories(table: Table, mark: SeriesMark) -> dict[object, int]:
    if not isinstance(mark, Bars):
        return {}
    values = dict.fromkeys(table[mark.category].tolist())
    return {value: position for position, value in enumerate(values)}


def _one_series(
    mark: SeriesMark,
    look: Look,
    rank: tuple[int, int],
    rows: Table,
    categories: Mapping[object, int],
) -> Series:
    def numbers(column: str) -> Numbers:
        return rows[column].astype(np.float64) if column else np.zeros(0)

    match mark:
        case Levels():
            level = np.unique(numbers(mark.value))
            return Series(mark, look, *rank, level, level)
        case Texts():
            texts = tuple(map(text_of, rows[mark.text].tolist()))
            x, y = numbers(mark.x), numbers(mark.y)
            return Series(mark, look, *rank, x, y, texts=texts)
        case Bars():
            listed = rows[mark.category].tolist()
            x = np.array([categories[value] for value in listed], dtype=np.float64)
            y = numbers(mark.value)
            names = tuple(map(text_of, categories))
            ends = numbers(mark.low), numbers(mark.high)
            return Series(mark, look, *rank, x, y, *ends, names)
        case Lines() | Points():
            x, y = numbers(mark.x), numbers(mark.y)
            order = np.arange(len(x))
            if isinstance(mark, Lines):
                order = np.argsort(x, kind="stable")
            low = numbers(mark.low)[order] if mark.low else np.zeros(0)
            high = numbers(mark.high)[order] if mark.high else np.zeros(0)
            return Series(mark, look, *rank, x[order], y[order], low, high)


def _cells(tables: Mapping[str, Table], mark: Matrix) -> Cells:
    if not mark.x:
        values = np.asarray(_rows(tables, mark, mark.value)[mark.value])
        matrix = values[0] if values.ndim == 3 else values
        rows, columns = (np.arange(size, dtype=np.float64) for size in matrix.shape)
        return Cells(mark, matrix.astype(np.float64), columns, rows)
    table = _rows(tables, mark, mark.x, mark.y, mark.value)
    x, column, names_x = _positions(table[mark.x], mark.names_x)
    y, row, names_y = _positions(table[mark.y], mark.names_y)
    matrix = np.full((len(y), len(x)), np.nan)
    matrix[row, column] = table[mark.value]
    return Cells(mark, matrix, x, y, names_x, names_y)


def _positions(
    values: Shaped[np.ndarray, " row"], names: Mapping[str, str]
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Centres of the cells, the index of every row's cell, and names instead of numbers.

    Numbers stand where they are; texts, and numbers with names, stand side by side.
    """
    if values.dtype.kind in "iuf" and not names:
        centres, index = np.unique(values.astype(np.float64), return_inverse=True)
        return centres, index, ()
    listed = list(dict.fromkeys(values.tolist()))
    order = {value: position for position, value in enumerate(listed)}
    index = np.array([order[value] for value in values.tolist()], dtype=int)
    texts = tuple(names.get(text_of(value), text_of(value)) for value in listed)
    return np.arange(len(listed), dtype=np.float64), index, texts
