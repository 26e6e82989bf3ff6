"""Clouds, the regimes, the grid of scatters and demo A."""

from __future__ import annotations

import time

import numpy as np
import pytest
from tests.plots.declared import options_of

from condensery import plots
from condensery._errors import InvalidInputError
from condensery.experiments.demo_a import demo_a
from condensery.plots import regimes, scatter_grid
from condensery.plots._cloud import BINS, gather, spread
from condensery.records import Table


def test_bins_against_a_loop():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-np.pi, np.pi, 300), rng.uniform(0, 1.5, 300)
    cloud = gather(
        x,
        y,
        span=(-np.pi, np.pi),
        at_most=299,
    )
    expected = np.zeros(BINS, dtype=int)
    for one, other in zip(
        x,
        y,
        strict=True,
    ):
        i = min(int((one + np.pi) / (2 * np.pi) * BINS[0]), BINS[0] - 1)
        j = min(int(other / y.max() * BINS[1]), BINS[1] - 1)
        expected[i, j] += 1
    np.testing.assert_array_equal(cloud.counts, expected)
    assert cloud.counts.sum() == 300
    assert cloud.x.size == 0
    kept = gather(
        x,
        y,
        span=(-np.pi, np.pi),
        at_most=300,
    )
    np.testing.assert_array_equal(kept.x, x)
    assert kept.counts.size == 0


def test_points_that_are_not_finite_or_at_the_edge():
    y = np.concatenate([np.full(10, 1.0), [np.nan, np.inf]])
    x = np.concatenate([np.full(5, -np.pi), np.full(5, np.pi), [0.0, 0.0]])
    cloud = gather(
        x,
        y,
        span=(-np.pi, np.pi),
        at_most=1,
    )
    assert np.argwhere(cloud.counts).tolist() == [
        [0, BINS[1] - 1],
        [BINS[0] - 1, BINS[1] - 1],
    ]
    assert cloud.counts.max() == 5
    assert (
        gather(
            np.empty(0),
            np.empty(0),
            span=(-1, 1),
        ).x.size
        == 0
    )


def test_marks_keep_the_strongest_shade_and_their_size():
    shade = np.zeros((9, 9))
    shade[4, 4], shade[0, 0] = 0.5, 1.0
    wide = spread(shade, 0.25)
    assert wide[3:6, 3:6].tolist() == [[0.5] * 3] * 3
    assert wide[:2, :2].tolist() == [[1.0] * 2] * 2
    assert np.count_nonzero(wide) == 9 + 4
    np.testing.assert_array_equal(spread(shade, 0.0), shade)


@pytest.mark.parametrize("binned", [False, True])
def test_regimes_show_the_rows_of_their_cell(tables, binned):
    made = tables["neurons"](width=80)
    data = regimes.figure_data(
        made, bin_above=10 if binned else 5000, names=["a", "b", "c"]
    )
    assert [column.gamma for column in data.columns] == [0.5, 1.0, 1.75]
    for column in data.columns:
        for when, cloud in enumerate((column.before, column.after)):
            rows = made["scatter"].select(
                gamma=column.gamma,
                when=when,
            )
            if binned:
                assert cloud.counts.sum() == 80
            else:
                np.testing.assert_array_equal(cloud.x, rows["orientation"])
                np.testing.assert_array_equal(cloud.y, rows["amplitude"])
        np.testing.assert_allclose(column.x, np.linspace(-0.5, 0.5, 21))
        np.testing.assert_allclose(column.final, column.gamma * column.x**2)
        np.testing.assert_allclose(column.reference, np.abs(column.x) / 2)
    np.testing.assert_allclose(data.sample_x, np.linspace(-0.5, 0.5, 4))
    assert data.columns[1].title == "b\nγ = 1, γ′ = 0"


def test_regimes_choose_width_and_seed(tables):
    small, large = (
        tables["neurons"](
            width=width,
        )["scatter"]
        for width in (10, 20)
    )
    again = Table(
        columns=large.columns | {"seed": large["seed"] + 4},
    )
    joined = {
        name: np.concatenate([t[name] for t in (again, small, large)])
        for name in small.columns
    }
    made = {"scatter": Table(columns=joined)}
    assert regimes.figure_data(made).columns[0].width == 20
    assert (
        regimes.figure_data(
            made,
            seed=4,
        )
        .columns[0]
        .after.x.size
        == 20
    )
    assert (
        regimes.figure_data(
            made,
            width=10,
        )
        .columns[0]
        .after.x.size
        == 10
    )
    with pytest.raises(
        InvalidInputError, match="width: given 15; allowed: one of 10, 20"
    ):
        regimes.figure_data(made, width=15)
    with pytest.raises(InvalidInputError, match="seed: given 1"):
        regimes.figure_data(made, seed=1)


def test_regimes_refuse_what_does_not_fit(tables):
    made = tables["neurons"]()
    with pytest.raises(InvalidInputError, match="allowed: 3 names"):
        regimes.figure_data(made, names=["linear"])
    with pytest.raises(InvalidInputError, match="orientation: given up"):
        regimes.figure_data(made, orientation="up")


def test_regimes_of_images_have_no_row_of_outputs(tables):
    made = tables["neurons"]()
    images = {
        "scatter": made["scatter"],
        "data": Table(
            columns={
                "x": np.ones((5, 64)),
                "y": np.arange(5.0),
            }
        ),
    }
    data = regimes.figure_data(images, orientation="input")
    assert data.sample_x.size == 0
    assert len(regimes.draw(data).axes) == 3


def test_a_million_neurons_draw_fast_into_a_small_file():
    rng = np.random.default_rng(1)
    units = 1_000_000
    columns = {
        "gamma": np.ones(2 * units),
        "gamma_prime": np.zeros(2 * units),
        "width": np.full(2 * units, units),
        "seed": np.zeros(2 * units, dtype=int),
        "when": np.repeat([0, 1], units),
        "orientation": rng.uniform(
            -np.pi,
            np.pi,
            2 * units,
        ),
        "amplitude": rng.uniform(
            0,
            1,
            2 * units,
        ),
    }
    table = Table(columns=columns)
    start = time.process_time()
    data = regimes.figure_data({"scatter": table})
    files = {
        ending: plots.render(regimes.draw(data), ending) for ending in ("png", "pdf")
    }
    assert time.process_time() - start < 6.0
    assert data.columns[0].after.counts.sum() == units
    assert max(len(content) for content in files.values()) < 400_000


def test_grid_counts_stand_in_their_cell(tables):
    made = tables["cells"]()
    data = scatter_grid.figure_data(made)
    table = made["scatter_grid"]
    assert data.counts.shape == (2, 3, 3, 40, 20)
    for k in range(len(table)):
        i = data.gamma_prime.tolist().index(table["gamma_prime"][k])
        j = data.gamma.tolist().index(table["gamma"][k])
        layer = data.width.tolist().index(table["width"][k])
        np.testing.assert_array_equal(data.counts[i, j, layer], table["counts"][k])
    assert data.on_boundary.tolist() == [[True, False, False], [False, False, True]]
    assert data.orientation_edges[0] == -np.pi
    assert data.amplitude_edges[-1] == 1


def test_grid_selects_and_adds_seeds_and_ends(tables):
    made = tables["cells"](
        widths=(1, 10, 20, 30, 100),
    )
    data = scatter_grid.figure_data(made)
    assert data.width.tolist() == [1, 20, 100]
    data = scatter_grid.figure_data(
        made, gammas=[1.2, 1.0], gamma_primes=[0.2], widths=[10]
    )
    assert data.counts.shape == (1, 2, 1, 40, 20)
    table = made["scatter_grid"]
    doubled = {name: np.concatenate([table[name]] * 2) for name in table.columns}
    twice = scatter_grid.figure_data(
        made | {"scatter_grid": Table(columns=doubled)}, widths=[10]
    )
    assert (
        twice.counts.sum()
        == 2
        * scatter_grid.figure_data(
            made,
            widths=[10],
        ).counts.sum()
    )
    half = Table(
        columns=doubled | {"when": np.repeat([0, 1], len(table))},
    )
    ended = scatter_grid.figure_data(
        made | {"scatter_grid": half},
        widths=[10],
    )
    assert ended.counts.sum() == twice.counts.sum() // 2


def test_grid_refuses_what_does_not_fit(tables):
    made = tables["cells"]()
    with pytest.raises(InvalidInputError, match="write both tables with the same bins"):
        scatter_grid.figure_data(
            made
            | {
                "scatter_bins": tables["cells"](
                    shape=(41, 20),
                )["scatter_bins"]
            }
        )
    with pytest.raises(InvalidInputError, match="gammas: given"):
        scatter_grid.figure_data(made, gammas=[7.0])
    with pytest.raises(InvalidInputError, match="at most three"):
        scatter_grid.figure_data(
            tables["cells"](
                widths=(1, 2, 3, 4),
            ),
            widths=[1, 2, 3, 4],
        )


def test_grid_frames_the_boundary_and_puts_large_gamma_prime_on_top(tables):
    data = scatter_grid.figure_data(tables["cells"]())
    axes = np.array(
        scatter_grid.draw(data).axes,
        dtype=object,
    ).reshape(2, 3)
    framed = [[ax.spines["left"].get_linewidth() > 1 for ax in row] for row in axes]
    assert framed == data.on_boundary[::-1].tolist()
    assert axes[0, 0].get_ylabel() == "γ′ = 0.2"
    assert axes[0, 2].get_title() == "γ = 1.2"
    assert [len(ax.images) for ax in axes.ravel()] == [3] * 6
    picture = axes[1, 1].images[2].get_array()
    assert np.argwhere(picture[..., 3] > 0).tolist() == [[row, 7] for row in range(4)]


def test_demo_a_shows_its_tables(tables):
    options = options_of(demo_a, "demo-a")
    data = plots.chart.figure_data(
        tables["small_network"](),
        **options,
    )
    losses, outputs, neurons = data.panels
    grey = losses.series[:2]
    assert [series.x.tolist() for series in grey] == [[0, 1, 10, 100]] * 2
    final = {series.look.label: series for series in outputs.series}["final"]
    np.testing.assert_allclose(final.x, np.linspace(-1, 1, 11))
    np.testing.assert_allclose(
        final.y,
        0.9 * np.abs(final.x),
        atol=1e-15,
    )
    predicted, _, after = neurons.series
    assert predicted.x.tolist() == [-2.81984, -0.32175]
    np.testing.assert_array_equal(after.y, np.linspace(0, 1, 30))
    left, _, right = plots.chart.draw(data).axes
    assert left.get_xscale() == left.get_yscale() == "log"
    assert right.get_title() == "theory: −0.322, −2.820"
    vertical = [line.get_xdata() for line in right.lines if line.get_ls() == "--"]
    assert [x[0] for x in vertical] == [-2.81984, -0.32175]
