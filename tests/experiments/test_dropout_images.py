"""Dropout on images: the contract, claims that judge both ways, sizes by kind of data, and bad input."""

import gzip
import struct

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._errors import InvalidInputError
from condensery._reference import load
from condensery.experiments.dropout_images import DropoutImages, runs
from condensery.records import Table
from condensery.testing import ExperimentContract

TINY = {"keeps": [0.8], "width": 6, "samples": 30, "steps": 8, "part_steps": 8}


class TestImagesContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return DropoutImages()

    @pytest.fixture
    def overrides(self):
        return TINY


def configured(**overrides):
    return DropoutImages.Config.model_validate({**DropoutImages.presets["quick"], **overrides})


def ends(config, accuracy):
    rows = [(kind, keep, accuracy[kind], 1e-3, 1e-2) for kind, keep in runs(config)]
    names = ("kind", "keep", "accuracy", "loss", "r1")
    return {"runs": Table(columns=dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True)))}


def test_claims_judge_both_ways():
    config = configured()
    like_the_source = {
        "plain": 0.79, "dropout": 0.885, "expected": 0.886, "descent": 0.79, "L1": 0.886, "L2": 0.80, "L3": 0.88,
        "L4": 0.795,
    }  # fmt: skip
    claims = {claim.id: claim for claim in DropoutImages().claims(config, ends(config, like_the_source))}
    assert {name: claim.passed for name, claim in claims.items()} == dict.fromkeys(claims, True)
    assert claims["better"].value == pytest.approx(9.5)
    assert claims["r1-not-r2"].value == pytest.approx(1 / 9.6)
    reverse = {
        "plain": 0.79,
        "dropout": 0.80,
        "expected": 0.83,
        "descent": 0.79,
        "L1": 0.83,
        "L2": 0.82,
        "L3": 0.79,
        "L4": 0.83,
    }
    claims = {claim.id: claim for claim in DropoutImages().claims(config, ends(config, reverse))}
    for name in ("same-accuracy", "better", "r1-not-r2", "without-r2", "without-r1"):
        assert claims[name].passed is False, name


def test_a_setting_without_prediction():
    config = configured(**TINY)
    shards = [load(task.function)(task.parameters, 0, lambda *_: None) for task in DropoutImages().tasks(config)]
    claims = DropoutImages().claims(config, DropoutImages().tables(config, shards))
    assert {claim.passed for claim in claims} == {None}
    assert all(0 <= shard["accuracy"].min() <= shard["accuracy"].max() <= 1 for shard in shards)
    plain = shards[0]
    np.testing.assert_allclose(plain["r1"], 0, atol=1e-6)
    assert shards[1]["r1"].min() > 0


def test_sizes_follow_the_kind_of_data():
    assert (configured().width, configured().steps) == (300, 3000)
    assert configured(data="fashion-mnist").steps == 800
    assert DropoutImages.Config.model_validate({"size": "paper", "data": "mnist"}).width == 1000
    assert configured(width=7).width == 7


def idx(path, array):
    head = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))


def test_images_from_idx_files(tmp_path):
    rng = np.random.default_rng(0)
    idx(tmp_path / "train-images-idx3-ubyte.gz", rng.integers(0, 255, (5040, 4, 4)))
    idx(tmp_path / "train-labels-idx1-ubyte.gz", rng.integers(0, 10, 5040))
    config = configured(**TINY, data="mnist", data_path=str(tmp_path))
    task = DropoutImages().tasks(config)[0]
    assert DropoutImages().data_digest(config)
    found = load(task.function)(task.parameters, 0, lambda *_: None)
    assert found["accuracy"][-1, 0] < 0.5


@pytest.mark.parametrize("bad", [
    {"keeps": [0.0]}, {"keeps": [1.2]}, {"keeps": [0.5, 0.5]}, {"part_keep": 0.0}, {"part_keep": 1.5}, {"rate": 0.0},
    {"data": "cifar"}, {"keeps": []},
])  # fmt: skip
def test_bad_settings(bad):
    with pytest.raises(ValidationError):
        configured(**bad)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match=str(tmp_path)):
        DropoutImages().data_digest(configured(data="mnist", data_path=str(tmp_path)))
