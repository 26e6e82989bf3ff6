import gzip
import struct
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from condensery._errors import InvalidInputError
from condensery.data import Dataset, load

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
HEIGHT, WIDTH, COUNT = 3, 2, 5
PIXELS = np.random.default_rng(0).integers(
    0, 256, (COUNT, HEIGHT, WIDTH), dtype=np.uint8
)
LABELS = np.array([3, 0, 9, 1, 1], dtype=np.uint8)


def idx(array):
    """An IDX file of bytes, written by the format's definition."""
    array = np.asarray(array, dtype=np.uint8)
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.tobytes()
    )


def put(folder, *, images=None, labels=None, gz=False, dot="-", prefix="train"):
    folder.mkdir(parents=True, exist_ok=True)
    end = ".gz" if gz else ""
    pack = gzip.compress if gz else bytes
    path = folder / f"{prefix}-images{dot}idx3-ubyte{end}"
    path.write_bytes(pack(idx(PIXELS) if images is None else images))
    (folder / f"{prefix}-labels{dot}idx1-ubyte{end}").write_bytes(
        pack(idx(LABELS) if labels is None else labels)
    )
    return path


def refused(call, *words):
    with pytest.raises(InvalidInputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def outcome_of(path):
    try:
        return (
            "a data set"
            if isinstance(load("mnist", path=path), Dataset)
            else "something else"
        )
    except InvalidInputError as error:
        return "several lines" if "\n" in str(error) else "one line"


def check(data, count=COUNT):
    assert data.x.shape == (count, HEIGHT * WIDTH)
    assert np.array_equal(data.y, LABELS[:count])
    for sample in range(count):
        for row in range(HEIGHT):
            for column in range(WIDTH):
                assert (
                    data.x[sample, row * WIDTH + column]
                    == PIXELS[sample, row, column] / 255
                )


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("dot", ["-", "."])
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_a_folder_or_its_image_file(tmp_path, gz, dot, name):
    path = put(tmp_path, gz=gz, dot=dot)
    check(load(name, path=tmp_path))
    check(load(name, path=str(path)))
    check(load(name, path=path, samples=3), count=3)
    assert load(str(path)).digest == load(name, path=tmp_path).digest
    assert load(tmp_path).digest == load(name, path=tmp_path).digest


def test_mixed_endings(tmp_path):
    path = put(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").rename(tmp_path / "train-labels.idx1-ubyte")
    check(load("mnist", path=path))
    (tmp_path / "train-labels.idx1-ubyte.gz").write_bytes(
        gzip.compress((tmp_path / "train-labels.idx1-ubyte").read_bytes())
    )
    (tmp_path / "train-labels.idx1-ubyte").unlink()
    check(load("mnist", path=path))


def test_the_ending_gz_does_not_decide(tmp_path):
    put(tmp_path, gz=True)
    for path in tmp_path.iterdir():
        path.rename(path.with_suffix(""))
    check(load("mnist", path=tmp_path))


def test_own_images_in_several_gzip_members(tmp_path):
    path = put(tmp_path, gz=True, prefix="my")
    path.write_bytes(gzip.compress(idx(PIXELS)[:20]) + gzip.compress(idx(PIXELS)[20:]))
    data = load(path)
    check(data)
    assert data.name == path.name


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pixels=hnp.arrays(
        np.uint8, st.tuples(st.integers(2, 6), st.integers(1, 4), st.integers(1, 4))
    ),
    gz=st.booleans(),
    fewer=st.integers(0, 4),
)
def test_round_trip(tmp_path, pixels, gz, fewer):
    folder = tmp_path / ("gz" if gz else "plain")
    count = max(2, len(pixels) - fewer)
    data = load(
        "mnist",
        path=put(folder, images=idx(pixels), labels=idx(pixels[:, 0, 0]), gz=gz),
        samples=count,
    )
    assert np.array_equal(
        np.round(data.x * 255).astype(np.uint8), pixels.reshape(len(pixels), -1)[:count]
    )
    assert np.array_equal(data.y, pixels[:count, 0, 0])


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("mnist", "mnist"),
        ("MNIST/raw", "mnist"),
        ("fashion-mnist", "fashion-mnist"),
        ("FashionMNIST/raw", "fashion-mnist"),
    ],
)
def test_the_environment_variable(tmp_path, monkeypatch, folder, name):
    put(tmp_path / folder, gz=True)
    monkeypatch.setenv("CONDENSERY_DATA", str(tmp_path))
    check(load(name))


def test_one_data_set_is_not_taken_for_the_other(tmp_path, monkeypatch):
    put(tmp_path)
    put(tmp_path / "fashion-mnist")
    monkeypatch.setenv("CONDENSERY_DATA", str(tmp_path))
    refused(
        lambda: load("mnist"),
        "mnist: given no train-images-idx3-ubyte(.gz)",
        f"{tmp_path}/mnist",
        "path=FOLDER",
    )


def test_missing_without_a_variable(monkeypatch):
    monkeypatch.delenv("CONDENSERY_DATA", raising=False)
    refused(lambda: load("mnist"), "put them below CONDENSERY_DATA/mnist")


IMAGES = idx(PIXELS)
FAULTS = [
    (b"", "begins with nothing"),
    (b"\0\0", "begins with 00 00"),
    (b"PNG\n" + IMAGES[4:], "begins with 50 4e 47 0a; allowed: an IDX file of images"),
    (b"\0\0\x0d\x03" + IMAGES[4:], "begins with 00 00 0d 03"),
    (idx(LABELS), "given an IDX file of labels; allowed: an IDX file of images"),
    (IMAGES[:10], "a truncated file"),
    (IMAGES[:16], "truncated file"),
    (IMAGES[:-1], "truncated file"),
    (idx(PIXELS[:1]), "5 labels for 1 images"),
    (idx(PIXELS[:, :0]), "at least one feature"),
]


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize(
    ("images", "words"), FAULTS, ids=[words for _, words in FAULTS]
)
def test_faults_of_the_image_file(tmp_path, gz, images, words):
    put(tmp_path, images=images, gz=gz)
    refused(lambda: load("mnist", path=tmp_path), words)


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("samples", [None, 2])
@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (IMAGES + b"\0", None, ["images"]),
        (None, idx(LABELS) + b"\0", ["labels"]),
        (None, idx(LABELS)[:-1], ["labels", "truncated"]),
        (
            None,
            IMAGES,
            ["labels", "given an IDX file of images; allowed: an IDX file of labels"],
        ),
        (None, idx(LABELS[:4]), ["4 labels for 5 images"]),
        (None, idx([*LABELS, 1]), ["6 labels for 5 images"]),
        (idx(PIXELS[:1]), idx(LABELS[:1]), ["given 1; allowed: at least 2"]),
    ],
    ids=[
        "long images",
        "long labels",
        "short labels",
        "images as labels",
        "few labels",
        "many labels",
        "one sample",
    ],
)
def test_faults_are_seen_however_few_samples_are_wanted(
    tmp_path, gz, samples, images, labels, words
):
    put(tmp_path, images=images, labels=labels, gz=gz)
    refused(lambda: load("mnist", path=tmp_path, samples=samples), *words)


def test_plain_sizes_are_named(tmp_path):
    put(tmp_path, images=IMAGES + b"abc")
    refused(
        lambda: load("mnist", path=tmp_path),
        "too long file: 49 bytes where its header (5 x 3 x 2 bytes) needs 46",
    )


def test_trailing_bytes_in_a_gzip_file(tmp_path):
    put(tmp_path, images=IMAGES + b"abc", gz=True)
    refused(
        lambda: load("mnist", path=tmp_path, samples=2),
        "goes on after what its header says",
    )


DAMAGED = ("flip", "checksum", "garbage after")


@pytest.mark.parametrize(
    "damage", ["cut", "flip", "checksum", "garbage after", "empty"]
)
def test_a_damaged_gzip_file(tmp_path, damage):
    path = put(tmp_path, gz=True)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[:-12]
    elif damage == "flip":
        content[12] ^= 0xFF
    elif damage == "checksum":
        content[-6] ^= 1
    elif damage == "garbage after":
        content += b"more"
    else:
        content = content[:2]
    path.write_bytes(bytes(content))
    for samples in (None, 2):
        refused(
            partial(load, "mnist", path=tmp_path, samples=samples),
            "damaged gzip" if damage in DAMAGED else "truncated",
        )


def peak_of(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize(
    "shape",
    [(2**32 - 1,) * 3, (60_000, 2**20, 2**10), (2**31, 28, 28), (10_000, 28, 28)],
)
def test_an_absurd_header_allocates_nothing(tmp_path, gz, shape):
    put(
        tmp_path,
        images=b"\0\0\x08\x03" + struct.pack(">3I", *shape) + bytes(100),
        gz=gz,
    )
    words = "bytes in a gzip file of" if gz else "a truncated file: 116 bytes where"
    for samples in (None, 2):
        call = partial(load, "mnist", path=tmp_path, samples=samples)
        assert peak_of(lambda call=call: refused(call, words)) < 4 * 2**20


@pytest.mark.parametrize("promised", [100, 20_000])
def test_a_bomb_is_left_when_it_exceeds_its_header(tmp_path, promised):
    header = b"\0\0\x08\x03" + struct.pack(">3I", promised, 10, 10)
    path = put(
        tmp_path,
        images=header + bytes(64 * 2**20),
        labels=idx(np.zeros(promised)),
        gz=True,
    )
    assert path.stat().st_size < 2**20
    assert (
        peak_of(lambda: refused(lambda: load("mnist", path=path), "goes on after"))
        < 16 * 2**20
    )


def test_a_gzip_file_shorter_than_its_header_keeps_to_what_is_there(tmp_path):
    header = b"\0\0\x08\x03" + struct.pack(">3I", 500, 28, 28)
    random = np.random.default_rng(0).bytes(
        1000
    )  # incompressible, so that the promise passes the bound of deflate
    path = put(tmp_path, images=header + random, gz=True)
    refused(lambda: load("mnist", path=path), "truncated")


def test_more_samples_than_there_are(tmp_path):
    put(tmp_path)
    refused(
        lambda: load("mnist", path=tmp_path, samples=6),
        "samples: given 6",
        "at most 5, what mnist has",
    )


def test_missing_files(tmp_path):
    refused(
        lambda: load("mnist", path=tmp_path),
        f"path: given {tmp_path}",
        "train-images-idx3-ubyte(.gz)",
    )
    refused(lambda: load("mnist", path=tmp_path / "none"), "check the path")
    refused(lambda: load("mnist", path="x" * 5000), "check the path")
    path = put(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    refused(
        lambda: load("mnist", path=path),
        "no such file; allowed: train-labels-idx1-ubyte beside the images",
    )
    refused(
        lambda: load(tmp_path / "a-folder-that-is-not-there"), "there is no such file"
    )


def test_a_name_that_leads_to_no_labels(tmp_path):
    path = put(tmp_path).rename(tmp_path / "pictures")
    refused(lambda: load(path), "a file with the word images in its name")


def test_some_other_file(tmp_path):
    (tmp_path / "notes.txt").write_text("1, 2, 3")
    refused(lambda: load(tmp_path / "notes.txt"), "begins with 31 2c 20 32", ".csv")


def test_a_file_without_permission(tmp_path, monkeypatch):
    path = put(tmp_path)

    def denied(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # modes would not stop root
    refused(lambda: load("mnist", path=path), "cannot be read (Permission denied)")


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    gz=st.booleans(),
    damages=st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=3
    ),
    cut=st.integers(0, 5),
)
def test_damage_ends_in_one_kind_of_error(tmp_path, gz, damages, cut):
    path = put(tmp_path / ("gz" if gz else "plain"), gz=gz)
    content = bytearray(path.read_bytes())
    for index, value in damages:
        content[index % len(content)] = value
    path.write_bytes(bytes(content[: len(content) - cut]))
    outcome = outcome_of(path)
    assert outcome == "one line" or (outcome == "a data set" and cut == 0)


@pytest.mark.skipif(
    not DEBIAN.is_dir(),
    reason="the Debian package dataset-fashion-mnist is not installed",
)
def test_the_real_fashion_mnist(monkeypatch):
    monkeypatch.delenv("CONDENSERY_DATA", raising=False)
    data = load("fashion-mnist", samples=45)
    assert data.x.shape == (45, 784)
    assert data.y[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    raw = gzip.decompress((DEBIAN / "train-images-idx3-ubyte.gz").read_bytes())
    assert np.array_equal(
        np.round(data.x * 255),
        np.frombuffer(raw, np.uint8, 45 * 784, 16).reshape(45, 784),
    )
    assert (data.x.min(), data.x.max()) == (0.0, 1.0)
    held_out = load(DEBIAN / "t10k-images-idx3-ubyte.gz", samples=2)
    assert held_out.y.tolist() == [9, 2]
    refused(
        lambda: load("fashion-mnist", samples=60_001),
        "at most 60000, what fashion-mnist has",
    )
