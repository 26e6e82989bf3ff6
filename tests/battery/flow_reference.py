"""The gradient flow of two layers by small steps in float64, in NumPy alone: what
judges `flow` in its battery.

Nothing of the package is imported. Two-layer ReLU networks are followed from kink to
kink: between two events every unit obeys a smooth equation; a unit that meets the kink
of a sample is taken to it by itself, and crosses it or slides along it as Filippov's
rule says (1988, "Differential Equations with Discontinuous Righthand Sides", Sec. 4).
All others are solved by Heun's rule. Steps are a part of 1/λ_max of the Gram matrix;
half of that part tells how far the answer can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

_RENEWED = 5
"""Steps between two looks at λ_max."""
_MOVE = 0.05
"""No step moves a layer by more than this part of its norm, times the fineness."""
_EVENTS = 50
"""Most events of a unit in one step."""
Elementwise = Callable[[np.ndarray], np.ndarray]


@dataclass
class Ended:
    """Where the reference stands.

    Attributes:
        rd: Relative distance of the input weights of the first copy.
        loss: Mean square of the residual.
        time: Flow time.
        steps: Steps taken.
    """

    rd: float
    loss: float
    time: float
    steps: int


def _slowest(groups: Sequence[np.ndarray], speeds: Sequence[np.ndarray]) -> float:
    """The least time in which a group would move by its norm."""
    pairs = zip(
        groups,
        speeds,
        strict=True,
    )
    return min(
        np.linalg.norm(now)
        / max(
            np.linalg.norm(speed),
            1e-300,
        )
        for now, speed in pairs
    )


@dataclass
class Flow:
    """A two-layer network on its way.

    Attributes:
        a: Output weights (unit,).
        w: Input weights (unit, feature), the bias last.
        X: Samples (sample, feature) with their ones.
        y: Targets.
        kappa: Factor of the output.
        kappa_prime: Ratio of the mobilities.
        sigma: The activation.
        prime: Its derivative.
        slopes: σ' below and above a kink at 0; None where there is none.
        asi: Whether the second half of the units is the mirrored copy.
    """

    a: np.ndarray
    w: np.ndarray
    X: np.ndarray
    y: np.ndarray
    kappa: float
    kappa_prime: float
    sigma: Elementwise
    prime: Elementwise
    slopes: tuple[float, float] | None
    asi: bool

    def to_end(
        self, *, fine: float, max_time: float, target: float, max_steps: int
    ) -> Ended:
        """Follow the flow to a time, below a loss, or for some steps.

        Args:
            fine: Length of a step in units of 1/λ_max.
            max_time: Where to stop.
            target: Loss below which to stop.
            max_steps: Steps after which to stop.
        """
        kinks = _Kinks(self) if self.slopes else None
        initial, time, steps = self.w.copy(), 0.0, 0
        longest = np.inf
        while time < max_time and steps < max_steps:
            if steps % _RENEWED == 0:
                longest = 1.0 / self.fastest()
            speed = self.speed(self.a, self.w)
            slowest = _slowest((self.a, self.w), speed)
            h = min(fine * min(longest, _MOVE * slowest), max_time - time)
            if kinks is None:
                self._step(h, *speed)
            else:
                kinks.step(h)
            time, steps = time + h, steps + 1
            if np.mean(self.residual() ** 2) < target:
                break
        half = len(self.a) // (2 if self.asi else 1)
        moved = np.linalg.norm((self.w - initial)[:half])
        rd = moved / np.linalg.norm(initial[:half])
        return Ended(
            rd,
            float(np.mean(self.residual() ** 2)),
            time,
            steps,
        )

    def residual(self) -> np.ndarray:
        """The residual f − y."""
        sigma = self.sigma
        return self.kappa * sigma(self.X @ self.w.T) @ self.a - self.y

    def fastest(self) -> float:
        """The largest eigenvalue of the Gram matrix."""
        sigma, prime = self.sigma, self.prime
        z = self.X @ self.w.T
        s, b = sigma(z), prime(z) * self.a
        through_w = self.kappa_prime * (b @ b.T) * (self.X @ self.X.T)
        gram = s @ s.T / self.kappa_prime + through_w
        return float(np.linalg.eigvalsh(self.kappa**2 / len(self.y) * gram)[-1])

    def speed(self, a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """da/dt and dw/dt with both sides of a kink as the activation has them."""
        sigma, prime = self.sigma, self.prime
        z = self.X @ w.T
        s = sigma(z)
        e = self.kappa * s @ a - self.y
        pull = self.kappa / len(self.y)
        da = -pull / self.kappa_prime * (e @ s)
        dw = -pull * self.kappa_prime * ((e[:, None] * prime(z) * a).T @ self.X)
        return da, dw

    def _step(
        self,
        h: float,
        a1: np.ndarray,
        w1: np.ndarray,
    ) -> None:
        """One step of the classical Runge-Kutta rule."""
        a, w = self.a, self.w
        a2, w2 = self.speed(
            a + h / 2 * a1,
            w + h / 2 * w1,
        )
        a3, w3 = self.speed(a + h / 2 * a2, w + h / 2 * w2)
        a4, w4 = self.speed(a + h * a3, w + h * w3)
        self.a = a + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
        self.w = w + h / 6 * (w1 + 2 * w2 + 2 * w3 + w4)


class _Kinks:
    """Which side of each sample's kink the units of a flow are on, or that they slide.

    `slope` is σ' (unit, sample), `slides` says where it is a mixture.
    """

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.low, self.high = flow.slopes
        above = flow.w @ flow.X.T > 0
        self.slope = np.where(above, self.high, self.low)
        self.slides = np.zeros_like(above)
        self.squares = np.sum(
            flow.X**2,
            axis=1,
        )

    def step(self, h: float) -> None:
        """One step: all units by Heun's rule, those that meet a kink by themselves."""
        flow = self.flow
        self._let_go()
        a, w = flow.a, flow.w
        e0, a0, w0 = self._speed(a, w)
        e1, a1, w1 = self._speed(a + h * a0, w + h * w0)
        flow.a, flow.w = a + h / 2 * (a0 + a1), w + h / 2 * (w0 + w1)
        z = flow.w @ flow.X.T
        wrong = (z > 0) != (self.slope == self.high)
        met = np.any(
            wrong & ~self.slides,
            axis=1,
        )
        for unit in np.flatnonzero(met):
            walk = _Walk(self, unit, e0, e1, h)
            flow.a[unit], flow.w[unit] = walk.to_end(
                a[unit],
                w[unit],
            )

    def _speed(
        self, a: np.ndarray, w: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        flow = self.flow
        share = np.where(self.slides, 0.0, self.slope)
        s = share * (w @ flow.X.T)
        e = flow.kappa * a @ s - flow.y
        pull = flow.kappa / len(flow.y)
        da = -pull / flow.kappa_prime * (s @ e)
        dw = -pull * flow.kappa_prime * ((a[:, None] * share * e) @ flow.X)
        for unit in np.flatnonzero(
            np.any(
                self.slides,
                axis=1,
            )
        ):
            dw[unit] -= self.lift(unit, dw[unit])[0]
        return e, da, dw

    def lift(self, unit: int, dw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What moves a sliding unit off its kinks, and its weights on the samples."""
        rows = self.flow.X[self.slides[unit]]
        if len(rows) == 1:
            weight = rows @ dw / np.sum(rows**2)
        else:
            weight = np.linalg.lstsq(
                rows.T,
                dw,
                rcond=None,
            )[0]
        return weight @ rows, weight

    def _let_go(self) -> None:
        """Release the units whose mixture has left the range of the two slopes."""
        flow = self.flow
        if not self.slides.any():
            return
        e = flow.residual()
        pull = -flow.kappa * flow.kappa_prime / len(flow.y)
        for unit in np.flatnonzero(
            np.any(
                self.slides,
                axis=1,
            )
        ):
            share = np.where(
                self.slides[unit],
                0.0,
                self.slope[unit],
            )
            dw = pull * flow.a[unit] * (share * e) @ flow.X
            samples = np.flatnonzero(self.slides[unit])
            push = pull * flow.a[unit] * e[samples]
            mixture = -self.lift(unit, dw)[1] / np.where(push == 0, 1e-300, push)
            outside = (mixture < self.low) | (mixture > self.high)
            for sample, value in zip(
                samples[outside],
                mixture[outside],
                strict=True,
            ):
                self.slides[unit, sample] = False
                side = self.low if value < self.low else self.high
                self.slope[unit, sample] = side


class _Walk:
    """One unit through one step, from kink to kink; the residual is linear in time."""

    def __init__(
        self, kinks: _Kinks, unit: int, e0: np.ndarray, e1: np.ndarray, h: float
    ) -> None:
        self.kinks, self.unit, self.e0, self.e1, self.h = kinks, unit, e0, e1, h
        flow = kinks.flow
        self.X = flow.X
        self.pull_a = -flow.kappa / (len(flow.y) * flow.kappa_prime)
        self.pull_w = -flow.kappa * flow.kappa_prime / len(flow.y)

    def to_end(self, a: float, w: np.ndarray) -> tuple[float, np.ndarray]:
        """The unit at the end of the step."""
        kinks, unit, at = self.kinks, self.unit, 0.0
        for _ in range(_EVENTS):
            end_a, end_w = self._along(a, w, at, self.h)
            sample = self._first(w, end_w)
            if sample is None:
                return end_a, end_w
            z0, z1 = w @ self.X[sample], end_w @ self.X[sample]
            part = (
                min(
                    max(
                        z0 / (z0 - z1),
                        0.0,
                    ),
                    1.0,
                )
                if z0 != z1
                else 0.0
            )
            here = at + part * (self.h - at)
            a, w = self._along(a, w, at, here)
            x = self.X[sample]
            w = w - (w @ x) / kinks.squares[sample] * x
            at = here
            self._turn(sample, a, w, at)
        end_a, end_w = self._along(a, w, at, self.h)
        z = end_w @ self.X.T
        free = ~kinks.slides[unit]
        kinks.slope[unit, free] = np.where(z > 0, kinks.high, kinks.low)[free]
        return end_a, end_w

    def _residual(self, time: float) -> np.ndarray:
        return self.e0 + time / self.h * (self.e1 - self.e0)

    def _speed(
        self,
        a: float,
        w: np.ndarray,
        time: float,
    ) -> tuple[float, np.ndarray]:
        kinks, unit = self.kinks, self.unit
        e = self._residual(time)
        share = np.where(
            kinks.slides[unit],
            0.0,
            kinks.slope[unit],
        )
        da = self.pull_a * (share * (self.X @ w)) @ e
        dw = self.pull_w * a * (share * e) @ self.X
        if kinks.slides[unit].any():
            dw = dw - kinks.lift(unit, dw)[0]
        return da, dw

    def _along(
        self, a: float, w: np.ndarray, start: float, end: float
    ) -> tuple[float, np.ndarray]:
        """Heun's rule from one time to another, the sides of all kinks kept."""
        h = end - start
        a0, w0 = self._speed(a, w, start)
        a1, w1 = self._speed(
            a + h * a0,
            w + h * w0,
            end,
        )
        return a + h / 2 * (a0 + a1), w + h / 2 * (w0 + w1)

    def _first(self, w: np.ndarray, end: np.ndarray) -> int | None:
        """The sample whose kink is met first, on the chord."""
        kinks, unit = self.kinks, self.unit
        z0, z1 = self.X @ w, self.X @ end
        wrong = (z1 > 0) != (kinks.slope[unit] == kinks.high)
        wrong &= ~kinks.slides[unit]
        if not wrong.any():
            return None
        gap = z0 - z1
        part = np.where(
            wrong & (gap != 0),
            z0 / np.where(gap == 0, 1.0, gap),
            0.0,
        )
        return int(
            np.argmin(
                np.where(
                    wrong,
                    np.maximum(part, 0.0),
                    np.inf,
                )
            )
        )

    def _turn(
        self,
        sample: int,
        a: float,
        w: np.ndarray,
        time: float,
    ) -> None:
        """Cross the kink, or slide along it, as the speeds on either side say."""
        kinks, unit = self.kinks, self.unit
        sides = []
        for slope in (kinks.low, kinks.high):
            kinks.slope[unit, sample] = slope
            sides.append(self._speed(a, w, time)[1] @ self.X[sample])
        below, above = sides
        kinks.slides[unit, sample] = below > 0 > above
        up = above > 0
        kinks.slope[unit, sample] = kinks.high if up else kinks.low
