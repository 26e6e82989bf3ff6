"""The work: training on the line, in five dimensions, and of the deep network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from condensery.declare import Work, task
from condensery.experiments.initial_condensation import _config as settings
from condensery.experiments.initial_condensation._config import Config, multiplicity
from condensery.protocols import Advance, Arrays
from condensery.theory import activation_facts, explained_by_line, unfitted

GRID = 17
"""Points of the vector field per axis."""
FINE = 201
"""Points of the drawn outputs."""
EVERY, FOLLOWED = 25, 2000
"""The notebook's control is recorded every so many steps, up to so many."""
RECORDED = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70)
"""Steps of Adam at which the notebook's network is recorded, besides the last."""
TITLES = {"line": "on a line", "five": "in five dimensions", "demo-b": "the notebook"}


def work(config: Config) -> Iterator[Work]:
    """One task per part and activation, two for the deep network."""
    for part in config.parts:
        if part == "deep":
            steps = [0, *sorted(set(config.deep_steps))]
            cost = 3.0 * config.deep_draws * max(config.deep_steps)
            for residual in (True, False):
                label = f"six layers {'with' if residual else 'without'} residuals"
                yield train_deep.work(label, cost, residual=residual, steps=steps)
        elif part == "demo-b":
            yield _shallow(config, part, "tanh")
        else:
            for activation in config.activations:
                yield _shallow(config, part, activation)


def _shallow(config: Config, part: str, activation: str) -> Work:
    last = {
        "line": config.line_steps[2],
        "five": config.five_steps,
        "demo-b": config.demo_b_steps,
    }[part]
    between = {
        "line": [0, *config.line_steps[:2]],
        "five": [0],
        "demo-b": [step for step in RECORDED if step < last],
    }[part]
    # in five dimensions and without a theorem the control would show nothing that the
    # line does not
    has_theorem = multiplicity(activation) == 1
    controlled = config.control and (part != "five" or has_theorem)
    control_steps = config.control_steps if controlled else 0
    return train.work(
        f"{activation}, {TITLES[part]}",
        config.draws * (last + 0.1 * control_steps),
        part=part,
        activation=activation,
        steps=[*between, last],
        control_steps=control_steps,
    )


@dataclass(frozen=True, eq=False)
class Problem:
    """Inputs (draw, sample, feature), targets (draw, sample), and how they are
    learned.
    """

    x: np.ndarray
    y: np.ndarray
    width: int
    std: float
    rate: float


@task(Config)
def train(
    config: Config,
    seed: int,
    advance: Advance,
    *,
    part: str,
    activation: str,
    steps: Sequence[int],
    control_steps: int,
) -> Arrays:
    """Train one activation by Adam on every draw, and by plain gradient descent as the
    control.

    Args:
        config: The configuration.
        seed: The first draw.
        advance: Progress callback, (text, fraction).
        part: ``line``, ``five`` or ``demo-b``.
        activation: Its name.
        steps: Recorded steps, rising.
        control_steps: Steps after which the control is given up; 0 runs none.

    Returns:
        step, and for Adam a (step, draw, unit), w (step, draw, unit, feature) and loss
        (draw, step) in units of the mean square of y; the same for the control, with
        its status and the steps of every draw; on the line the field.
    """
    from condensery.engine import (
        Adam,
        PerMember,
        RecordParameters,
        descend,
        mean_square,
        per_member,
    )
    from condensery.models import TwoLayer, two_layer_normal

    draws = range(seed, seed + config.draws)
    problem = _problem(part, activation, draws)
    x, y, std = problem.x, problem.y, problem.std
    networks = [
        two_layer_normal(
            problem.width,
            features=x.shape[2],
            seed=draw,
            std_a=std,
            std_w=std,
        )
        for draw in draws
    ]
    squares = (y**2).mean(axis=1)
    members = range(config.draws)
    result = descend(
        per_member(networks, draws=members, units=squares.tolist()),
        PerMember(mean_square(TwoLayer(activation))),
        x,
        y,
        optimiser=Adam(problem.rate),
        steps=steps[-1],
        schedule=steps,
        probes={"parameters": RecordParameters()},
        on_progress=lambda text, fraction: advance(f"Adam, {text}", 0.5 * fraction),
    )
    shard = {"step": result.recorded, "loss": result.loss}
    shard |= {leaf: result.probed["parameters"][f"net.{leaf}"] for leaf in ("a", "w")}
    if control_steps:
        schedule = range(0, FOLLOWED + 1, EVERY) if part == "demo-b" else [0]
        starts = _control_starts(part, activation, networks)
        shard |= _controlled(activation, starts, problem, control_steps, schedule)
    if part == "line":
        shard |= _drawn(activation, shard, x[0], y[0])
    return shard


def _problem(part: str, activation: str, draws: range) -> Problem:
    from condensery.models import with_bias

    if part == "line":
        points, targets = settings.line_data()
        x, y = [np.asarray(with_bias(points))] * len(draws), [targets] * len(draws)
        width, rate = settings.LINE_WIDTH, settings.LINE_RATE
    else:
        drawn = [settings.cloud_data(draw) for draw in draws]
        x = [np.asarray(with_bias(points)) for points, _ in drawn]
        y = [targets for _, targets in drawn]
        width, rate = settings.FIVE_WIDTH, settings.FIVE_RATE
    if part == "five":
        rate = settings.FIVE_RATES.get(activation, rate)
    std = settings.STD_B if part == "demo-b" else settings.STD
    return Problem(np.stack(x), np.stack(y), width, std, rate)


def _control_starts(
    part: str,
    activation: str,
    networks: Sequence[Arrays],
) -> list[Arrays]:
    """The same random numbers, at the scale that the control's theorem is about.

    For p = 1 all parameters are scaled to m^−4 as in the notebook: it is for small
    initialisations that the theorem speaks. For other p the scale is kept, since from
    m^−4 the stage would last 10^10 steps and more.
    """
    std = settings.STD_B if part == "demo-b" else settings.STD
    small = settings.STD_B / std if multiplicity(activation) == 1 else 1.0
    starts: list[Arrays] = []
    for network in networks:
        scaled = {leaf: small * np.asarray(array) for leaf, array in network.items()}
        starts.append(scaled)
    return starts


def control_stop(x: np.ndarray, y: np.ndarray, name: str, drop: float) -> float:
    """The mean square at which the control ends.

    For p = 1: when `drop` of what an output along the predicted line can explain has
    been explained. (That is little of these targets, 1 to 8 %: a drop of a tenth of the
    whole loss would lie beyond the initial stage.) Otherwise, when the loss has fallen
    by the share `drop`.
    """
    if multiplicity(name) != 1:
        return (1 - drop) * float(np.mean(y**2))
    square = float(np.mean(unfitted(y, name) ** 2))
    return square * (1 - drop * explained_by_line(x, y, name))


def _paces(x: np.ndarray, y: np.ndarray, activation: str) -> list[float]:
    """Learning rates of the control, one per draw."""
    facts = activation_facts(activation)
    paces = []
    for rows, targets in zip(x, y, strict=True):
        count = len(rows)
        if facts.multiplicity == 1:
            # a hundredth of an e-fold of the linear stage per step
            pull = float(np.linalg.norm(targets @ rows / count))
            slope = abs(facts.leading_derivative or 1.0)
            paces.append(0.01 / (2 * slope * pull))
        else:
            largest = float(np.linalg.norm(rows.T @ rows / count, 2))
            paces.append(0.2 / largest)
    return paces


def _controlled(
    activation: str,
    starts: Sequence[Arrays],
    problem: Problem,
    steps: int,
    schedule: Sequence[int],
) -> Arrays:
    """Plain gradient descent from the starts of the control."""
    from condensery.engine import (
        SGD,
        PerMember,
        RecordParameters,
        descend,
        mean_square,
        per_member,
    )
    from condensery.models import TwoLayer

    x, y = problem.x, problem.y
    stops = [
        control_stop(rows, targets, activation, settings.DROP)
        for rows, targets in zip(x, y, strict=True)
    ]
    members = per_member(
        starts,
        draws=range(len(starts)),
        units=stops,
        paces=_paces(x, y, activation),
    )
    result = descend(
        members,
        PerMember(mean_square(TwoLayer(activation))),
        x,
        y,
        optimiser=SGD(1.0),
        steps=steps,
        schedule=schedule,
        stop_loss=1.0,
        probes={"parameters": RecordParameters()},
    )
    scale = np.array(stops) / (y**2).mean(axis=1)
    leaves = result.probed["parameters"]
    return {
        "control_step": result.recorded,
        "control_steps": result.steps,
        "control_status": result.status,
        "control_a": leaves["net.a"],
        "control_w": leaves["net.w"],
        "control_loss": result.loss * scale[:, None],
    }


def _drawn(
    name: str,
    shard: Mapping[str, np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
) -> Arrays:
    """Of the first draw: outputs at every recorded step, the motion of every neuron and
    the field at the first.
    """
    from condensery.models import TwoLayer, activation, with_bias

    span = np.linspace(x[:, 0].min(), x[:, 0].max(), FINE)
    fine = np.asarray(with_bias(span))
    network, derivative = TwoLayer(name), activation(name).sigma_prime

    def model(net: dict[str, Any], points: Any) -> np.ndarray:
        return np.asarray(network(net, points))

    def prime(z: Any) -> np.ndarray:
        return np.asarray(derivative(z))

    weights = zip(shard["a"][:, 0], shard["w"][:, 0], strict=True)
    nets = [{"a": a, "w": w} for a, w in weights]
    first = int(np.flatnonzero(shard["step"] > 0)[0])
    net = nets[first]
    error = model(net, x) - y

    def motion(points: np.ndarray) -> np.ndarray:
        """−(1/n) Σ e_i x_i σ'(ω·x_i): how a neuron of output weight 1 at ω moves."""
        return -(prime(points @ x.T) * error) @ x / len(x)

    reach = 1.15 * np.abs(net["w"]).max()
    axis = np.linspace(-reach, reach, GRID)
    field = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return {
        "fine": fine[:, 0],
        "outputs": np.stack([model(net, fine) for net in nets]),
        "fitted": np.stack([model(net, x) for net in nets]),
        "field": field,
        "field_motion": motion(field),
        "motion": net["a"][:, None] * motion(net["w"]),
    }


@task(Config)
def train_deep(
    config: Config,
    seed: int,
    advance: Advance,
    *,
    residual: bool,
    steps: Sequence[int],
) -> Arrays:
    """Train the deep network on its draws by Adam.

    Args:
        config: The configuration.
        seed: The first draw.
        advance: Progress callback, (text, fraction).
        residual: Whether the layers have residual connections.
        steps: Recorded steps, rising.

    Returns:
        step, loss (draw, step), and rows (step, draw, layer, unit, feature) with the
        bias last and narrower layers padded by zeros in front.
    """
    from condensery.engine import (
        Adam,
        PerMember,
        RecordParameters,
        descend,
        mean_square,
        per_member,
    )
    from condensery.models import LayeredMlp, mlp_normal

    count = config.deep_draws
    width, depth = settings.DEEP_WIDTH, len(settings.DEEP)
    features = settings.DEEP_FEATURES
    x, y, networks = [], [], []
    for draw in range(seed, seed + count):
        points, targets = settings.cloud_data(
            draw,
            features=features,
            amplitude=4.0,
            frequency=12.0,
        )
        x.append(points)
        y.append(targets[:, None])
        sizes = [features, *[width] * depth, 1]
        networks.append(mlp_normal(sizes, seed=draw, std=settings.STD_DEEP))
    inputs, outputs = np.stack(x), np.stack(y)
    squares = (outputs**2).mean(axis=(1, 2))
    model = LayeredMlp(settings.DEEP, residual=residual)
    result = descend(
        per_member(networks, draws=range(count), units=squares.tolist()),
        PerMember(mean_square(model)),
        inputs,
        outputs,
        optimiser=Adam(settings.DEEP_RATE),
        steps=steps[-1],
        schedule=steps,
        probes={"parameters": RecordParameters()},
        on_progress=advance,
    )
    leaves = result.probed["parameters"]
    rows = np.zeros((len(result.recorded), count, depth, width, width + 1))
    for layer in range(depth):
        weight = leaves[f"net.W{layer + 1}"]
        rows[:, :, layer, :, width - weight.shape[3] : width] = weight
        rows[:, :, layer, :, width] = leaves[f"net.b{layer + 1}"]
    return {"step": result.recorded, "loss": result.loss, "rows": rows}
