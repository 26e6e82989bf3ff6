"""Charts: what is selected, what is drawn, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from pydantic import ValidationError

from condensery import plots
from condensery._errors import InvalidInputError
from condensery.charts import (
    Axis,
    Bars,
    Chart,
    Guide,
    Legend,
    Levels,
    Lines,
    Look,
    Matrix,
    Panel,
    Points,
    Texts,
    figure,
    in_rows,
)
from condensery.records import Table

CURVES = Table(
    columns={
        "width": [10, 10, 10, 20, 20, 20],
        "seed": [0, 0, 1, 0, 0, 1],
        "step": [10, 1, 1, 10, 1, 1],
        "loss": [0.1, 1.0, 1.1, 0.2, 2.0, 2.1],
        "low": [0.05, 0.9, 1.0, 0.1, 1.9, 2.0],
        "high": [0.2, 1.1, 1.2, 0.3, 2.1, 2.2],
    }
)
SCORES = Table(
    columns={
        "method": ["ours", "ours", "theirs", "theirs"],
        "size": ["half", "quarter", "half", "quarter"],
        "score": [0.9, 0.8, 0.7, 0.6],
    }
)
PLANE = Table(
    columns={
        "x": [0.0, 1.0, 0.0],
        "y": [0.0, 0.0, 1.0],
        "slope": [-0.5, 0.25, 0.5],
    }
)
TABLES = {
    "curves": CURVES,
    "scores": SCORES,
    "plane": PLANE,
}


def drawn(*marks, tables=TABLES, **panel):
    chart = Chart(panels=((Panel(marks=marks, **panel),),))
    data = plots.chart.figure_data(tables, chart=chart.model_dump(mode="json"))
    made = plots.chart.draw(data)
    return data.panels[0], made.axes[0]


def losses(**changes):
    return Lines(
        table="curves",
        x="step",
        y="loss",
        by="width",
        each="seed",
        **changes,
    )


def test_a_line_per_value_and_seed_in_the_order_of_x():
    data, ax = drawn(losses(label="m = {}"), legend="best")
    assert [series.x.tolist() for series in data.series] == [[1, 10], [1]] * 2
    assert data.series[0].y.tolist() == [1.0, 0.1]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["m = 10", "m = 20"]
    colours = [line.get_color() for line in ax.lines]
    assert colours[0] == colours[1] != colours[2] == colours[3]


def test_one_value_has_one_colour_in_all_panels():
    wide = losses(only={"width": 20})
    panels = ((Panel(marks=(losses(),)), Panel(marks=(wide,))),)
    data = plots.chart.figure_data(TABLES, chart=Chart(panels=panels))
    left, right = plots.chart.draw(data).axes
    assert right.lines[0].get_color() == left.lines[2].get_color()


def test_a_declared_look_replaces_that_of_the_mark():
    looks = {
        "20": Look(
            label="wide",
            colour="#123456",
            dashes=":",
        )
    }
    data, ax = drawn(
        losses(
            label="{}",
            look=Look(width=3.0),
            looks=looks,
        )
    )
    assert {series.look.label for series in data.series} == {"10", "", "wide"}
    wide = next(line for line in ax.lines if line.get_label() == "wide")
    assert (wide.get_color(), wide.get_linestyle()) == ("#123456", ":")
    assert wide.get_linewidth() == pytest.approx(3.0)


def test_bands_and_bars_show_the_two_columns():
    ends = {
        "low": "low",
        "high": "high",
        "only": {"seed": 0},
    }
    _, ax = drawn(losses(**ends))
    assert len(ax.collections) == 2
    _, ax = drawn(losses(spread="bars", **ends))
    segments = ax.collections[0].get_segments()
    assert segments[0].tolist() == [[1.0, 0.9], [1.0, 1.1]]


def test_values_below_the_floor_stand_on_it():
    zero = Table(columns={"step": [0, 10], "loss": [1.0, 0.1]})
    axis = Axis(scale="log", floor=0.5)
    mark = Lines(
        table="zero",
        x="step",
        y="loss",
    )
    _, ax = drawn(mark, tables={"zero": zero}, x=axis)
    assert ax.lines[0].get_xdata().tolist() == [0.5, 10.0]


def test_bars_stand_side_by_side():
    mark = Bars(
        table="scores",
        category="size",
        value="score",
        by="method",
    )
    _, ax = drawn(mark)
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == [0.9, 0.8, 0.7, 0.6]
    edges = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert edges[0][1] == pytest.approx(edges[2][0])
    ticks = [text.get_text() for text in ax.get_xticklabels()]
    assert ticks == ["half", "quarter"]


def test_a_matrix_has_a_cell_per_row_and_none_elsewhere():
    mark = Matrix(
        table="plane",
        x="x",
        y="y",
        value="slope",
        limits=(-1.0, 1.0),
    )
    data, _ = drawn(mark)
    expected = [[-0.5, 0.25], [0.5, np.nan]]
    np.testing.assert_array_equal(data.cells[0].values, expected)


def test_names_at_the_ticks_are_turned():
    for turned, angle in ((True, 90.0), (False, 0.0)):
        _, ax = drawn(losses(), x=Axis(turned=turned))
        assert {text.get_rotation() for text in ax.get_xticklabels()} == {angle}
        assert {text.get_rotation() for text in ax.get_yticklabels()} == {0.0}


def test_a_matrix_that_a_column_holds_is_shown_as_it_is():
    stored = Table(columns={"cosine": np.arange(6.0).reshape(2, 3)})
    mark = Matrix(
        table="stored",
        value="cosine",
        numbers=".0f",
        bar="cosine",
    )
    data, ax = drawn(mark, tables={"stored": stored})
    np.testing.assert_array_equal(data.cells[0].values, stored["cosine"])
    assert {text.get_text() for text in ax.texts} == set("012345")


def test_levels_guides_and_texts():
    level = Levels(
        table="curves",
        value="loss",
        only={"width": 20, "seed": 1},
    )
    label = Texts(
        table="plane",
        x="x",
        y="y",
        text="slope",
    )
    strip = Guide(y=(0.0, 1.0), label="strip")
    line = Guide(x=(0.5,), label="line")
    data, ax = drawn(level, label, strip, line, x=Axis(limits=(-1.0, 2.0)))
    assert data.series[0].x.tolist() == [2.1]
    assert [text.get_text() for text in ax.texts] == ["-0.5", "0.25", "0.5"]
    assert len(ax.patches) == 1
    assert len(data.guides) == 2


def test_points_of_a_role_look_as_in_every_figure():
    mark = Points(
        table="plane",
        x="x",
        y="y",
        role="before",
    )
    _, ax = drawn(mark)
    assert ax.lines[0].get_markerfacecolor() == "none"
    assert ax.lines[0].get_linestyle() == "None"


def test_a_common_legend_names_everything_once():
    panel = Panel(marks=(losses(label="{}"),))
    legend = Legend(place="outside upper center", columns=2)
    chart = Chart(panels=((panel, panel),), legend=legend)
    made = plots.chart.draw(plots.chart.figure_data(TABLES, chart=chart))
    names = [text.get_text() for text in made.legends[0].get_texts()]
    assert names == ["10", "20"]


def test_rows_of_unequal_length_fill_the_page():
    panel = Panel(marks=(losses(),))
    panels = ((panel, panel), (panel, panel, panel))
    data = plots.chart.figure_data(
        TABLES,
        chart=Chart(
            panels=panels,
            height=5.0,
        ),
    )
    assert len(plots.chart.draw(data).axes) == 5
    assert in_rows([panel] * 3, across=2)[1] == (panel, None)


def test_no_rows_draw_an_empty_panel():
    data, ax = drawn(losses(only={"width": 30}))
    assert data.series == ()
    assert len(ax.lines) == 0


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        (
            Lines(
                table="none",
                x="a",
                y="b",
            ),
            "tables: given curves, plane, scores",
        ),
        (
            Lines(
                table="curves",
                x="step",
                y="losses",
            ),
            "allowed: at least one row of",
        ),
        (
            Lines(
                table="curves",
                x="step",
                y="loss",
                by="size",
            ),
            "size",
        ),
    ],
)
def test_what_a_chart_needs_and_misses_is_named(mark, message):
    with pytest.raises(InvalidInputError, match=message):
        drawn(mark)


def test_a_chart_survives_json_and_refuses_what_it_does_not_know():
    panel = Panel(
        marks=(losses(), Guide(x=(1.0,))),
        legend="upper left",
    )
    chart = Chart(panels=((panel, None),))
    spec = figure("losses", "Losses.", chart)
    assert Chart.model_validate(spec.options["chart"]) == chart
    with pytest.raises(ValidationError):
        Panel(marks=(), legend="somewhere")
    with pytest.raises(ValidationError):
        Lines(
            table="curves",
            x="step",
            y="loss",
            colour="red",
        )


def test_a_user_draws_on_axes_of_their_own_in_the_house_style():
    with plots.style():
        figure_of_user = Figure()
        axes = figure_of_user.subplots(1, 2)
        panels = ((Panel(marks=(losses(),)),) * 2,)
        data = plots.chart.figure_data(TABLES, chart=Chart(panels=panels))
        assert plots.chart.draw(data, axes) is figure_of_user
    assert all(len(ax.lines) == 4 for ax in axes)


def test_a_marker_that_is_a_line_is_seen():
    mark = Points(table="plane", x="x", y="y", look=Look(marker="x"))
    _, ax = drawn(mark)
    assert ax.lines[0].get_markeredgewidth() > 0


def test_a_text_may_stand_in_one_place_and_in_a_sentence():
    label = Texts(
        table="plane",
        x=0.5,
        y="y",
        text="slope",
        template="S = {}",
        only={"y": 1.0},
    )
    data, ax = drawn(label)
    assert data.series[0].x.tolist() == [0.5]
    assert [text.get_text() for text in ax.texts] == ["S = 0.5"]


def test_a_legend_says_everything_once():
    _, ax = drawn(losses(label="loss"), legend="best")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["loss"]


@pytest.mark.parametrize(
    ("values", "are_decades"),
    [((0.2, 0.9), False), ((0.05, 0.4), False), ((0.05, 5.0), True)],
)
def test_decades_are_named_where_there_are_two(values, are_decades):
    table = Table(columns={"step": [0.0, 1.0], "loss": values})
    mark = Lines(table="few", x="step", y="loss")
    _, ax = drawn(mark, tables={"few": table}, y=Axis(scale="log"))
    ax.figure.draw_without_rendering()
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert any("10^" in name for name in names) == are_decades
