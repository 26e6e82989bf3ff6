from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.patches import Polygon

from condensery._errors import InvalidInputError
from condensery.plots.slope_map import draw, figure_data
from condensery.records import Table

GAMMAS, PRIMES = [0.6, 0.8, 1.0, 1.4], [-0.2, 0.0, 0.2]


def test_numbers_are_those_of_the_tables(tables):
    made = tables["plane"](GAMMAS, PRIMES)
    shuffled = made | {
        name: Table(
            columns={key: column[::-1] for key, column in made[name].columns.items()}
        )
        for name in ("slopes", "boundary")
    }
    data = figure_data(shuffled)
    for i, prime in enumerate(PRIMES):
        for j, gamma in enumerate(GAMMAS):
            assert (
                data.slope[i, j]
                == made["slopes"].select(
                    gamma=gamma,
                    gamma_prime=prime,
                )["slope"][0]
            )
    np.testing.assert_allclose(data.gamma_edges, [0.5, 0.7, 0.9, 1.2, 1.6])
    np.testing.assert_allclose(data.gamma_prime_edges, [-0.3, -0.1, 0.1, 0.3])
    np.testing.assert_array_equal(data.boundary_gamma_prime, PRIMES)
    np.testing.assert_array_equal(data.theory, [1.0, 1.0, 1.2])
    np.testing.assert_array_equal(
        data.row_fit,
        np.array([1.0, 1.0, 1.2]) + 0.02,
    )
    np.testing.assert_array_equal(
        np.isnan(data.local_crossing),
        [True, False, False],
    )


def test_a_cell_that_was_not_computed_is_nan_and_hatched(tables):
    data = figure_data(
        tables["plane"](
            GAMMAS,
            PRIMES,
            hole=True,
        )
    )
    assert np.argwhere(np.isnan(data.slope)).tolist() == [[0, 0]]
    figure = draw(data)
    hatched = [
        patch
        for patch in figure.axes[0].patches
        if isinstance(patch, Polygon) and patch.get_hatch()
    ]
    assert len(hatched) == 1
    np.testing.assert_allclose(
        hatched[0]
        .get_xy()
        .min(
            axis=0,
        ),
        [0.5, -0.3],
    )
    np.testing.assert_allclose(
        hatched[0]
        .get_xy()
        .max(
            axis=0,
        ),
        [0.7, -0.1],
    )


def test_other_quantities_and_no_boundary(tables):
    data = figure_data(
        tables["plane"](GAMMAS, PRIMES),
        quantity="slope_theta",
        boundary=None,
        limit=0.2,
    )
    np.testing.assert_allclose(
        data.slope,
        np.broadcast_to(
            np.array(GAMMAS) - 1,
            (3, 4),
        ),
    )
    assert data.row_fit.size == 0
    assert data.limit == pytest.approx(0.2)


def test_initialisations_at_one_point_share_a_label(tables):
    places = {
        (one.gamma, one.gamma_prime): one.label
        for one in figure_data(tables["plane"](GAMMAS, PRIMES)).places
    }
    assert places == {
        (0.5, 0.5): "LeCun, He",
        (0.5, 0.0): "NTK",
        (1.0, 0.0): "Xavier, mean-field",
    }


def test_drawn_where_they_belong(tables):
    data = figure_data(tables["plane"](GAMMAS, PRIMES))
    ax = draw(data).axes[0]
    mesh = next(one for one in ax.collections if isinstance(one, QuadMesh))
    np.testing.assert_allclose(
        mesh.get_array().filled(np.nan),
        data.slope,
    )
    assert (mesh.norm.vmin, mesh.norm.vmax) == (-0.5, 0.5)
    red, white, blue = (mesh.get_cmap()(x) for x in (1.0, 0.5, 0.0))
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert min(white) > 0.95
    lines = {
        line.get_marker(): line
        for line in ax.lines
        if line.get_marker() not in {"None", "D", "|", "_"}
    }
    np.testing.assert_array_equal(
        lines["*"].get_xydata(),
        np.stack(
            [data.row_fit, PRIMES],
            axis=1,
        ),
    )
    np.testing.assert_array_equal(
        lines["o"].get_xdata(),
        data.local_crossing,
    )
    dashed = next(line for line in ax.lines if line.get_linestyle() == "--")
    np.testing.assert_allclose(
        dashed.get_xydata()[[0, -1]],
        [[1.0, -0.3], [1.0 + data.y_limits[1], data.y_limits[1]]],
    )
    diamonds = [
        tuple(line.get_xydata()[0]) for line in ax.lines if line.get_marker() == "D"
    ]
    assert sorted(diamonds) == [(0.5, 0.0), (1.0, 0.0)] or sorted(diamonds) == [
        (0.5, 0.0),
        (0.5, 0.5),
        (1.0, 0.0),
    ]
    labels = {text.get_text() for text in ax.texts}
    assert {"NTK", "Xavier, mean-field"} <= labels
    assert any(label.startswith("LeCun, He") for label in labels)


def test_far_initialisations_are_named_at_the_edge_with_an_arrow(tables):
    data = figure_data(tables["plane"]([1.0, 1.1], [0.0, 0.1]))
    ax = draw(data).axes[0]
    arrows = [
        text
        for text in ax.texts
        if text.arrow_patch is not None and "|>" in str(text.arrowprops["arrowstyle"])
    ]
    assert sorted(arrow.xy for arrow in arrows) == [
        (data.x_limits[0], 0.0),
        (data.x_limits[0], data.y_limits[1]),
    ]
    assert {"NTK\n(0.5, 0)", "LeCun, He\n(0.5, 0.5)"} <= {
        text.get_text() for text in ax.texts
    }


def test_numbers_stay_inside_their_cells(tables):
    gammas = [0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.2, 1.3, 1.4]
    data = figure_data(tables["plane"](gammas, [-0.4, -0.2, 0.0, 0.2, 0.4]))
    figure = draw(data)
    ax = figure.axes[0]
    edges = ax.transData.transform([(x, 0) for x in data.gamma_edges])[:, 0]
    printed = [
        text for text in ax.texts if text.get_text().lstrip("−")[:1] in {".", "1"}
    ]
    assert len(printed) > 40
    assert {text.get_rotation() for text in printed} == {0.0, 90.0}
    for text in printed:
        box = text.get_window_extent()
        assert np.searchsorted(edges, box.x0) == np.searchsorted(edges, box.x1), (
            text.get_text()
        )
        cell = np.searchsorted(edges, box.x0) - 1
        row = np.abs(
            data.gamma_prime
            - ax.transData.inverted().transform(
                box.get_points().mean(
                    axis=0,
                )
            )[1]
        ).argmin()
        assert (
            abs(float(text.get_text().replace("−", "-")) - data.slope[row, cell])
            <= 0.051
        )


def test_saturated_cells_widen_the_colour_bar(tables):
    def extend(gammas):
        return (
            draw(figure_data(tables["plane"](gammas, [0.0]))).axes[1]._colorbar.extend
        )

    assert [extend(one) for one in ([0.9, 1.1], [0.2, 1.1])] == ["neither", "min"]


@pytest.mark.parametrize("limit", [0.0, -1.0, np.nan])
def test_a_limit_that_is_not_positive_is_refused(tables, limit):
    with pytest.raises(
        InvalidInputError,
        match="limit: given",
    ):
        figure_data(
            tables["plane"](GAMMAS, PRIMES),
            limit=limit,
        )


def test_an_unknown_quantity_is_refused(tables):
    with pytest.raises(
        InvalidInputError,
        match="table 'slopes'",
    ):
        figure_data(
            tables["plane"](GAMMAS, PRIMES),
            quantity="slope_of_nothing",
        )


def test_all_cells_missing_still_draw(tables):
    made = tables["plane"](GAMMAS, PRIMES)
    columns = made["slopes"].columns | {"slope": np.full(12, np.nan)}
    figure = draw(
        figure_data(
            {
                "slopes": Table(
                    columns=columns,
                )
            }
        )
    )
    assert len(figure.axes[0].patches) == 12


def test_regimes_are_named_on_their_sides_of_the_boundary(tables):
    data = figure_data(tables["plane"](GAMMAS, PRIMES))
    ax = draw(data).axes[0]
    places = {text.get_text(): text.xy for text in ax.texts if hasattr(text, "xy")}
    linear, condensed = places["linear"], places["condensed"]
    for (gamma, gamma_prime), sign in ((linear, -1), (condensed, 1)):
        boundary = np.interp(
            gamma_prime,
            PRIMES,
            data.theory,
        )
        assert np.sign(gamma - boundary) == sign
    gamma, gamma_prime = places["critical"]
    assert gamma == np.interp(
        gamma_prime,
        PRIMES,
        data.theory,
    )
    without = figure_data(
        tables["plane"](GAMMAS, PRIMES),
        boundary=None,
    )
    names = {text.get_text() for text in draw(without).axes[0].texts}
    assert not names & {"linear", "critical", "condensed"}


def diagonals(ax):
    corners = [line.get_xydata() for line in ax.lines]
    return [points for points in corners if np.array_equal(*points.T)]


def test_the_line_of_e_et_al_is_drawn_where_it_enters_the_map(tables):
    high = tables["plane"](GAMMAS, [-0.4, 0.0, 0.4])
    data = figure_data(high)
    assert data.diagonal == "E et al.: γ′ = γ"
    figure = draw(data)
    longest = max(map(len, diagonals(figure.axes[0])))
    assert longest == 2
    entries = figure.axes[0].get_legend().get_texts()
    assert data.diagonal in {text.get_text() for text in entries}
    low = figure_data(tables["plane"]([1.0, 1.2], [-0.2, 0.0]))
    entries = draw(low).axes[0].get_legend().get_texts()
    assert data.diagonal not in {text.get_text() for text in entries}


def test_a_number_under_a_mark_stands_at_a_side_of_its_cell(tables):
    gammas, primes = [0.5, 1.0, 1.5], [-0.5, 0.0, 0.5]
    data = figure_data(tables["plane"](gammas, primes))
    ax = draw(data).axes[0]
    # the slope is 0 where the boundary of theory runs through the cell
    zeros = [
        text.xy for text in ax.texts if hasattr(text, "xy") and text.get_text() == ".00"
    ]
    assert zeros
    centres = {(gamma, prime) for gamma in gammas for prime in primes}
    for position in zeros:
        assert tuple(np.round(position, 6)) not in centres
