"""Built-in experiments on data in files: the same data elsewhere are the same run."""

import shutil
import struct

import numpy as np
import pytest

from condensery.workbench import find
from condensery.workbench._configure import configure
from condensery.workbench._identity import tasks_of


def idx(array):
    kind = struct.pack(">BBBB", 0, 0, 8, array.ndim)
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return kind + shape + array.tobytes()


@pytest.fixture
def images(tmp_path):
    """A folder with six thousand images of ten classes."""
    folder = tmp_path / "images"
    folder.mkdir()
    generator = np.random.default_rng(0)
    shape = (6000, 28, 28)
    pixels = generator.integers(
        0,
        256,
        size=shape,
        dtype=np.uint8,
    )
    labels = np.arange(6000) % 10
    (folder / "train-images-idx3-ubyte").write_bytes(idx(pixels))
    labels = labels.astype(np.uint8)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    return folder


@pytest.fixture
def table(tmp_path):
    """A file of forty samples with two features and labels."""
    path = tmp_path / "table.npz"
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 2))
    labels = np.arange(200) % 4
    np.savez(path, x=x, y=labels)
    return path


def names(experiment, **overrides):
    found = find(experiment)
    model, config = configure(found, "quick", overrides)
    tasks = tasks_of(found.experiment, model, config)
    return config.run_id, [task.hash for task in tasks]


@pytest.mark.parametrize(
    ("experiment", "overrides"),
    [
        ("phase-diagram", {"data": "mnist"}),
        ("initial-condensation-cnn", {"data": "mnist"}),
        ("dropout-images", {"data": "mnist", "samples": 300}),
        ("reduction", {"data": "mnist"}),
    ],
)
def test_a_folder_of_images(tmp_path, images, experiment, overrides):
    moved = tmp_path / "moved"
    shutil.copytree(images, moved)
    before = names(experiment, data_path=str(images), **overrides)
    after = names(experiment, data_path=str(moved), **overrides)
    assert after == before
    labels = moved / "train-labels-idx1-ubyte"
    content = bytearray(labels.read_bytes())
    reversed_classes = bytes(range(9, -1, -1))
    content[8:18] = reversed_classes
    labels.write_bytes(content)
    run, _ = names(
        experiment,
        data_path=str(moved),
        **overrides,
    )
    assert run != before[0]


@pytest.mark.parametrize("experiment", ["phase-diagram", "monitor-demo"])
def test_a_file_of_samples(tmp_path, table, experiment):
    moved = tmp_path / "moved.npz"
    shutil.copyfile(table, moved)
    overrides = {"samples": 100} if experiment == "phase-diagram" else {}
    before = names(experiment, data=str(table), **overrides)
    after = names(experiment, data=str(moved), **overrides)
    assert after == before
    run, _ = names(experiment)
    assert run != before[0]


def test_images_found_by_themselves_are_those_at_a_path(images, monkeypatch):
    at_path = names(
        "phase-diagram",
        data="mnist",
        data_path=str(images),
    )
    images.rename(images.with_name("mnist"))
    monkeypatch.setenv("CONDENSERY_DATA", str(images.parent))
    assert names("phase-diagram", data="mnist") == at_path
