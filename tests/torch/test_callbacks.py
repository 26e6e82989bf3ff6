"""The monitor inside the trainers people use, and in a training of two processes."""

import subprocess  # ruff: ignore[suspicious-subprocess-import] - a distributed training is made of processes
import sys
from importlib.util import find_spec

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from condensery.torch import JsonLines, KerasStyleCallback


def data():
    torch.manual_seed(1)
    return TensorDataset(torch.randn(48, 3), torch.randn(48, 1))


def net():
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.2), nn.Tanh(), nn.Linear(8, 1))


def test_keras_style_loops():
    callback, model = KerasStyleCallback(every=2), net()
    callback.set_params({"epochs": 1})
    callback.set_model(model)
    callback.on_train_begin()
    for batch in range(6):
        callback.on_train_batch_begin(batch)
        callback.on_train_batch_end(batch, {"loss": 1.0})
    callback.on_epoch_end(0)
    callback.on_train_end()
    assert [step for step, _ in callback.monitor.history] == [0, 1, 2, 4, 6]
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        callback.train()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(find_spec("lightning") is None, reason="needs lightning")
def test_lightning(tmp_path):
    from lightning.pytorch import LightningModule, Trainer

    from condensery.torch import LightningCallback

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.net = net()

        def training_step(self, batch, _):
            return nn.functional.mse_loss(self.net(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    def fit(*callbacks):
        torch.manual_seed(5)
        module = Module()
        trainer = Trainer(
            max_epochs=2,
            callbacks=list(callbacks),
            accumulate_grad_batches=2,
            logger=False,
            accelerator="cpu",
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, DataLoader(data(), batch_size=8, shuffle=True))
        trainer.save_checkpoint(tmp_path / "last.ckpt")
        return module

    callback = LightningCallback(JsonLines(tmp_path / "monitor.jsonl"), every=2)
    watched, plain = fit(callback), fit()
    # 48 samples in batches of 8, two batches to a step, two epochs: six optimiser steps
    assert [step for step, _ in callback.monitor.history] == [0, 1, 2, 4, 6]
    assert "net.0/effective_ratio" in callback.monitor.history[0][1]
    assert len((tmp_path / "monitor.jsonl").read_text().splitlines()) == 5
    assert all(
        torch.equal(a, b)
        for a, b in zip(watched.parameters(), plain.parameters(), strict=True)
    )
    resumed = LightningCallback(every=2)
    trainer = Trainer(
        max_epochs=3,
        callbacks=[resumed],
        accumulate_grad_batches=2,
        logger=False,
        accelerator="cpu",
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = DataLoader(data(), batch_size=8)
    path = tmp_path / "last.ckpt"
    trainer.fit(Module(), loader, ckpt_path=path, weights_only=True)
    assert [step for step, _ in resumed.monitor.history] == [6, 8]
    ratios = callback.monitor.history[-1][1]
    assert resumed.monitor.history[0][1] == pytest.approx(ratios, abs=0, nan_ok=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(find_spec("transformers") is None, reason="needs transformers")
def test_transformers(tmp_path):
    from transformers import TrainerControl, TrainerState, TrainingArguments
    from transformers.trainer_callback import CallbackHandler

    from condensery.torch import TransformersCallback

    callback, model = (
        TransformersCallback(JsonLines(tmp_path / "monitor.jsonl"), every=2),
        net(),
    )
    handler = CallbackHandler([callback], model, None, None, None)
    state, control = TrainerState(), TrainerControl()
    arguments = TrainingArguments(tmp_path) if find_spec("accelerate") else None
    handler.on_train_begin(arguments, state, control)
    for step in range(1, 7):
        handler.on_step_begin(arguments, state, control)
        state.global_step = step
        handler.on_step_end(arguments, state, control)
    handler.on_train_end(arguments, state, control)
    assert [step for step, _ in callback.monitor.history] == [0, 1, 2, 4, 6]
    resumed, state.global_step = TransformersCallback(every=2), 6
    handler = CallbackHandler([resumed], model, None, None, None)
    handler.on_train_begin(arguments, state, control)
    assert [step for step, _ in resumed.monitor.history] == [6]
    other = TransformersCallback()
    CallbackHandler([other], model, None, None, None).on_train_begin(
        arguments, TrainerState(is_world_process_zero=False), control
    )
    assert other.monitor is None


DISTRIBUTED = """
import sys, torch
from torch import nn
from condensery.torch import CondensationMonitor, JsonLines
rank, place = int(sys.argv[1]), sys.argv[2]
meeting = f"file://{place}/meeting"
torch.distributed.init_process_group("gloo", meeting, rank=rank, world_size=2)
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 1))
model = nn.parallel.DistributedDataParallel(net)
rule = torch.optim.SGD(model.parameters(), lr=0.1)
monitor = CondensationMonitor(model, JsonLines(f"{place}/rank{rank}.jsonl"), every=2)
torch.manual_seed(rank)
for _ in range(4):
    rule.zero_grad()
    model(torch.randn(8, 3)).square().mean().backward()
    rule.step()
    monitor.step()
monitor.close()
torch.distributed.barrier()  # none leaves while the other still talks
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_of_several_processes_the_first_alone_reports(tmp_path):
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", DISTRIBUTED, str(rank), str(tmp_path)],
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    for process in ranks:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    lines = (tmp_path / "rank0.jsonl").read_text().splitlines()
    assert len(lines) == 4
    assert '"0/effective_ratio"' in lines[0]
    assert not (tmp_path / "rank1.jsonl").exists()
