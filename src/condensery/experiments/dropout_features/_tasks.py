"""The work: one-dimensional fits with and without dropout, and the switch from R_S to
dropout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from condensery.declare import Work, task
from condensery.experiments.dropout_features._config import (
    KINDS,
    Config,
    Kind,
    TargetName,
    abscissas,
    target_output,
)
from condensery.experiments.dropout_features._features import (
    RecordMeasures,
    features,
    fine_output,
    largest_error,
    layers_of,
    profile,
)
from condensery.experiments.dropout_features._smoothness import smoothness
from condensery.experiments.dropout_features._vectors import train_vectors
from condensery.protocols import Advance, Arrays

PER_DECADE = 8
BRANCHES = ("plain", "dropout", "expected")
"""What is minimised after the switch: R_S still, R_drop, or R_S + R1."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What is trained on what.

    Attributes:
        model: The net as a function.
        members: Initial parameters, one tree per seed.
        x: Inputs.
        y: Targets.
    """

    model: Any
    members: list[Any]
    x: np.ndarray
    y: np.ndarray


def _setting(config: Config, seed: int, target: TargetName, layers: int) -> Setting:
    """Model, initial parameters and data."""
    from condensery.models import Mlp, TwoLayer, mlp_normal, two_layer_normal

    width = config.width if layers == 2 else config.deep_width
    std = float(width) ** -config.exponent
    x = abscissas(target, config.samples)
    y = target_output(target, x)
    seeds = range(seed, seed + config.seeds)
    if layers == 2:
        draw = partial(two_layer_normal, width, features=2, std_a=std, std_w=std)
        members: list[Any] = [draw(seed=member) for member in seeds]
        return Setting(TwoLayer(target), members, x[:, None], y)
    sizes = [1, width, width, 1]
    draw_deep = partial(mlp_normal, sizes, std=std, output_bias=False)
    deep: list[Any] = [draw_deep(seed=member) for member in seeds]
    return Setting(Mlp(target), deep, x[:, None], y[:, None])


@task(Config)
def train(
    config: Config,
    seed: int,
    advance: Advance,
    *,
    target: TargetName,
    layers: int,
    kind: Kind,
) -> Arrays:
    """Train one net per seed and follow its features.

    Returns:
        step, loss R_S (member, step), status, measures (step, member, name), profile
        (member, direction, point), off, changes and variation (member), and of the
        first member features (when, unit, [orientation, amplitude, alive]) and output
        (when, point).
    """
    from condensery.engine import (
        SGD,
        Adam,
        descend,
        dropout_loss,
        log_steps,
        mean_square,
    )

    setting = _setting(config, seed, target, layers)
    steps = config.steps if layers == 2 else config.deep_steps
    objective = mean_square(setting.model, factor=0.5)
    if kind == "dropout":
        keep = config.keep if layers == 2 else (config.keep,) * 2
        objective = dropout_loss(setting.model, keep=keep)
    in_batches = kind == "batches"
    schedule = log_steps(steps, per_decade=PER_DECADE)
    result = descend(
        setting.members,
        objective,
        setting.x,
        setting.y,
        optimiser=SGD(config.batch_rate) if in_batches else Adam(config.rate),
        steps=steps,
        batch_size=config.batch_size if in_batches else None,
        seeds=range(seed, seed + config.seeds),
        dtype="float32",
        schedule=schedule.tolist(),
        probes={"features": RecordMeasures(target)},
        on_progress=advance,
    )
    before = layers_of(result.parameters(0, initial=True))
    nets = [layers_of(tree) for tree in result.all_parameters()]
    moments = (before, nets[0])
    x, y = setting.x[:, 0], np.ravel(setting.y)
    profiles = [profile(target, net, x, y, number) for number, net in enumerate(nets)]
    bends = [smoothness(target, net) for net in nets]
    changes, variation = np.array(bends).T
    return {
        "step": result.recorded,
        "loss": result.loss,
        "status": result.status,
        **result.probed["features"],
        "profile": np.stack(profiles),
        "features": np.stack([features(target, net) for net in moments]),
        "output": np.stack([fine_output(target, net) for net in moments]),
        "changes": changes,
        "variation": variation,
        "off": np.array([largest_error(target, net) for net in nets]),
    }


@task(Config)
def switch(config: Config, seed: int, advance: Advance) -> Arrays:
    """Train on R_S, then go on with R_S, R_drop or R_S + R1 from the same point with
    the same memory of Adam.

    Returns:
        For the steps before (``first``) and every branch: step, loss R_S and R_S + R1
        (step, member), measures (step, member, name); for every branch the output of
        every member.
    """
    from condensery.engine import (
        Adam,
        RecordLoss,
        descend,
        dropout_loss,
        expected_dropout_loss,
        log_steps,
        mean_square,
    )

    target = config.targets[0]
    setting = _setting(config, seed, target, layers=2)
    x, y = setting.x, setting.y
    plain = mean_square(setting.model, factor=0.5)
    both = expected_dropout_loss(setting.model, keep=config.keep)
    dropped = dropout_loss(setting.model, keep=config.keep)
    probes = {
        "plain": RecordLoss(plain, x, y),
        "both": RecordLoss(both, x, y),
        "features": RecordMeasures(target),
    }
    descent = partial(
        descend,
        setting.members,
        x=x,
        y=y,
        optimiser=Adam(config.rate),
        seeds=range(seed, seed + config.seeds),
        dtype="float32",
        probes=probes,
    )
    first, second = config.switch_steps
    advance("R_S", 0.0)
    schedule = log_steps(first, per_decade=PER_DECADE)
    base = descent(objective=plain, steps=first, schedule=schedule.tolist())
    arrays = _recorded("first", base)
    schedule = first + log_steps(second, per_decade=PER_DECADE)
    objectives = (plain, dropped, both)
    for index, branch in enumerate(BRANCHES):
        result = descent(
            objective=objectives[index],
            steps=second,
            schedule=schedule.tolist(),
            state=base.state,
        )
        nets = [layers_of(tree) for tree in result.all_parameters()]
        outputs = [fine_output(target, net) for net in nets]
        arrays |= _recorded(branch, result)
        arrays[f"{branch}_output"] = np.stack(outputs)
        advance(branch, (index + 1) / len(BRANCHES))
    return arrays


def _recorded(branch: str, result: Any) -> dict[str, np.ndarray]:
    """What the probes saw on one branch, under its name."""
    probed = result.probed
    return {
        f"{branch}_step": result.recorded,
        f"{branch}_plain": probed["plain"]["loss"],
        f"{branch}_both": probed["both"]["loss"],
        f"{branch}_measures": probed["features"]["measures"],
    }


def work(config: Config) -> Iterator[Work]:
    """One call per fit, one for the switch, and two for the vectors."""
    depths = (2, 3) if config.deep_width else (2,)
    for target in config.targets:
        for layers in depths:
            for kind in KINDS:
                yield _fit(config, target, layers, kind)
    yield _fit(config, config.targets[0], 2, "batches")

    first, second = config.switch_steps
    effort = 2.0 * first + 8.0 * second
    yield switch.work("the switch", effort * config.seeds)

    effort = 0.3 * config.vector_steps
    for kind in KINDS:
        label = f"ten inputs, {kind}"
        yield train_vectors.work(label, effort * config.seeds, kind=kind)


def _fit(config: Config, target: TargetName, layers: int, kind: Kind) -> Work:
    """One training, with what it costs."""
    weight = 3.0 if kind == "dropout" else 2.0
    steps = config.steps
    if layers == 3:
        weight = 30.0 * (config.deep_width / 200)
        steps = config.deep_steps
    label = f"{target}, {layers} layers, {kind}"
    cost = weight * steps * config.seeds
    return train.work(label, cost, target=target, layers=layers, kind=kind)
