"""What optimistic-sizes can be told."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Config(BaseModel):
    """What optimistic-sizes can be told.

    Attributes:
        size: Rows and columns d of the matrices.
        masks: Targets per rank, each with its own mask of observed entries; also the
            data sets of the plane.
        around: Numbers of observed entries, counted from the optimistic 2rd − r²; more
            than d² are left out.
        scales: Standard deviations of the initial factors.
        spread: The factors of a target have entries ±exp(spread · normal).
        rate: Learning rate of gradient descent on the factors.
        steps: Its most steps.
        stop: Training error, over the mean square of the target's entries, at which a
            fit ends.
        plane_std: Standard deviation of the initial parameters of the models of the
            plane.
        plane_rate: Their learning rate.
        plane_steps: Their most steps.
        recovered: Test error, over the mean square of the target, below which it counts
            as recovered.
        images: (height d, kernel s, kernels k) of the convolutional nets whose rank is
            measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(default=4, ge=2, le=20)
    masks: int = Field(default=30, ge=1, le=10_000)
    around: tuple[int, ...] = Field(default=(-1, 0, 1), min_length=1)
    scales: tuple[float, ...] = Field(default=(0.1, 1e-8), min_length=1)
    spread: float = Field(default=0.3, ge=0.0, le=2.0)
    rate: float = Field(default=0.05, gt=0.0, allow_inf_nan=False)
    steps: int = Field(default=100_000, ge=1)
    stop: float = Field(default=1e-9, gt=0.0, allow_inf_nan=False)
    plane_std: float = Field(default=1e-4, gt=0.0, allow_inf_nan=False)
    plane_rate: float = Field(default=0.01, gt=0.0, allow_inf_nan=False)
    plane_steps: int = Field(default=100_000, ge=1)
    recovered: float = Field(default=1e-3, gt=0.0, allow_inf_nan=False)
    images: tuple[tuple[int, int, int], ...] = Field(
        default=((4, 2, 1), (5, 3, 1), (5, 3, 2)), min_length=1
    )

    def optimistic(self, rank: int) -> int:
        """O = 2rd − r², the optimistic sample size of a d × d matrix of rank r."""
        return 2 * rank * self.size - rank**2

    def samples(self, rank: int) -> list[int]:
        """Numbers of observed entries tried for targets of one rank."""
        counts = sorted({self.optimistic(rank) + offset for offset in self.around})
        return [count for count in counts if 1 <= count <= self.size**2]
