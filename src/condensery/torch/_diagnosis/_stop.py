"""When the runs of a diagnosis stop, and at which stages they are measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

ENOUGH = 0.1
"""Share of the initial loss from which slopes are near those at the end of training."""
_LADDER = (0.5, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
_SHARES = (0.1, 0.3, 1.0)


@dataclass(frozen=True)
class UntilLoss:
    """Compare the widths at equal loss: the rule under which slopes have the meaning of
    the theory.

    The theory speaks of training that has come to its end. Wide networks come there in
    fewer steps, so that at equal steps the widths are at different stages, and RD grows
    with the width although nothing condenses.

    Attributes:
        relative: Train until the loss is this share of the initial loss (the median
            over all runs, so that it is one number for all). A run that does not get
            there in `steps` makes the diagnosis fall back to the last of the shares
            0.5, 0.3, 0.1, … that all runs have reached; above 0.1 there is no verdict.
        steps: Most steps of a run.
    """

    relative: float = 0.01
    steps: int = 2000

    @property
    def stages(self) -> tuple[float, ...]:
        """The shares of the initial loss at which the runs are measured."""
        above = self.relative * 1.0001
        earlier = [share for share in _LADDER if share > above]
        return (*earlier, self.relative)

    @property
    def effort(self) -> str:
        """What to do if training has not gone far enough."""
        return (
            f"UntilLoss(relative={self.relative:g}, steps={2 * self.steps}), or "
            "a larger learning rate"
        )

    @property
    def smaller(self) -> str:
        """What to do if some runs were there from the start."""
        return f"UntilLoss(relative={self.relative / 10:g})"

    def is_reached(self, stage: float, *, step: int, loss: float, start: float) -> bool:
        """Whether a run is at a stage.

        Args:
            stage: One of `stages`.
            step: Steps taken.
            loss: Mean loss of an epoch; infinite until there is one.
            start: The initial loss that shares are of.
        """
        return loss <= stage * start

    def is_end(self, stage: float) -> bool:
        """Whether slopes at a stage are near those at the end of training."""
        return stage <= ENOUGH

    def describe(self, stage: float) -> str:
        """A stage in words."""
        return f"at {stage:g} of the initial loss"


@dataclass(frozen=True)
class ForSteps:
    """Compare the widths after equal steps: for the regime of a fixed budget, not of
    training to its end.

    Attributes:
        steps: Steps of every run.
    """

    steps: int = 1000

    @property
    def stages(self) -> tuple[float, ...]:
        """The steps at which the runs are measured."""
        steps = {math.ceil(self.steps * share) for share in _SHARES}
        return tuple(float(step) for step in sorted(steps))

    @property
    def effort(self) -> str:
        """What to do if training has not gone far enough."""
        return f"ForSteps({2 * self.steps}), or compare at equal loss with UntilLoss()"

    @property
    def smaller(self) -> str:
        """What to do if some runs were there from the start."""
        return self.effort

    def is_reached(self, stage: float, *, step: int, loss: float, start: float) -> bool:
        """Whether a run is at a stage; arguments as for `UntilLoss`."""
        return step >= stage

    def is_end(self, stage: float) -> bool:
        """Whether a stage counts as the end of training: each does."""
        return True

    def describe(self, stage: float) -> str:
        """A stage in words."""
        return f"after {stage:g} steps"


Stop = UntilLoss | ForSteps
