"""Matrices of charts: hatching, numbers, colour bars."""

import numpy as np
import pytest

from condensery import plots
from condensery.charts import (
    Chart,
    Guide,
    Matrix,
    Panel,
    cosine_map,
    square_panels,
)
from condensery.records import Table

UNCERTAIN = Table(
    columns={
        "x": [0.0, 1.0, 2.0],
        "y": [0.0] * 3,
        "slope": [-0.5, 0.25, 1.75],
        "se": [0.1, 0.2, 0.1],
    }
)


def drawn(*marks, **panel):
    chart = Chart(
        panels=(
            (
                Panel(
                    marks=marks,
                    **panel,
                ),
            ),
        )
    )
    data = plots.chart.figure_data({"slopes": UNCERTAIN}, chart=chart)
    return data.panels[0], plots.chart.draw(data).axes[0]


def slopes(**changes):
    options = {
        "table": "slopes",
        "x": "x",
        "y": "y",
        "value": "slope",
        **changes,
    }
    return Matrix(limits=(-1.0, 1.0), **options)


def test_cells_that_are_not_told_from_zero_are_hatched():
    mark = slopes(
        error="se",
        label="undecided",
        numbers="short",
    )
    data, ax = drawn(mark, legend="best")
    assert data.cells[0].is_undecided.tolist() == [[False, True, False]]
    (hatched,) = ax.patches
    assert hatched.get_hatch()
    assert hatched.get_xy()[0].tolist() == [0.5, -0.05]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["undecided"]
    assert [text.get_text() for text in ax.texts] == ["−.50", ".25", "1.8"]
    _, without = drawn(slopes())
    assert not without.patches


def test_cells_fill_their_panel_and_lines_on_them_have_a_white_edge():
    diagonal = Guide(
        x=(-5.0, 5.0),
        y=(-5.0, 5.0),
    )
    _, ax = drawn(slopes(), diagonal)
    assert ax.get_xlim() == (-0.5, 2.5)
    assert ax.get_ylim() == (-0.05, 0.05)
    assert ax.lines[0].get_path_effects()


@pytest.mark.parametrize(
    ("limits", "ends"),
    [
        ((-1.0, 1.0), "max"),
        ((-0.25, 2.0), "min"),
        ((-0.25, 1.0), "both"),
        ((-1.0, 2.0), "neither"),
        ((None, None), "neither"),
    ],
)
def test_a_colour_bar_is_pointed_where_values_lie_beyond(limits, ends):
    mark = slopes(bar="slope").model_copy(update={"limits": limits})
    _, ax = drawn(mark)
    assert ax.collections[0].colorbar.extend == ends


def test_cosines_are_maps_of_equal_colours():
    panel = cosine_map(
        "end",
        table="stored",
        step=9,
    )
    matrices = np.stack([np.eye(2), -np.eye(2)])
    stored = Table(columns={"step": [0, 9], "cosine": matrices})
    chart = square_panels([panel] * 2, across=2)
    data = plots.chart.figure_data({"stored": stored}, chart=chart)
    np.testing.assert_array_equal(data.panels[1].cells[0].values, -np.eye(2))
    assert chart.width < 7 == square_panels([panel] * 6, across=6).width
