"""The best plan for one family within the limit: exact merges first, then clusters of
the units that are left, rolled back where they move the function too far.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from condensery.torch._surgery._alone import alone, always_active, constants
from condensery.torch._surgery._clusters import Directions, directions, exact_pairs
from condensery.torch._surgery._groups import as_pairs, width_groups
from condensery.torch._surgery._merge import Plan
from condensery.torch._surgery._relation import CONSTANT
from condensery.torch._surgery._rows import fold_linear, writable
from condensery.torch._surgery._rules import Rule
from condensery.torch._surgery._tree import Tree
from condensery.torch._surgery._trial import Edited, Outcome, Settings, Trial
from condensery.torch._surgery._units import Coupling

_ROUNDS = 24


@dataclass(eq=False)
class Notes:
    """What a receipt says of a family.

    Attributes:
        texts: Sentences.
        rolled_back: How many units stay since max_error would be exceeded.
    """

    texts: list[str] = field(default_factory=list)
    rolled_back: int = 0

    def roll_back(self, count: int, total: int, edit: str) -> None:
        """So many units of all that could go stay."""
        if count:
            self.rolled_back += count
            text = f"rolled back {count} of {total} {edit} edits beyond max_error"
            self.texts.append(text)


class Attempt:
    """The best plan for one family within the limit.

    Args:
        model: The model that is edited.
        coupling: That of the family alone.
        layer: Directions of the family's units.
        settings: How to reduce.
        width: Number of units that shall be left, if one is given.
    """

    def __init__(
        self,
        model: Edited,
        coupling: Coupling,
        layer: Directions,
        settings: Settings,
        width: int | None = None,
    ) -> None:
        self._model = model
        self._coupling = coupling
        self._layer = layer
        self._settings = settings
        self._width = width
        self._trial = Trial(model, coupling, settings)
        self._exact: dict[int, int] = {}
        self._carrying: set[int] = set()
        activity = model.activity if settings.on_data else None
        self._removable = alone(
            layer,
            coupling,
            activity,
            negligible=settings.negligible,
        )
        self._linear: list[int] = []
        if activity is not None:
            self._linear = always_active(layer, coupling, activity)
        self._notes = Notes()

    def best(self) -> tuple[Outcome, Notes]:
        """The outcome, and the notes on it."""
        model, settings = self._model, self._settings
        self._exact = exact_pairs(
            self._coupling,
            model.weights,
            self._layer,
            tolerance=model.tolerance,
        )
        if self._width is not None:
            return self._at_width(self._width), self._notes
        outcome = self._exactly()
        if settings.mode != "exact":
            outcome = self._nearly(outcome)
        if not outcome.plan.removed:
            # nothing goes, so nothing may have changed
            model.restore(model.saved)
        return outcome, self._notes

    def _keeps(self, outcome: Outcome) -> bool:
        return outcome.error <= self._settings.limit

    def _nothing(self) -> Outcome:
        self._model.restore(self._model.saved)
        return Outcome(Plan(), {})

    # Exact merges, and units that go by themselves

    def _exactly(self) -> Outcome:
        """All that goes up to rounding, or as much of it as keeps the limit."""
        classes: dict[int, dict[int, int]] = {}
        for unit, head in self._exact.items():
            classes.setdefault(head, {})[unit] = head
        pairs = list(classes.values())
        outcome = self._first(pairs)
        if self._keeps(outcome):
            return outcome
        possible = len(outcome.plan.removed)
        if not self._keeps(self._first([])):
            self._removable, self._linear = {}, []
        kept = _most(
            len(pairs) + 1,
            lambda count: self._keeps(self._first(pairs[:count])),
        )
        outcome = self._first(pairs[:kept])
        if not self._keeps(outcome):
            outcome = self._nothing()
        stays = possible - len(outcome.plan.removed)
        self._notes.roll_back(stays, possible, "exact")
        return outcome

    def _first(self, pairs: list[dict[int, int]], *, refit: bool = True) -> Outcome:
        """Exact pairs from the saved weights, with all that goes by itself."""
        model = self._model
        model.restore(model.saved)
        plan = self._plan(pairs, self._fold())
        refit = refit and self._settings.whole_layer
        return self._trial.exact(plan, refit=refit)

    def _fold(self) -> dict[int, Rule]:
        """Let few units carry those that are linear on the data."""
        linear = [unit for unit in self._linear if unit not in self._removable]
        folded: dict[int, Rule] = {}
        if linear:
            weights, layer = self._model.weights, self._layer
            folded = fold_linear(
                weights,
                self._coupling,
                layer,
                linear,
            )
        # those that carry the linear ones stay as they are
        self._carrying = set(linear) - folded.keys() if folded else set()
        return folded

    def _plan(self, pairs: list[dict[int, int]], folded: dict[int, Rule]) -> Plan:
        gone = {
            **self._removable,
            **folded,
        }
        pair: dict[int, int] = {}
        for group in pairs:
            for unit, head in group.items():
                if unit not in gone and self._carrying.isdisjoint((unit, head)):
                    pair[unit] = head
        pair = {unit: head for unit, head in pair.items() if head not in gone}
        constant = constants(self._layer) - gone.keys()
        pair.update(dict.fromkeys(constant, CONSTANT))
        pair = {unit: head for unit, head in pair.items() if head not in pair}
        plan = Plan(pair, gone)
        self._leave(plan, self._width or 1)
        return plan

    def _leave(self, plan: Plan, width: int) -> None:
        """A layer keeps so many units: the largest of those that would go."""
        members = set(self._coupling.families[0].units.tolist())
        missing = width - len(members - plan.removed)
        if missing <= 0:
            return
        order = np.argsort(
            -self._layer.amplitude,
            kind="stable",
        )
        ordered = self._layer.units[order].tolist()
        back = [unit for unit in ordered if unit in plan.removed][:missing]
        for unit in back:
            plan.pair.pop(unit, None)
            plan.gone.pop(unit, None)

    # Clusters

    def _nearly(self, first: Outcome) -> Outcome:
        """Clusters of the units that are left by the exact merges."""
        settings, model = self._settings, self._model
        if settings.whole_layer and first.plan.removed:
            # what is merged next is fitted at the end, and not twice
            first = self._first(_groups_of(first.plan), refit=False)
        begun = model.now()
        kept = self._carrying | constants(self._layer)
        layer = directions(self._coupling, model.weights)
        layer = layer.without(first.plan.removed | kept)
        averaged = not settings.by_cluster and writable(self._coupling, layer)
        tree = Tree(
            layer,
            averaged=averaged,
        )
        search = _Clusters(
            self._trial,
            model,
            begun,
            layer,
            tree,
            first,
        )
        tau = settings.tau
        if tau is None:
            return self._search(search)
        return self._within(search, 1 - tau)

    def _within(self, search: _Clusters, distance: float) -> Outcome:
        """All clusters of a distance, or those of the largest smaller one that keep
        the limit.
        """
        outcome = search.cut(distance)
        refused = search.tree.cancelling(distance)
        if refused:
            text = f"{refused} clusters refused: outgoing weights cancel"
            self._notes.texts.append(text)
        if self._keeps(outcome):
            return outcome
        possible = len(outcome.plan.pair) - len(search.first.plan.pair)
        heights = search.tree.heights
        heights = [-1.0, *heights[heights <= distance]]
        kept = _most(
            len(heights) - 1,
            lambda count: self._keeps(search.cut(heights[count])),
        )
        outcome = search.cut(heights[kept])
        if not self._keeps(outcome):
            outcome = self._nothing()
        merged = len(outcome.plan.pair) - len(search.first.plan.pair)
        self._notes.roll_back(possible - max(merged, 0), possible, "tau")
        return outcome

    def _search(self, search: _Clusters) -> Outcome:
        """The smallest tau that keeps the limit, by bisection in the angle."""
        low, high = 1e-9, np.pi / 2
        best = 0.0
        for _ in range(_ROUNDS):
            angle = float(np.sqrt(low * high))
            if self._keeps(search.cut(float(1 - np.cos(angle)))):
                low = best = angle
            else:
                high = angle
        tau = float(np.cos(best))
        self._notes.texts.append(f"tau {tau:.9g}")
        return self._within(search, 1 - tau if best else -1.0)

    def _at_width(self, width: int) -> Outcome:
        """The clusters of a width, or as many of them, the largest first, as keep the
        limit.
        """
        groups = width_groups(self._layer, width)
        for unit in groups.alone:
            self._removable.setdefault(unit, Rule.ALONE)

        copies = [
            head
            for group in groups.pairs
            for head in set(group.values())
            if all(self._exact.get(unit) == head for unit in group)
        ]
        still = {*groups.cancelling, *copies}

        def tried(count: int) -> Outcome:
            model = self._model
            model.restore(model.saved)
            plan = self._plan(groups.pairs[:count], self._fold())
            return self._trial.near(
                plan,
                self._layer,
                still=still,
            )

        total = len(groups.pairs)
        outcome = tried(total)
        if self._keeps(outcome):
            return outcome
        kept = _most(total, lambda count: self._keeps(tried(count)))
        outcome = tried(kept)
        if not self._keeps(outcome):
            self._removable, self._linear = {}, []
            outcome = tried(0)
        if not self._keeps(outcome):
            outcome = self._nothing()
        self._notes.roll_back(total - kept, total, "width")
        return outcome

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


@dataclass(frozen=True, eq=False)
class _Clusters:
    """Clusters of a layer behind its exact merges.

    Attributes:
        trial: Carries them out.
        model: The model that is edited.
        begun: Its weights behind the exact merges.
        layer: Directions of the units that are left.
        tree: Their clusters.
        first: The exact merges.
    """

    trial: Trial
    model: Edited
    begun: dict[str, np.ndarray]
    layer: Directions
    tree: Tree
    first: Outcome

    def cut(self, distance: float) -> Outcome:
        """Merge the clusters of a distance, and measure."""
        while True:
            self.model.restore(self.begun)
            pair: dict[int, int] = {}
            for group in as_pairs(self.tree.cut(distance)):
                pair.update(group)
            before = self.first.plan.removed
            outcome = self.trial.near(
                Plan(pair),
                self.layer,
                before=before,
            )
            if not outcome.broken:
                break
            self.tree.take_apart(outcome.broken)
        first = self.first
        pair = {
            **first.plan.pair,
            **pair,
        }
        factors = {
            **first.factors,
            **outcome.factors,
        }
        return outcome._replace(
            plan=Plan(pair, first.plan.gone),
            factors=factors,
        )


def _groups_of(plan: Plan) -> list[dict[int, int]]:
    pair = {unit: head for unit, head in plan.pair.items() if head != CONSTANT}
    return [pair]


def _most(count: int, keeps: Callable[[int], bool]) -> int:
    """The largest number up to which the limit is kept, by bisection; 0 is not
    tried.
    """
    low, high = 0, count
    for _ in range(_ROUNDS):
        if high - low <= 1:
            break
        middle = (low + high) // 2
        if keeps(middle):
            low = middle
        else:
            high = middle
    return low
