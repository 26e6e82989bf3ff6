"""The bytes of a shard."""

import hashlib
import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from condensery._errors import InvalidInputError
from condensery.store._arrays import DamagedError, decode, encode

KINDS = [
    "?",
    "i1",
    "i2",
    "i4",
    "i8",
    "u1",
    "u2",
    "u4",
    "u8",
    "f2",
    "f4",
    "f8",
    ">f8",
    ">i4",
    "U1",
    "U7",
]
ANY = st.sampled_from(KINDS).flatmap(
    lambda kind: hnp.arrays(
        np.dtype(kind), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    )
)


def independent_read(content):
    """The format as its specification has it: header length, JSON header, row-major
    little-endian bytes.
    """
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    about = json.loads(header.pop("__metadata__")["condensery"])
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        kind = {"BOOL": "?", "F": "<f", "I": "<i", "U": "<u"}[
            entry["dtype"].rstrip("0123456789")
        ]
        size = "" if kind == "?" else str(int(entry["dtype"][1:]) // 8)
        arrays[name] = np.frombuffer(
            content[8 + length + begin : 8 + length + end], kind + size
        )
        arrays[name] = arrays[name].reshape(entry["shape"])
    for name, text in about["texts"].items():
        codes = arrays[name]
        letters = [text["entries"][code] for code in codes.ravel()]
        column = np.array(letters, dtype=text["dtype"])
        arrays[name] = column.reshape(codes.shape)
    return {name: arrays[name] for name in about["columns"]}


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.text(max_size=5), ANY, max_size=4),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
)
def test_round_trip(arrays, units):
    content = encode(arrays, identity="x", units=units)
    got, got_units = decode(content, identity="x")
    assert got_units == units
    for read in (got, independent_read(content)):
        assert list(read) == list(arrays)
        for name, array in arrays.items():
            column = read[name]
            stored = array.astype(array.dtype.newbyteorder("<"))
            assert column.dtype == stored.dtype
            assert column.shape == array.shape
            assert column.tobytes() == stored.tobytes()


def test_equal_arrays_give_equal_bytes():
    arrays = {name: np.arange(3.0) for name in "edcba"}
    arrays["text"] = np.array(["b", "a"])
    units = {"a": "1", "b": "2"}
    content = encode(arrays, identity="x", units=units)
    assert content == encode(dict(arrays), identity="x", units=units)
    assert content != encode(arrays, identity="y", units=units)


def test_what_is_read_can_be_changed():
    content = encode({"x": np.zeros(3)}, identity="x")
    got, _ = decode(content, identity="x")
    got["x"][0] = 1.0


def test_the_checksum_inside_covers_everything():
    arrays = {
        "x": np.arange(4.0),
        "t": np.array(["a", "b"]),
    }
    content = encode(arrays, identity="x", units={"x": "m"})
    decode(content, identity="x")
    survived = []
    for index in range(len(content)):
        changed = bytearray(content)
        changed[index] ^= 1
        try:
            got, units = decode(bytes(changed), identity="x")
        except DamagedError:
            continue
        # A space of padding that became another character of no meaning is the one
        # thing that may change.
        assert got["x"].tolist() == [0.0, 1.0, 2.0, 3.0]
        assert got["t"].tolist() == ["a", "b"]
        assert units == {"x": "m"}
        survived.append(index)
    assert len(survived) < 10, survived


@pytest.mark.parametrize("kind", [complex, np.longdouble, object, "S3", "M8[s]"])
def test_other_kinds_are_refused(kind):
    array = np.zeros(2, dtype=kind)
    with pytest.raises(InvalidInputError, match="'x' of dtype"):
        encode({"x": array}, identity="x")


def test_a_known_digest():
    """The checksum is reproducible from the outside: SHA-256 of the metadata, then of
    each array's head and bytes.
    """
    array = np.arange(2.0)
    content = encode({"x": array}, identity="shard a/b")
    (length,) = struct.unpack("<Q", content[:8])
    about = json.loads(
        json.loads(content[8 : 8 + length])["__metadata__"]["condensery"]
    )
    written = about.pop("sha256")
    head = json.dumps(["x", "<f8", [2]])
    total = hashlib.sha256(
        json.dumps(about, sort_keys=True).encode() + head.encode() + array.tobytes()
    ).hexdigest()
    assert written == total
