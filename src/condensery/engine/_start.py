"""Initial parameters of the normalised two-layer model, and the part of them that
training can reach.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_BLOCK = 4096


@dataclass(
    frozen=True,
)
class Span:
    """The span of the samples: all that training changes of an input weight lies in it.

    Every dw_k is a combination of the samples, so with more features than samples it is
    enough to train the n coordinates ``w @ basis`` on the samples ``x @ basis``; the
    rest of w stays as drawn and enters only ‖W(0)‖.

    Attributes:
        x: The samples to train on, (sample, coordinate); the bias column is included.
        basis: Orthonormal columns (feature, coordinate), or None where the features are
            trained themselves.
    """

    x: Float[np.ndarray, "sample coordinate"]
    basis: Float[np.ndarray, "feature coordinate"] | None

    @property
    def dimension(self) -> int:
        """Length of a full input weight, bias included."""
        return self.x.shape[1] if self.basis is None else self.basis.shape[0]


def span_of(x: Float[np.ndarray, "sample feature"]) -> Span:
    """The span of the samples with their bias column; the identity unless features
    outnumber samples.
    """
    full = np.column_stack([x, np.ones(len(x))])
    if full.shape[1] <= full.shape[0]:
        return Span(full, None)
    basis, _ = np.linalg.qr(full.T)
    return Span(full @ basis, basis)


@dataclass(
    frozen=True,
)
class Start:
    """Initial parameters of one member; `w` has feature-major layout, as the compiled
    loops want it.
    """

    a: Float[np.ndarray, " unit"]
    w: Float[np.ndarray, "coordinate unit"]
    frozen_square: float
    """Σ over the units of the squared length of what lies outside the span."""


def _generator(
    width: int, seed: int, gamma: float, gamma_prime: float
) -> np.random.Generator:
    # A member's draw depends on what defines the member and on nothing else: neither
    # its place in the ensemble nor its companions. Cells of a diagram get independent
    # draws, as in the paper, where each cell was a run of its own.
    key = [seed, width, round((gamma + 100) * 1e6), round((gamma_prime + 100) * 1e6)]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def full_start(
    width: int, seed: int, gamma: float, gamma_prime: float, dimension: int
) -> tuple[Float[np.ndarray, " unit"], Float[np.ndarray, "unit feature"]]:
    """The standard-normal a (unit,) and w (unit, feature) of a member, bias last."""
    rng = _generator(width, seed, gamma, gamma_prime)
    return rng.standard_normal(width), rng.standard_normal((width, dimension))


def draw_start(
    width: int, seed: int, gamma: float, gamma_prime: float, span: Span
) -> Start:
    """The same draw as `full_start`, reduced to the span block by block so that wide
    nets need little memory.
    """
    rng = _generator(width, seed, gamma, gamma_prime)
    a = rng.standard_normal(width)
    if span.basis is None:
        return Start(
            a, np.ascontiguousarray(rng.standard_normal((width, span.dimension)).T), 0.0
        )
    w = np.empty((span.basis.shape[1], width))
    frozen = 0.0
    for first in range(0, width, _BLOCK):
        block = rng.standard_normal(
            (
                min(
                    _BLOCK,
                    width - first,
                ),
                span.dimension,
            )
        )
        inside = block @ span.basis
        w[:, first : first + len(block)] = inside.T
        frozen += float(np.sum(block**2) - np.sum(inside**2))
    return Start(a, w, frozen)
