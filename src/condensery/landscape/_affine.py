"""Where an activation is affine, and layers that stay there."""

from __future__ import annotations

import numpy as np

from condensery._errors import InvalidInputError
from condensery.theory import AffinePiece, activation_facts

_INF = float("inf")


SATURATED = {
    "gelu": (AffinePiece(9.0, _INF, 1.0, 0.0),),
    "softplus": (AffinePiece(40.0, _INF, 1.0, 0.0),),
    "xtanh": (AffinePiece(-_INF, -20.0, -1.0, 0.0), AffinePiece(20.0, _INF, 1.0, 0.0)),
}
"""Where a smooth activation is affine to the last bit of double precision."""


def placed(
    hat: np.ndarray, below: np.ndarray, name: str, margin: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ŵ and b̂ with all pre-activations `margin` inside the first piece that is not
    flat.
    """
    pieces = [piece for piece in affine_pieces(name) if piece.slope]
    piece = pieces[-1]  # unbounded above where there is a choice
    low, high = (below @ hat.T).min(axis=0), (below @ hat.T).max(axis=0)
    if np.isfinite(piece.lower) and np.isfinite(piece.upper):
        room = (piece.upper - piece.lower) - 2 * min(
            margin, (piece.upper - piece.lower) / 4
        )
        scale = np.minimum(
            1.0, room / np.maximum(high - low, np.finfo(np.float64).tiny)
        )
        return hat * scale[:, None], (piece.upper + piece.lower) / 2 - scale * (
            high + low
        ) / 2
    if np.isfinite(piece.lower):
        return hat, piece.lower + margin - low
    return hat, np.zeros(len(hat)) if not np.isfinite(
        piece.upper
    ) else piece.upper - margin - high


def affine_pieces(name: str) -> tuple[AffinePiece, ...]:
    pieces = activation_facts(name).affine_pieces or SATURATED.get(name, ())
    if not pieces:
        raise InvalidInputError(
            "activation",
            given=name,
            allowed="one with an affine piece, or epsilon",
            remedy="give epsilon=0.01 for a lift that is exact up to O(epsilon²)",
        )
    return pieces


def pieces_of(z: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """λ and μ of every unit; refuses a unit that no single piece holds.

    Raises:
        InvalidInputError: The pre-activations of a unit leave the piece that holds most
            of them; the sample is named.
    """
    pieces = affine_pieces(name)
    inside = np.array(
        [(z >= piece.lower) & (z <= piece.upper) for piece in pieces]
    )  # piece, sample, unit
    best = inside.sum(axis=1).argmax(axis=0)
    for unit, choice in enumerate(best):
        if not inside[choice, :, unit].all():
            sample, piece = int(np.argmin(inside[choice, :, unit])), pieces[choice]
            raise InvalidInputError(
                f"unit {unit} of the linear layer",
                given=f"pre-activation {z[sample, unit]:.6g} on sample {sample}",
                allowed=f"{piece.lower:g} to {piece.upper:g} on every sample, where "
                f"{name} is affine",
                remedy="shift its bias, or leave out that sample",
            )
    return np.array([pieces[k].slope for k in best]), np.array(
        [pieces[k].intercept for k in best]
    )


def tangent(
    drawn: tuple[np.ndarray, np.ndarray], name: str, epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    facts = activation_facts(name)
    inflection = (
        facts.multiplicity == 1
        and facts.reflection.sign == -1
        and not facts.reflection.slope
    )
    if not inflection or facts.leading_derivative is None:
        raise InvalidInputError(
            "epsilon",
            given=f"with {name}",
            allowed="only with activations that are odd about 0 up to a constant",
            remedy="leave epsilon out: lift by an affine piece",
        )
    if not 0 < epsilon < _INF:
        raise InvalidInputError(
            "epsilon",
            given=epsilon,
            allowed="a number > 0",
            remedy="use for example 0.01",
        )
    count = len(drawn[0])
    slope, value = (
        np.full(count, facts.leading_derivative),
        np.full(count, facts.value_at_zero),
    )
    return epsilon * drawn[0], np.zeros(count), slope, value
