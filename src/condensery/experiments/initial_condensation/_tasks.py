"""The work: training on the line, in five dimensions, and of the deep network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import JsonValue

from condensery.experiments.initial_condensation import _config as settings
from condensery.experiments.initial_condensation._measures import control_stop
from condensery.protocols import Advance, Arrays

GRID = 17
"""Points of the vector field per axis."""
FINE = 201
EVERY, FOLLOWED = 25, 2000
"""The notebook's control is looked at every so many steps, up to so many."""
"""Points of the drawn outputs."""


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train one activation by Adam on every draw, and by plain gradient descent as the
    control.

    Args:
        parameters: part (``line``, ``five`` or ``demo-b``), activation, draws, steps
            (recorded, rising), control.
        seed: The first draw.
        advance: Told how far it is.

    Returns:
        step, and for Adam a (step, draw, unit), w (step, draw, unit, feature) and loss
        (draw, step) in units of the mean square of y; the same of the control, with its
        status and the steps of every draw; on the line the field.
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

    given: dict[str, Any] = dict(parameters)
    name, count = given["activation"], int(given["draws"])
    x, y, width, std, rate = _problem(given["part"], name, seed, count)
    networks = [
        two_layer_normal(
            width, features=x.shape[2], seed=seed + k, std_a=std, std_w=std
        )
        for k in range(count)
    ]
    steps, objective = (
        [int(step) for step in given["steps"]],
        PerMember(mean_square(TwoLayer(name))),
    )
    result = descend(
        per_member(networks, draws=range(count), units=(y**2).mean(axis=1).tolist()),
        objective,
        (x, y),
        optimiser=Adam(rate),
        steps=steps[-1],
        schedule=steps,
        probes=[RecordParameters()],
        on_step=lambda step: advance(f"Adam, step {step}", 0.5 * step / steps[-1]),
    )
    shard = {"step": result.recorded, "loss": result.loss}
    shard |= {leaf: result.probed[f"net.{leaf}"] for leaf in ("a", "w")}
    if given["control_steps"]:
        shard |= _controlled(given, name, networks, x, y)
    if given["part"] == "line":
        shard |= _drawn(name, shard, x[0], y[0])
    return shard


def _problem(
    part: str, name: str, seed: int, count: int
) -> tuple[np.ndarray, np.ndarray, int, float, float]:
    """Inputs (draw, sample, feature), targets (draw, sample), width, standard
    deviation, rate of Adam.
    """
    from condensery.models import with_bias

    if part == "line":
        x, y = settings.line_data()
        every = np.stack([np.asarray(with_bias(x))] * count), np.stack([y] * count)
        return *every, settings.LINE_WIDTH, settings.STD, settings.LINE_RATE
    drawn = [settings.cloud_data(seed + k) for k in range(count)]
    every = (
        np.stack([np.asarray(with_bias(x)) for x, _ in drawn]),
        np.stack([y for _, y in drawn]),
    )
    if part == "demo-b":
        return *every, settings.FIVE_WIDTH, settings.STD_B, settings.FIVE_RATE
    return (
        *every,
        settings.FIVE_WIDTH,
        settings.STD,
        settings.FIVE_RATES.get(name, settings.FIVE_RATE),
    )


def _controlled(
    given: Mapping[str, Any],
    name: str,
    networks: list[dict[str, np.ndarray]],
    x: np.ndarray,
    y: np.ndarray,
) -> Arrays:
    """Plain gradient descent from the same random numbers, at the scale that its
    theorem is about.

    For p = 1 all parameters are scaled to m^−4 as in the notebook: it is for small
    initialisations that the theorem speaks. For other p the scale is kept, since from
    m^−4 the stage would last 10^10 steps and more.
    """
    from condensery.engine import (
        SGD,
        PerMember,
        RecordParameters,
        descend,
        mean_square,
        per_member,
    )
    from condensery.models import TwoLayer
    from condensery.theory import activation_facts

    facts = activation_facts(name)
    std = settings.STD_B if given["part"] == "demo-b" else settings.STD
    small = settings.STD_B / std if facts.multiplicity == 1 else 1.0
    start = [
        {leaf: small * array for leaf, array in network.items()} for network in networks
    ]
    stops = [
        control_stop(rows, targets, name, settings.DROP)
        for rows, targets in zip(x, y, strict=True)
    ]
    if facts.multiplicity == 1:
        # a hundredth of an e-fold of the linear stage per step
        pulls = [
            np.linalg.norm(targets @ rows / len(targets))
            for rows, targets in zip(x, y, strict=True)
        ]
        paces = [
            0.01 / (2 * abs(facts.leading_derivative or 1.0) * float(pull))
            for pull in pulls
        ]
    else:
        paces = [
            0.2 / float(np.linalg.norm(rows.T @ rows / len(rows), 2)) for rows in x
        ]
    result = descend(
        per_member(start, draws=range(len(start)), units=stops, paces=paces),
        PerMember(mean_square(TwoLayer(name))),
        (x, y),
        optimiser=SGD(1.0),
        steps=int(given["control_steps"]),
        schedule=range(0, FOLLOWED + 1, EVERY) if given["part"] == "demo-b" else [0],
        stop_loss=1.0,
        probes=[RecordParameters()],
    )
    return {
        "control_step": result.recorded,
        "control_steps": result.steps,
        "control_status": result.status,
        **{f"control_{leaf}": result.probed[f"net.{leaf}"] for leaf in ("a", "w")},
        "control_loss": result.loss * (np.array(stops) / (y**2).mean(axis=1))[:, None],
    }


def _drawn(
    name: str, shard: Mapping[str, np.ndarray], x: np.ndarray, y: np.ndarray
) -> Arrays:
    """Of the first draw: outputs at every recorded step, the motion of every neuron and
    the field at the first.
    """
    from condensery.models import TwoLayer, activation, with_bias

    fine = np.asarray(with_bias(np.linspace(x[:, 0].min(), x[:, 0].max(), FINE)))
    network, derivative = TwoLayer(name), activation(name).sigma_prime

    def model(net: dict[str, Any], points: Any) -> np.ndarray:
        return np.asarray(network(net, points))

    def prime(z: Any) -> np.ndarray:
        return np.asarray(derivative(z))

    nets = [
        {"a": a, "w": w}
        for a, w in zip(shard["a"][:, 0], shard["w"][:, 0], strict=True)
    ]
    at = int(np.flatnonzero(shard["step"] > 0)[0])
    error = model(nets[at], x) - y

    def motion(points: np.ndarray) -> np.ndarray:
        """−(1/n) Σ e_i x_i σ'(ω·x_i): how a neuron of output weight 1 at ω moves."""
        return -(prime(points @ x.T) * error) @ x / len(x)

    reach = 1.15 * np.abs(nets[at]["w"]).max()
    axis = np.linspace(-reach, reach, GRID)
    field = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return {
        "fine": fine[:, 0],
        "outputs": np.stack([model(net, fine) for net in nets]),
        "fitted": np.stack([model(net, x) for net in nets]),
        "field": field,
        "field_motion": motion(field),
        "motion": nets[at]["a"][:, None] * motion(nets[at]["w"]),
    }


def train_deep(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train the deep network on its draws by Adam.

    Args:
        parameters: residual, draws, steps (recorded, rising).
        seed: The first draw.
        advance: Told how far it is.

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

    given: dict[str, Any] = dict(parameters)
    count, steps = int(given["draws"]), [int(step) for step in given["steps"]]
    width, features, depth = (
        settings.DEEP_WIDTH,
        settings.DEEP_FEATURES,
        len(settings.DEEP),
    )
    drawn = [
        settings.cloud_data(seed + k, features=features, amplitude=4.0, frequency=12.0)
        for k in range(count)
    ]
    x, y = (
        np.stack([pair[0] for pair in drawn]),
        np.stack([pair[1][:, None] for pair in drawn]),
    )
    sizes = [features, *[width] * depth, 1]
    networks = [
        mlp_normal(sizes, seed=seed + k, std=settings.STD_DEEP) for k in range(count)
    ]
    model = LayeredMlp(settings.DEEP, residual=bool(given["residual"]))
    result = descend(
        per_member(
            networks, draws=range(count), units=(y**2).mean(axis=(1, 2)).tolist()
        ),
        PerMember(mean_square(model)),
        (x, y),
        optimiser=Adam(settings.DEEP_RATE),
        steps=steps[-1],
        schedule=steps,
        probes=[RecordParameters()],
        on_step=lambda step: advance(f"step {step}", step / steps[-1]),
    )
    rows = np.zeros((len(result.recorded), count, depth, width, width + 1))
    for layer in range(depth):
        weight, bias = result.probed[f"net.{layer}.0"], result.probed[f"net.{layer}.1"]
        rows[:, :, layer, :, width - weight.shape[3] : width] = weight
        rows[:, :, layer, :, width] = bias
    return {"step": result.recorded, "loss": result.loss, "rows": rows}
