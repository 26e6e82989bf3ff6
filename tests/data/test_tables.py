import io
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from condensery._errors import InvalidInputError
from condensery.data import Dataset, from_arrays, load

TABLES = hnp.arrays(
    np.float64,
    st.tuples(st.integers(2, 5), st.integers(2, 4)),
    elements=st.floats(allow_nan=False, allow_infinity=False),
)
IN_ONE_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60
)


def refused(path, *words):
    with pytest.raises(InvalidInputError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def outcome_of(path):
    try:
        return "a data set" if isinstance(load(path), Dataset) else "something else"
    except InvalidInputError as error:
        return "several lines" if "\n" in str(error) else "one line"


def npy(array, **options):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), **options)
    return stream.getvalue()


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


@IN_ONE_FOLDER
@given(table=TABLES, header=st.booleans(), end=st.sampled_from(["\n", "\r\n"]))
def test_csv_round_trip(tmp_path, table, header, end):
    lines = [",".join(map(repr, row)) for row in table.tolist()]
    if header:
        names = [f"column {index}" for index in range(table.shape[1])]
        lines.insert(0, ",".join(names))
    path = tmp_path / "own.csv"
    path.write_bytes((end.join(lines) + end).encode())
    data = load(path)
    inputs, targets = table[:, :-1], table[:, -1]
    assert np.array_equal(data.x, inputs)
    assert np.array_equal(data.y, targets)
    assert data.name == "own.csv"
    assert data.digest == from_arrays(inputs, targets).digest


@IN_ONE_FOLDER
@given(
    table=TABLES,
    dtype=st.sampled_from(["<f8", ">f8", "<f4", "<i2", "|b1"]),
    fortran=st.booleans(),
)
def test_npy_round_trip(tmp_path, table, dtype, fortran):
    order = "F" if fortran else "C"
    with np.errstate(all="ignore"):
        clipped = np.clip(table, -1e4, 1e4)
        array = np.asarray(clipped, dtype=dtype, order=order)
    path = tmp_path / "own.npy"
    np.save(path, array)
    data = load(str(path))
    numbers = array.astype(float)
    assert np.array_equal(data.x, numbers[:, :-1])
    assert np.array_equal(data.y, numbers[:, -1])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(("x", "y"), [((5, 3), (5,)), ((5,), (5,)), ((5, 3), (5, 2))])
def test_npz_round_trip(tmp_path, save, x, y):
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=x), rng.normal(size=y)
    save(
        tmp_path / "own.npz",
        x=inputs,
        y=targets,
        other=np.array(["not read"]),
    )
    data = load(tmp_path / "own.npz", samples=4)
    assert np.array_equal(data.x, inputs.reshape(5, -1)[:4])
    assert np.array_equal(data.y, targets[:4])
    features = data.x.shape[1]
    samples = f"5 samples of {features} features"
    assert data.description == f"the first 4 of: own.npz: {samples}"


def test_csv_as_spreadsheets_write_it(tmp_path):
    path = tmp_path / "OWN.CSV"
    path.write_bytes(
        b'\xef\xbb\xbf"length, cm",weight\r\n\r\n"1", 2\r\n3,4e0\r\n ,\r\n'
    )
    data = load(path)
    assert (data.x.tolist(), data.y.tolist()) == ([[1.0], [3.0]], [2.0, 4.0])


def test_a_byte_order_mark_is_no_part_of_the_first_number(tmp_path):
    path = tmp_path / "own.csv"
    path.write_bytes(b"\xef\xbb\xbf1,2\n3,4\n")
    assert load(path).y.tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no rows of numbers"),
        (b"a,b\n", "no rows of numbers"),
        (b"a,b\nc,d\n1,2\n3,4\n", "'c' in line 2"),
        (b"1,b\n3,4\n", "'b' in line 1"),
        (b"1,2\n3,4,5\n", "3 columns in line 2"),
        (b"1,2\n3,\n", "'' in line 2"),
        (b"1\n2\n", "one column"),
        (b"1,2\n", "at least 2"),
        (b"1,2\nnan,4\n", "nan at index (1, 0)"),
        (b"1,2\n3,1e999\n", "inf at index (1)"),
        (b"1;2\n3;4\n", "'3;4' in line 2; allowed: numbers"),
        (b"\xff\xfe1,2\n", "damaged file (UnicodeDecodeError"),
        (b'1,2\n"3,4\n', "damaged file"),
        (b"1,2\n" + b"9" * 200_000 + b",1\n", "damaged file"),
    ],
)
def test_bad_csv(tmp_path, content, words):
    path = tmp_path / "own.csv"
    path.write_bytes(content)
    refused(path, words, "own.csv")


TABLE = npy(np.arange(6.0).reshape(3, 2))


def with_shape(shape):
    """A file whose header claims `shape` above the data of a (3, 2) table."""
    claimed = TABLE.replace(b"(3, 2)", shape)
    return claimed.replace(b" " * (len(shape) - 6) + b"\n", b"\n", 1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged file"),
        (b"not an array", "damaged file"),
        (TABLE[:40], "damaged file"),
        (
            TABLE[:-1],
            "truncated array: 47 bytes where its header (shape (3, 2)) needs 48",
        ),
        (TABLE + b"\0", "too long array: 49 bytes"),
        (with_shape(b"(999999999999, 2)"), "from 1 to"),
        (with_shape(b"(9999999, 9)"), "truncated"),
        (with_shape(b"(-3, -2)"), "shape (-3, -2)"),
        (
            npy(np.empty((0, 2))),
            "shape (0, 2)",
        ),
        (
            npy(np.arange(3.0)),
            "(sample, column)",
        ),
        (
            npy(np.ones((3, 1))),
            "(sample, column)",
        ),
        (
            npy(np.ones((3, 2), dtype=complex)),
            "complex128",
        ),
        (
            npy(np.array([["a", "b"]] * 3)),
            "array of numbers",
        ),
        (
            npy(np.array([[1, {}], [2, []]], dtype=object), allow_pickle=True),
            "never unpickled",
        ),
        (
            npy(np.zeros(3, dtype=[("x", "f8")])),
            "array of numbers",
        ),
        (
            npy(np.array([[1.0, np.nan], [1, 2]])),
            "nan",
        ),
        (TABLE[:6] + b"\x09\x00" + TABLE[8:], "version 9.0"),
        (
            npy(np.zeros(3, dtype=[("ξ", "f8")]), version=(3, 0)),
            "version 3.0",
        ),
    ],
)
def test_bad_npy(tmp_path, content, words):
    path = tmp_path / "own.npy"
    path.write_bytes(content)
    refused(path, words, "own.npy")


def test_the_claimed_shapes_are_really_in_the_headers():
    with pytest.raises((ValueError, MemoryError)):
        np.load(io.BytesIO(with_shape(b"(999999999999, 2)")))
    assert len(with_shape(b"(999999999999, 2)")) == len(TABLE)


X, Y = npy(np.eye(3)), npy(np.arange(3.0))
BOTH = {"x.npy": X, "y.npy": Y}
STORED = zipped(BOTH, zipfile.ZIP_STORED)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK", "damaged file"),
        (
            zipped({"x.npy": X}),
            "arrays named x;",
        ),
        (
            zipped({}),
            "arrays named nothing",
        ),
        (
            zipped(BOTH | {"y.npy": npy(np.arange(4.0))}),
            "3 in x and 4 in y",
        ),
        (
            zipped(BOTH)[:-10],
            "damaged file",
        ),
        (
            zipped(BOTH | {"y.npy": Y[:-1]}),
            "truncated array",
        ),
        (
            zipped(BOTH | {"x.npy": X + b"\0"}),
            "too long array",
        ),
        (
            zipped(BOTH | {"x.npy": b""}),
            "damaged file",
        ),
        (
            zipped(BOTH | {"y.npy": npy(np.float64(1))}),
            "y of own.npz: given shape ()",
        ),
        (
            zipped(BOTH | {"x.npy": npy(np.ones((3, 2, 2)))}),
            "x of own.npz: given shape (3, 2, 2)",
        ),
        (STORED.replace(X, X[:-4] + b"\1\1\1\1"), "CRC"),
    ],
)
def test_bad_npz(tmp_path, content, words):
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    refused(path, words, "own.npz")


def test_a_compressed_bomb_is_refused_before_it_is_inflated(tmp_path):
    path = tmp_path / "own.npz"
    header = with_shape(b"(2000, 1000)")[: -6 * 8]
    path.write_bytes(
        zipped(
            {
                "x.npy": header + bytes(2000 * 1000 * 8 + 1),
                "y.npy": npy(np.arange(2000.0)),
            }
        )
    )
    assert path.stat().st_size < 20_000
    refused(path, "too long array")


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    kind=st.sampled_from(["own.csv", "own.npy", "own.npz"]),
    damages=st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 255)),
        min_size=1,
        max_size=4,
    ),
    cut=st.integers(0, 10**6),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damage_ends_in_one_kind_of_error(tmp_path, kind, damages, cut):
    contents = {
        "own.csv": b"a,b\n1,2\n3,4.5\n5,6\n",
        "own.npy": TABLE,
        "own.npz": zipped({"x.npy": X, "y.npy": Y}),
    }[kind]
    content = bytearray(contents)
    for index, value in damages:
        content[index % len(content)] = value
    path = tmp_path / kind
    path.write_bytes(bytes(content[: len(content) - cut % 8 * (cut % 3 == 0)]))
    assert outcome_of(path) in ("a data set", "one line")
