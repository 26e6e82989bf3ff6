"""The short runs of a diagnosis: one model trained until a loss or for some steps,
measured on the way.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from condensery._errors import InvalidInputError
from condensery.torch._diagnosis._measure import Gauge, Moment
from condensery.torch._diagnosis._stop import Stop
from condensery.torch._diagnosis._streams import batches

Loss = Callable[[Any, Any], Any]
Optimiser = Callable[[Any], torch.optim.Optimizer] | float
_LONGEST_WINDOW = 50


@dataclass(frozen=True)
class TrainedRun:
    """One run.

    Attributes:
        width: Its width.
        seed: Its seed.
        steps: Steps taken.
        first_loss: Loss at the start.
        loss: Loss at the end.
        moments: What was measured at the stages it reached.
    """

    width: int
    seed: int
    steps: int
    first_loss: float
    loss: float
    moments: tuple[Moment, ...]


def default_loss(output: Any, target: Any) -> Any:
    """Cross-entropy for whole-number targets, mean square otherwise.

    Raises:
        InvalidInputError: Outputs and targets of a mean square differ in shape.
    """
    if not target.is_floating_point():
        return torch.nn.functional.cross_entropy(output, target)
    if output.ndim == target.ndim + 1 and output.shape[-1] == 1:
        target = target.unsqueeze(-1)
    if output.shape != target.shape:
        raise InvalidInputError(
            "loss",
            given=f"outputs of shape {tuple(output.shape)}, targets of shape "
            f"{tuple(target.shape)}",
            allowed="equal shapes for the mean square",
            remedy="pass your own loss(output, target)",
        )
    return torch.nn.functional.mse_loss(output, target)


def make_optimiser(optimiser: Optimiser, model: Any) -> torch.optim.Optimizer:
    """The optimiser of a run: plain gradient descent for a number.

    Raises:
        InvalidInputError: It is neither a rate nor a function that returns a torch
            optimiser.
    """
    if (
        isinstance(optimiser, int | float)
        and not isinstance(optimiser, bool)
        and optimiser > 0
    ):
        return torch.optim.SGD(model.parameters(), lr=float(optimiser))
    is_function = callable(optimiser) and not isinstance(optimiser, type)
    rule = optimiser(model) if is_function else None
    if not isinstance(rule, torch.optim.Optimizer):
        kind = f"a function that returns {type(rule).__name__}"
        raise InvalidInputError(
            "optimiser",
            given=repr(optimiser) if rule is None else kind,
            allowed="a learning rate > 0, or a function of the model that makes an "
            "optimiser",
            remedy="for example lambda model: torch.optim.Adam(model.parameters(), "
            "lr=1e-3)",
        )
    return rule


def device_of(model: Any) -> torch.device:
    """Where the model's parameters are.

    Raises:
        InvalidInputError: It has none.
    """
    for parameter in model.parameters():
        return parameter.device
    raise InvalidInputError(
        "build",
        given="a model without parameters",
        allowed="a module with a weight to train",
        remedy="return the model",
    )


def split(batch: Any, device: torch.device) -> tuple[Any, Any]:
    """Inputs and targets of a batch on a device.

    Raises:
        InvalidInputError: It is not a pair of tensors.
    """
    is_sequence = isinstance(batch, list | tuple)
    is_pair = is_sequence and len(batch) == 2
    if not is_pair or not all(isinstance(tensor, torch.Tensor) for tensor in batch):
        kind = type(batch).__name__
        size = f" of {len(batch)}" if is_sequence else ""
        raise InvalidInputError(
            "loader",
            given=f"a batch that is a {kind}{size}",
            allowed="pairs of tensors (inputs, targets)",
            remedy="wrap the loader so that it yields pairs, and give loss(output, "
            "target)",
        )
    inputs, targets = batch
    return inputs.to(device), targets.to(device)


def loss_of(model: Any, loss: Loss, batch: Any, *, where: str) -> Any:
    """Loss of a batch.

    Raises:
        InvalidInputError: The model or the loss fails, or the loss is not one finite
            number.
    """
    inputs, targets = split(batch, device_of(model))
    try:
        value = loss(model(inputs), targets)
    except InvalidInputError:
        raise
    except Exception as error:
        raise InvalidInputError(
            "build",
            given=f"a model that fails {where}",
            allowed="a model and a loss that accept the loader's batches",
            remedy=f"fix: {type(error).__name__}: {error}",
        ) from error
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        raise InvalidInputError(
            "loss",
            given=f"{type(value).__name__} {where}",
            allowed="one number as a tensor",
            remedy="average over the batch",
        )
    if not math.isfinite(float(value.detach())):
        raise InvalidInputError(
            "loss",
            given=f"{float(value.detach())} {where}",
            allowed="finite losses",
            remedy="lower the learning rate, or let it fall with the width",
        )
    return value


def window(loader: Iterable[Any]) -> int:
    """Over how many batches the loss is averaged: an epoch, at most fifty."""
    try:
        return max(1, min(len(loader), _LONGEST_WINDOW))  # pyrefly: ignore[bad-argument-type]
    except TypeError:
        return _LONGEST_WINDOW


def train(
    model: Any,
    loader: Iterable[Any],
    *,
    loss: Loss,
    optimiser: Optimiser,
    stop: Stop,
    target: float,
    gauge: Gauge,
    width: int,
    seed: int,
    on_step: Callable[[int], None],
) -> TrainedRun:
    """Train one model and measure it at the stages of the rule.

    Args:
        model: Trained in place.
        loader: Batches; drawn anew with the seed, so that every width sees the same
            order.
        loss: Loss of outputs and targets.
        optimiser: As `make_optimiser` takes it.
        stop: When to stop, and at which stages to measure.
        target: The initial loss that `UntilLoss` compares with.
        gauge: What measures.
        width: Width of the model.
        seed: Seed of the run.
        on_step: Progress callback, gets the number of steps now and then.
    """
    rule = make_optimiser(optimiser, model)
    model.train()
    stages = stop.stages
    moments: list[Moment] = []
    recent = deque(maxlen=window(loader))
    first_loss, step = math.nan, 0
    stream = batches(loader, 1, seed)
    for step in range(stop.steps + 1):  # the last round only measures
        where = f"at width {width}, seed {seed}, step {step}"
        value = loss_of(model, loss, next(stream), where=where)
        recent.append(float(value.detach()))
        if step == 0:
            first_loss = recent[0]
        is_epoch = len(recent) == recent.maxlen
        mean = _mean(recent) if is_epoch else math.inf
        reached = 0
        for stage in stages[len(moments) :]:
            if not stop.is_reached(stage, step=step, loss=mean, start=target):
                break
            reached += 1
        if reached:
            # a run may pass several stages in one step: all are measured here
            moments += [gauge(model)] * reached
        if len(moments) == len(stages) or step == stop.steps:
            break
        rule.zero_grad(set_to_none=True)
        value.backward()
        rule.step()
        if step % 64 == 0:
            on_step(step)
    stream.close()
    return TrainedRun(width, seed, step, first_loss, _mean(recent), tuple(moments))


def _mean(losses: deque[float]) -> float:
    return sum(losses) / len(losses)
