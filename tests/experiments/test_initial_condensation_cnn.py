"""Condensation of kernels: the contract, the linearised flow, claims that can fail, and
data that are refused.
"""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._errors import InvalidInputError
from condensery._reference import load
from condensery.experiments.initial_condensation_cnn import initial_condensation_cnn
from condensery.experiments.initial_condensation_cnn._theory_claims import (
    along_by_chance,
    median_by_chance,
)
from condensery.experiments.initial_condensation_cnn._work import (
    ENTRIES,
    KERNELS,
    STDS,
    linear_kernels,
    smooth_images,
    train_two_layer,
)
from condensery.metrics import aligned_pairs
from condensery.models import two_layer_conv_normal
from condensery.records import Table
from condensery.testing import ExperimentContract
from condensery.theory import patch_direction

SMALL = {
    "draws": 2,
    "samples": 20,
    "steps": 3,
    "activations": ["tanh"],
}


class TestInitialCondensationCnnContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return initial_condensation_cnn

    @pytest.fixture
    def overrides(self):
        return SMALL


def judged(config, tables):
    return {
        claim.id: claim for claim in initial_condensation_cnn.claims(config, tables)
    }


def altered(tables, name, **columns):
    return {**tables, name: Table(columns={**tables[name].columns, **columns})}


@pytest.fixture(scope="module")
def found():
    experiment = initial_condensation_cnn
    config = experiment.Config.model_validate(
        {
            **SMALL,
            "draws": 10,
            "samples": 100,
            "steps": 70,
        }
    )
    shards = [
        load(task.function)(task.parameters, task.seed, lambda *_: None)
        for task in experiment.tasks(config)
    ]
    return config, dict(experiment.tables(config, shards))


def test_kernels_condense_along_the_singular_vector(found):
    config, tables = found
    claims = judged(config, tables)
    for name in (
        "share",
        "median",
        "rd-small",
        "linear",
        "cnn-before",
        "cnn-large",
    ):
        assert claims[name].passed is True, claims[name]
    assert claims["cnn-xtanh"].passed is claims["every"].passed is None
    # None of 160 kernels: the upper end of Wilson's interval.
    none = claims["none"]
    assert none.note.startswith("0 of 160")
    assert none.value == pytest.approx(3.8415 / (160 + 3.8415), abs=1e-4)
    # All of ten draws: the lower end of the same interval.
    assert claims["share"].value == pytest.approx(10 / (10 + 3.8415), abs=1e-4)
    medians = [np.median(tables["members"].select(std=std)["median"]) for std in STDS]
    assert medians[0] > medians[1] > medians[2]


def test_the_kernels_of_the_cnn_line_up_before_it_learns(found):
    config, tables = found
    claim = judged(config, tables)["cnn-tanh"]
    assert claim.passed is True, claim
    own = tables["followed"].select(std=1e-3)
    assert own["accuracy"].max() < 0.3


def test_claims_can_fail(found):
    config, tables = found
    members, kernels = tables["members"], tables["kernels"]
    claims = judged(
        config,
        altered(
            tables,
            "members",
            share=members["share"] - 0.05,
            median=members["median"] / 2,
        ),
    )
    assert (
        claims["share"].passed,
        claims["median"].passed,
        claims["partial"].passed,
    ) == (False, False, False)
    claims = judged(config, altered(tables, "kernels", cosine=0.9 * kernels["cosine"]))
    assert (claims["kernels"].passed, claims["linear"].passed) == (False, False)
    # Two draws of ten that are elsewhere: eight are too few.
    elsewhere = members["median"].copy()
    elsewhere[:2] = 0.9
    claims = judged(config, altered(tables, "members", median=elsewhere))
    assert claims["median"].passed is False
    assert claims["median"].note.startswith("8 of 10")
    crowded = altered(tables, "kernels", cosine=np.ones(len(kernels)))
    assert judged(config, crowded)["none"].passed is False
    followed = tables["followed"]
    claims = judged(
        config, altered(tables, "followed", pairs=followed["pairs"] / 2 + 0.25)
    )
    assert (
        claims["cnn-before"].passed,
        claims["cnn-tanh"].passed,
        claims["cnn-large"].passed,
    ) == (False,) * 3


def test_thelinear_kernels_by_loops():
    """Ẇ_β = Z a_β, ȧ_β = Zᵀ W_β by descent on the patches themselves."""
    images, labels = smooth_images(3)
    net = two_layer_conv_normal(
        16,
        shape=(1, 10, 10),
        size=3,
        seed=3,
        std=1.0,
    )
    _, values = patch_direction(images[:, None], labels, size=3)
    rate, steps = 0.01 / values[0], 12
    w, b, a = net["w"][0, 0].copy(), net["b"][0], net["a"][0].copy()
    for _ in range(steps):
        change_w, change_b, change_a = np.zeros((3, 3)), 0.0, np.zeros((8, 8))
        for u in range(8):
            for v in range(8):
                patch = np.mean(
                    [
                        y * image[u : u + 3, v : v + 3]
                        for y, image in zip(labels, images, strict=True)
                    ],
                    axis=0,
                )
                change_w += a[u, v] * patch
                change_b += a[u, v] * labels.mean()
                change_a[u, v] = np.sum(w * patch) + b * labels.mean()
        w, b, a = w + rate * change_w, b + rate * change_b, a + rate * change_a
    np.testing.assert_allclose(
        linear_kernels((images, labels), net, steps)[0], [*w.ravel(), b], rtol=1e-9
    )


def test_images_are_smooth_and_of_variance_one():
    images, labels = smooth_images(0)
    assert images.std() == pytest.approx(1)
    # neighbours of white noise differ by √2 on average, those of smoothed noise by much
    # less
    assert np.diff(images, axis=2).std() < 0.5
    assert set(labels) == {-1.0, 1.0}
    np.testing.assert_array_equal(images, smooth_images(0)[0])


def test_pairs_by_loops():
    kernels = np.random.default_rng(0).standard_normal((9, 3))
    kernels[4], kernels[7] = -2 * kernels[1], 3 * kernels[1]
    near = [
        abs(u @ v) > 0.95 * np.linalg.norm(u) * np.linalg.norm(v)
        for k, u in enumerate(kernels)
        for v in kernels[:k]
    ]
    pairs = aligned_pairs(kernels, threshold=0.95)
    assert pairs == pytest.approx(np.mean(near))


def test_levels_by_chance_are_those_of_random_kernels(found):
    config, tables = found
    random = np.random.default_rng(0)
    rows = random.standard_normal((20_000, KERNELS, ENTRIES))
    first = rows[:, :, 0]
    cosines = np.abs(first) / np.linalg.norm(rows, axis=2)
    squares = (rows**2).sum((1, 2))
    whole = np.sqrt((first**2).sum(axis=1) / squares)
    # at a level that chance does reach, the formulas and the draws agree
    often = np.mean(whole >= 0.4)
    assert often == pytest.approx(along_by_chance(0.4), rel=0.1)
    high = cosines >= 0.4
    half = np.mean(high.sum(axis=1) >= KERNELS // 2)
    assert half == pytest.approx(median_by_chance(0.4), rel=0.15)
    medians = np.median(cosines, axis=1)
    assert np.mean(medians >= 0.4) <= half
    claims = judged(config, tables)
    for name in ("share", "median"):
        assert "by chance" in claims[name].note


def test_draws_do_not_depend_on_one_another():
    train = train_two_layer.function
    config = initial_condensation_cnn.Config
    both = train(config(draws=2), 0, lambda *_: None)
    second = train(config(draws=1), 1, lambda *_: None)
    rows = both["draw"] == 1
    np.testing.assert_array_equal(both["cosine"][rows], second["cosine"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"draws": 0},
        {"activations": []},
        {"activations": ["tahn"]},
        {"rate": 0.0},
        {"samples": 1},
        {"std": 1},
    ],
)
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        initial_condensation_cnn.Config.model_validate(wrong)


@pytest.mark.parametrize("columns", [3, 4])
def test_data_that_are_no_images_are_refused(tmp_path, columns):
    path = tmp_path / "mine.npy"
    np.save(path, np.random.default_rng(0).standard_normal((30, columns + 1)))
    config = initial_condensation_cnn.Config(
        data=str(path),
        samples=20,
    )
    with pytest.raises(InvalidInputError, match="square images of at least 3 x 3"):
        initial_condensation_cnn.data_digest(config)
