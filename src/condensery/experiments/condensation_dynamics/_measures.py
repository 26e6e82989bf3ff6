"""What is measured on the groups of a network: where its residual would bring them to
rest, and when the loss falls.
"""

from __future__ import annotations

import numpy as np

GRID = 1440
"""Directions at which the field is evaluated: a quarter of a degree."""
TURN = 2 * np.pi


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
    """Angles at which a unit whose output weight has this sign would cease to turn,
    and to which it returns.

    There the part of sign·V along the circle passes from positive to negative; where it
    jumps, at a sample's kink, the unit slides into it. Without active samples nothing
    turns, so that a dead arc holds no such angle.
    """
    angles, directions = _circle()
    cosines, sines = directions.T
    across = np.column_stack([-sines, cosines])
    field = drive(directions, x, e)
    turn = sign * np.einsum("gd,gd->g", field, across)
    after = np.roll(turn, -1)
    between = angles + np.pi / GRID
    stable = (turn > 0) & (after < 0)
    return between[stable]


def _circle() -> tuple[np.ndarray, np.ndarray]:
    """The angles of the grid and their directions."""
    angles = np.arange(GRID) * (TURN / GRID)
    cosines, sines = np.cos(angles), np.sin(angles)
    return angles, np.column_stack([cosines, sines])


def distance_to(angles: np.ndarray, resting: np.ndarray) -> np.ndarray:
    """Angle of each direction to the nearest resting one (π where there is none)."""
    if not len(resting):
        return np.full(
            np.shape(angles),
            np.pi,
        )
    turns = np.asarray(angles)[..., None] - resting
    # from −π to π
    turns = (turns + np.pi) % TURN - np.pi
    return np.abs(turns).min(
        axis=-1,
    )


def rank_of_gap(angle: float, x: np.ndarray, resting: np.ndarray) -> float:
    """Share of all directions with an active sample that are as near to a resting angle
    as this one; ½ by chance.
    """
    angles, directions = _circle()
    live = (directions @ x.T > 0).any(
        axis=1,
    )
    distances = distance_to(
        angles[live],
        resting,
    )
    distance = distance_to(
        np.array(angle),
        resting,
    )
    return float(np.mean(distances <= distance))


def falling_frames(step: np.ndarray, loss: np.ndarray, threshold: float) -> np.ndarray:
    """Whether −d log loss/d log step ≥ threshold at each recorded step, by a line
    through five of them (step 0: no).
    """
    falls = np.zeros(
        len(step),
        dtype=bool,
    )
    frames = np.flatnonzero((step > 0) & (loss > 0))
    times = np.log10(step[frames].astype(float))
    losses = np.log10(loss[frames])
    for index, frame in enumerate(frames):
        first = max(
            0,
            index - 2,
        )
        window = slice(first, index + 3)
        spread = times[window] - times[window].mean()
        if len(spread) > 2:
            drop = -(spread @ losses[window])
            slope = drop / (spread @ spread)
            falls[frame] = slope >= threshold
    return falls


def near(step: np.ndarray, frames: np.ndarray, decades: float) -> np.ndarray:
    """Whether each recorded step lies within some decades of a step where `frames` is
    true (step 0: no).
    """
    if not frames.any():
        return np.zeros(
            len(step),
            dtype=bool,
        )
    times = np.log10(np.maximum(step, 1).astype(float))
    gaps = np.abs(times[:, None] - times[frames])
    nearest = gaps.min(
        axis=1,
    )
    return (nearest <= decades) & (step > 0)
