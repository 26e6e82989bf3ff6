"""Ensembles of three-layer networks described by their place in the phase diagram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError


@dataclass(
    frozen=True,
    eq=False,
)
class ThreeLayerEnsemble:
    """Members of an ensemble of three-layer networks: one entry per member in every
    array.

    The raw model is f = (1/α) Σ a_k σ(W₂σ(W₁x)) with entries of W₁, W₂, a of standard
    deviations β₁, β₂, β₃. Divided by these, its flow depends on κ₃ = β₁β₂β₃/α = m^−γ₃
    and on the ratios of the β alone; here β₂ = β₃, which leaves κ₂ = β₂/β₁ = m^−γ₂. In
    the time t/(β₁β₂β₃)^(2/3) the mobilities of W₁, W₂, a are κ₂^(4/3), κ₂^(−2/3),
    κ₂^(−2/3). **The orientation of the ratio, and β₂ = β₃, are a choice of this
    library**, made so that γ₂ > 0 slows the first layer down as γ' > 0 does in two
    layers.

    Attributes:
        widths: Units of either hidden layer, m.
        seeds: What each member's random numbers are drawn from, at least 0.
        gamma2s: γ₂.
        gamma3s: γ₃.

    Source:
        Zhou et al. 2022, arXiv 2205.12101 (two independent quantities, coordinates γ₂
        and γ₃).

    Example:
        >>> from condensery.engine import ThreeLayerEnsemble
        >>> ensemble = ThreeLayerEnsemble.grid(widths=[50, 100], gamma3s=[1.0, 2.0])
        >>> len(ensemble), ensemble.kappa[1].round(6), ensemble.mobility[0].tolist()
        (4, np.float64(0.01), [1.0, 1.0, 1.0])
    """

    widths: Int[np.ndarray, " member"]
    seeds: Int[np.ndarray, " member"]
    gamma2s: Float[np.ndarray, " member"]
    gamma3s: Float[np.ndarray, " member"]

    def __post_init__(self) -> None:
        for name, kind in (
            ("widths", np.int64),
            ("seeds", np.int64),
            ("gamma2s", float),
            ("gamma3s", float),
        ):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))
        shapes = {
            column.shape
            for column in (self.widths, self.seeds, self.gamma2s, self.gamma3s)
        }
        if len(shapes) != 1 or len(next(iter(shapes))) != 1 or not len(self.widths):
            raise InvalidInputError(
                "ensemble",
                given=f"columns of shapes {sorted(shapes)}",
                allowed="one entry per member in each",
                remedy="use ThreeLayerEnsemble.grid for all combinations",
            )
        for name, least in (("widths", 1), ("seeds", 0)):
            if (getattr(self, name) < least).any():
                raise InvalidInputError(
                    name,
                    given=int(getattr(self, name).min()),
                    allowed=f"whole numbers >= {least}",
                    remedy="raise it",
                )
        if not (np.isfinite(self.gamma2s).all() and np.isfinite(self.gamma3s).all()):
            raise InvalidInputError(
                "gamma2s, gamma3s",
                given="nan or inf",
                allowed="finite",
                remedy="correct them",
            )

    @classmethod
    def grid(
        cls,
        *,
        widths: Sequence[int],
        gamma3s: Sequence[float],
        gamma2s: Sequence[float] = (0.0,),
        seeds: Sequence[int] = (0,),
    ) -> ThreeLayerEnsemble:
        """Every combination: gamma2s outermost, then gamma3s, widths and seeds."""
        rows = list(product(gamma2s, gamma3s, widths, seeds))
        columns = (
            [np.asarray(column) for column in zip(*rows, strict=True)]
            if rows
            else [np.zeros(0)] * 4
        )
        gamma2, gamma3, width, seed = columns
        return cls(width, seed, gamma2, gamma3)

    def __len__(self) -> int:
        return len(self.widths)

    @property
    def kappa(self) -> Float[np.ndarray, " member"]:
        """κ₃ = m^−γ₃ of each member."""
        return self.widths.astype(float) ** -self.gamma3s

    @property
    def mobility(self) -> Float[np.ndarray, "member layer"]:
        """Mobilities of W₁, W₂ and a of each member."""
        ratio = self.widths.astype(float) ** -self.gamma2s
        return np.stack(
            [ratio ** (4 / 3), ratio ** (-2 / 3), ratio ** (-2 / 3)], axis=1
        )

    def columns(self) -> dict[str, np.ndarray]:
        """The members as columns of a table: width, seed, gamma2, gamma3."""
        return {
            "width": self.widths,
            "seed": self.seeds,
            "gamma2": self.gamma2s,
            "gamma3": self.gamma3s,
        }

    def draw(self, member: int, features: int) -> dict[str, np.ndarray]:
        """Standard-normal ``a`` (outer,), ``v`` (outer, inner and bias), ``w`` (inner,
        feature) of one member.

        A draw depends on width, seed and coordinates of its member alone, not on its
        companions.

        Args:
            member: Its position.
            features: Input features, the constant one included.
        """
        m = int(self.widths[member])
        place = (self.gamma2s[member], self.gamma3s[member])
        key = [
            int(self.seeds[member]),
            m,
            3,
            *(round((float(g) + 100) * 1e6) for g in place),
        ]
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))
        return {
            "a": rng.standard_normal(m),
            "w": rng.standard_normal((m, features)),
            "v": rng.standard_normal((m, m + 1)),
        }
