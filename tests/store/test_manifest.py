"""All files of a run have checksums in the ledger: damage never passes for a result."""

import json
import sqlite3
from contextlib import suppress

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.protocols import Task
from condensery.records import FORMAT, RunConfig, Statement, Table
from condensery.store import open_store

CONFIG = RunConfig(experiment="demo", preset="quick", parameters={"x": 1})
RUN = CONFIG.run_id
TASK = Task(function="demo:task", parameters={})
SENTENCE = Statement(
    id="slope",
    paper="somebody2021",
    statement="The slope is one.",
    relation="within",
    source="Fig. 1",
    kind="reproduction",
)
CLAIMS = [SENTENCE.check(1.25, 1.0, tolerance=0.5), SENTENCE.check(3.0, 1.0)]
FILES = {
    "claims.json",
    "config.json",
    "figures/a.png",
    "report.html",
    "tables/slope.safetensors",
}


@pytest.fixture
def finished(root):
    with open_store(root, write=True) as store:
        store.create_run(CONFIG, [TASK])
        store.put_shard(RUN, TASK, {"y": np.arange(3.0)}, seconds=1.0)
        store.put_table(RUN, "slope", Table(columns={"y": np.arange(3.0)}))
        store.put_claims(RUN, CLAIMS)
        store.put_file(RUN, "figures/a.png", b"picture")
        store.put_file(RUN, "report.html", b"page")
        store.set_status(RUN, "done", seconds=1.0)
    return root / RUN


def with_flipped_bit(content, bit):
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def shown_as_true(root, path, content, bits):
    """How many flips of single bits a reader does not notice."""
    store = open_store(root)
    unnoticed = 0
    for bit in bits:
        path.write_bytes(with_flipped_bit(content, bit))
        with suppress(InvalidInputError):
            store.claims(RUN)
            unnoticed += 1
    path.write_bytes(content)
    assert store.claims(RUN) == CLAIMS
    return unnoticed


def test_flipped_bits_of_claims_are_never_shown(root, finished):
    path = finished / "claims.json"
    content = path.read_bytes()
    sample = np.random.default_rng(0).choice(8 * len(content), 60, replace=False)
    assert shown_as_true(root, path, content, map(int, sample)) == 0


@pytest.mark.slow
def test_no_flipped_bit_of_claims_is_ever_shown(root, finished):
    path = finished / "claims.json"
    content = path.read_bytes()
    assert shown_as_true(root, path, content, range(8 * len(content))) == 0


def test_without_the_manifest_flips_are_shown(root, finished):
    """The test above sees what it is for: the checksums make the difference."""
    change_ledger(root, "DELETE FROM files")
    path = finished / "claims.json"
    content = path.read_bytes()
    digit = content.index(b"1.25") + 2
    path.write_bytes(with_flipped_bit(content, 8 * digit))
    assert open_store(root).claims(RUN)[0].value == pytest.approx(1.35)


def test_every_file_is_entered(root, finished):
    with sqlite3.connect(root / "ledger.sqlite") as database:
        rows = database.execute("SELECT name, placed FROM files").fetchall()
    database.close()
    assert dict(rows) == dict.fromkeys(FILES, 1)


@pytest.mark.parametrize("name", ["figures/a.png", "report.html"])
def test_altered_and_lost_files_are_named(root, finished, name):
    store = open_store(root)
    path = finished / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(InvalidInputError, match=f"{name}: .*checksum differs"):
        store.file(RUN, name)
    assert list(store.damaged(RUN)) == [name]
    path.unlink()
    with pytest.raises(InvalidInputError, match=f"{name}: .*is missing"):
        store.file(RUN, name)
    assert store.damaged(RUN) == {name: "is missing"}
    assert store.file(RUN, "figures/b.png") is None


def test_lost_claims_and_tables_are_named(root, finished):
    (finished / "claims.json").unlink()
    (finished / "tables" / "slope.safetensors").unlink()
    store = open_store(root)
    with pytest.raises(InvalidInputError, match=r"claims: given .*is missing"):
        store.claims(RUN)
    with pytest.raises(InvalidInputError, match=r"table slope .*is missing"):
        store.tables(RUN)
    with open_store(root, write=True) as writer:
        assert writer.tables(RUN) == {}
        writer.put_claims(RUN, CLAIMS)
    assert open_store(root).claims(RUN) == CLAIMS


def test_a_file_about_to_be_replaced_may_be_the_old_or_the_new_one(root, finished):
    """What a kill between entering and renaming leaves is no damage."""
    content = (finished / "report.html").read_bytes()
    with open_store(root, write=True) as store:
        access, path = store._access, finished / "report.html"

        def killed(run, name, content):
            raise KeyboardInterrupt

        access.write = killed
        with pytest.raises(KeyboardInterrupt):
            store.put_file(RUN, "report.html", b"new page")
    reader = open_store(root)
    assert reader.file(RUN, "report.html") == content
    path.write_bytes(b"new page")
    assert reader.file(RUN, "report.html") == b"new page"
    path.write_bytes(b"another page")
    with pytest.raises(InvalidInputError, match="checksum differs"):
        reader.file(RUN, "report.html")


def change_ledger(root, statement, *values):
    with sqlite3.connect(root / "ledger.sqlite") as database:
        database.execute(statement, values)
    database.close()


def test_a_configuration_that_is_not_the_hashed_one_is_not_used(root, finished):
    forged = CONFIG.model_copy(update={"parameters": {"x": 2}})
    change_ledger(root, "UPDATE runs SET config = ?", forged.model_dump_json())
    assert open_store(root).config(RUN) == CONFIG, "the folder's copy is sound"
    (finished / "config.json").write_text(forged.model_dump_json(), "utf-8")
    with pytest.raises(InvalidInputError, match=f"configuration of run {RUN}"):
        open_store(root).config(RUN)


def test_a_run_of_another_version_blinds_no_other(root, finished, caplog):
    other = CONFIG.model_copy(update={"parameters": {"x": 2}})
    with open_store(root, write=True) as store:
        store.create_run(other, [TASK])
    change_ledger(root, "UPDATE runs SET status = 'paused' WHERE run = ?", RUN)
    store = open_store(root)
    assert [summary.run for summary in store.runs()] == [other.run_id]
    assert [config for _, config in store.readable()] == [other]
    assert f"run {RUN} is left out: its row cannot be read (status)" in caplog.text
    with pytest.raises(InvalidInputError, match=f"ledger's row of run {RUN}"):
        store.summary(RUN)


def test_an_older_ledger_gets_the_manifest_from_its_next_writer(root, finished):
    with sqlite3.connect(root / "ledger.sqlite") as database:
        database.execute("DROP TABLE files")
        database.execute("DROP TABLE unverified")
        database.execute("PRAGMA user_version = 2")
    database.close()
    assert open_store(root).claims(RUN) == CLAIMS
    (summary,) = open_store(root).runs()
    assert summary.verified
    with open_store(root, write=True) as store:
        store.put_claims(RUN, CLAIMS)
    path = finished / "claims.json"
    content = path.read_bytes()
    assert shown_as_true(root, path, content, range(0, 80)) == 0


def test_shards_without_a_ledger_are_not_verified(root, finished):
    (root / "ledger.sqlite").unlink()
    with open_store(root, write=True) as store:
        store.create_run(CONFIG, [TASK])
        assert store.finished(RUN) == {TASK.hash}
        assert not store.summary(RUN).verified
        store.set_verified(RUN, verified=True)
    assert open_store(root).summary(RUN).verified


def test_the_format_counts_the_manifest():
    assert FORMAT >= 4
    assert json.loads(CONFIG.model_dump_json())["format"] == FORMAT
