"""Sinks of the monitor: the files they write, stand-ins for clients, and the clients
themselves where they are.
"""

import json
import struct
import sys
import types

import pytest

from condensery.torch import (
    CondensationMonitor,
    JsonLines,
    MLflow,
    TensorBoard,
    WeightsAndBiases,
)

VALUES = (
    (0, {"a:b/ratio": 1.0, "c/ratio": 0.5}),
    (10, {"a:b/ratio": 0.25, "c/ratio": float("nan")}),
)


def fed(sink):
    for step, values in VALUES:
        sink.write(step, values)
    sink.close()


def test_json_lines(tmp_path):
    fed(JsonLines(tmp_path / "monitor.jsonl"))
    lines = [
        json.loads(line)
        for line in (tmp_path / "monitor.jsonl").read_text().splitlines()
    ]
    assert lines == [
        {"step": 0, **VALUES[0][1]},
        {"step": 10, "a:b/ratio": 0.25, "c/ratio": None},
    ]


@pytest.mark.filterwarnings("ignore")
def test_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fed(TensorBoard(tmp_path))
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [
        (one.step, one.value) for one in events.Scalars("condensery/a:b/ratio")
    ] == [(0, 1.0), (10, 0.25)]


class Rows:
    """Stands in for a run of Weights & Biases: rows by step; one that has gone by
    cannot be written any more.
    """

    def __init__(self):
        self.rows, self.step, self.dropped, self.defined = {}, 0, [], []

    def define_metric(self, name, *, step_metric):
        self.defined.append((name, step_metric))

    def log(self, values, step=None, commit=None):
        if step is not None and step < self.step:
            self.dropped.append(values)
            return
        self.step = self.step if step is None else step
        self.rows.setdefault(self.step, {}).update(values)
        if commit or (commit is None and step is None):
            self.step += 1


def loop(run, how, sink):
    """A loop of seven steps that logs in one of the ways people do."""
    for step in range(7):
        if how == "by itself":
            run.log({"loss": step})
        elif how == "with steps":
            run.log({"loss": step}, step=step)
        elif how == "seldom, with steps" and step % 5 == 4:
            run.log({"loss": step}, step=step // 5)
        sink.write(step, {"a/ratio": 1.0})
        if how == "with steps":
            run.log({"accuracy": step}, step=step)
    sink.close()


LOOPS = {
    "by itself": range(7),
    "with steps": range(7),
    "seldom, with steps": (4,),
    "not at all": (),
}


def check(rows, how):
    """Everything that was logged is in the rows, in the order in which it came."""
    ours = [row for row in rows if "condensery/step" in row]
    assert [row["condensery/step"] for row in ours] == list(range(7))
    assert {row["condensery/a/ratio"] for row in ours} == {1.0}
    assert [row["loss"] for row in rows if "loss" in row] == list(LOOPS[how])
    if how == "with steps":
        assert [(row["loss"], row["accuracy"]) for row in rows if "loss" in row] == [
            (k, k) for k in range(7)
        ]


@pytest.mark.parametrize("how", LOOPS)
def test_weights_and_biases_keeps_all_that_a_loop_logs(monkeypatch, how):
    run = Rows()
    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(run=run))
    loop(run, how, WeightsAndBiases())
    assert run.defined == [("condensery/*", "condensery/step")]
    assert not run.dropped
    check([run.rows[step] for step in sorted(run.rows)], how)


def test_weights_and_biases_at_once(monkeypatch):
    run = Rows()
    sink = WeightsAndBiases(run, commit=True)
    sink.write(*VALUES[0])
    assert run.rows == {
        0: {
            "condensery/step": 0,
            "condensery/a:b/ratio": 1.0,
            "condensery/c/ratio": 0.5,
        }
    }
    assert run.step == 1
    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(run=None))
    with pytest.raises(RuntimeError, match=r"wandb\.init"):
        WeightsAndBiases()


def records(path):
    """Rows in the log of an offline run: records in blocks of 32 KiB behind a head of 7
    bytes, as in LevelDB.
    """
    from wandb.proto import wandb_internal_pb2

    raw, place, whole = path.read_bytes(), 7, b""
    while place + 7 <= len(raw):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
            continue
        _, length, kind = struct.unpack("<IHB", raw[place : place + 7])
        whole += raw[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole one, or the last part of one
            record = wandb_internal_pb2.Record.FromString(whole)
            whole = b""
            if record.WhichOneof("record_type") == "history":
                yield {
                    (i.key or "/".join(i.nested_key)): json.loads(i.value_json)
                    for i in record.history.item
                }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", LOOPS)
def test_weights_and_biases_itself(monkeypatch, tmp_path, how):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run = wandb.init(project="condensery", dir=tmp_path)
    loop(run, how, WeightsAndBiases())
    run.finish()
    wandb.teardown()
    (log,) = tmp_path.rglob("*.wandb")
    check(list(records(log)), how)


class Recorder:
    """Stands in for a client that is not installed, and keeps every call."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *args, **kwargs: self.calls.append((name, args, kwargs))


def test_mlflow(monkeypatch):
    client = Recorder()
    monkeypatch.setitem(sys.modules, "mlflow", client)
    fed(MLflow())
    assert client.calls == [
        (
            "log_metrics",
            ({"condensery/a_b/ratio": 1.0, "condensery/c/ratio": 0.5},),
            {"step": 0},
        ),
        ("log_metrics", ({"condensery/a_b/ratio": 0.25},), {"step": 10}),
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_itself(tmp_path):
    from torch import nn

    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    pytest.importorskip("alembic")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    with mlflow.start_run() as run:
        fed(MLflow())
        with CondensationMonitor(nn.LSTM(2, 3), MLflow(), every=2) as monitor:
            monitor.step()
        # more at once than one request to a server may hold
        MLflow().write(0, {f"layer{k}/ratio": 1.0 for k in range(1200)})
    client = mlflow.MlflowClient()
    history = client.get_metric_history(run.info.run_id, "condensery/a_b/ratio")
    assert [(one.step, one.value) for one in history] == [(0, 1.0), (10, 0.25)]
    history = client.get_metric_history(
        run.info.run_id, "condensery/LSTM_l0 units/effective_neurons"
    )
    assert [(one.step, one.value) for one in history] == [
        (step, values["LSTM:l0 units/effective_neurons"])
        for step, values in monitor.history
    ]
    assert len(client.get_run(run.info.run_id).data.metrics) == 1200 + 2 + len(
        monitor.history[0][1]
    )
