import hashlib
import struct
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from condensery._errors import InvalidInputError
from condensery.data import (
    DATASETS,
    demo_a_target,
    demo_c_target,
    from_arrays,
    line_target,
    load,
    three_steps_target,
    two_steps_target,
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def relu(z):
    return z if z > 0 else 0.0


def refused(call, *words):
    with pytest.raises(InvalidInputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_status == 2
    for word in words:
        assert word in message
    return message


def test_line_is_the_four_points():
    data = load("line")
    assert data.x.shape == (4, 1)
    assert data.x[:, 0] == pytest.approx([-1 / 2, -1 / 6, 1 / 6, 1 / 2])
    assert data.y == pytest.approx([1 / 4, 1 / 36, 1 / 36, 1 / 4])
    assert data.target is line_target


def test_demo_a():
    data = load("demo-a")
    assert data.x[:, 0] == pytest.approx([-1, -1 / 3, 1 / 3, 1])
    assert data.y == pytest.approx([0.4 / 3, 0, 0, 0.4 / 3], abs=1e-15)
    for x in (-2.0, -0.5, 0.0, 0.7):
        right, left = relu(x - 1 / 3), relu(-x - 1 / 3)
        assert data.target(x) == pytest.approx(0.2 * right + 0.2 * left)


def test_demo_c():
    data = load("demo-c")
    assert data.x[:, 0] == pytest.approx([-1 + 2 * i / 39 for i in range(40)])
    for x, y in zip(data.x[:, 0], data.y, strict=True):
        assert y == pytest.approx(
            -relu(x)
            + relu(2 * (x + 0.3))
            - relu(1.5 * (x - 0.4))
            + relu(0.5 * (x - 0.8)),
            abs=1e-14,
        )
    # Kinks at −0.3, 0, 0.4 and 0.8 with slopes 0, 2, 1, −0.5, 0 between them.
    between = np.array([-0.5, -0.15, 0.2, 0.6, 0.9])
    after = demo_c_target(between + 0.01)
    before = demo_c_target(between - 0.01)
    assert (after - before) / 0.02 == pytest.approx([0, 2, 1, -0.5, 0])


def test_three_steps():
    data = load("three-steps")
    assert data.x[:, 0] == pytest.approx([-15 + 30 * i / 49 for i in range(50)])
    # the mean square of odd targets, which is the loss of a net that outputs 0
    assert np.mean(data.y**2) == pytest.approx(5.14533, abs=1e-5)
    for x in (-9.0, 0.3, 7.0):
        steps = [2 / (1 + np.exp(-2 * (x - c))) - 1 for c in (-7, 0, 7)]
        assert data.target(x) == pytest.approx(sum(steps))


def test_two_steps():
    data = load("two-steps")
    assert data.x[:, 0] == pytest.approx([-15 + 30 * i / 49 for i in range(50)])
    for x in (-9.0, 0.3, 7.0):
        steps = [2 / (1 + np.exp(-2 * (x - c))) - 1 for c in (-6, 6)]
        assert data.target(x) == pytest.approx(sum(steps))


@pytest.mark.parametrize(
    "target",
    [
        line_target,
        demo_a_target,
        demo_c_target,
        three_steps_target,
        two_steps_target,
    ],
)
def test_targets_keep_shapes(target):
    grid = np.linspace(-1, 1, 12).reshape(3, 4)
    assert target(grid).shape == (3, 4)
    assert target(grid)[1, 2] == target(grid[1, 2])


@pytest.mark.parametrize("name", ["line", "demo-a", "demo-c"])
def test_points(name):
    data = load(name, points=7)
    points = data.x[:, 0]
    distance = (points[-1] - points[0]) / 6
    assert np.diff(points) == pytest.approx(np.full(6, distance))
    assert np.array_equal(data.y, data.target(points))
    assert len(load(name, points=7, samples=3).x) == 3


def test_digits():
    from sklearn.datasets import load_digits

    raw, data = load_digits(), load("digits", samples=45)
    assert data.x.shape == (45, 64)
    assert np.array_equal(data.x * 16, raw.data[:45])
    assert np.array_equal(data.y, raw.target[:45])
    assert (data.x.min(), data.x.max()) == (0.0, 1.0)
    assert len(load("digits").x) == len(raw.data)
    refused(
        lambda: load("digits", samples=1798),
        "samples: given 1798",
        "at most 1797, what digits has",
    )


@pytest.mark.parametrize("name", ["line", "demo-a", "demo-c", "digits"])
def test_arrays_are_double_read_only_and_travel_between_processes(name):
    data = load(name)
    assert data.x.dtype == data.y.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        data.x[0, 0] = 1
    with pytest.raises(AttributeError):
        data.name = "other"
    again = ForkingPickler.loads(ForkingPickler.dumps(data))
    assert again.digest == data.digest == load(name.upper()).digest
    assert np.array_equal(again.x, data.x)


def test_digest_is_the_hash_of_shapes_and_bytes():
    data = load("line")
    content = b"(4, 1)(4,)" + struct.pack("<8d", *data.x[:, 0], *data.y)
    assert data.digest == hashlib.sha256(content).hexdigest()[:16]


def test_names_do_not_share_digests():
    names = ("line", "demo-a", "demo-c", "digits")
    digests = {load(name).digest for name in names}
    assert len(digests) == 4


@given(hnp.arrays(np.float64, (4, 2), elements=NUMBERS), st.integers(0, 7), NUMBERS)
def test_digest_sees_every_number_and_no_layout(x, index, value):
    y = np.arange(4.0)
    digest = from_arrays(x, y).digest
    assert digest == from_arrays(np.asfortranarray(x), y, name="other").digest
    assert digest == from_arrays(x.astype(">f8"), y.astype(np.int16)).digest
    changed = x.copy()
    changed.flat[index] = value
    same = changed.tobytes() == x.tobytes()
    assert (from_arrays(changed, y).digest == digest) == same


def test_the_same_bytes_in_another_shape_are_other_data():
    numbers = np.arange(8.0)
    wide = from_arrays(numbers[:6].reshape(2, 3), numbers[6:])
    narrow = from_arrays(numbers[:4], numbers[4:])
    assert wide.digest != narrow.digest


def test_from_arrays_copies():
    x = np.zeros((2, 1))
    data = from_arrays(x, [1, 2])
    x[0, 0] = 5
    assert data.x[0, 0] == 0
    assert x.flags.writeable


def test_several_outputs():
    assert from_arrays(np.eye(3), np.ones((3, 2))).y.shape == (3, 2)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (
            [[1, 2], [3]],
            [1, 2],
            "ragged rows",
        ),
        (
            [["a"], ["b"]],
            [1, 2],
            "values of type <U1",
        ),
        (
            np.ones((2, 2), dtype=complex),
            [1, 2],
            "complex",
        ),
        (
            np.ones((2, 2, 2)),
            [1, 2],
            "shape (2, 2, 2)",
        ),
        (
            np.ones((2, 0)),
            [1, 2],
            "at least one feature",
        ),
        (
            3.0,
            [1, 2],
            "shape ()",
        ),
        (
            np.eye(2),
            3.0,
            "y of arrays: given shape ()",
        ),
        (
            np.eye(2),
            np.ones((2, 1, 1)),
            "y of arrays",
        ),
        (
            np.eye(2),
            np.ones((2, 0)),
            "y of arrays",
        ),
        (
            np.eye(2),
            [1, 2, 3],
            "2 in x and 3 in y",
        ),
        (
            [[1.0]],
            [1],
            "given 1; allowed: at least 2",
        ),
        (
            np.empty((0, 3)),
            [],
            "given 0; allowed: at least 2",
        ),
        (
            [[1.0], [np.nan]],
            [1, 2],
            "nan at index (1, 0)",
        ),
        (
            [[1.0], [2.0]],
            [1, -np.inf],
            "-inf at index (1)",
        ),
    ],
)
def test_bad_arrays(x, y, words):
    refused(lambda: from_arrays(x, y), words)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("lime", {}, ["given lime", "did you mean line?", *DATASETS]),
        ("Fashion MNST", {}, ["did you mean fashion-mnist?"]),
        ("", {}, ["data: given", "choose one of these"]),
        ("qqqq", {}, ["choose one of these"]),
        ("nowhere/data.csv", {}, ["there is no such file"]),
        ("data.npz", {}, ["there is no such file"]),
        ("~nobody-has-this-name/x.csv", {}, ["there is no such file"]),
        ("x" * 5000, {}, ["choose one of these"]),
        ("a\0b.csv", {}, ["there is no such file"]),
        (
            "line",
            {"path": "x"},
            ["path: given x with line", "only with fashion-mnist and mnist"],
        ),
        ("digits", {"points": 5}, ["points: given 5 with digits", "line"]),
        ("line", {"points": 1}, ["points: given 1", ">= 2"]),
        ("line", {"points": 10**12}, ["points", "at most"]),
        ("line", {"points": 4.0}, ["points: given 4.0"]),
        ("line", {"samples": 5}, ["at most 4, what line has"]),
        ("line", {"samples": 1}, ["samples: given 1", ">= 2"]),
        ("line", {"samples": True}, ["samples: given True"]),
        ("mnist", {"samples": -3, "path": "nowhere"}, ["samples: given -3"]),
    ],
)
def test_bad_requests(name, options, words):
    refused(lambda: load(name, **options), *words)
