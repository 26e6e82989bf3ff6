"""Which regime is my training in?

Short runs at several widths, and what their slopes decide.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from condensery._errors import InvalidInputError
from condensery.torch._diagnosis._diagnosis import Diagnosis, LayerDiagnosis
from condensery.torch._diagnosis._judge import (
    LogSlope,
    Verdict,
    judge,
    judge_model,
    log_slope,
)
from condensery.torch._diagnosis._layers import Layer, match_layers
from condensery.torch._diagnosis._measure import Gauge
from condensery.torch._diagnosis._stop import ForSteps, Stop, UntilLoss
from condensery.torch._diagnosis._streams import batches, kept, reusable, seed_all
from condensery.torch._diagnosis._train import (
    Loss,
    Optimiser,
    TrainedRun,
    default_loss,
    device_of,
    loss_of,
    split,
    train,
)

Advance = Callable[[str, float], None]
Measure = Literal["rd", "drift", "condensed"]
"""Names of the measures of a `Moment`."""


def diagnose(
    build: Callable[[int], Any],
    loader: Iterable[Any] | Callable[[], Iterable[Any]],
    *,
    widths: Sequence[int],
    loss: Loss | None = None,
    optimiser: Optimiser = 0.1,
    seeds: int | Sequence[int] = 3,
    stop: Stop | None = None,
    samples: int = 8,
    progress: Advance | None = None,
) -> Diagnosis:
    """Say which regime a training is in (linear, critical or condensed), layer by
    layer, or that it cannot be said.

    Trains ``build(width)`` at every width and seed, on the same data in the same order,
    and measures each layer when all runs have come to the same loss. One run at one
    width cannot name the regime: a relative distance of 0.15 may be one that falls,
    stays or grows with the width. The slope against the width does.

    Formula:
        S = d log RD/d log m with RD = ‖θ − θ⁰‖/‖θ⁰‖ of a layer's weight and bias;
        linear where S < 0 (RD → 0: a kernel method), condensed where S > 0 (RD → ∞),
        critical where S = 0. Verdicts need S beyond its margin, the 97.5 % bound of S
        (over seeds and fit) plus its change since the last stage of the loss:
        S + margin < −0.1 is linear, S − margin > 0.1 condensed, |S| + margin < 0.04
        critical, all else *undetermined*, with what would settle it. The model has the
        regime of its hidden layers, those whose number of units is the width: condensed
        if one is.

        Beside it, each with its standard error: the slope of the drift ‖K − K⁰‖/‖K⁰‖ of
        the empirical tangent kernel, and 1 − (effective orientations)/(those of random
        directions) at the largest width. They inform and do not decide: where only the
        output weights move far, the kernel drifts although the hidden layer is linear.

    Args:
        build: ``build(width)`` returns a new model, initialised by the global
            generators of torch. Trained are copies.
        loader: Batches (inputs, targets): a DataLoader, a list, or a function that
            returns one.
        widths: At least three; a range of 16 or more is well spent. Small widths are
            cheap, but below some 200 units slopes near the critical line are off by
            more.
        loss: ``loss(output, target)``; cross-entropy for whole-number targets and mean
            square for others by default.
        optimiser: A learning rate of plain gradient descent, or a function of the model
            that returns an optimiser. What is diagnosed is the training with it: let
            rates depend on the width as they do in yours.
        seeds: How many, or which; two or more.
        stop: `UntilLoss` (the default; equal loss) or `ForSteps`.
        samples: Samples of the first batch for the tangent kernel; 0 leaves it out.
        progress: Progress callback, ``(text, fraction)``.

    Returns:
        The diagnosis; prints as a table. Two calls with equal arguments give equal
        numbers on a CPU. The state of the global generators, and of those the loader
        owns, is put back; nothing that was given is changed.

    Raises:
        InvalidInputError: `build` returns no module, the layers differ between widths
            by more than sizes, all seeds start from the same weights, the loader is
            empty, fewer than three widths or two seeds, the loss is not finite (the
            width and the step are named), or an option is outside its range.

    Source:
        Luo et al. 2021, arXiv 2007.07497 (RD, slopes, regimes of two-layer networks);
        Zhou et al. 2022, arXiv 2205.12101 (layers of one network in different regimes).
        The margins are this project's: experiment diagnose-calibration.

    Example:
        >>> import torch
        >>> from condensery.torch import diagnose
        >>> x = torch.linspace(-1, 1, 8)[:, None]
        >>> def build(width):  # the usual start of PyTorch
        ...     return torch.nn.Sequential(
        ...         torch.nn.Linear(1, width),
        ...         torch.nn.Tanh(),
        ...         torch.nn.Linear(width, 1),
        ...     )
        >>> def descent(model):
        ...     # the rate falls with the width, so that the wide ones do not diverge
        ...     return torch.optim.SGD(model.parameters(), lr=1 / model[0].out_features)
        >>> diagnose(
        ...     build, [(x, x)], widths=(64, 128, 256, 512, 1024), optimiser=descent
        ... ).regime
        'linear'
    """
    stop = stop or UntilLoss()
    loss = loss or default_loss
    ordered, chosen = _check(build, widths, seeds, stop, samples)
    source = reusable(loader)
    report = progress or (lambda text, fraction: None)
    members = [(width, seed) for width in ordered for seed in chosen]
    cost = sum(width for width, _ in members)
    runs, done = [], 0
    with kept(source), torch.enable_grad():
        layers, inputs, target = _survey(build, source, loss, members, samples)
        for width, seed in members:
            on_step = _on_step(report, stop, (width, seed), done, cost)
            on_step(0)
            model = _model(build, width, seed)
            run = train(
                model,
                source,
                loss=loss,
                optimiser=optimiser,
                stop=stop,
                target=target,
                gauge=Gauge(model, layers, inputs),
                width=width,
                seed=seed,
                on_step=on_step,
            )
            runs.append(run)
            done += width
        report("done", 1.0)
    return _conclude(ordered, chosen, stop, layers, runs)


def _on_step(
    report: Advance, stop: Stop, member: tuple[int, int], done: int, cost: int
) -> Callable[[int], None]:
    """The progress callback of one run; its cost is its width."""
    width, seed = member

    def on_step(step: int) -> None:
        share = min(step / stop.steps, 1.0) * width / cost
        report(f"width {width}, seed {seed}, step {step}", done / cost + share)

    return on_step


def _check(
    build: object,
    widths: Sequence[int],
    seeds: int | Sequence[int],
    stop: Stop,
    samples: int,
) -> tuple[list[int], list[int]]:
    if not callable(build) or isinstance(build, torch.nn.Module):
        raise InvalidInputError(
            "build",
            given=type(build).__name__,
            allowed="a function of the width that returns a model",
            remedy="for example lambda width: nn.Sequential(nn.Linear(4, width), "
            "nn.ReLU(), nn.Linear(width, 1))",
        )
    sizes = list(widths)
    are_whole = all(_is_positive(width) for width in sizes)
    if not are_whole or len(set(sizes)) != len(sizes) or len(sizes) < 3:
        raise InvalidInputError(
            "widths",
            given=str(sizes),
            allowed="at least three different whole numbers >= 1",
            remedy="for example 64, 128, 256, 512",
        )
    chosen = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if len(set(chosen)) != len(chosen) or len(chosen) < 2 or min(chosen) < 0:
        raise InvalidInputError(
            "seeds",
            given=str(seeds),
            allowed="two or more, none negative",
            remedy="the default is 3",
        )
    is_rule = isinstance(stop, UntilLoss | ForSteps) and stop.steps >= 1
    if not is_rule or (isinstance(stop, UntilLoss) and not 0 < stop.relative < 1):
        raise InvalidInputError(
            "stop",
            given=repr(stop),
            allowed="UntilLoss or ForSteps with steps >= 1 and 0 < relative < 1",
            remedy="the default is UntilLoss()",
        )
    if samples < 0:
        raise InvalidInputError(
            "samples",
            given=samples,
            allowed="a whole number >= 0",
            remedy="the default is 8",
        )
    return sorted(int(width) for width in sizes), [int(seed) for seed in chosen]


def _is_positive(width: object) -> bool:
    if isinstance(width, bool) or not isinstance(width, int | np.integer):
        return False
    return bool(width >= 1)


def _model(build: Callable[[int], Any], width: int, seed: int) -> Any:
    """A copy of what `build` returns, so that a model that it keeps is not trained;
    draws from its own stream.

    Raises:
        InvalidInputError: It fails or returns no module.
    """
    seed_all(0, seed, width)
    try:
        built = build(width)
    except Exception as error:
        raise InvalidInputError(
            "build",
            given=f"a function that fails at width {width}",
            allowed="a function of the width",
            remedy=f"fix: {type(error).__name__}: {error}",
        ) from error
    if not isinstance(built, torch.nn.Module):
        raise InvalidInputError(
            "build",
            given=f"a function that returns {type(built).__name__}",
            allowed="one that returns a torch module",
            remedy="return the model",
        )
    return copy.deepcopy(built)


def _survey(
    build: Callable[[int], Any],
    source: Iterable[Any],
    loss: Loss,
    members: Sequence[tuple[int, int]],
    samples: int,
) -> tuple[list[Layer], Any, float]:
    """Before any training: the layers, samples for the kernel, and the median initial
    loss over the runs.

    Raises:
        InvalidInputError: All seeds start from the same weights, or as `match_layers`
            and `loss_of`.
    """
    _, first_seed = members[0]
    stream = batches(source, 1, first_seed)
    batch = next(stream)
    stream.close()
    losses, models = [], {}
    for width, seed in members:
        model = _model(build, width, seed)
        where = f"at width {width}, seed {seed}, step 0"
        with torch.no_grad():
            value = loss_of(model, loss, batch, where=where)
        losses.append(float(value))
        if width not in models:
            models[width] = model
        elif _equal(models[width], model):
            raise InvalidInputError(
                "build",
                given=f"the same weights for every seed at width {width}",
                allowed="weights drawn anew",
                remedy="remove manual_seed from build, and do not return a model that "
                "was made before",
            )
    layers = match_layers(models)
    first = next(iter(models.values()))
    inputs, _ = split(batch, device_of(first))
    return layers, inputs[:samples], float(np.median(losses))


def _equal(first: Any, second: Any) -> bool:
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def _conclude(
    widths: list[int],
    seeds: list[int],
    stop: Stop,
    layers: Sequence[Layer],
    runs: Sequence[TrainedRun],
) -> Diagnosis:
    reached = min(len(run.moments) for run in runs)
    stages = stop.stages[:reached]
    series = _Series(widths, seeds, runs)
    if reached:
        diagnoses = _by_layer(series, layers, stop, reached)
        kernel_drift = series.slope("drift", len(layers), reached - 1)
    else:
        remedy = f"{stop.effort}: no stage was reached by all runs"
        diagnoses = [LayerDiagnosis.open(layer, remedy) for layer in layers]
        kernel_drift = None
    model = judge_model(
        [layer.role for layer in layers],
        [Verdict(layer.regime, layer.margin, layer.remedy) for layer in diagnoses],
    )
    return Diagnosis(
        regime=model.regime,
        remedy=model.remedy,
        layers=tuple(diagnoses),
        kernel_drift=kernel_drift,
        widths=tuple(widths),
        seeds=tuple(seeds),
        stop=stop,
        stages=stages,
        runs=tuple(runs),
    )


def _by_layer(
    series: _Series, layers: Sequence[Layer], stop: Stop, reached: int
) -> list[LayerDiagnosis]:
    """The diagnoses at the last stage that all runs reached."""
    last = reached - 1
    idle = any(run.moments[last].rd.max() == 0 for run in series.runs)
    settled = stop.is_end(stop.stages[last]) and not idle
    effort = stop.effort
    if idle:
        effort = f"{stop.smaller}: some runs were below this loss from the start"
    diagnoses = []
    for index, layer in enumerate(layers):
        slopes = [series.slope("rd", index, stage) for stage in range(reached)]
        verdict = judge(
            series.widths,
            slopes,
            seeds=len(series.seeds),
            settled=settled,
            effort=effort,
        )
        drift = series.slope("drift", index, last)
        widest = series.values("condensed", index, last)[-1]
        diagnoses.append(LayerDiagnosis.of(layer, verdict, slopes, drift, widest))
    return diagnoses


@dataclass(frozen=True)
class _Series:
    """The measures of all runs, which are ordered by width, then by seed."""

    widths: Sequence[int]
    seeds: Sequence[int]
    runs: Sequence[TrainedRun]

    def values(self, measure: Measure, index: int, stage: int) -> np.ndarray:
        """A measure of one layer at one stage: (width, seed)."""
        flat = [getattr(run.moments[stage], measure)[index] for run in self.runs]
        return np.array(flat).reshape(len(self.widths), len(self.seeds))

    def slope(self, measure: Measure, index: int, stage: int) -> LogSlope:
        """Its slope against the width."""
        return log_slope(self.widths, self.values(measure, index, stage))
