"""The best plan for one family within the limit: planned, applied, measured, and rolled
back where it moves the function too far.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from condensery.torch._surgery._alone import alone, always_active, constants
from condensery.torch._surgery._clusters import Directions, exact_pairs, near_tree
from condensery.torch._surgery._groups import (
    Groups,
    cosine_groups,
    signs,
    width_groups,
)
from condensery.torch._surgery._merge import Plan, apply, by_least_squares
from condensery.torch._surgery._relation import CONSTANT, Transfer
from condensery.torch._surgery._rows import fold_linear, mean_rows, write_rows
from condensery.torch._surgery._rules import Rule
from condensery.torch._surgery._statistics import Activity
from condensery.torch._surgery._transfer import follow
from condensery.torch._surgery._units import Coupling

_ROUNDS = 24


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
        error: The worst max |Δf|/max |f| at the moment.
        refit: Fit the layers that read the family, of which these units are removed.
    """

    weights: dict[str, np.ndarray]
    saved: dict[str, np.ndarray]
    activity: dict[str, Activity]
    tolerance: float
    error: Callable[[], float]
    refit: Callable[[set[int]], None]

    def restore(self) -> None:
        """Come back to the weights of the family as they were."""
        for name, weight in self.saved.items():
            self.weights[name][...] = weight


class Outcome(NamedTuple):
    """What one attempt comes to.

    Attributes:
        plan: What was done.
        factors: Of the merged units.
        error: Measured after it; 0 where nothing is bounded.
    """

    plan: Plan
    factors: dict[int, float]
    error: float = 0.0


class Attempt:
    """The best plan for one family within the limit.

    Args:
        model: The model that is edited.
        coupling: That of the family alone.
        layer: Directions of the family's units.
        settings: How to reduce.
    """

    def __init__(
        self,
        model: Edited,
        coupling: Coupling,
        layer: Directions,
        settings: Settings,
    ) -> None:
        self._model = model
        self._coupling = coupling
        self._layer = layer
        self._settings = settings
        self._exact: dict[int, int] = {}
        self._cancelling: frozenset[int] = frozenset()
        self._refused = 0
        activity = model.activity if settings.on_data else None
        self._removable = alone(
            layer, coupling, activity, negligible=settings.negligible
        )
        self._linear: list[int] = []
        if activity is not None:
            self._linear = always_active(layer, coupling, activity)

    def best(self) -> tuple[Outcome, str]:
        """The outcome, and the notes on it."""
        settings, layer = self._settings, self._layer
        weights, tolerance = self._model.weights, self._model.tolerance
        self._exact = exact_pairs(
            self._coupling,
            weights,
            layer,
            tolerance=tolerance,
        )
        if settings.mode == "exact":
            return self._within([self._exact], "exact")
        if settings.widths is not None:
            width = settings.widths[self._coupling.families[0].name]
            return self._within(self._take(width_groups(layer, width)), "width")
        clusters_at = near_tree(layer)
        if settings.tau is not None:
            return self._within(self._near(clusters_at(settings.tau)), "tau")
        return self._search(clusters_at)

    def _near(self, clusters: list[list[int]]) -> list[dict[int, int]]:
        return self._take(cosine_groups(self._layer, clusters, self._exact))

    def _take(self, groups: Groups) -> list[dict[int, int]]:
        self._refused = groups.refused
        self._cancelling = groups.cancelling
        for unit in groups.alone:
            self._removable.setdefault(unit, Rule.ALONE)
        return groups.pairs

    # One attempt

    def _try(self, pairs: list[dict[int, int]]) -> Outcome:
        """Apply from the saved weights; the error is measured."""
        model, settings = self._model, self._settings
        model.restore()
        folded = self._fold()
        plan = self._plan(pairs, folded)
        transfer = self._transfer(plan)
        if settings.widths is not None:
            # a mean direction may be far from a unit, too
            far = plan.pair.keys() & transfer.broken.keys()
            plan.gone |= dict.fromkeys(far, Rule.ALONE)
        for unit in plan.pair.keys() & transfer.broken.keys():
            del plan.pair[unit]
        if settings.by_cluster:
            transfer = by_least_squares(transfer, self._coupling, plan, model.activity)
        factors = apply(model.weights, self._coupling, plan, transfer)
        if settings.whole_layer and plan.removed:
            model.refit(plan.removed)
        bounded = plan.removed and np.isfinite(settings.limit)
        return Outcome(plan, factors, model.error() if bounded else 0.0)

    def _fold(self) -> dict[int, Rule]:
        """Let few units carry those that are linear on the data."""
        linear = [unit for unit in self._linear if unit not in self._removable]
        if not linear:
            return {}
        return fold_linear(self._model.weights, self._coupling, self._layer, linear)

    def _plan(self, pairs: list[dict[int, int]], folded: dict[int, Rule]) -> Plan:
        gone = {
            **self._removable,
            **folded,
        }
        # those that carry the linear ones stay as they are
        carrying = set(self._linear) if folded else set()
        pair: dict[int, int] = {}
        for group in pairs:
            for unit, head in group.items():
                if unit not in gone and carrying.isdisjoint((unit, head)):
                    pair[unit] = head
        pair = {unit: head for unit, head in pair.items() if head not in gone}
        constant = constants(self._layer) - gone.keys()
        pair.update(dict.fromkeys(constant, CONSTANT))
        pair = {unit: head for unit, head in pair.items() if head not in pair}
        members = set(self._coupling.families[0].units.tolist())
        if members and members <= {*pair, *gone}:
            # a layer keeps at least one unit
            largest = int(np.argmax(self._layer.amplitude))
            last = int(self._layer.units[largest])
            pair.pop(last, None)
            gone.pop(last, None)
        return Plan(pair, gone)

    def _transfer(self, plan: Plan) -> Transfer:
        """Factors and constants of the pairs, with the heads in mean directions."""
        layer, model = self._layer, self._model
        exact = self._settings.mode == "exact"
        sizes = None
        if not exact and self._average(plan):
            size = np.linalg.norm(layer.keys[0], axis=1)
            sizes = dict(zip(layer.units.tolist(), size.tolist(), strict=True))
        tolerance = model.tolerance if exact else None
        return follow(
            self._coupling, model.weights, plan.pair, tolerance=tolerance, sizes=sizes
        )

    def _average(self, plan: Plan) -> bool:
        """Let the units that stay point in the mean direction of their clusters."""
        clusters: dict[int, list[int]] = {}
        copies = []
        for unit, head in plan.pair.items():
            if self._exact.get(unit) == head:
                copies.append((unit, head))
            elif head != CONSTANT:
                clusters.setdefault(head, [head]).append(unit)
        for unit, head in copies:
            if head in clusters:
                clusters[head].append(unit)
        if self._settings.by_cluster or not clusters:
            return False
        layer = self._layer
        sign = signs(layer, list(clusters.values()))
        heads = clusters.keys() - self._cancelling
        rows = {head: mean_rows(layer, clusters[head], sign) for head in heads}
        written = write_rows(self._model.weights, self._coupling, layer, rows)
        return written and bool(heads)

    def _nothing(self) -> Outcome:
        self._model.restore()
        return Outcome(Plan(), {})

    # Within the limit

    def _keeps(self, outcome: Outcome) -> bool:
        return outcome.error <= self._settings.limit

    def _within(self, pairs: list[dict[int, int]], edit: str) -> tuple[Outcome, str]:
        """All groups, or as many of them, tightest first, as keep the limit."""
        outcome = self._try(pairs)
        notes = []
        if self._refused:
            text = f"{self._refused} clusters refused: outgoing weights cancel"
            notes.append(text)
        if self._keeps(outcome):
            return outcome, "; ".join(notes)
        kept = self._most(pairs)
        outcome = self._try(pairs[:kept])
        if not self._keeps(outcome):
            self._removable, self._linear = {}, []
            exact = self._settings.mode == "exact"
            outcome = self._nothing() if exact else self._try([])
        if not self._keeps(outcome):
            outcome = self._nothing()
        rolled_back = len(pairs) - kept
        count = f"{rolled_back} of {len(pairs)} {edit} edits"
        notes.append(f"rolled back {count} beyond max_error")
        return outcome, "; ".join(notes)

    def _most(self, pairs: list[dict[int, int]]) -> int:
        """How many groups keep the limit, by bisection."""
        low, high = 0, len(pairs)
        for _ in range(_ROUNDS):
            if high - low <= 1:
                break
            middle = (low + high) // 2
            if self._keeps(self._try(pairs[:middle])):
                low = middle
            else:
                high = middle
        return low

    def _search(
        self, clusters_at: Callable[[float], list[list[int]]]
    ) -> tuple[Outcome, str]:
        """The smallest tau that keeps the limit, by bisection in the angle."""
        low, high = 1e-9, np.pi / 2
        best = 0.0
        for _ in range(_ROUNDS):
            angle = float(np.sqrt(low * high))
            clusters = clusters_at(float(np.cos(angle)))
            if self._keeps(self._try(self._near(clusters))):
                low = best = angle
            else:
                high = angle
        pairs = [self._exact]
        if best:
            pairs = self._near(clusters_at(float(np.cos(best))))
        outcome, note = self._within(pairs, "tau")
        tau = f"tau {np.cos(best):.9g}"
        return outcome, f"{tau}; {note}" if note else tau

    def rules(self, plan: Plan) -> Counter[Rule]:
        """How many units went by which rule."""
        counted: Counter[Rule] = Counter()
        for unit, head in plan.pair.items():
            if head == CONSTANT:
                rule = Rule.CONSTANT
            elif self._exact.get(unit) == head:
                rule = Rule.EXACT
            else:
                rule = Rule(self._settings.mode)
            counted[rule] += 1
        counted.update(plan.gone.values())
        return counted
