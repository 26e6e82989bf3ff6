"""The tables of demo-a: every seed at its end, and the first seed in detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from condensery.declare import Results, rows, stack
from condensery.experiments.demo_a._work import ANGLES, NEAR, Config, X, target, train
from condensery.protocols import Arrays
from condensery.records import Table

if TYPE_CHECKING:
    from condensery.metrics import Condensation

FINE = np.linspace(-1, 1, 401)
"""Abscissae of the drawn outputs."""


def _all_seeds(results: Results, name: str) -> np.ndarray:
    return np.concatenate([run[name] for _, run in results.of(train)])


def _first_run(results: Results) -> Arrays:
    _, run = next(results.of(train))
    return run


def _condensations(results: Results) -> list[Condensation]:
    """What is measured on the final neurons of every seed."""
    from condensery.metrics import condensation

    weights = _all_seeds(results, "final_w"), _all_seeds(results, "final_a")
    return [condensation(w, a) for w, a in zip(*weights, strict=True)]


def members(config: Config, results: Results) -> Table:
    """Loss, distance and condensation of every seed."""
    from condensery.metrics import amplitude, orientation, relative_distance
    from condensery.theory import regime

    initial, final = (_all_seeds(results, f"{when}_w") for when in ("initial", "final"))
    amplitudes = amplitude(_all_seeds(results, "final_a"), final)
    gaps = [abs(orientation(final) - angle) for angle in ANGLES]
    near = np.min(gaps, axis=0) <= NEAR
    weights = np.sum(amplitudes * near, axis=1)
    names = (
        "active_units",
        "effective_neurons",
        "effective_ratio",
        "effective_orientations",
    )
    condensed = _condensations(results)
    measures = {
        name: np.asarray([getattr(member, name) for member in condensed])
        for name in names
    }
    block = rows(
        {"seed": range(config.seeds)},
        width=config.width,
        gamma=2 * config.exponent,
        gamma_prime=0.0,
        regime=regime(2 * config.exponent, 0.0),
        status=_all_seeds(results, "status"),
        loss=_all_seeds(results, "loss")[:, -1],
        rd=relative_distance(initial, final, member_axes=1),
        share=weights / np.sum(amplitudes, axis=1),
        **measures,
    )
    return stack(
        [block],
        gamma="phase coordinate: 2 × the exponent of the standard deviation",
        rd="of the input weights with their biases",
        share="of the amplitude within 0.02 rad of −0.32175 or −2.81984",
    )


def orientations(config: Config, results: Results) -> Table:
    """The two heaviest groups of every seed; nan where there is only one."""
    blocks = [_heaviest_groups(member) for member in _condensations(results)]
    numbered = [
        rows({"seed": [seed], "group": [0, 1]}, **b) for seed, b in enumerate(blocks)
    ]
    return stack(
        numbered,
        orientation="rad",
        share="of the amplitude of the active neurons",
        spread="rad",
    )


def _heaviest_groups(member: Condensation) -> dict[str, np.ndarray]:
    from condensery.metrics import orientation

    count = min(2, len(member.group_sizes))
    angles, spreads = np.full((2, 2), np.nan)
    shares, units = np.zeros(2), np.zeros(2, dtype=np.int64)
    if count:
        angles[:count] = orientation(member.group_directions[:count])
    shares[:count] = member.group_shares[:count]
    units[:count] = member.group_sizes[:count]
    spreads[:count] = member.group_spreads[:count]
    return {
        "orientation": angles,
        "share": shares,
        "units": units,
        "spread": spreads,
    }


def loss(config: Config, results: Results) -> Table:
    """Loss of every seed."""
    step = _first_run(results)["step"]
    axes = {"seed": range(config.seeds), "step": step}
    return stack([rows(axes, loss=_all_seeds(results, "loss"))])


def output(config: Config, results: Results) -> Table:
    """Outputs of the first seed."""
    run = _first_run(results)
    outputs = {}
    for when in ("initial", "final"):
        a, w = (run[f"{when}_{name}"][0].astype(np.float64) for name in ("a", "w"))
        outputs[when] = np.maximum(np.outer(FINE, w[:, 0]) + w[:, 1], 0) @ a
    block = rows(
        {"x": FINE},
        target=target(FINE),
        **outputs,
    )
    return stack(
        [block],
        initial="of seed 0",
        final="of seed 0",
    )


def scatter(config: Config, results: Results) -> Table:
    """Neurons of the first seed, before and after."""
    from condensery.metrics import amplitude, orientation

    run = _first_run(results)
    w = np.stack([run["initial_w"][0], run["final_w"][0]])
    a = np.stack([run["initial_a"][0], run["final_a"][0]])
    amplitudes = amplitude(a, w)
    block = rows(
        {"when": [0, 1], "unit": range(config.width)},
        orientation=orientation(w),
        amplitude=amplitudes / (amplitudes[1].max() or 1.0),
    )
    del block["unit"]
    return stack(
        [block],
        when="0 initial, 1 final",
        orientation="rad",
        amplitude="over the largest final one",
    )


def data(config: Config, results: Results) -> Table:
    """The samples."""
    return stack([rows({"x": X}, y=target(X))])


def predicted(config: Config, results: Results) -> Table:
    """Orientations that theory expects."""
    angles = ANGLES if config.is_reference else ()
    return Table(columns={"orientation": np.asarray(angles)})
