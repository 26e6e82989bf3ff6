from __future__ import annotations

import math

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.plots.rd_against_width import draw, figure_data, legend_text
from condensery.records import Status, Table


def test_means_and_errors_against_a_loop(tables):
    made = tables["members"](seeds=3)
    data = figure_data(made)
    assert [(one.gamma, one.gamma_prime) for one in data.series] == [
        (2.0, 0.0),
        (1.5, 0.0),
        (1.0, 0.0),
        (0.5, 0.0),
    ]
    for one in data.series:
        for k, width in enumerate((100, 1000, 10000)):
            logs = []
            for g, p, m, rd in zip(
                *(made["members"][c] for c in ("gamma", "gamma_prime", "width", "rd")),
                strict=True,
            ):
                if g == one.gamma and p == one.gamma_prime and m == width:
                    logs.append(math.log(rd))
            assert len(logs) == 3
            mean = sum(logs) / 3
            variance = sum((log - mean) ** 2 for log in logs) / 2
            assert one.width[k] == width
            assert one.mean[k] == pytest.approx(math.exp(mean))
            assert one.error[k] == pytest.approx(math.sqrt(variance / 3))


def test_the_slope_is_the_stored_one_and_its_line_passes_through_the_middle(tables):
    data = figure_data(
        tables["members"](),
        cells=[[1.5, 0.0]],
    )
    assert (data.series[0].slope, data.series[0].slope_se) == (0.5, 0.01)
    ax = draw(data).axes[0]
    line = next(
        line
        for line in ax.lines
        if line.get_marker() == "None" and len(line.get_xdata()) == 2
    )
    x, y = np.log(line.get_xdata()), np.log(line.get_ydata())
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(0.5)
    middle = np.log(data.series[0].width).mean(), np.log(data.series[0].mean).mean()
    assert np.interp(
        middle[0],
        x,
        y,
    ) == pytest.approx(middle[1])


def test_one_width_has_no_line(tables):
    made = tables["members"](
        widths=(500,),
        seeds=1,
    )
    slopes = Table(
        columns=made["slopes"].columns | {"slope": np.full(4, np.nan)},
    )
    data = figure_data(made | {"slopes": slopes})
    assert all(one.error.tolist() == [0.0] for one in data.series)
    assert all(np.isnan(one.slope) for one in data.series)
    ax = draw(data).axes[0]
    assert not [
        line
        for line in ax.lines
        if line.get_marker() == "None" and line.get_linestyle() == "-"
    ]
    assert "slope" not in ax.get_legend().get_title().get_text()


def test_members_that_failed_are_crosses_outside_of_the_mean():
    members = Table(
        columns={
            "gamma": np.ones(5),
            "gamma_prime": np.zeros(5),
            "width": [10, 10, 10, 20, 20],
            "rd": [1.0, 4.0, 99.0, np.nan, 0.0],
            "status": [
                int(s)
                for s in (Status.CONVERGED,) * 2
                + (Status.OUT_OF_STEPS,)
                + (Status.DIVERGED,) * 2
            ],
        }
    )
    data = figure_data({"members": members})
    one = data.series[0]
    assert one.member_rd.tolist() == [1.0, 4.0, 99.0]
    assert one.mean == pytest.approx([2.0])
    crosses = [line for line in draw(data).axes[0].lines if line.get_marker() == "x"]
    assert crosses[0].get_ydata().tolist() == [99.0]


def test_a_cell_without_any_valid_member_draws():
    members = Table(
        columns={
            "gamma": [1.0],
            "gamma_prime": [0.0],
            "width": [10],
            "rd": [np.nan],
        }
    )
    data = figure_data({"members": members})
    assert data.series[0].mean.size == 0
    draw(data)


def test_the_default_choice_spans_the_row_nearest_to_zero(tables):
    data = figure_data(tables["members"](), at_most=2)
    assert [one.gamma for one in data.series] == [2.0, 0.5]
    data = figure_data(
        tables["members"](),
        cells=[[0.5, 0.5], [2.0, 0.0]],
    )
    assert {(one.gamma, one.gamma_prime) for one in data.series} == {
        (0.5, 0.5),
        (2.0, 0.0),
    }


def test_bad_options(tables):
    with pytest.raises(InvalidInputError, match=r"cells: given \(3.0, 0.0\)"):
        figure_data(tables["members"](), cells=[[3.0, 0.0]])
    with pytest.raises(
        InvalidInputError, match="quantity: given rda; allowed: rd, rd_a, rd_theta"
    ):
        figure_data(tables["members"](), quantity="rda")


def test_legend(tables):
    one = figure_data(
        tables["members"](),
        cells=[[0.5, 0.0]],
    ).series[0]
    assert legend_text(one, prime=False) == "γ = 0.5:  −0.500 ± 0.010"
    assert legend_text(one, prime=True).startswith("γ = 0.5, γ′ = 0:")
