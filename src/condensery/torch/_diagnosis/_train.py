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
from condensery.torch._diagnosis._streams import batches

Loss = Callable[[Any, Any], Any]
Optimiser = Callable[[Any], torch.optim.Optimizer] | float
_LADDER = (0.5, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
_LONGEST_WINDOW = 50


@dataclass(frozen=True)
class UntilLoss:
    """Compare the widths at equal loss: the rule under which slopes have the meaning of
    the theory.

    The theory speaks of training that has come to its end. Wide networks come there in
    fewer steps, so that at equal steps the widths are at different stages, and RD grows
    with the width although nothing condenses.

    Attributes:
        relative: Train until the loss is this share of the initial loss (the median
            over all runs, so that it is one number for all). A run that does not get
            there in `steps` makes the diagnosis fall back to the last of the shares
            0.5, 0.3, 0.1, … that all runs have reached; above 0.1 there is no verdict.
        steps: Most steps of a run.
    """

    relative: float = 0.01
    steps: int = 2000

    @property
    def stages(self) -> tuple[float, ...]:
        """The shares of the initial loss at which the runs are measured."""
        return (
            *(share for share in _LADDER if share > self.relative * 1.0001),
            self.relative,
        )

    @property
    def effort(self) -> str:
        """What to do if training has not gone far enough."""
        return (
            f"UntilLoss(relative={self.relative:g}, steps={2 * self.steps}), or "
            "a larger learning rate"
        )


@dataclass(frozen=True)
class ForSteps:
    """Compare the widths after equal steps: for the regime of a fixed budget, not of
    training to its end.

    Attributes:
        steps: Steps of every run.
    """

    steps: int = 1000

    @property
    def stages(self) -> tuple[float, ...]:
        """The steps at which the runs are measured."""
        return tuple(
            float(step)
            for step in sorted(
                {math.ceil(self.steps * part) for part in (0.1, 0.3, 1.0)}
            )
        )

    @property
    def effort(self) -> str:
        """What to do if training has not gone far enough."""
        return f"ForSteps({2 * self.steps}), or compare at equal loss with UntilLoss()"


Stop = UntilLoss | ForSteps


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
    made = (
        optimiser(model)
        if callable(optimiser) and not isinstance(optimiser, type)
        else None
    )
    if not isinstance(made, torch.optim.Optimizer):
        given = (
            repr(optimiser)
            if made is None
            else f"a function that returns {type(made).__name__}"
        )
        raise InvalidInputError(
            "optimiser",
            given=given,
            allowed="a learning rate > 0, or a function of the model that makes an "
            "optimiser",
            remedy="for example lambda model: torch.optim.Adam(model.parameters(), "
            "lr=1e-3)",
        )
    return made


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
    pair = isinstance(batch, list | tuple) and len(batch) == 2
    if not pair or not all(isinstance(part, torch.Tensor) for part in batch):
        given = (
            f"{type(batch).__name__} of {len(batch)}"
            if isinstance(batch, list | tuple)
            else type(batch).__name__
        )
        raise InvalidInputError(
            "loader",
            given=f"a batch that is a {given}",
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
    place: tuple[int, int],
    on_step: Callable[[int], None],
) -> TrainedRun:
    """Train one model and measure it at the stages of the rule.

    Args:
        model: Trained in place.
        loader: Batches; drawn anew with the seed of `place`, so that every width sees
            the same order.
        loss: Loss of outputs and targets.
        optimiser: As `make_optimiser` takes it.
        stop: When to stop, and at which stages to measure.
        target: The initial loss that `UntilLoss` compares with.
        gauge: What measures.
        place: Width and seed.
        on_step: Told the number of steps now and then.
    """
    width, seed = place
    rule = make_optimiser(optimiser, model)
    model.train()
    stages, moments, recent = stop.stages, [], deque(maxlen=window(loader))
    by_loss, first, step = isinstance(stop, UntilLoss), math.nan, 0
    stream = batches(loader, 1, seed)
    for step in range(stop.steps + 1):  # the last round only measures
        value = loss_of(
            model,
            loss,
            next(stream),
            where=f"at width {width}, seed {seed}, step {step}",
        )
        recent.append(float(value.detach()))
        mean = sum(recent) / len(recent)
        first, before = recent[0] if step == 0 else first, len(moments)
        full = len(recent) == recent.maxlen
        while len(moments) < len(stages):
            stage = stages[len(moments)]
            if step < stage if not by_loss else not (full and mean <= stage * target):
                break
            moments.append(moments[-1] if len(moments) > before else gauge(model))
        if len(moments) == len(stages) or step == stop.steps:
            break
        rule.zero_grad(set_to_none=True)
        value.backward()
        rule.step()
        if step % 64 == 0:
            on_step(step)
    stream.close()
    return TrainedRun(
        width, seed, step, first, sum(recent) / len(recent), tuple(moments)
    )
