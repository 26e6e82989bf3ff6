"""Ensembles of two-layer networks described by their place in the phase diagram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError
from condensery.models import two_layer_normal


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Members of an ensemble of two-layer networks: one entry per member in every
    array.

    κ = m^−γ and κ' = m^−γ' are the prefactor and the mobility ratio of the normalised
    model (Luo et al. 2021, arXiv 2007.07497, Sec. 2). The raw model f = Σ a_k σ(w_k·x)
    (α = 1) at the same place starts from a ~ N(0, β1²) and w ~ N(0, β2² I) with β1β2 =
    κ and β1/β2 = κ', so equal standard deviations m^−g are γ = 2g, γ' = 0.

    Attributes:
        widths: Number of units m.
        seeds: What each member's random numbers are drawn from, at least 0.
        gammas: γ.
        gamma_primes: γ'.

    Example:
        >>> from condensery.engine import Ensemble
        >>> ensemble = Ensemble.grid(widths=[100, 400], seeds=[0, 1, 2], gammas=[2.0])
        >>> (
        ...     len(ensemble),
        ...     ensemble.widths.tolist(),
        ...     ensemble.draw(features=2)[0]["w"].shape,
        ... )
        (6, [100, 100, 100, 400, 400, 400], (100, 2))
    """

    widths: Int[np.ndarray, " member"]
    seeds: Int[np.ndarray, " member"]
    gammas: Float[np.ndarray, " member"]
    gamma_primes: Float[np.ndarray, " member"]

    def __post_init__(self) -> None:
        columns = {
            "widths": np.asarray(self.widths, dtype=np.int64),
            "seeds": np.asarray(self.seeds, dtype=np.int64),
            "gammas": np.asarray(self.gammas, dtype=np.float64),
            "gamma_primes": np.asarray(self.gamma_primes, dtype=np.float64),
        }
        _check(columns)
        for name, column in columns.items():
            object.__setattr__(self, name, column)

    @classmethod
    def grid(
        cls,
        *,
        widths: Sequence[int],
        gammas: Sequence[float],
        gamma_primes: Sequence[float] = (0.0,),
        seeds: Sequence[int] = (0,),
    ) -> Ensemble:
        """Every combination, gammas outermost, then gamma_primes, widths and seeds.

        Args:
            widths: Numbers of units.
            gammas: Values of γ.
            gamma_primes: Values of γ'.
            seeds: Seeds.

        Returns:
            The ensemble; an empty sequence raises `InvalidInputError`.
        """
        rows = list(product(gammas, gamma_primes, widths, seeds))
        columns = (
            [np.asarray(column) for column in zip(*rows, strict=True)]
            if rows
            else [np.zeros(0)] * 4
        )
        gamma, gamma_prime, width, seed = columns
        return cls(width, seed, gamma, gamma_prime)

    def __len__(self) -> int:
        return len(self.widths)

    @property
    def kappa(self) -> Float[np.ndarray, " member"]:
        """κ = m^−γ of each member."""
        return self.widths.astype(np.float64) ** -self.gammas

    @property
    def kappa_prime(self) -> Float[np.ndarray, " member"]:
        """κ' = m^−γ' of each member."""
        return self.widths.astype(np.float64) ** -self.gamma_primes

    def identity(self, member: int) -> tuple[int, int, float, float]:
        """Width, seed, γ and γ' of one member: all that its random numbers depend
        on.
        """
        return (
            int(self.widths[member]),
            int(self.seeds[member]),
            float(self.gammas[member]),
            float(self.gamma_primes[member]),
        )

    def subset(self, members: Sequence[int] | Int[np.ndarray, " member"]) -> Ensemble:
        """The members at the given positions, in the order given."""
        rows = np.asarray(members, dtype=int)
        return Ensemble(
            self.widths[rows],
            self.seeds[rows],
            self.gammas[rows],
            self.gamma_primes[rows],
        )

    def columns(self) -> dict[str, np.ndarray]:
        """The members as columns of a table: width, seed, gamma, gamma_prime."""
        return {
            "width": self.widths,
            "seed": self.seeds,
            "gamma": self.gammas,
            "gamma_prime": self.gamma_primes,
        }

    def draw(self, *, features: int) -> list[dict[str, np.ndarray]]:
        """Initial parameters ``{"a": (unit,), "w": (unit, feature)}`` of the raw model,
        ready for `descend`.

        A member's draw depends on its width, seed and standard deviations only (see
        `condensery.models.two_layer_normal`).

        Args:
            features: Number of input features, the constant one included.

        Returns:
            One dictionary per member, in float64.
        """
        std_a, std_w = (
            np.sqrt(self.kappa * self.kappa_prime),
            np.sqrt(self.kappa / self.kappa_prime),
        )
        return [
            two_layer_normal(
                int(width),
                features=features,
                seed=int(seed),
                std_a=float(first),
                std_w=float(second),
            )
            for width, seed, first, second in zip(
                self.widths, self.seeds, std_a, std_w, strict=True
            )
        ]


def _check(columns: dict[str, np.ndarray]) -> None:
    sizes = {name: column.shape for name, column in columns.items()}
    if len(set(sizes.values())) > 1 or any(len(shape) != 1 for shape in sizes.values()):
        raise InvalidInputError(
            "ensemble",
            given=f"columns of shapes {sizes}",
            allowed="one entry per member in every column",
            remedy="use Ensemble.grid for all combinations",
        )
    if not len(columns["widths"]):
        raise InvalidInputError(
            "ensemble",
            given="no member",
            allowed="at least one",
            remedy="give non-empty grids",
        )
    if (columns["widths"] < 1).any():
        raise InvalidInputError(
            "width",
            given=int(columns["widths"].min()),
            allowed="a whole number >= 1",
            remedy="use for example 1000",
        )
    if (columns["seeds"] < 0).any():
        raise InvalidInputError(
            "seed",
            given=int(columns["seeds"].min()),
            allowed="a whole number >= 0",
            remedy="choose another seed",
        )
    for name in ("gammas", "gamma_primes"):
        if not np.isfinite(columns[name]).all():
            raise InvalidInputError(
                name,
                given=columns[name].tolist(),
                allowed="finite numbers",
                remedy="correct them",
            )
