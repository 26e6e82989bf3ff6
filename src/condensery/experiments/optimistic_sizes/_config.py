"""The parameters of optimistic-sizes."""

from __future__ import annotations

from pydantic import Field

from condensery.declare import Count, Positive, Settings
from condensery.theory import optimistic_matrix


class Config(Settings):
    """Parameters of optimistic-sizes."""

    size: int = Field(default=4, ge=2, le=20)
    """Rows and columns d of the matrices."""
    masks: int = Field(default=30, ge=1, le=10_000)
    """Targets per rank, each with its own mask of observed entries; also the data sets
    of the plane.
    """
    around: tuple[int, ...] = Field(
        default=(-1, 0, 1),
        min_length=1,
    )
    """Numbers of observed entries, counted from the optimistic 2rd − r². All d² are
    left out: then nothing is to be completed.
    """
    scales: tuple[float, ...] = Field(
        default=(0.1, 1e-8),
        min_length=1,
    )
    """Standard deviations of the initial factors."""
    spread: float = Field(default=0.3, ge=0.0, le=2.0)
    """The factors of a target have entries ±exp(spread · normal)."""
    rate: Positive = 0.05
    """Learning rate of gradient descent on the factors."""
    steps: Count = 100_000
    """Most steps on the factors."""
    stop: Positive = 1e-9
    """Training error, over the mean square of the target's entries, at which a fit
    ends.
    """
    plane_std: Positive = 1e-4
    """Standard deviation of the initial parameters of the models of the plane."""
    plane_rate: Positive = 0.01
    """Learning rate of the models of the plane."""
    plane_steps: Count = 100_000
    """Most steps of the models of the plane."""
    recovered: Positive = 1e-3
    """Test error, over the mean square of the target, below which it counts as
    recovered.
    """
    images: tuple[tuple[int, int, int], ...] = Field(
        default=(
            (4, 2, 1),
            (5, 3, 1),
            (5, 3, 2),
        ),
        min_length=1,
    )
    """(height d, kernel s, kernels k) of the convolutional nets whose rank is
    measured.
    """

    def optimistic(self, rank: int) -> int:
        """O = 2rd − r², the optimistic sample size of a d × d matrix of rank r."""
        return optimistic_matrix(self.size, rank)

    def samples(self, rank: int) -> list[int]:
        """Numbers of observed entries tried for targets of one rank."""
        counts = sorted({self.optimistic(rank) + offset for offset in self.around})
        return [count for count in counts if 1 <= count < self.size**2]

    @property
    def ranks(self) -> range:
        """Ranks r whose 2rd − r² is less than d²: all but the full one."""
        return range(1, self.size)
