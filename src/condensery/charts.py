"""What a chart shows, as data: panels of marks over the columns of stored tables.

A `Chart` is frozen and goes through JSON, so that it is declared beside an experiment
and drawn elsewhere: `condensery.plots.chart` draws it with matplotlib. Marks select
rows and columns; they compute nothing. What a figure shows that no table holds yet
(a median, a fit) becomes a table of the experiment.

Example:
    >>> from condensery.charts import Axis, Chart, Lines, Panel, figure
    >>> losses = Lines(table="curves", x="step", y="loss", by="width", label="m = {}")
    >>> panel = Panel(marks=(losses,), x=Axis(label="step", scale="log"), legend="best")
    >>> figure("losses", "Loss of every width.", Chart(panels=((panel,),))).plot
    'condensery.plots.chart'
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue

from condensery.records import FigureSpec, Record

Dashes = str | tuple[float, tuple[float, ...]]
Role = Literal["samples", "before", "after", "target"]
Place = Literal[
    "best",
    "upper left",
    "upper center",
    "upper right",
    "center left",
    "center",
    "center right",
    "lower left",
    "lower center",
    "lower right",
    "outside upper center",
    "outside lower center",
    "outside right center",
]
"""Where a legend stands; the outer places are for the legend of a whole chart."""


class Look(Record):
    """How a series looks; what is left out follows the mark, its role and the
    palette.
    """

    label: str | None = None
    """Its name in the legend; ``{}`` stands for the value that the series is drawn
    for.
    """
    colour: str = ""
    """``#rrggbb``, ``grey``, ``ink``, or ``0``, ``1``, … for a colour of the
    palette.
    """
    dashes: Dashes | None = None
    """As matplotlib has them; an empty text draws no line."""
    marker: str | None = None
    """A marker of matplotlib; an empty text draws none."""
    width: float | None = None
    """Width of the line in points."""
    size: float | None = None
    """Size of the markers in points."""
    alpha: float | None = None
    """Opacity, from 0 to 1."""
    hollow: bool | None = None
    """Whether markers are rings."""
    above: int | None = None
    """Higher series cover lower ones."""


class Mark(Record):
    """What the marks have in common: which rows they show, split into which series."""

    table: str
    """Name of the table."""
    only: dict[str, JsonValue] = Field(default_factory=dict)
    """Column to value: the rows that are shown."""
    by: str = ""
    """Column whose values get a colour and a shape each, the same in all panels."""
    shades: Literal["distinct", "ordered"] = "distinct"
    """Whether the values of `by` are unlike, or ascend from dark to light."""
    label: str = ""
    """Name in the legend; ``{}`` stands for the value of `by`. Empty: not in it."""
    look: Look = Look()
    """The look of every series."""
    looks: dict[str, Look] = Field(default_factory=dict)
    """Value of `by` to its look, where it differs."""


class Lines(Mark):
    """Lines through the rows in the order of `x`."""

    kind: Literal["lines"] = "lines"
    x: str
    y: str
    each: str = ""
    """Column whose values get a line each, of one look."""
    low: str = ""
    """Column of the lower end of a band or bar."""
    high: str = ""
    """Column of its upper end."""
    spread: Literal["band", "bars"] = "band"
    """How `low` and `high` are drawn."""
    steps: bool = False
    """Whether the line keeps its value until the next row (a distribution function)."""
    role: Role | None = None


class Points(Mark):
    """A marker per row."""

    kind: Literal["points"] = "points"
    x: str
    y: str
    low: str = ""
    high: str = ""
    role: Role | None = None
    """Samples, or units before and after training, look the same in all figures."""


class Bars(Mark):
    """A bar per row; `by` puts bars of one category side by side."""

    kind: Literal["bars"] = "bars"
    category: str
    value: str
    low: str = ""
    high: str = ""
    names: dict[str, str] = Field(default_factory=dict)
    """Category to what stands on the axis."""
    across: bool = False
    """Whether bars go to the right, the first category on top."""


class Levels(Mark):
    """A straight line through the panel for every row."""

    kind: Literal["levels"] = "levels"
    value: str
    direction: Literal["across", "up"] = "across"


class Matrix(Mark):
    """Coloured cells: a row of the table per cell, or one column that holds a
    matrix.
    """

    kind: Literal["matrix"] = "matrix"
    value: str
    x: str = ""
    """Column of the cell's abscissa; empty where `value` holds the whole matrix."""
    y: str = ""
    limits: tuple[float | None, float | None] = (None, None)
    colours: str = "RdBu_r"
    """A colour map of matplotlib, or ``signs``: blue to red, whose ends differ in grey
    too.
    """
    bar: str = ""
    """Label of the colour bar; empty draws none."""
    numbers: str = ""
    """Format of the numbers in the cells (``.2f``), or ``short`` for about two digits
    without a leading zero; empty prints none.
    """
    error: str = ""
    """Column of the value's standard error: cells within two of them of 0 are hatched,
    and `label` is the name of the hatching in the legend.
    """
    names_x: dict[str, str] = Field(default_factory=dict)
    """Value of `x` to what stands on the axis."""
    names_y: dict[str, str] = Field(default_factory=dict)


class Texts(Mark):
    """A text per row."""

    kind: Literal["texts"] = "texts"
    x: str | float
    """Column, or one number for all rows."""
    y: str | float
    text: str
    template: str = "{}"
    """What is written; ``{}`` stands for the value of `text`."""
    inside: Literal["data", "panel"] = "data"
    """Whether x and y are data or shares of the panel."""
    align: Literal["left", "center", "right"] = "center"


class Guide(Record):
    """A straight line, ray or strip that is known beforehand: no table holds it."""

    kind: Literal["guide"] = "guide"
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    """Corners; with `x` or `y` alone the line crosses the panel, two values are a
    strip.
    """
    label: str = ""
    look: Look = Look(colour="grey", dashes="--", width=0.8)


AnyMark = Annotated[
    Lines | Points | Bars | Levels | Matrix | Texts | Guide,
    Field(discriminator="kind"),
]


class Axis(Record):
    """One axis of a panel."""

    label: str = ""
    scale: Literal["linear", "log", "symlog"] = "linear"
    threshold: float = 1.0
    """A symlog axis is linear below it."""
    limits: tuple[float | None, float | None] = (None, None)
    least: float | None = None
    """The axis never begins below this."""
    floor: float | None = None
    """Values below are shown here (step 0 on a logarithmic axis)."""
    ticks: dict[str, float] = Field(default_factory=dict)
    """Text to place."""
    count: int | None = None
    """About how many ticks a linear axis has."""
    whole: bool = False
    """Whether ticks are whole numbers."""
    inverted: bool = False
    turned: bool = False
    """Whether the names at the ticks stand upright, for many long ones."""
    bare: bool = False
    """Whether the axis shows neither ticks nor numbers."""


class Legend(Record):
    """Where the names of the series stand."""

    place: Place = "best"
    title: str = ""
    columns: int = 1
    anchor: tuple[float, float] | None = None
    """Shares of the panel, for a legend beside it."""


def _as_legend(value: Any) -> Any:
    return {"place": value} if isinstance(value, str) and value else value or None


MaybeLegend = Annotated[Legend | None, BeforeValidator(_as_legend)]
"""A legend, the text of its place, or none."""


class Panel(Record):
    """Marks on one pair of axes; later ones cover earlier ones."""

    marks: tuple[AnyMark, ...]
    x: Axis = Axis()
    y: Axis = Axis()
    title: str = ""
    legend: MaybeLegend = None
    square: bool = False
    """Whether a unit is as long on both axes."""


class Chart(Record):
    """Panels row by row; None leaves a place empty."""

    panels: tuple[tuple[Panel | None, ...], ...]
    width: float = 7.0
    """In inches: 7 is a page of a journal, 3.4 a column."""
    height: float = 2.5
    heights: tuple[float, ...] = ()
    """Relative heights of the rows; empty: all equal."""
    legend: MaybeLegend = None
    """Names of the series of all panels, once for the whole chart."""


def in_rows(
    panels: Sequence[Panel], across: int
) -> tuple[tuple[Panel | None, ...], ...]:
    """Panels in rows of `across`, the last row filled up with empty places.

    Example:
        >>> from condensery.charts import Panel, in_rows
        >>> [len(row) for row in in_rows([Panel(marks=())] * 5, across=3)]
        [3, 3]
    """
    rows: list[tuple[Panel | None, ...]] = []
    for start in range(0, len(panels), across):
        row = tuple(panels[start : start + across])
        rows.append(row + (None,) * (across - len(row)))
    return tuple(rows)


def cosine_map(title: str, /, *, table: str = "cosines", **only: JsonValue) -> Panel:
    """The sorted cosines of a layer as a heat map, red for parallel units.

    Args:
        title: Of the panel.
        table: Its column ``cosine`` holds matrices.
        **only: Column to value: the row that is shown.

    Example:
        >>> from condensery.charts import cosine_map
        >>> cosine_map("start", step=0).marks[0].limits
        (-1.0, 1.0)
    """
    cosines = Matrix(
        table=table,
        value="cosine",
        only=only,
        limits=(-1, 1),
        colours="signs",
        bar="cosine",
    )
    return Panel(
        marks=(cosines,),
        title=title,
        x=Axis(bare=True),
        y=Axis(bare=True, inverted=True),
        square=True,
    )


def square_panels(panels: Sequence[Panel], across: int) -> Chart:
    """Square panels in rows of `across`, with room for a colour bar.

    Example:
        >>> from condensery.charts import cosine_map, square_panels
        >>> square_panels([cosine_map("start"), cosine_map("end")], across=2).width
        5.07
    """
    rows = in_rows(panels, across)
    side = 6.4 / max(across, 3)
    width = round(min(7.0, side * across + 0.8), 2)
    return Chart(panels=rows, width=width, height=(side + 0.2) * len(rows) + 0.1)


ZERO_BAND = 1e-9
"""Share of the largest eigenvalue below which one counts as zero; the axis is linear
within it.
"""

ZEROS = Guide(y=(-ZERO_BAND, ZERO_BAND), look=Look(colour="grey", alpha=0.25))
"""The band of eigenvalues that count as zero."""

SIGN_COUNTS = "$(n_-, n_0, n_+)$"
"""Title of a legend whose names count negative, zero and positive eigenvalues."""

_DECADES = {
    "$-1$": -1.0,
    "$-10^{-3}$": -1e-3,
    "$-10^{-6}$": -1e-6,
    "0": 0.0,
    "$10^{-6}$": 1e-6,
    "$10^{-3}$": 1e-3,
    "1": 1.0,
}


def eigenvalue_axis(highest: float, *, label: bool) -> Axis:
    """The axis of eigenvalues over the largest one, logarithmic on both sides of zero.

    Args:
        highest: Upper end, which leaves room for the legend.
        label: Whether the axis is labelled; one panel of a row is enough.

    Example:
        >>> from condensery.charts import eigenvalue_axis
        >>> eigenvalue_axis(1e5, label=True).scale
        'symlog'
    """
    return Axis(
        label="eigenvalue / largest" if label else "",
        scale="symlog",
        threshold=ZERO_BAND,
        limits=(-10.0, highest),
        ticks=_DECADES,
    )


def figure(name: str, caption: str, chart: Chart) -> FigureSpec:
    """A chart as a figure of an experiment.

    Args:
        name: File stem.
        caption: What the figure shows and what to look for.
        chart: The chart.
    """
    options: dict[str, JsonValue] = {"chart": chart.model_dump(mode="json")}
    return FigureSpec(
        name=name, plot="condensery.plots.chart", caption=caption, options=options
    )
