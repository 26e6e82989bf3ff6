"""The gradient flow of three layers by small steps in float64, in NumPy alone: what
judges `three_layer_flow` in its battery. Kinks are stepped over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_RENEWED = 5
"""Steps between two looks at λ_max."""
_MOVE = 0.05
"""No step moves a layer by more than this part of its norm, times the fineness."""
Weights = tuple[np.ndarray, np.ndarray, np.ndarray]


def _square(rows: np.ndarray) -> np.ndarray:
    return np.einsum("csu,ctu->cst", rows, rows)


@dataclass
class DeepFlow:
    """A three-layer network on its way.

    Attributes:
        weights: a (copy, outer), v (copy, outer, inner and bias), w (copy, inner,
            feature).
        X: Samples (sample, feature) with their ones.
        y: Targets.
        kappa: Factor of the output.
        mobility: Of the three layers, input first.
        sigma: The activation.
        prime: Its derivative.
    """

    weights: Weights
    X: np.ndarray
    y: np.ndarray
    kappa: float
    mobility: np.ndarray
    sigma: Callable[[np.ndarray], np.ndarray]
    prime: Callable[[np.ndarray], np.ndarray]

    def to_end(
        self, *, fine: float, max_time: float, max_steps: int
    ) -> tuple[float, float, float]:
        """Follow the flow to a time, or for some steps.

        Args:
            fine: Length of a step in units of 1/λ_max.
            max_time: Where to stop.
            max_steps: Steps after which to stop.

        Returns:
            RD of the first and of the second layer, in the first copy, and the time.
        """
        initial, time, longest = self.weights, 0.0, np.inf
        for step in range(max_steps):
            if time >= max_time:
                break
            if step % _RENEWED == 0:
                longest = 1.0 / self.fastest()
            speed = self.speed(self.weights)
            slowest = self._slowest(speed)
            h = fine * min(longest, _MOVE * slowest)
            h = min(h, max_time - time)
            self._step(h, speed)
            time += h
        distances = [
            float(np.linalg.norm((now - begun)[0]) / np.linalg.norm(begun[0]))
            for now, begun in zip(self.weights, initial, strict=True)
        ]
        return distances[2], distances[1], time

    def speed(self, weights: Weights) -> Weights:
        """The right-hand side of the flow."""
        e, s, b, h, back = self._passed(weights)
        pull = -self.kappa / len(self.y)
        first, second, third = pull * self.mobility
        da = third * np.einsum("s,csk->ck", e, s)
        dv = second * np.einsum("s,csk,csj->ckj", e, b, h)
        dw = first * np.einsum("s,csj,sd->cjd", e, back, self.X)
        return da, dv, dw

    def fastest(self) -> float:
        """The largest eigenvalue of the Gram matrix."""
        _, s, b, h, back = self._passed(self.weights)
        first, second, third = self.mobility
        of_w = first * _square(back) * (self.X @ self.X.T)
        of_v = second * _square(b) * _square(h)
        gram = of_w + of_v + third * _square(s)
        scale = self.kappa**2 / len(self.y)
        return float(np.linalg.eigvalsh(scale * gram.sum(axis=0))[-1])

    def _passed(self, weights: Weights) -> tuple[np.ndarray, ...]:
        a, v, w = weights
        z1 = np.einsum("sd,cjd->csj", self.X, w)
        inner = self.sigma(z1)
        ones = np.ones_like(inner[..., :1])
        h = np.concatenate([inner, ones], axis=-1)
        z2 = np.einsum("csj,ckj->csk", h, v)
        s = self.sigma(z2)
        e = self.kappa * np.einsum("csk,ck->s", s, a) - self.y
        b = a[:, None] * self.prime(z2)
        back = np.einsum("csk,ckj->csj", b, v)[..., :-1]
        return e, s, b, h, back * self.prime(z1)

    def _slowest(self, speed: Weights) -> float:
        """The least time in which a layer would move by its norm."""
        return min(
            np.linalg.norm(now) / max(np.linalg.norm(change), 1e-300)
            for now, change in zip(self.weights, speed, strict=True)
        )

    def _step(self, h: float, first: Weights) -> None:
        """One step of the classical Runge-Kutta rule."""
        second = self.speed(self._along(h / 2, first))
        third = self.speed(self._along(h / 2, second))
        fourth = self.speed(self._along(h, third))
        both = [
            p + q
            for p, q in zip(
                second,
                third,
                strict=True,
            )
        ]
        ends = [
            p + q
            for p, q in zip(
                first,
                fourth,
                strict=True,
            )
        ]
        means = [
            (p + 2 * q) / 6
            for p, q in zip(
                ends,
                both,
                strict=True,
            )
        ]
        self.weights = self._along(h, (means[0], means[1], means[2]))

    def _along(self, h: float, speed: Weights) -> Weights:
        a, v, w = (
            now + h * change
            for now, change in zip(
                self.weights,
                speed,
                strict=True,
            )
        )
        return a, v, w
