"""The tables of demo-a: every seed at its end, and the first seed in detail."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from condensery.data import demo_a_target
from condensery.declare import Blocks, Results, rows, table
from condensery.experiments.demo_a._work import ANGLES, NEAR, Config, X, train
from condensery.metrics import (
    Condensation,
    amplitude,
    condensation,
    orientation,
    relative_distance,
)
from condensery.theory import regime

FINE = np.linspace(-1, 1, 401)
"""Abscissae of the drawn outputs."""


def _condensations(results: Results) -> Iterator[Condensation]:
    """What is measured on the final neurons of every seed."""
    weights = results.joined(train, "final_w"), results.joined(train, "final_a")
    for w, a in zip(*weights, strict=True):
        yield condensation(w, a)


MEASURES = (
    "active_units",
    "effective_neurons",
    "effective_ratio",
    "effective_orientations",
)


@table(
    gamma="phase coordinate: 2 × the exponent of the standard deviation",
    rd="of the input weights with their biases",
    share="of the amplitude within 0.02 rad of −0.32175 or −2.81984",
)
def members(config: Config, results: Results) -> Blocks:
    """Loss, distance and condensation of every seed."""
    initial = results.joined(train, "initial_w")
    final = results.joined(train, "final_w")
    amplitudes = amplitude(results.joined(train, "final_a"), final)
    gaps = [abs(orientation(final) - angle) for angle in ANGLES]
    near = np.min(gaps, axis=0) <= NEAR
    weights = np.sum(amplitudes * near, axis=1)
    condensed = list(_condensations(results))
    yield {
        "seed": range(config.seeds),
        "width": config.width,
        "gamma": 2 * config.exponent,
        "gamma_prime": 0.0,
        "regime": regime(2 * config.exponent, 0.0),
        "status": results.joined(train, "status"),
        "loss": results.joined(train, "loss")[:, -1],
        "rd": relative_distance(initial, final, member_axes=1),
        "share": weights / np.sum(amplitudes, axis=1),
        **{name: [getattr(seed, name) for seed in condensed] for name in MEASURES},
    }


@table(
    orientation="rad",
    share="of the amplitude of the active neurons",
    spread="rad",
)
def orientations(config: Config, results: Results) -> Blocks:
    """The two heaviest groups of every seed; nan where there is only one."""
    for seed, member in enumerate(_condensations(results)):
        count = min(2, len(member.group_sizes))
        angles, spreads = np.full((2, 2), np.nan)
        shares, units = np.zeros(2), np.zeros(2, dtype=np.int64)
        if count:
            angles[:count] = orientation(member.group_directions[:count])
        shares[:count] = member.group_shares[:count]
        units[:count] = member.group_sizes[:count]
        spreads[:count] = member.group_spreads[:count]
        yield {
            "seed": seed,
            "group": [0, 1],
            "orientation": angles,
            "share": shares,
            "units": units,
            "spread": spreads,
        }


@table()
def loss(config: Config, results: Results) -> Blocks:
    """Loss of every seed."""
    step = results.first(train)["step"]
    axes = {"seed": range(config.seeds), "step": step}
    yield rows(axes, loss=results.joined(train, "loss"))


@table(initial="of seed 0", final="of seed 0")
def output(config: Config, results: Results) -> Blocks:
    """Outputs of the first seed."""
    from condensery.models import Network

    run = results.first(train)
    outputs = {}
    for when in ("initial", "final"):
        weights = {name: run[f"{when}_{name}"][0] for name in ("a", "w")}
        network = Network.of(weights, "relu", dtype=np.float64)
        outputs[when] = network.forward(FINE[:, None])
    yield {"x": FINE, "target": demo_a_target(FINE), **outputs}


@table(
    when="0 initial, 1 final",
    orientation="rad",
    amplitude="over the largest final one",
)
def scatter(config: Config, results: Results) -> Blocks:
    """Neurons of the first seed, before and after."""
    run = results.first(train)
    w = np.stack([run["initial_w"][0], run["final_w"][0]])
    a = np.stack([run["initial_a"][0], run["final_a"][0]])
    amplitudes = amplitude(a, w)
    yield rows(
        {"when": [0, 1], "": range(config.width)},
        orientation=orientation(w),
        amplitude=amplitudes / (amplitudes[1].max() or 1.0),
    )


@table()
def data(config: Config, results: Results) -> Blocks:
    """The samples."""
    yield {"x": X, "y": demo_a_target(X)}


@table()
def predicted(config: Config, results: Results) -> Blocks:
    """Orientations that theory expects."""
    yield {"orientation": np.asarray(ANGLES if config.is_reference else ())}
