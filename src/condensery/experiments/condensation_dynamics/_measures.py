"""What is measured on the groups of a network: where its residual would bring them to
rest, and when the loss falls.
"""

from __future__ import annotations

import numpy as np

GRID = 1440
"""Directions at which the field is evaluated: a quarter of a degree."""


def drive(directions: np.ndarray, x: np.ndarray, e: np.ndarray) -> np.ndarray:
    """V(u) = −(2/n) Σ e_i σ'(u·x_i) x_i over a unit's own active samples: ẇ = a V for
    descent on the mean square.

    Args:
        directions: Unit vectors u (direction, 2).
        x: Samples with the constant feature (sample, 2).
        e: Residuals f − y (sample,).
    """
    active = directions @ x.T > 0
    return -2.0 / len(e) * (active * e) @ x


def resting_angles(x: np.ndarray, e: np.ndarray, sign: float) -> np.ndarray:
    """Angles at which a unit with output weight of the given sign would cease to turn,
    and to which it returns.

    There the part of sign·V along the circle passes from positive to negative; where it
    jumps, at a sample's kink, the unit slides into it. Without active samples nothing
    turns, so that a dead arc holds no such angle.
    """
    angles = np.arange(GRID) * (2 * np.pi / GRID)
    u = np.column_stack([np.cos(angles), np.sin(angles)])
    turn = sign * np.einsum(
        "gd,gd->g", drive(u, x, e), np.column_stack([-u[:, 1], u[:, 0]])
    )
    after = np.roll(turn, -1)
    return (angles + np.pi / GRID)[(turn > 0) & (after < 0)]


def distance_to(angles: np.ndarray, resting: np.ndarray) -> np.ndarray:
    """Angle of each direction to the nearest resting one (π where there is none)."""
    if not len(resting):
        return np.full(np.shape(angles), np.pi)
    gaps = np.abs(
        (np.asarray(angles)[..., None] - resting + np.pi) % (2 * np.pi) - np.pi
    )
    return gaps.min(axis=-1)


def rank_of_gap(angle: float, x: np.ndarray, resting: np.ndarray) -> float:
    """Share of all directions with an active sample that are as near to a resting angle
    as this one; ½ by chance.
    """
    grid = np.arange(GRID) * (2 * np.pi / GRID)
    live = (np.column_stack([np.cos(grid), np.sin(grid)]) @ x.T > 0).any(axis=1)
    return float(
        np.mean(
            distance_to(grid[live], resting) <= distance_to(np.array(angle), resting)
        )
    )


def falling_frames(step: np.ndarray, loss: np.ndarray, threshold: float) -> np.ndarray:
    """Whether −d log loss/d log step ≥ threshold at each recorded step, by a line
    through five of them (step 0: no).
    """
    found = np.zeros(len(step), dtype=bool)
    good = np.flatnonzero((step > 0) & (loss > 0))
    t, r = np.log10(step[good].astype(float)), np.log10(loss[good])
    for place in range(len(good)):
        near = slice(max(0, place - 2), place + 3)
        spread = t[near] - t[near].mean()
        if len(spread) > 2:
            found[good[place]] = -(spread @ r[near]) / (spread @ spread) >= threshold
    return found


def near(step: np.ndarray, frames: np.ndarray, decades: float) -> np.ndarray:
    """Whether each recorded step lies within some decades of a step where `frames` is
    true (step 0: no).
    """
    if not frames.any():
        return np.zeros(len(step), dtype=bool)
    at = np.log10(np.maximum(step, 1).astype(float))
    return (np.abs(at[:, None] - at[frames]).min(axis=1) <= decades) & (step > 0)
