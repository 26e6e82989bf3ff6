"""One plan for one family, carried out on its weights and measured."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from condensery.torch._surgery._clusters import Directions
from condensery.torch._surgery._groups import signs
from condensery.torch._surgery._merge import Plan, apply, by_least_squares
from condensery.torch._surgery._relation import CONSTANT
from condensery.torch._surgery._rows import mean_row, write_rows
from condensery.torch._surgery._rules import Rule
from condensery.torch._surgery._statistics import Activity
from condensery.torch._surgery._transfer import follow
from condensery.torch._surgery._units import Coupling


@dataclass(frozen=True)
class Settings:
    """How to reduce; see `condensery.torch.reduce`."""

    mode: str
    tau: float | None
    limit: float
    on_data: bool
    negligible: float
    refit: str
    widths: Mapping[str, int] | None = None

    @property
    def whole_layer(self) -> bool:
        """Whether all outgoing weights of the units that stay are fitted."""
        return self.mode == "least-squares" and self.refit == "layer"

    @property
    def for_every_input(self) -> bool:
        """Whether the function shall be the same on inputs that nobody gave."""
        return self.mode == "exact" and not self.on_data

    @property
    def by_cluster(self) -> bool:
        """Whether the factor of every merged unit is fitted by itself."""
        return self.mode == "least-squares" and self.refit != "layer"


@dataclass(
    frozen=True,
    eq=False,
)
class Edited:
    """A model while one of its families is edited.

    Attributes:
        weights: Of the whole model, by name.
        saved: Those that the family has, as they were.
        activity: What the units do on the data.
        tolerance: What rounding leaves between parallel rows of these weights.
        error: The worst max |Δf|/max |f| of an output at the moment.
        refit: Fit the layers that read the family, of which these units are removed.
    """

    weights: dict[str, np.ndarray]
    saved: dict[str, np.ndarray]
    activity: dict[str, Activity]
    tolerance: float
    error: Callable[[], float]
    refit: Callable[[set[int]], None]

    def now(self) -> dict[str, np.ndarray]:
        """Copies of the family's weights at the moment."""
        return {name: self.weights[name].copy() for name in self.saved}

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Come back to weights of the family."""
        for name, weight in saved.items():
            self.weights[name][...] = weight

    def is_as(self, saved: Mapping[str, np.ndarray]) -> bool:
        """Whether the family has these weights."""
        return all(
            np.array_equal(self.weights[name], weight) for name, weight in saved.items()
        )


class Outcome(NamedTuple):
    """What one attempt comes to.

    Attributes:
        plan: What was done.
        factors: Of the merged units.
        error: Measured after it; 0 where nothing changed, or nothing is bounded.
        broken: Units that cannot go into the unit of their cluster, with which nothing
            was done.
    """

    plan: Plan
    factors: dict[int, float]
    error: float = 0.0
    broken: frozenset[int] = frozenset()


class Trial:
    """Carries plans for one family out, one after the other.

    Args:
        model: The model that is edited.
        coupling: That of the family alone.
        settings: How to reduce.
    """

    def __init__(self, model: Edited, coupling: Coupling, settings: Settings) -> None:
        self._model = model
        self._coupling = coupling
        self._settings = settings

    def exact(self, plan: Plan, *, refit: bool) -> Outcome:
        """Merge up to rounding, from the weights as they are; units that are not
        related so stay.
        """
        model = self._model
        transfer = follow(
            self._coupling,
            model.weights,
            plan.pair,
            tolerance=model.tolerance,
        )
        for unit in plan.pair.keys() & transfer.broken.keys():
            del plan.pair[unit]
        factors = apply(model.weights, self._coupling, plan, transfer)
        if refit and plan.removed:
            self._model.refit(plan.removed)
        return Outcome(plan, factors, self.measured())

    def near(
        self,
        plan: Plan,
        layer: Directions,
        *,
        before: Collection[int] = (),
        still: Collection[int] = (),
    ) -> Outcome:
        """Merge units into one that is near them.

        Args:
            plan: What goes where.
            layer: Directions of the units that are merged.
            before: Units that are removed already.
            still: Units that keep their rows though others go into them.
        """
        settings, model = self._settings, self._model
        sizes = None
        if not settings.by_cluster and self._average(plan, layer, still):
            sizes = layer.sizes()
        transfer = follow(
            self._coupling,
            model.weights,
            plan.pair,
            tolerance=None,
            sizes=sizes,
        )
        broken = plan.pair.keys() & transfer.broken.keys()
        if broken and settings.widths is None:
            return Outcome(Plan(), {}, broken=frozenset(broken))
        # a mean direction may be far from a unit, too
        for unit in broken:
            del plan.pair[unit]
            plan.gone[unit] = Rule.ALONE
        if settings.by_cluster:
            transfer = by_least_squares(
                transfer,
                self._coupling,
                plan,
                model.activity,
            )
        factors = apply(model.weights, self._coupling, plan, transfer)
        removed = plan.removed.union(before)
        if settings.whole_layer and removed:
            model.refit(removed)
        return Outcome(plan, factors, self.measured())

    def measured(self) -> float:
        """The error, wherever a weight changed and something is bounded."""
        model = self._model
        if not np.isfinite(self._settings.limit) or model.is_as(model.saved):
            return 0.0
        return model.error()

    def _average(self, plan: Plan, layer: Directions, still: Collection[int]) -> bool:
        """Let the units that stay point in the mean direction of their clusters."""
        clusters: dict[int, list[int]] = {}
        for unit, head in plan.pair.items():
            if head != CONSTANT:
                clusters.setdefault(head, [head]).append(unit)
        sign = signs(layer, list(clusters.values()))
        heads = clusters.keys() - set(still)
        rows = {
            head: mean_row(
                layer,
                clusters[head],
                sign,
            )
            for head in heads
        }
        written = write_rows(
            self._model.weights,
            self._coupling,
            layer,
            rows,
        )
        return bool(heads) and written
