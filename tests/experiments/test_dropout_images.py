"""Dropout on images: the contract, claims that judge both ways, sizes by kind of data,
and bad input.
"""

import gzip
import struct

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._errors import InvalidInputError
from condensery._reference import load
from condensery.experiments.dropout_images import dropout_images
from condensery.experiments.dropout_images._config import images, runs
from condensery.experiments.dropout_images._tables import (
    ALIKE,
    PAIRS,
    PLACES,
    along,
    means,
    settling,
)
from condensery.metrics import loss_barrier
from condensery.records import Table
from condensery.testing import ExperimentContract

TINY = {
    "keeps": [0.8],
    "part_keeps": [0.8, 0.5],
    "width": 6,
    "samples": 30,
    "steps": 8,
    "small_steps": 4,
    "part_steps": 8,
    "seeds": 1,
}


class TestImagesContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return dropout_images

    @pytest.fixture
    def overrides(self):
        return TINY


def configured(**overrides):
    return dropout_images.Config.model_validate(
        {**dropout_images.presets["quick"], **overrides}
    )


def tabled(names, rows):
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    arrays = map(np.array, columns)
    return Table(columns=dict(zip(names, arrays, strict=True)))


def ends(
    config,
    accuracy,
    *,
    alike=(1e-4, 1e-4),
    apart=(0.02, 0.03),
    bends=(1.0, 10.0),
    moves=0.1,
    loss=1e-3,
):
    """Tables whose nets end with these accuracies, barriers (at the larger and the
    smaller p) and bends; the gains of two seeds differ by 0.1 points.
    """
    rows = [
        (kind, keep, seed, accuracy[kind] + shift, loss, 1e-2)
        for kind, keep in runs(config)
        for seed, shift in ((0, 0.0), (1, -0.001 * (kind == "plain")))
    ]
    courses = [
        (kind, keep, 0, step, share, 0.1 / step, 0.0)
        for kind, keep in runs(config)
        for step, share in ((1, 0.1), (50, 0.5), (100, 0.5 + moves / 100))
    ]
    barriers = [
        (*pair, keep, 0, (alike if pair in ALIKE else apart)[int(keep < 0.8)], *bends)
        for pair in PAIRS
        for keep in config.part_keeps
    ]
    tables = {
        "runs": tabled(("kind", "keep", "seed", "accuracy", "loss", "r1"), rows),
        "courses": tabled(
            ("kind", "keep", "seed", "step", "accuracy", "loss", "r1"), courses
        ),
        "barriers": tabled(
            ("first", "second", "keep", "seed", "barrier", "bend_first", "bend_second"),
            barriers,
        ),
    }
    tables["means"] = means(config, tables)
    tables["settling"] = settling(config, tables)
    return tables


LIKE_THE_SOURCE = {
    "plain": 0.79,
    "dropout": 0.885,
    "expected": 0.886,
    "small-plain": 0.93,
    "small-dropout": 0.935,
    "small-expected": 0.935,
    "descent": 0.79,
    "L1": 0.886,
    "L2": 0.80,
    "L3": 0.88,
    "L4": 0.795,
}


def judged(config, tables):
    return {claim.id: claim for claim in dropout_images.claims(config, tables)}


def falling(tables):
    """With an accuracy of R_S + R1 that falls by a point from p to p."""
    table = tables["runs"]
    falls = (table["kind"] == "expected") * 0.01 * (table["keep"] - 0.6) / 0.3
    columns = {**table.columns, "accuracy": table["accuracy"] - falls}
    return {**tables, "runs": Table(columns=columns)}


def test_claims_judge_both_ways():
    config = configured(
        part_keeps=[0.8, 0.5],
        seeds=2,
    )
    claims = judged(config, falling(ends(config, LIKE_THE_SOURCE)))
    assert {name: claim.passed for name, claim in claims.items()} == dict.fromkeys(
        claims, True
    )
    # the mean is 8.65 at p = 0.9; t of one degree of freedom is 12.7, the error 0.05
    gain = 8.65 - 12.706 * 0.05
    assert claims["better"].value == pytest.approx(gain - 0.2, abs=1e-3)
    assert claims["r1-not-r2"].value == pytest.approx(9.6 / 2 - 1)
    assert claims["without-r1"].value == pytest.approx(9.6 / 2 - 0.5)
    assert claims["without-r2"].value == pytest.approx(0.6)
    assert claims["barrier-grows"].value == pytest.approx(1.5)
    reverse = {
        **LIKE_THE_SOURCE,
        "dropout": 0.80,
        "expected": 0.83,
        "small-dropout": 0.93,
        "L1": 0.83,
        "L2": 0.82,
        "L3": 0.79,
        "L4": 0.83,
    }
    tables = ends(
        config, reverse, alike=(1e-4, 2e-3), apart=(0.02, 5e-4), bends=(1.0, 1.5)
    )
    claims = judged(config, tables)
    for name in (
        "same-accuracy",
        "better",
        "falls-with-p",
        "start",
        "r1-not-r2",
        "without-r2",
        "without-r1",
        "no-barrier",
        "barrier",
        "barrier-grows",
        "flatter-with-r1",
    ):
        assert claims[name].passed is False, name


def test_what_still_moves_is_not_judged():
    config = configured(seeds=2)
    claims = judged(config, ends(config, LIKE_THE_SOURCE, moves=3.0))
    for name in ("same-accuracy", "falls-with-p", "same-terms"):
        assert (claims[name].value, claims[name].passed) == (None, None)
        assert "not judged at p = 0.6, 0.9" in claims[name].note
    # both accuracies move by 3 points
    settled = judged(config, ends(config, LIKE_THE_SOURCE))["better"]
    assert settled.value - claims["better"].value == pytest.approx(5.8)


def test_lines_between_shallow_solutions_are_not_judged():
    config = configured(seeds=2)
    claims = judged(config, ends(config, LIKE_THE_SOURCE, loss=2e-3))
    for name in ("no-barrier", "barrier", "flatter-with-r1"):
        assert claims[name].value is not None
        assert claims[name].passed is None


def test_one_seed_has_no_interval():
    config = configured(seeds=1)
    claims = judged(config, ends(config, LIKE_THE_SOURCE))
    for name in ("better", "falls-with-p", "start", "r1-not-r2", "without-r2"):
        assert claims[name].value is None, name


def test_fashion_is_judged_by_the_sign_of_the_gain():
    for data, gain, verdict in (
        ("fashion-mnist", 0.02, True),
        ("fashion-mnist", -0.02, False),
        ("mnist", 0.02, False),
    ):
        config = configured(
            data=data,
            seeds=2,
        )
        accuracy = {
            "plain": 0.7,
            "dropout": 0.7 + gain,
            "expected": 0.7 + gain,
        }
        claims = judged(config, ends(config, accuracy))
        assert (claims["same-accuracy"].passed, claims["better"].passed) == (
            True,
            verdict,
        )
        assert claims["r1-not-r2"].passed is None
        assert claims["no-barrier"].value is None


def test_one_p_cannot_show_growth():
    config = configured(part_keeps=[0.8])
    claims = judged(config, ends(config, LIKE_THE_SOURCE))
    assert (claims["barrier-grows"].value, claims["barrier-grows"].passed) == (
        None,
        None,
    )


def net(rng, width=5):
    return (
        rng.standard_normal((width, 3)),
        rng.standard_normal(width),
        rng.standard_normal((2, width)),
    )


def slow_loss(first, second, a, x, y):
    """R_S at one place, unit by unit and sample by sample."""
    total = 0.0
    for row, wanted in zip(x, y, strict=True):
        for out in range(y.shape[1]):
            found = 0.0
            for unit in range(len(first[1])):
                z = sum(
                    ((1 - a) * first[0][unit, i] + a * second[0][unit, i]) * row[i]
                    for i in range(len(row))
                )
                z += (1 - a) * first[1][unit] + a * second[1][unit]
                found += max(z, 0.0) * (
                    (1 - a) * first[2][out, unit] + a * second[2][out, unit]
                )
            total += (found - wanted[out]) ** 2
    return total / (2 * len(x))


def test_the_loss_along_a_line():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((4, 3)), rng.standard_normal((4, 2))
    first, second = net(rng), net(rng)
    places = np.array([-0.5, 0.0, 0.3, 1.0, 1.5])
    slow = [slow_loss(first, second, a, x, y) for a in places]
    np.testing.assert_allclose(along(first, second, (x, y), places), slow, rtol=1e-12)


def test_closed_forms_of_a_line():
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((4, 3)), rng.standard_normal((4, 2))
    W, b, top = net(rng)
    assert np.ptp(along((W, b, top), (W, b, top), (x, y))) < 1e-12
    # with the hidden layer fixed R_S is a parabola in a, which lies below its chord
    parabola = along((W, b, top), (W, b, 2 * top), (x, y))
    np.testing.assert_allclose(np.diff(parabola, 3), 0, atol=1e-10)
    assert loss_barrier(PLACES, parabola) == pytest.approx(0, abs=1e-12)


def test_the_four_losses_start_from_the_same_parameters():
    config = configured(
        **{**TINY, "seeds": 2},
        descent_rate=1e-12,
    )
    tasks = [
        task
        for task in dropout_images.tasks(config)
        if task.parameters["arguments"]["kind"] in ("L1", "L2", "L3", "L4")
    ]
    starts = [
        load(task.function)(task.parameters, task.seed, lambda *_: None)
        for task in tasks
    ]
    assert len(starts) == 8
    for name in ("W", "b", "top"):
        for other in starts[1:]:
            np.testing.assert_allclose(other[name], starts[0][name], atol=1e-6)
        assert np.abs(starts[0][name][0] - starts[0][name][1]).max() > 0.1


def test_lines_begin_and_end_at_the_solutions():
    config = configured(**TINY)
    shards = [
        load(task.function)(task.parameters, 0, lambda *_: None)
        for task in dropout_images.tasks(config)
    ]
    tables = dropout_images.tables(config, shards)
    paths, recorded = tables["paths"], tables["runs"]
    assert len(paths) == 2 * len(PAIRS) * len(PLACES)
    assert images(config)[0][0].shape == (30, 64)
    for first, second in PAIRS:
        for part, place in ((first, 0.0), (second, 1.0)):
            rows = paths.select(
                first=first,
                second=second,
                keep=0.5,
            )
            at = np.isclose(rows["place"], place)
            wanted = recorded.select(
                kind=part,
                keep=0.5,
            )["loss"]
            np.testing.assert_allclose(rows["loss"][at], wanted, rtol=1e-4)


def test_a_setting_without_prediction():
    config = configured(**TINY)
    shards = [
        load(task.function)(task.parameters, 0, lambda *_: None)
        for task in dropout_images.tasks(config)
    ]
    claims = dropout_images.claims(config, dropout_images.tables(config, shards))
    assert {claim.passed for claim in claims} == {None}
    assert all(
        0 <= shard["accuracy"].min() <= shard["accuracy"].max() <= 1 for shard in shards
    )
    plain = shards[0]
    np.testing.assert_allclose(plain["r1"], 0, atol=1e-6)
    assert shards[1]["r1"].min() > 0


def test_sizes_follow_the_kind_of_data():
    assert (configured().width, configured().steps) == (300, 6000)
    assert configured(rate=0.1).rate == pytest.approx(0.1)
    assert (configured().rate, configured(data="fashion-mnist").rate) == (5e-3, 5e-4)
    large = dropout_images.Config.model_validate({"size": "paper", "data": "mnist"})
    assert (large.width, large.samples, large.is_reference) == (1000, 1000, True)
    assert (
        configured(
            data="mnist",
            rate=5e-3,
        ).is_reference
        is False
    )
    assert configured(width=7).width == 7


def idx(path, array):
    head = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))


def test_images_from_idx_files(tmp_path):
    rng = np.random.default_rng(0)
    idx(tmp_path / "train-images-idx3-ubyte.gz", rng.integers(0, 255, (5040, 4, 4)))
    idx(tmp_path / "train-labels-idx1-ubyte.gz", rng.integers(0, 10, 5040))
    config = configured(
        **TINY,
        data="mnist",
        data_path=str(tmp_path),
    )
    task = dropout_images.tasks(config)[0]
    assert dropout_images.data_digest(config)
    found = load(task.function)(task.parameters, 0, lambda *_: None)
    assert found["accuracy"][-1, 0] < 0.5


@pytest.mark.parametrize(
    "bad",
    [
        {"keeps": [0.0]},
        {"keeps": [1.2]},
        {"keeps": [0.5, 0.5]},
        {"part_keeps": [0.0]},
        {"part_keeps": [1.5]},
        {"part_keeps": [0.5, 0.5]},
        {"rate": 0.0},
        {"data": "cifar"},
        {"keeps": []},
        {"small_steps": -1},
    ],
)
def test_bad_settings(bad):
    with pytest.raises(ValidationError):
        configured(**bad)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match=str(tmp_path)):
        dropout_images.data_digest(
            configured(
                data="mnist",
                data_path=str(tmp_path),
            )
        )
