"""Parameters of width-similarity, and the numbers that its statements speak of."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from condensery.declare import Count, Positive, Settings

Target = Literal["three-steps", "two-steps"]
Parametrisation = Literal["mean-field", "raw"]
Widths = tuple[
    Annotated[
        int,
        Field(
            ge=1,
            le=10_000,
        ),
    ],
    ...,
]

TARGETS: tuple[Target, ...] = ("three-steps", "two-steps")
LEVEL_OF_ONE = 0.10902
"""Loss of the best width-1 net on the three steps."""
FALLEN = 1.1
"""A net has come down to the plateau below so many times the loss of the best width-1
net.
"""
LEFT = 0.917
"""It has left the plateau below so many times that loss: .1 on the three steps."""
LONG_ENOUGH: dict[Target, float] = {"three-steps": 300.0, "two-steps": 600.0}
"""Mean-field time within which wide nets are expected to leave."""
OF_DESCENT = 0.01
"""An eigenvalue counts as negative beyond this share of the least one."""
ESCAPE_RATE = 0.004
"""Learning rate of the escapes, per unit in mean-field time."""
PRINTED_WIDTH, PRINTED_RATE = 500, 0.005
"""Width and rate of the published Fig. 1."""
X = np.linspace(-15, 15, 201)


class Config(Settings):
    """Parameters of width-similarity."""

    nets: dict[Target, Count] = Field(
        default={"three-steps": 24, "two-steps": 8}, min_length=1
    )
    """Target to the number of nets of every width that are trained on it."""
    rates: dict[Target, Positive] = Field(
        default={"three-steps": 0.004, "two-steps": 0.002}
    )
    """Target to the learning rate per unit of full-batch gradient descent on the mean
    square: width m has the rate m times this, which is one flow for all widths.
    """
    times: dict[Target, Positive] = Field(
        default={"three-steps": 360.0, "two-steps": 700.0}
    )
    """Target to the mean-field time of a training: steps times the rate per unit."""
    widths: Widths = Field(
        default=(1, 2, 3, 5, 10, 20),
        min_length=1,
    )
    """Widths m of the trained nets f = (1/m) Σ a tanh(wx + b)."""
    std: Positive = 1e-3
    """Standard deviation of all parameters at the start, the same for every width."""
    starts: int = Field(default=64, ge=4)
    """Starts of the search for critical points of widths 1 and 2."""
    escape_widths: Widths = Field(
        default=(1, 2, 3, 5, 20),
        min_length=1,
    )
    """Widths into which the best width-1 net is embedded by equal copies."""
    escape_seeds: int = Field(
        default=8,
        ge=1,
        le=10_000,
    )
    """Escapes per width."""
    escape_time: Positive = 360.0
    """Mean-field time after which an escape is given up."""
    raw_widths: Widths = (2, 3, 5)
    """Widths that escape once more in raw steps: f = Σ a tanh(wx + b) and one rate."""
    raw_steps: Count = 400_000
    """Steps after which an escape in raw steps is given up."""
    noise: Positive = 0.01
    """Standard deviation of the push at the start of an escape."""
    printed_steps: int = Field(default=0, ge=0)
    """Steps of the published setting (500 units, rate .005, N(0, m⁻³)); 0: not run."""

    @model_validator(mode="after")
    def _every_target_has_a_rate_and_a_time(self) -> Self:
        for name in ("rates", "times"):
            missing = set(self.nets) - set(getattr(self, name))
            if missing:
                raise ValueError(f"{name} has no entry for {', '.join(missing)}")
        return self

    @property
    def is_wide(self) -> bool:
        """Whether there are widths 1 and 2 and one that is wide beside them."""
        return {1, 2} <= set(self.widths) and max(self.widths) >= 10

    @property
    def escape_steps(self) -> int:
        """Steps after which an escape in mean-field time is given up."""
        return round(self.escape_time / ESCAPE_RATE)

    def steps(self, target: Target) -> int:
        """Steps of a training."""
        return round(self.times[target] / self.rates[target])
