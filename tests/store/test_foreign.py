"""Folders made by somebody else: no link is followed, only regular files of a bounded
size and a strict form are read.
"""

import json
import os
import signal
import sqlite3
import sys

import numpy as np
import pytest
import safetensors.numpy

from condensery._errors import InvalidInputError
from condensery.protocols import Task
from condensery.records import RunConfig, Table
from condensery.store import _arrays, _tables, open_store
from condensery.store._arrays import DamagedError, decode

CONFIG = RunConfig(
    experiment="demo",
    preset="quick",
    parameters={},
)
RUN = CONFIG.run_id
TASK = Task(
    function="demo:task",
    parameters={},
)
needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights")


@pytest.fixture
def folder_of_run(root):
    with open_store(root, write=True) as store:
        store.create_run(CONFIG, [TASK])
        store.put_shard(RUN, TASK, {"y": np.arange(3.0)}, seconds=1.0)
        store.put_table(RUN, "slope", Table(columns={"y": np.arange(3.0)}))
        store.put_claims(RUN, [])
        store.put_file(RUN, "report.html", b"page")
    return root / RUN


@pytest.fixture
def in_time():
    """Whoever waits for the writer of a pipe is ended."""
    signal.alarm(20)
    yield
    signal.alarm(0)


def everything(store):
    store.claims(RUN)
    store.tables(RUN)
    store.file(RUN, "report.html")


@needs_links
def test_a_linked_lock_empties_no_file(root, folder):
    root.mkdir()
    precious = folder / "precious.txt"
    precious.write_text("years of work", encoding="utf-8")
    (root / ".writer.lock").symlink_to(precious)
    with pytest.raises(InvalidInputError, match="runs folder"):
        open_store(root, write=True)
    assert precious.read_text(encoding="utf-8") == "years of work"


@needs_links
@pytest.mark.parametrize("name", ["ledger.sqlite", "ledger.sqlite-journal"])
def test_a_linked_ledger_is_not_opened(root, folder, folder_of_run, name):
    elsewhere = folder / "elsewhere.sqlite"
    ledger = root / "ledger.sqlite"
    content = ledger.read_bytes()
    elsewhere.write_bytes(content)
    (root / name).unlink(missing_ok=True)
    (root / name).symlink_to(elsewhere)
    with pytest.raises(InvalidInputError, match=r"ledger: .*no link is followed"):
        open_store(root).runs()
    with pytest.raises(InvalidInputError, match=r"ledger: .*no link is followed"):
        open_store(root, write=True)
    assert elsewhere.read_bytes() == content


@needs_links
@pytest.mark.parametrize("name", ["tables", "figures", "shards"])
def test_nothing_is_written_through_a_linked_folder(root, folder, folder_of_run, name):
    elsewhere = folder / "elsewhere"
    (folder_of_run / name).rename(elsewhere)
    (folder_of_run / name).symlink_to(elsewhere)
    before = sorted(elsewhere.iterdir())
    with open_store(root, write=True) as store:
        with pytest.raises(InvalidInputError, match="no link is followed"):
            store.create_run(CONFIG, [TASK])
        assert store.shard(RUN, TASK) is None or name != "shards"
        other = Task(
            function="demo:task",
            parameters={"x": 2},
        )
        puts = {
            "shards": lambda: store.put_shard(RUN, other, {}, seconds=1.0),
            "tables": lambda: store.put_table(RUN, "more", Table(columns={})),
            "figures": lambda: store.put_file(RUN, "figures/a.png", b"picture"),
        }
        with pytest.raises(InvalidInputError, match="no link is followed"):
            puts[name]()
    assert sorted(elsewhere.iterdir()) == before


@needs_links
@pytest.mark.parametrize("name", ["claims.json", "report.html", "tables/slope", "run"])
def test_no_link_is_read(root, folder, folder_of_run, name):
    if name == "run":
        elsewhere = folder / "elsewhere"
        folder_of_run.rename(elsewhere)
        folder_of_run.symlink_to(elsewhere)
    else:
        path = folder_of_run / name.replace("slope", "slope.safetensors")
        elsewhere = folder / "elsewhere"
        path.rename(elsewhere)
        path.symlink_to(elsewhere)
    store = open_store(root)
    problem = "is below .*a link" if name == "run" else "is a link"
    with pytest.raises(InvalidInputError, match=problem):
        everything(store)


@needs_links
@pytest.mark.parametrize(
    "name",
    ["claims.json", "config.json", "report.html", "tables/slope", "tables/more"],
)
def test_a_pipe_is_not_opened(root, folder_of_run, name, in_time):
    path = folder_of_run / (f"{name}.safetensors" if "/" in name else name)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    store = open_store(root)
    assert store.config(RUN) == CONFIG
    if name != "config.json":
        with pytest.raises(InvalidInputError, match="is a pipe, not a regular file"):
            everything(store)
    with open_store(root, write=True) as writer:
        writer.create_run(CONFIG, [TASK])
        writer.put_claims(RUN, [])
        writer.put_file(RUN, "report.html", b"page")
        writer.tables(RUN)
    assert not list(folder_of_run.glob(".*.part"))


@needs_links
def test_a_pipe_in_place_of_a_shard_is_set_aside(root, folder_of_run, in_time):
    path = folder_of_run / "shards" / f"{TASK.hash}.safetensors"
    path.unlink()
    os.mkfifo(path)
    with open_store(root, write=True) as store:
        assert store.finished(RUN) == set()
        store.put_shard(RUN, TASK, {"y": np.arange(3.0)}, seconds=1.0)
        assert store.finished(RUN) == {TASK.hash}


@needs_links
@pytest.mark.parametrize("name", [".writer.lock", "ledger.sqlite"])
def test_a_pipe_in_place_of_ledger_or_lock(root, name, in_time):
    root.mkdir()
    os.mkfifo(root / name)
    with pytest.raises(InvalidInputError):
        open_store(root, write=True)


def test_sizes_are_looked_at_before_reading(root, folder_of_run):
    """A file with a hole is as large as one without."""
    for name in ("claims.json", "report.html"):
        os.truncate(folder_of_run / name, 2**40)
    os.truncate(folder_of_run / "tables" / "slope.safetensors", 2**40)
    os.truncate(folder_of_run / "shards" / f"{TASK.hash}.safetensors", 2**40)
    store = open_store(root)
    assert store.shard(RUN, TASK) is None
    for read in (
        store.claims,
        store.tables,
        lambda run: store.file(run, "report.html"),
    ):
        with pytest.raises(InvalidInputError, match="has 1099511627776 bytes, allowed"):
            read(RUN)


def crafted(numbers, **changes):
    """A file with a right checksum whatever its header says."""
    about = {
        "identity": f"table {RUN}/slope",
        "columns": sorted(numbers),
        "texts": {},
        "units": {},
        **changes,
    }
    about = {key: value for key, value in about.items() if value is not ...}
    about["sha256"] = _arrays._digest(numbers, about)
    return safetensors.numpy.save(numbers, metadata={"condensery": json.dumps(about)})


Y = {"y": np.arange(3.0)}
CODES = {"y": np.array([0, 1, 2], np.int32)}
TEXT = {"dtype": "<U1", "entries": ["a", "b", "c"]}
CRAFTED = {
    "no identity": (Y, {"identity": ...}),
    "identity a number": (Y, {"identity": 1}),
    "no columns": (Y, {"columns": ...}),
    "columns a number": (Y, {"columns": 5}),
    "columns missing": (Y, {"columns": ["z"]}),
    "columns twice": (Y, {"columns": ["y", "y"]}),
    "columns left out": (Y, {"columns": []}),
    "no texts": (Y, {"texts": ...}),
    "texts a list": (Y, {"texts": [1]}),
    "texts of no column": (Y, {"texts": {"z": TEXT}}),
    "text of floats": (Y, {"texts": {"y": TEXT}}),
    "text without entries": (CODES, {"texts": {"y": {"dtype": "<U1"}}}),
    "text of objects": (CODES, {"texts": {"y": {**TEXT, "dtype": "O"}}}),
    "text of bytes": (CODES, {"texts": {"y": {**TEXT, "dtype": "<f8"}}}),
    "text of numbers": (
        CODES,
        {
            "texts": {
                "y": {
                    **TEXT,
                    "entries": [1, 2, 3],
                }
            }
        },
    ),
    "text too wide": (CODES, {"texts": {"y": {**TEXT, "dtype": "<U400000000"}}}),
    "text beyond width": (CODES, {"texts": {"y": {**TEXT, "entries": ["aa"] * 3}}}),
    "too few entries": (CODES, {"texts": {"y": {**TEXT, "entries": ["a"]}}}),
    "negative codes": ({"y": -CODES["y"]}, {"texts": {"y": TEXT}}),
    "units a list": (Y, {"units": ["m"]}),
    "units of numbers": (Y, {"units": {"y": 1}}),
    "more than that": (Y, {"more": 1}),
    "rows that differ": (
        {
            "y": np.zeros(3),
            "z": np.zeros(4),
        },
        {},
    ),
    "no rows": ({"y": np.array(1.0)}, {}),
}


@pytest.mark.parametrize("case", CRAFTED)
def test_a_right_checksum_makes_no_table(root, folder_of_run, case, caplog):
    numbers, changes = CRAFTED[case]
    content = crafted(numbers, **changes)
    with open_store(root, write=True) as store:
        store._manifest.write(RUN, "tables/slope.safetensors", content)
    with pytest.raises(InvalidInputError, match=f"table slope of run {RUN}: "):
        open_store(root).tables(RUN)
    with open_store(root, write=True) as store:
        assert store.tables(RUN) == {}
    assert "set-aside" in caplog.text


def test_the_crafted_tables_differ_from_a_sound_one_in_one_point(root, folder_of_run):
    with open_store(root, write=True) as store:
        store._manifest.write(RUN, "tables/slope.safetensors", crafted(Y))
        assert store.tables(RUN)["slope"]["y"].tolist() == [0, 1, 2]
        text = crafted(CODES, texts={"y": TEXT})
        store._manifest.write(RUN, "tables/slope.safetensors", text)
        assert store.tables(RUN)["slope"]["y"].tolist() == ["a", "b", "c"]


def test_text_cannot_grow_beyond_the_limit():
    codes = {"y": np.zeros(10**6, np.int32)}
    entries = ["a" * 10**4]
    text = {"dtype": "<U10000", "entries": entries}
    content = crafted(
        codes,
        texts={"y": text},
        identity="x",
    )
    with pytest.raises(DamagedError, match="becomes 40004000000 bytes"):
        decode(content, identity="x")


@pytest.mark.parametrize("header", [b"[" * 100_000, b"{}", b'{"__metadata__": 3}'])
def test_strange_headers_are_damage(header):
    content = len(header).to_bytes(8, "little") + header
    with pytest.raises(DamagedError):
        decode(content, identity="x")


def test_arrays_beyond_the_limit_are_refused_where_they_are_made(root, monkeypatch):
    monkeypatch.setattr(_arrays, "LARGEST_ARRAYS", 100)
    with open_store(root, write=True) as store:
        store.create_run(CONFIG, [TASK])
        with pytest.raises(InvalidInputError, match="at most 100 in one file"):
            store.put_shard(RUN, TASK, {"y": np.zeros(100)}, seconds=1.0)


def test_all_tables_together_have_a_limit(root, folder_of_run, monkeypatch):
    with open_store(root, write=True) as store:
        for name in ("more", "most"):
            store.put_table(RUN, name, Table(columns={"y": np.zeros(100)}))
    monkeypatch.setattr(_tables, "LARGEST_ARRAYS", 1200)
    with pytest.raises(InvalidInputError, match="at most 1200 bytes together"):
        open_store(root).tables(RUN)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER UPDATE ON runs BEGIN DELETE FROM shards; END",
        "CREATE VIEW v AS SELECT 1",
        "DROP TABLE shards",
    ],
)
def test_a_ledger_brings_no_code(root, folder_of_run, statement):
    with sqlite3.connect(root / "ledger.sqlite") as database:
        database.execute(statement)
    database.close()
    with pytest.raises(InvalidInputError, match=r"ledger: .*it is damaged"):
        open_store(root).runs()


@pytest.mark.parametrize("run", ["../../elsewhere", "", "0" * 15, "0" * 15 + "\x1b"])
def test_ids_that_are_none_are_left_out(root, folder_of_run, run, caplog):
    with sqlite3.connect(root / "ledger.sqlite") as database:
        database.execute("UPDATE runs SET run = ?", [run])
    database.close()
    store = open_store(root)
    for reference in ("last", run, RUN):
        with pytest.raises(InvalidInputError):
            store.config(reference)
    assert store.runs() == []
    assert "\x1b" not in caplog.text


def test_deep_documents_are_damage(root, folder_of_run):
    content = b"[" * 200_000
    with open_store(root, write=True) as store:
        store._manifest.write(RUN, "claims.json", content)
    with pytest.raises(InvalidInputError, match="claims: given"):
        open_store(root).claims(RUN)
    (folder_of_run / "config.json").write_bytes(content)
    assert open_store(root).config(RUN) == CONFIG
