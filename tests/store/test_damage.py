"""A torn, missing or altered file is named, set aside and left to be computed again."""

import logging

import numpy as np
import pytest
from safetensors.numpy import load, save

from condensery._errors import InvalidInputError
from condensery.protocols import Task
from condensery.records import RunConfig, Table
from condensery.store import open_store

CONFIG = RunConfig(experiment="demo", preset="quick", parameters={})
RUN = CONFIG.run_id
TASKS = [
    Task(function="demo:task", parameters={"x": 0}),
    Task(function="demo:task", parameters={"x": 1}),
]
ARRAYS = {
    "y": np.arange(6.0).reshape(2, 3),
    "name": np.array(["a", "b"]),
}


def torn(path):
    path.write_bytes(path.read_bytes()[:-5])


def emptied(path):
    path.write_bytes(b"")


def flipped(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def rewritten(path):
    arrays = load(path.read_bytes())
    arrays["y"][0, 0] = 5.0
    path.write_bytes(save(arrays))


def missing(path):
    path.unlink()


DAMAGES = {
    "torn": torn,
    "emptied": emptied,
    "flipped": flipped,
    "rewritten": rewritten,
    "missing": missing,
}


@pytest.fixture(params=DAMAGES)
def damage(request):
    return DAMAGES[request.param]


@pytest.fixture
def shard(root):
    with open_store(root, write=True) as store:
        store.create_run(CONFIG, TASKS)
        for task in TASKS:
            store.put_shard(RUN, task, ARRAYS, seconds=1.0)
        store.put_table(RUN, "slope", Table(columns=ARRAYS))
    return root / RUN / "shards" / f"{TASKS[0].hash}.safetensors"


def everything_below(root):
    files = (path for path in root.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files}


def test_a_writer_sets_a_damaged_shard_aside(root, shard, damage, caplog):
    damage(shard)
    damaged = shard.read_bytes() if shard.exists() else None
    with (
        open_store(root, write=True) as store,
        caplog.at_level(logging.WARNING, "condensery.store"),
    ):
        assert store.shard(RUN, TASKS[0]) is None
        assert store.shard(RUN, TASKS[1]) is not None
        assert store.finished(RUN) == {TASKS[1].hash}
        entered = [row.task for row in store.shard_rows(RUN)]
        assert entered == [TASKS[1].hash]
        aside = shard.with_name(f"{shard.name}.set-aside")
        kept = aside.read_bytes() if aside.exists() else None
        assert kept == damaged
        store.put_shard(RUN, TASKS[0], ARRAYS, seconds=1.0)
        assert store.finished(RUN) == {task.hash for task in TASKS}
    (record,) = caplog.records
    message = record.getMessage()
    assert TASKS[0].hash in message
    assert str(shard) in message


def test_a_reader_reports_and_leaves_everything_as_it_is(root, shard, damage, caplog):
    damage(shard)
    before = everything_below(root)
    store = open_store(root)
    with caplog.at_level(logging.WARNING, "condensery.store"):
        assert store.shard(RUN, TASKS[0]) is None
        assert store.finished(RUN) == {TASKS[1].hash}
    assert TASKS[0].hash in caplog.text
    assert everything_below(root) == before


def test_every_flipped_bit_is_found(root, shard):
    content = shard.read_bytes()
    store = open_store(root)
    for index in range(0, len(content), 13):
        bit = 1 << index % 8
        changed = bytearray(content)
        changed[index] ^= bit
        shard.write_bytes(changed)
        assert store.shard(RUN, TASKS[0]) is None, index
    shard.write_bytes(content)
    assert store.shard(RUN, TASKS[0]) is not None


def test_what_was_set_aside_before_is_kept(root, shard):
    for _ in range(3):
        torn(shard)
        with open_store(root, write=True) as store:
            assert store.shard(RUN, TASKS[0]) is None
            store.put_shard(RUN, TASKS[0], ARRAYS, seconds=1.0)
    pattern = f"{TASKS[0].hash}*.set-aside*"
    kept = list(shard.parent.glob(pattern))
    assert len(kept) == 3


def test_putting_a_shard_replaces_a_damaged_one(root, shard, damage):
    damage(shard)
    with open_store(root, write=True) as store:
        store.put_shard(RUN, TASKS[0], ARRAYS, seconds=1.0)
        arrays = store.shard(RUN, TASKS[0])
        assert arrays["y"].tolist() == ARRAYS["y"].tolist()


def test_whole_shards_are_adopted_when_the_ledger_is_lost(root, shard):
    flipped(shard)
    (root / "ledger.sqlite").unlink()
    with open_store(root, write=True) as store:
        assert store.runs() == []
        store.create_run(CONFIG, TASKS)
        assert store.finished(RUN) == {TASKS[1].hash}
    assert not shard.exists()


def test_the_shard_of_another_task_is_not_adopted(root, shard, caplog):
    neighbour = shard.with_name(f"{TASKS[1].hash}.safetensors")
    shard.write_bytes(neighbour.read_bytes())
    (root / "ledger.sqlite").unlink()
    with open_store(root, write=True) as store:
        store.create_run(CONFIG, TASKS)
        assert store.finished(RUN) == {TASKS[1].hash}
    assert f"belongs to shard {RUN}/{TASKS[1].hash}" in caplog.text


@pytest.mark.parametrize("damage", [torn, emptied, flipped, rewritten])
def test_a_damaged_table(root, shard, damage, caplog):
    table = root / RUN / "tables" / "slope.safetensors"
    damage(table)
    before = everything_below(root)
    with pytest.raises(
        InvalidInputError, match=f"table slope of run {RUN}.*condensery resume"
    ):
        open_store(root).tables(RUN)
    assert everything_below(root) == before
    with open_store(root, write=True) as store:
        assert store.tables(RUN) == {}
        assert not table.exists()
        store.put_table(RUN, "slope", Table(columns=ARRAYS))
        assert list(store.tables(RUN)) == ["slope"]
    assert "table slope" in caplog.text


def test_damaged_claims(root, shard, caplog):
    (root / RUN / "claims.json").write_text('[{"id": "a"')
    with pytest.raises(InvalidInputError, match="claims: given"):
        open_store(root).claims(RUN)
    (summary,) = open_store(root).runs()
    assert summary.claims_passed == 0
    assert "claims.json" in caplog.text
