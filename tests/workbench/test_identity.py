"""Names of runs and shards hold digests of code and data, and no path."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel
from tests.workbench.test_run import TINY_FILE, bits

from condensery import workbench
from condensery._errors import InvalidInputError
from condensery._reference import load, read_source
from condensery.protocols import Source, Task
from condensery.records import DataPath, RunConfig
from condensery.workbench import _identity


def rewritten(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def elsewhere(folder: Path, name: str = "moved.py") -> str:
    """A copy of the tiny experiment in another file."""
    folder.mkdir(exist_ok=True)
    shutil.copyfile(TINY_FILE, folder / name)
    return f"{folder / name}:Tiny"


def test_the_same_file_at_two_paths_is_the_same_run(tmp_path, runner):
    runs = tmp_path / "runs"
    first = workbench.run(elsewhere(tmp_path / "a"), runs=runs)
    runner.ran.clear()
    second = workbench.run(
        elsewhere(tmp_path / "b", "changed_name.py"), runs=tmp_path / "runs"
    )
    assert second.id == first.id
    assert runner.ran == []
    moved = elsewhere(tmp_path / "c")
    third = workbench.run(moved, runs=tmp_path / "again")
    assert bits(third) == bits(first)
    for task in runner.ran:
        assert task.function.startswith(str(tmp_path / "c"))


def test_a_file_that_moved_goes_on_where_it_stopped(tmp_path, runner):
    runs = tmp_path / "runs"
    runner.interrupt_after = 2
    with pytest.raises(workbench.RunInterrupted):
        workbench.run(elsewhere(tmp_path / "a"), runs=runs)
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(InvalidInputError, match=r"run NEW/PATH\.py:Tiny with the same"):
        workbench.resume("last", runs)
    runner.interrupt_after = None
    run = workbench.run(elsewhere(tmp_path / "b"), runs=runs)
    assert run.status == "done"
    assert len(runner.ran) == 6


def test_a_changed_source_is_another_run_with_other_shards(tmp_path, runner):
    name = elsewhere(tmp_path / "a")
    first = workbench.run(name, runs=tmp_path / "runs")
    hashes = {task.hash for task in runner.ran}
    runner.ran.clear()
    rewritten(tmp_path / "a" / "moved.py", "class Tiny:", "# a remark\nclass Tiny:")
    second = workbench.run(name, runs=tmp_path / "runs")
    assert second.id != first.id
    changed = {task.hash for task in runner.ran}
    assert not changed & hashes


@pytest.mark.parametrize("relative", [False, True])
def test_the_same_data_at_two_paths_are_the_same_run(
    tmp_path, runner, monkeypatch, relative
):
    contents = {"first.txt": "1", "second.txt": "1", "third.txt": "2"}
    for file, text in contents.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    folder = Path() if relative else tmp_path
    name, runs = elsewhere(tmp_path / "code"), tmp_path / "runs"
    paths = [str(folder / file) for file in contents]
    first = workbench.run(name, runs=runs, data=paths[0])
    runner.ran.clear()
    second = workbench.run(name, runs=runs, data=paths[1])
    assert second.id == first.id
    assert runner.ran == []
    third = workbench.run(name, runs=runs, data=paths[2])
    assert third.id != first.id
    assert first.config.parameters["data"] == paths[0]


def test_no_path_in_what_is_hashed(tmp_path, runner):
    data = tmp_path / "data.txt"
    data.write_text("1", encoding="utf-8")
    name = elsewhere(tmp_path / "a")
    run = workbench.run(name, runs=tmp_path, data=str(data))
    content = run.config.model_dump(mode="json", exclude={"source", "stand_ins"})
    assert str(tmp_path) in json.dumps(content)
    parameters = run.config.parameters | {"data": "/nowhere/data.txt"}
    update = {"experiment": "/nowhere/at_all.py:Tiny", "parameters": parameters}
    moved = run.config.model_copy(update=update)
    assert moved.run_id == run.id


def test_a_task_carries_its_source_and_a_worker_needs_no_file(tmp_path, runner):
    """The file is gone before the workers start; they compute from the text."""
    name = elsewhere(tmp_path / "a")
    complete = workbench.run(name, runs=tmp_path / "inline", drawn=False)
    tasks = list(runner.ran)
    shutil.rmtree(tmp_path / "a")
    texts = {task.source.text for task in tasks}
    assert texts == {TINY_FILE.read_text("utf-8")}
    from condensery.runners import make

    outcomes = []
    documents = [task.model_dump_json() for task in tasks]
    restored = [Task.model_validate_json(document) for document in documents]
    workers = make("local", workers=2)
    workers.run(restored, outcomes.append, lambda *_: None)
    assert [outcome.error for outcome in outcomes] == [""] * 6
    squares = {}
    for outcome in outcomes:
        squares[outcome.task.hash] = float(outcome.arrays["square"])
    expected = complete.tables["squares"]["square"]
    assert [squares[task.hash] for task in tasks] == expected.tolist()


def test_an_edit_while_a_run_goes_on_changes_nothing(tmp_path):
    name = elsewhere(tmp_path / "a")
    options = {"drawn": False, "workers": 1}
    expected = workbench.run(name, runs=tmp_path / "expected", **options)
    running = workbench.start(name, runs=tmp_path / "edited", **options)
    with running:
        rewritten(tmp_path / "a" / "moved.py", "** 2", "** 3")
        run = running.result()
    assert bits(run) == bits(expected)


def test_a_registered_experiment_has_the_id_it_always_had(tmp_path):
    """Neither field is part of what is hashed, so that old runs keep their names."""
    old = {"experiment": "demo-a", "preset": "quick", "parameters": {"seeds": 1}}
    config = RunConfig.model_validate(old)
    assert config.run_id == "3ed1c5a95aeb5c3f"


def test_a_run_of_a_file_that_began_before_keeps_its_name():
    old = RunConfig(
        experiment="/somewhere/mine.py:Mine",
        preset="quick",
        parameters={"data": "/somewhere/data.csv"},
        task_version="1+0123456789abcdef",
    )
    moved = old.model_copy(update={"experiment": "/elsewhere/mine.py:Mine"})
    assert old.run_id != moved.run_id
    tiny = workbench.find(f"{TINY_FILE}:Tiny").experiment
    model = tiny.Config()
    tasks = _identity.tasks_of(tiny, model, old)
    assert tasks == tiny.tasks(model)
    assert {task.source for task in tasks} == {None}


class Places(BaseModel):
    by_name: Annotated[str, DataPath()] = "digits"
    folder: Annotated[str | None, DataPath()] = None
    empty: Annotated[str, DataPath()] = ""
    typed: Path | None = None
    remark: str = "/not/a/path"


def stand_ins(**values: object) -> dict[str, object]:
    return _identity.stand_ins(Places(**values), "0123")


def test_which_parameters_are_paths():
    assert stand_ins() == {}
    assert stand_ins(by_name="Fashion MNIST") == {}
    assert stand_ins(by_name="/x/mine.csv") == {"by_name": "data:0123"}
    assert stand_ins(folder="/x") == {"folder": None}
    assert stand_ins(empty="x") == {"empty": ""}
    assert stand_ins(typed=Path("x")) == {"typed": None}


def test_without_a_digest_the_path_tells_data_apart():
    model = Places(folder="/x")
    assert _identity.stand_ins(model, "") == {}


def task_of(path: str, **changes: object) -> Task:
    source = Source(text="def f(parameters, seed, advance): ...\n")
    parameters = {"deep": [{"path": path}, 1.0, None, True], "same": path}
    fields = {"source": source, "stand_ins": {path: "data:1"}} | changes
    return Task(function=f"{path}.py:f", parameters=parameters, **fields)


def test_hashes_of_tasks():
    assert task_of("/a").hash == task_of("/b/c").hash
    edited = Source(text="def f(parameters, seed, advance): return {}\n")
    task = task_of("/a")
    changed_source = task_of("/a", source=edited)
    changed_data = task_of("/a", stand_ins={"/a": "data:2"})
    changed_name = task.model_copy(update={"function": "/a.py:g"})
    hashes = {item.hash for item in (task, changed_source, changed_data, changed_name)}
    assert len(hashes) == 4


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_file_that_is_no_text(tmp_path):
    file = tmp_path / "bad.py"
    file.write_bytes(b"x = '\xff\xfe'\n")
    with pytest.raises(InvalidInputError, match="a Python file that can be imported"):
        workbench.find(f"{file}:X")


def test_line_ends_and_encodings_do_not_count(tmp_path):
    unix, windows = tmp_path / "unix.py", tmp_path / "windows.py"
    unix.write_bytes("# é\nx = 1\n".encode())
    windows.write_bytes("# é\r\nx = 1\r\n".encode())
    assert read_source(unix) == read_source(windows)
    latin = tmp_path / "latin.py"
    latin.write_bytes("# -*- coding: latin-1 -*-\nname = 'é'\n".encode("latin-1"))
    source = Source(text=read_source(latin))
    assert load("nowhere.py:name", source=source.text) == "é"
    assert load(f"{latin}:name") == "é"


DECLARED = '''
import numpy as np

from condensery.declare import Settings, task


class Config(Settings):
    size: int = 10
    """Number of draws."""


@task(Config)
def mean(config, seed, advance, *, scale):
    advance("drawn", 1.0, shown={"scale": np.array(scale)})
    draws = np.random.default_rng(seed).normal(size=config.size)
    return {"mean": np.array(scale * draws.mean())}

'''


def unheard(text, fraction, *, shown=None):
    """Drop the report."""


def test_a_declared_task_needs_no_file_either(tmp_path):
    """Its reference is the path of the file; the text goes with it."""
    from condensery.declare import TaskFunction
    from condensery.runners import make

    file = tmp_path / "declared.py"
    file.write_text(DECLARED, encoding="utf-8")
    function = load(f"{file}:mean")
    assert isinstance(function, TaskFunction)
    parameters = {"config": {"size": 3}, "arguments": {"scale": 2.0}}
    expected = function(parameters, 1, unheard)["mean"]
    source = Source(text=DECLARED)
    task = Task(function=function.reference, parameters=parameters, seed=1)
    task = task.model_copy(update={"source": source})
    file.unlink()
    outcomes = []
    worker = make("local", workers=1)
    worker.run([task], outcomes.append, lambda *_: None)
    assert outcomes[0].error == ""
    assert outcomes[0].arrays["mean"] == expected
