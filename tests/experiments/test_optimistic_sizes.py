"""optimistic-sizes: the contract, ranks against slow references, masks, and claims that
can fail.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from condensery._reference import load
from condensery.experiments.optimistic_sizes import Config, optimistic_sizes
from condensery.experiments.optimistic_sizes._ranks import (
    columns,
    dense_units,
    ranks,
)
from condensery.experiments.optimistic_sizes._work import (
    _observed,
    complete,
    plane,
    tangent,
    unobserved,
)
from condensery.metrics import share
from condensery.models import TwoLayerConv
from condensery.plots import chart
from condensery.records import Table
from condensery.testing import ExperimentContract
from condensery.theory import optimistic_convolution

TINY = {
    "masks": 3,
    "around": [-1, 0],
    "steps": 3000,
    "plane_steps": 3000,
    "images": [[3, 2, 1]],
}


class TestOptimisticSizesContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return optimistic_sizes

    @pytest.fixture
    def overrides(self):
        return TINY


@pytest.fixture(scope="module")
def ran():
    experiment = optimistic_sizes
    config = experiment.Config.model_validate(TINY)
    shards = [
        load(task.function)(task.parameters, task.seed, lambda *_: None)
        for task in experiment.tasks(config)
    ]
    return config, dict(experiment.tables(config, shards))


def judged(config, tables):
    return {claim.id: claim for claim in optimistic_sizes.claims(config, tables)}


def silent(*_):
    """No progress is shown."""


def test_the_published_sizes_of_a_kernel_on_images():
    assert optimistic_convolution(28, 3, 1) == (685, 6760, 530660)


@pytest.mark.parametrize(
    "sizes",
    [
        (3, 2, 1),
        (4, 2, 2),
        (5, 3, 1),
    ],
)
def test_ranks_of_convolutional_nets_are_their_formulas(sizes):
    rows = ranks.function(
        Config(images=(sizes,)),
        0,
        silent,
    )["rows"]
    convolutional = rows[rows[:, 0] >= 3]
    d, s, k = sizes
    positions = (d + 1 - s) ** 2
    assert convolutional[:, 4].tolist() == [
        k * (s**2 + positions),
        k * positions * (s**2 + 1),
        k * positions * (d**2 + 1),
    ]
    # one more kernel, or unit, of the same output reaches no new direction
    assert convolutional[:, 6].tolist() == convolutional[:, 4].tolist()
    assert (rows[:, -1] == 1).all()
    matrices = rows[rows[:, 0] == 2]
    assert matrices[:, 4].tolist() == [2 * r * 4 - r**2 for r in (1, 2, 3, 4)]
    assert rows[:2, 4].tolist() == [2, 3]


def test_columns_are_the_derivatives_of_the_convolutional_model():
    random = np.random.default_rng(0)
    images = random.normal(size=(5, 4, 4))
    w = random.normal(size=(2, 9))
    a = random.normal(size=(2, 4))
    shared = columns(images, w, a, shared=True)
    net = {
        "a": jnp.asarray(a.reshape(2, 2, 2)),
        "w": jnp.asarray(w.reshape(2, 1, 3, 3)),
        "b": jnp.zeros(2),
    }
    slopes = jax.jacobian(TwoLayerConv("tanh", (1, 4, 4)))(
        net, jnp.asarray(images.reshape(5, -1))
    )
    expected = np.column_stack(
        [np.asarray(slopes[name]).reshape(5, -1) for name in ("a", "w")]
    )
    np.testing.assert_allclose(
        shared,
        expected,
        rtol=1e-12,
        atol=1e-14,
    )
    # each place moves alone; together they are the shared kernel
    local = columns(
        images,
        w,
        a,
        shared=False,
    )[:, 8:].reshape(5, 2, 4, 9)
    np.testing.assert_allclose(
        local.sum(axis=2).reshape(5, -1), shared[:, 8:], rtol=1e-12, atol=1e-14
    )


def test_a_dense_net_of_placed_kernels_is_the_convolutional_one():
    random = np.random.default_rng(1)
    images = random.normal(size=(3, 4, 4))
    w = random.normal(size=(2, 4))
    a = random.normal(size=(2, 9))
    dense = (
        np.tanh(
            images.reshape(3, -1)
            @ dense_units(
                4,
                w,
            ).T
        )
        @ a.ravel()
    )
    slow = [
        sum(
            a[k, 3 * i + j]
            * np.tanh((w[k].reshape(2, 2) * image[i : i + 2, j : j + 2]).sum())
            for k in range(2)
            for i in range(3)
            for j in range(3)
        )
        for image in images
    ]
    np.testing.assert_allclose(dense, slow, rtol=1e-12)


def test_tangent_rows_are_differences_of_the_product():
    random = np.random.default_rng(2)
    left = random.normal(size=(3, 2))
    right = random.normal(size=(2, 3))
    J, step = tangent(left, right), 1e-6
    for index, change in enumerate(np.eye(12)):
        moved_left = left + step * change[:6].reshape(3, 2)
        moved_right = right + step * change[6:].reshape(2, 3)
        difference = moved_left @ moved_right - left @ right
        slope = difference.ravel() / step
        np.testing.assert_allclose(J[:, index], slope, atol=1e-5)


def connected(observed, size):
    """Whether rows and columns joined by observed entries are one piece."""
    piece, grown = {("row", observed[0] // size)}, True
    while grown:
        grown = False
        for entry in observed:
            ends = {("row", entry // size), ("column", entry % size)}
            if ends & piece and not ends <= piece:
                piece, grown = piece | ends, True
    return len(piece) == 2 * size


@pytest.mark.parametrize("number", range(10))
def test_masks_of_rank_one_are_spanning_trees(number):
    target, order = _observed(Config(), 1, 0, number)
    assert connected(order[:7].tolist(), 4)
    assert not connected(order[:6].tolist(), 4)
    assert np.linalg.matrix_rank(target) == 1
    assert np.mean(target**2) == pytest.approx(1)


def test_one_entry_less_leaves_the_target_free():
    for rank in (1, 2, 3):
        target, order = _observed(Config(), rank, 0, 0)
        u, s, v = np.linalg.svd(target)
        J = tangent(
            u[:, :rank] * s[:rank],
            v[:rank],
        )
        full = 2 * rank * 4 - rank**2
        assert np.linalg.matrix_rank(J) == full
        assert np.linalg.matrix_rank(J[order[:full]]) == full
        assert np.linalg.matrix_rank(J[order[: full - 1]]) == full - 1


def test_the_test_error_is_that_of_entries_that_were_not_observed():
    errors = np.array([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]])
    orders = np.array([[3, 2, 1, 0], [0, 1, 2, 3]])
    measured = unobserved(errors, orders, np.array([3, 2]))
    assert measured.tolist() == [1.0, (9 + 16) / 2]


def test_a_matrix_of_full_rank_is_not_completed():
    config = Config(around=(-1, 0, 1))
    assert list(config.ranks) == [1, 2, 3]
    # 2rd − r² = 15 of 16 for rank three; from all of them nothing is completed
    assert config.samples(3) == [14, 15]


def test_large_factors_fit_the_observed_entries_alone():
    config = Config(
        masks=2,
        around=(0,),
        scales=(0.3,),
        steps=50_000,
    )
    few = complete.function(
        config,
        0,
        silent,
        rank=1,
        scale=0.3,
    )
    assert (few["train"] <= 1e-9).all()
    assert (few["test"] > 1e-3).all()


def test_the_linear_model_finds_what_its_samples_say():
    config = Config(
        masks=4,
        plane_steps=200_000,
    )
    fits = plane.function(config, 0, silent, bilinear=False)
    fitted = fits["train"] <= 1e-9
    three = fits["samples"] >= 3
    assert fitted[fits["samples"] < 3].all()
    assert (fits["test"][three & fitted] < 1e-3).all()
    assert (fits["test"][fits["samples"] < 3] > 1e-4).all()


def changed(tables, name, **columns):
    """The tables with other columns in one of them."""
    table = tables[name]
    return {
        **tables,
        name: Table(columns={**table.columns, **columns}),
    }


def test_claims_can_fail(ran):
    config, tables = ran
    claims = judged(config, tables)
    assert claims["ranks"].passed is True
    rank_wide = tables["ranks"]["rank_wide"] + 1
    off = changed(tables, "ranks", rank_wide=rank_wide)
    assert judged(config, off)["ranks"].passed is False
    rows = tables["recovery"]
    enough = rows["samples"] >= rows["optimistic"]
    good = with_shares(tables, np.where(enough, 1.0, 0.0))
    claims = judged(config, good)
    names = ("bilinear-two", "completion-1", "completion-3", "linear-three", "one-less")
    assert all(claims[name].passed for name in names)
    bad = with_shares(tables, np.where(enough, 0.3, 0.2))
    claims = judged(config, bad)
    assert not any(claims[name].passed for name in names)


def with_shares(tables, recovered, draws=30):
    """Tables in which so many of the draws are recovered."""
    hits = np.round(recovered * draws).astype(int)
    shares = [share(np.arange(draws) < count) for count in hits]
    return changed(
        tables,
        "recovery",
        recovered=[row.value for row in shares],
        low=[row.low for row in shares],
        high=[row.high for row in shares],
        draws=np.full(len(hits), draws),
    )


def test_a_small_start_has_to_gain(ran):
    config, tables = ran
    fits = tables["fits"]
    small = fits["scale"] < 0.1
    gain = np.where(small, 1e-6, 0.5)
    better = changed(tables, "fits", test=gain)
    assert judged(config, better)["small-start"].passed is True
    worse = changed(tables, "fits", test=1e-6 / gain)
    assert judged(config, worse)["small-start"].passed is False
    equal = changed(
        tables,
        "fits",
        test=np.where(fits["draw"] % 2, 1e-6, 0.5),
    )
    assert judged(config, equal)["small-start"].value == 0


def test_the_figure_shows_the_tables(ran):
    config, tables = ran
    (spec,) = optimistic_sizes.figures(config)
    data = chart.figure_data(tables, **spec.options)
    matrices = data.panels[1].series
    labels = [series.look.label for series in matrices]
    assert labels[:3] == [f"rank {rank}, std 1e-08" for rank in (1, 2, 3)]
    assert labels[3:] == [f"rank {rank}, std 0.1" for rank in (1, 2, 3)]
    rows = tables["recovery"].select(
        model="matrix",
        rank=1,
        scale=min(config.scales),
    )
    assert matrices[0].y.tolist() == rows["recovered"].tolist()
    assert len(chart.draw(data).axes) == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 1},
        {"around": []},
        {"spread": -0.1},
        {"rate": float("nan")},
    ],
)
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        optimistic_sizes.Config.model_validate(wrong)
