"""Who may open a runs folder, and what a person is told who may not."""

import os
import platform
import sqlite3
import stat
import subprocess  # ruff: ignore[suspicious-subprocess-import]
import sys
from pathlib import Path

import numpy as np
import pytest

from condensery._errors import InvalidInputError, StoreBusyError
from condensery.protocols import Task
from condensery.records import RunConfig, Table
from condensery.store import open_store

CONFIG = RunConfig(
    experiment="demo",
    preset="quick",
    parameters={},
)


def test_opening_for_reading_makes_nothing(root):
    store = open_store(root)
    assert store.runs() == []
    with pytest.raises(InvalidInputError, match=f"there are no runs in {root}"):
        store.resolve("last")
    assert store.last_cost("demo", "quick") is None
    assert not root.exists()


def test_a_folder_that_cannot_be_made(folder):
    (folder / "file").write_text("")
    for root in (folder / "file", folder / "file" / "runs"):
        with pytest.raises(
            InvalidInputError,
            match=r"runs folder: given .*; allowed: .*; choose another with --runs",
        ):
            open_store(root, write=True)


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_that_may_not_be_written(root):
    root.mkdir()
    root.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(InvalidInputError, match="Permission denied"):
        open_store(root, write=True)
    assert list(root.iterdir()) == []


def test_a_file_system_without_permission(root, monkeypatch):
    root.mkdir()
    real = os.open

    def refuse(path, flags, *arguments):
        if flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *arguments)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InvalidInputError, match="Permission denied"):
        open_store(root, write=True)


def test_a_second_writer_is_told_who_holds_it_and_a_kill_lets_go(root):
    program = Path(__file__).with_name("scenario.py")
    with subprocess.Popen(
        [sys.executable, program, "hold", root], stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()
        with (
            open_store(root, write=True) as store,
            pytest.raises(
                StoreBusyError,
                match=rf"process {holder.pid} on {platform.node()} since 20\d\d-",
            ),
        ):
            store.hold(store.resolve("last"))
        assert len(open_store(root).runs()) == 1
        holder.kill()
    with open_store(root, write=True) as store:
        store.hold(store.resolve("last"))
        assert len(store.runs()) == 1


def test_a_failure_while_opening_lets_go(root):
    with open_store(root, write=True):
        pass
    (root / "ledger.sqlite").write_bytes(b"this is no database" * 100)
    for _ in range(2):
        with pytest.raises(InvalidInputError, match=r"ledger: given .*move it away"):
            open_store(root, write=True)
    with pytest.raises(InvalidInputError, match=r"ledger: given .*move it away"):
        open_store(root).runs()


def test_a_ledger_of_a_newer_version(root):
    open_store(root, write=True).close()
    with sqlite3.connect(root / "ledger.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    for attempt in (
        lambda: open_store(root, write=True),
        lambda: open_store(root).runs(),
    ):
        with pytest.raises(
            InvalidInputError,
            match=r"version 99; allowed: version 4.*upgrade condensery",
        ):
            attempt()


def test_the_journal_is_a_rollback_journal(root):
    open_store(root, write=True).close()
    database = sqlite3.connect(root / "ledger.sqlite")
    assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    database.close()
    assert sorted(path.name for path in root.iterdir()) == [
        ".writer.lock",
        "ledger.sqlite",
    ]


def test_last_cost_is_that_of_the_latest_run_that_ended(root):
    configs = [CONFIG.model_copy(update={"parameters": {"x": x}}) for x in range(3)]
    with open_store(root, write=True) as store:
        for number, config in enumerate(configs):
            store.create_run(config, [])
            store.set_status(config.run_id, "done", seconds=1.0 + number)
        assert store.last_cost("demo", "quick") == pytest.approx(3.0)
        store.set_status(configs[0].run_id, "claim failed", seconds=0.5)
        store.set_status(configs[1].run_id, "interrupted", seconds=9.0)
        assert store.last_cost("demo", "quick") == pytest.approx(1.5)
        assert store.last_cost("demo", "paper") is None
        assert store.last_cost("other", "quick") is None


def test_a_prefix_of_two_runs_is_refused(root):
    by_prefix = {}
    for x in range(2000):
        config = CONFIG.model_copy(update={"parameters": {"x": x}})
        twin = by_prefix.setdefault(config.run_id[:4], config)
        if twin is not config:
            break
    with open_store(root, write=True) as store:
        store.create_run(twin, [])
        assert store.resolve(twin.run_id[:4]) == twin.run_id
        store.create_run(config, [])
        with pytest.raises(InvalidInputError, match=twin.run_id):
            store.resolve(twin.run_id[:4])
        assert store.resolve(config.run_id[:15]) == config.run_id


def test_the_run_folder_is_as_documented(root):
    task = Task(function="demo:task", parameters={})
    with open_store(root, write=True) as store:
        store.create_run(CONFIG, [task])
        store.put_shard(CONFIG.run_id, task, {"y": np.ones(2)}, seconds=0.0)
        store.put_table(CONFIG.run_id, "slope", Table(columns={"x": [1]}))
        store.put_claims(CONFIG.run_id, [])
        store.put_file(CONFIG.run_id, "figures/a.png", b"")
        store.put_file(CONFIG.run_id, "report.html", b"")
    run = root / CONFIG.run_id
    assert sorted(
        path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()
    ) == [
        ".writer.lock",
        "claims.json",
        "config.json",
        "figures/a.png",
        "report.html",
        f"shards/{task.hash}.safetensors",
        "tables/slope.safetensors",
    ]
    assert (
        RunConfig.model_validate_json((run / "config.json").read_text(encoding="utf-8"))
        == CONFIG
    )


def test_importing_the_store_is_light():
    code = (
        "import sys, condensery.store; print({'jax', 'torch', 'matplotlib', "
        "'scipy', 'pytest'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
