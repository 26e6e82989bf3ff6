"""One reduction from layer to layer: plan, apply, measure, and roll back what moves the
function too far.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from condensery._errors import InvalidInputError
from condensery.torch._surgery._alone import alone, always_active, constants
from condensery.torch._surgery._clusters import (
    Directions,
    directions,
    exact_pairs,
    near_tree,
    part_of,
    weighted_clusters,
)
from condensery.torch._surgery._graph import ModelGraph
from condensery.torch._surgery._merge import (
    Plan,
    apply,
    by_least_squares,
    cancelling,
    fold_linear,
    mean_rows,
    write_rows,
)
from condensery.torch._surgery._receipt import LayerReceipt
from condensery.torch._surgery._refit import refit, refittable
from condensery.torch._surgery._statistics import Activity, activity, values
from condensery.torch._surgery._transfer import Follow
from condensery.torch._surgery._units import Axis, Coupling, Family
from condensery.torch._surgery._weights import (
    Twin,
    as_double,
    difference,
    like,
    outputs,
)

_ROUNDS, _FAR = 24, "no unit near"


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


class Session:
    """A model on its way down.

    Attributes:
        shown: Example inputs and data.
        random: Random inputs like them.
    """

    def __init__(
        self,
        model: nn.Module,
        graph: ModelGraph,
        coupling: Coupling,
        inputs: tuple[Any, ...],
        data: tuple[Any, ...] | None,
        settings: Settings,
    ) -> None:
        self._graph, self._coupling, self._settings = graph, coupling, settings
        self._twin = Twin(model, sorted(set(graph.names.values())))
        self._types = {
            name: dict(_tensors(model))[name].dtype for name in self._twin.weights
        }
        self.shown = (inputs,) if data is None else (inputs, data)
        self.random = tuple(like(inputs, seed) for seed in range(2))
        tested = [
            *self.shown,
            *(self.random if settings.mode == "exact" and not settings.on_data else ()),
        ]
        self._tests = [
            (as_double(one), outputs(self._twin.model, as_double(one)))
            for one in tested
        ]
        self._data = None if data is None else as_double(data)
        self._activity: dict[str, Activity] = {}
        self._targets: dict[str, torch.Tensor] = {}
        self._start = self._twin.save()
        self._plans: list[tuple[Family, Plan, dict[int, float]]] = []

    def all_families(self, layers: Collection[str] | None) -> tuple[LayerReceipt, ...]:
        """Work through the layers, front to back."""
        self._known([*(layers or ()), *(self._settings.widths or ())])
        if self._data is not None:
            self._measure(self._data)
        entries = []
        for family in self._coupling.families:
            if not family.name or (layers is not None and family.name not in layers):
                continue
            if (
                self._settings.widths is not None
                and family.name not in self._settings.widths
            ):
                continue
            if family.kept:
                if "no layer" not in family.kept and "returns" not in family.kept:
                    entries.append(
                        LayerReceipt(
                            family.name,
                            len(family.units),
                            len(family.units),
                            note=family.kept,
                        )
                    )
                continue
            entries.append(self._family(family))
        return tuple(entries)

    def _measure(self, data: tuple[Any, ...]) -> None:
        if self._settings.on_data or (
            self._settings.mode == "least-squares" and not self._settings.whole_layer
        ):
            self._activity = activity(
                self._graph, self._coupling, self._twin.state(), data
            )
        if self._settings.whole_layer:
            readers = {step.node.name for step in refittable(self._coupling)}
            self._targets = values(self._graph, self._twin.state(), data, readers)

    def _known(self, layers: Collection[str] | None) -> None:
        names = {family.name for family in self._coupling.families if family.name}
        unknown = sorted(set(layers or ()) - names)
        if unknown:
            raise InvalidInputError(
                "layers",
                given=", ".join(unknown),
                allowed=", ".join(sorted(names)) or "none",
                remedy="name a module",
            )

    def _family(self, family: Family) -> LayerReceipt:
        part = part_of(self._coupling, family)
        found = directions(part, self._twin.weights)
        saved = self._save(part)
        attempt = _Attempt(self, part, found, saved)
        plan, factors, note = attempt.best()
        self._plans.append((family, plan, factors))
        rules = attempt.rules(plan)
        dependent = sum(rule.endswith("on the data") for rule in plan.gone.values())
        error, before = self.error() if plan.removed else 0.0, len(family.units)
        return LayerReceipt(
            family.name,
            before,
            before - len(plan.removed),
            rules,
            error,
            note,
            dependent,
        )

    def _save(self, part: Coupling) -> dict[str, np.ndarray]:
        biases = {step.facts["bias"] for step in part.steps if step.facts.get("bias")}
        names = biases | {name for name, _ in part.families[0].axes}
        return {
            name: self._twin.weights[name].copy()
            for name in names
            if name in self._twin.weights
        }

    def refit(self, part: Coupling, removed: set[int]) -> None:
        """Fit the layers that read a family to what they computed at first, on what the
        layers before them give now.
        """
        gone = removed.union(*(plan.removed for _, plan, _ in self._plans))
        for step in refittable(part):
            if self._data is not None and step.node.name in self._targets:
                names = {step.source[0], step.node.name}
                now = values(self._graph, self._twin.state(), self._data, names)
                kept = np.flatnonzero(
                    ~np.isin(part.marks[step.source[0]].units, list(gone))
                )
                refit(
                    self._twin.weights, step, kept, now, self._targets[step.node.name]
                )

    def error(self) -> float:
        """The worst max |Δf|/max |f| over all that is tested."""
        return max(
            difference(outputs(self._twin.model, given), expected)[1]
            for given, expected in self._tests
        )

    def tolerance(self, part: Coupling) -> float:
        """What rounding leaves between parallel rows of these weights."""
        kinds = [
            self._types[name]
            for name, _ in part.families[0].axes
            if name in self._types
        ]
        return 32 * max(torch.finfo(kind).eps for kind in kinds)

    @property
    def settings(self) -> Settings:
        """How to reduce."""
        return self._settings

    @property
    def activity(self) -> dict[str, Activity]:
        """What the units do on the data."""
        return self._activity

    @property
    def twin(self) -> Twin:
        """The model in float64."""
        return self._twin

    def stored(self) -> dict[str, np.ndarray]:
        """The weights that changed or are cut."""
        cutting = {name for name, _ in self.places()}
        return {
            name: weight
            for name, weight in self._twin.weights.items()
            if name in cutting or not np.array_equal(weight, self._start[name])
        }

    def places(self) -> dict[Axis, np.ndarray]:
        """Axis of a weight to the places that stay."""
        removed = [unit for _, plan, _ in self._plans for unit in plan.removed]
        axes = {
            axis
            for family, plan, _ in self._plans
            if plan.removed
            for axis in family.axes
        }
        return {
            axis: np.flatnonzero(~np.isin(self._coupling.axes[axis], removed))
            for axis in axes
        }

    def transport(
        self,
    ) -> tuple[dict[Axis, np.ndarray], dict[int, tuple[int, float]], set[Axis]]:
        """What an optimiser's state needs: units by axis, where each merged unit went,
        and which axes are read.
        """
        axes, moved = {}, {}
        for family, plan, factors in self._plans:
            axes.update({axis: self._coupling.axes[axis] for axis in family.axes})
            moved.update(
                {
                    unit: (other, factors.get(unit, 1.0))
                    for unit, other in plan.pair.items()
                    if other >= 0
                }
            )
        read = {
            (s.facts["weight"], s.facts["axis"])
            for s in self._coupling.steps
            if s.kind == "read"
        }
        return axes, moved, read


def _tensors(model: nn.Module) -> list[tuple[str, Any]]:
    return [
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    ]


class _Attempt:
    """The best plan for one family within the limit."""

    def __init__(
        self,
        session: Session,
        part: Coupling,
        found: Directions,
        saved: dict[str, np.ndarray],
    ) -> None:
        self._session, self._part, self._found, self._saved = (
            session,
            part,
            found,
            saved,
        )
        self._weights, self._settings = session.twin.weights, session.settings
        self._exact: dict[int, int] = {}
        self._averaged: set[int] = set()
        self._cancelling: set[int] = set()
        self._refused = 0
        self._sizes = (
            np.linalg.norm(found.keys[0], axis=1) if found.keys else np.zeros(0)
        )
        self._folded: dict[int, str] = {}
        active = session.activity if self._settings.on_data else None
        self._removable = alone(
            found, part, active, negligible=self._settings.negligible
        )
        self._linear = always_active(found, part, active) if active is not None else []

    def best(self) -> tuple[Plan, dict[int, float], str]:
        """Plan, factors of the merged units, and what must be said."""
        tolerance = self._session.tolerance(self._part)
        self._exact = exact_pairs(
            self._part, self._weights, self._found, tolerance=tolerance
        )
        if self._settings.mode == "exact":
            return self._prefix([self._exact], "exact")
        if self._settings.widths is not None:
            return self._prefix(
                self._to_width(self._settings.widths[self._part.families[0].name]),
                "width",
            )
        at = near_tree(self._found)
        if self._settings.tau is not None:
            return self._prefix(self._near(at(self._settings.tau)), "tau")
        return self._search(at)

    def _near(self, clusters: list[list[int]]) -> list[dict[int, int]]:
        """Clusters as pairs, tightest first; those that cancel are refused."""
        signs = self._signs(clusters)
        refused = set(cancelling(self._found, clusters, signs)) if clusters else set()
        if (
            self._settings.widths is not None
        ):  # the width is what was asked for: they go into their largest unit
            self._cancelling, refused = (
                {clusters[number][0] for number in refused},
                set(),
            )
        kept = []
        for number, members in enumerate(clusters):
            if number in refused and not all(
                self._exact.get(unit) == members[0] for unit in members[1:]
            ):
                continue
            kept.append(dict.fromkeys(members[1:], members[0]))
        self._refused = len(clusters) - len(kept)
        return kept

    def _to_width(self, width: int) -> list[dict[int, int]]:
        """Clusters that leave so many units; a unit at a right angle or more to its
        cluster goes without a trace.
        """
        clusters = weighted_clusters(self._found, min(width, len(self._found.units)))
        if not self._found.antipodal:
            where = {int(unit): k for k, unit in enumerate(self._found.units)}
            rows = self._found.keys[0]
            for members in clusters:
                head = rows[where[members[0]]]
                for unit in [
                    one for one in members[1:] if rows[where[one]] @ head <= 0
                ]:
                    self._removable.setdefault(unit, _FAR)
                    members.remove(unit)
        return self._near(clusters)

    def _signs(self, clusters: list[list[int]]) -> dict[int, float]:
        if not self._found.antipodal:
            return {}
        where = {int(unit): k for k, unit in enumerate(self._found.units)}
        rows = self._found.keys[0]
        return {
            unit: float(np.sign(rows[where[unit]] @ rows[where[members[0]]]) or 1.0)
            for members in clusters
            for unit in members
        }

    def _plan(self, groups: list[dict[int, int]]) -> Plan:
        gone = {**self._removable, **self._folded}
        own = set(self._linear) if self._folded else set()
        pair = {
            unit: other
            for group in groups
            for unit, other in group.items()
            if unit not in gone
        }
        pair = {
            unit: other
            for unit, other in pair.items()
            if unit not in own and other not in own
        }
        heads = {other for other in pair.values() if other in gone}
        pair = {unit: other for unit, other in pair.items() if other not in heads}
        pair.update({unit: -1 for unit in constants(self._found) if unit not in gone})
        pair = {
            unit: other
            for unit, other in pair.items()
            if other == -1 or other not in pair
        }
        everyone = {*self._part.families[0].units.tolist()}
        if everyone and everyone <= {*pair, *gone}:  # a layer keeps at least one unit
            last = int(self._found.units[int(np.argmax(self._found.amplitude))])
            pair.pop(last, None)
            gone.pop(last, None)
        return Plan(pair, gone)

    def _carry_out(
        self, groups: list[dict[int, int]]
    ) -> tuple[Plan, dict[int, float], float]:
        """Apply from the saved weights; the error is measured."""
        for name, weight in self._saved.items():
            self._weights[name][...] = weight
        linear = [unit for unit in self._linear if unit not in self._removable]
        self._folded = (
            fold_linear(self._weights, self._part, self._found, linear)
            if linear
            else {}
        )
        plan = self._plan(groups)
        exact = self._settings.mode == "exact"
        self._averaged = set() if exact else self._average(plan)
        tolerance = self._session.tolerance(self._part) if exact else None
        sizes = (
            dict(zip(self._found.units.tolist(), self._sizes.tolist(), strict=True))
            if self._averaged
            else None
        )
        transfer = Follow(
            self._part, self._weights, plan.pair, tolerance=tolerance, sizes=sizes
        ).run()
        if (
            self._settings.widths is not None
        ):  # a mean direction may be far from a unit, too
            plan.gone |= dict.fromkeys(plan.pair.keys() & transfer.broken.keys(), _FAR)
        plan.pair = {
            unit: other
            for unit, other in plan.pair.items()
            if unit not in transfer.broken
        }
        if self._settings.mode == "least-squares" and not self._settings.whole_layer:
            transfer = by_least_squares(
                transfer, self._part, plan, self._session.activity
            )
        factors = apply(self._weights, self._part, plan, transfer)
        if self._settings.whole_layer and plan.removed:
            self._session.refit(self._part, plan.removed)
        bounded = plan.removed and np.isfinite(self._settings.limit)
        return plan, factors, self._session.error() if bounded else 0.0

    def _average(self, plan: Plan) -> set[int]:
        """Let the units that stay point in the mean direction of their clusters."""
        clusters: dict[int, list[int]] = {}
        for unit, other in plan.pair.items():
            if other >= 0 and self._exact.get(unit) != other:
                clusters.setdefault(other, [other]).append(unit)
        exact = {
            unit: other
            for unit, other in plan.pair.items()
            if self._exact.get(unit) == other
        }
        for unit, other in exact.items():
            if other in clusters:
                clusters[other].append(unit)
        if (
            self._settings.mode == "least-squares" and not self._settings.whole_layer
        ) or not clusters:
            return set()
        signs = self._signs(list(clusters.values()))
        averaged = clusters.keys() - self._cancelling
        rows = {
            head: mean_rows(self._found, clusters[head], signs) for head in averaged
        }
        return (
            averaged
            if write_rows(self._weights, self._part, self._found, rows)
            else set()
        )

    def _prefix(
        self, groups: list[dict[int, int]], what: str
    ) -> tuple[Plan, dict[int, float], str]:
        """All groups, or as many of them, tightest first, as keep the limit."""
        result = self._carry_out(groups)
        note = (
            f"{self._refused} clusters refused: outgoing weights cancel"
            if self._refused
            else ""
        )
        if result[2] <= self._settings.limit:
            return result[0], result[1], note
        low, high = 0, len(groups)
        for _ in range(_ROUNDS):
            if high - low <= 1:
                break
            middle = (low + high) // 2
            low, high = (
                (middle, high)
                if self._carry_out(groups[:middle])[2] <= self._settings.limit
                else (low, middle)
            )
        result = self._carry_out(groups[:low])
        if result[2] > self._settings.limit:
            self._removable, self._linear = {}, []
            result = (
                self._carry_out([])
                if self._settings.mode != "exact"
                else self._nothing()
            )
        if result[2] > self._settings.limit:
            result = self._nothing()
        rolled = (
            f"rolled back {len(groups) - low} of {len(groups)} {what} edits "
            "beyond max_error"
        )
        return result[0], result[1], "; ".join(part for part in (note, rolled) if part)

    def _nothing(self) -> tuple[Plan, dict[int, float], float]:
        for name, weight in self._saved.items():
            self._weights[name][...] = weight
        return Plan(), {}, 0.0

    def _search(
        self, at: Callable[[float], list[list[int]]]
    ) -> tuple[Plan, dict[int, float], str]:
        """The smallest tau that keeps the limit, by bisection in the angle."""
        low, high = 1e-9, np.pi / 2
        best = 0.0
        for _ in range(_ROUNDS):
            angle = float(np.sqrt(low * high))
            if (
                self._carry_out(self._near(at(float(np.cos(angle)))))[2]
                <= self._settings.limit
            ):
                low = best = angle
            else:
                high = angle
        groups = self._near(at(float(np.cos(best)))) if best else [self._exact]
        plan, factors, note = self._prefix(groups, "tau")
        return plan, factors, f"tau {np.cos(best):.9g}" + (f"; {note}" if note else "")

    def rules(self, plan: Plan) -> dict[str, int]:
        """How many units went by which rule."""
        counted: dict[str, int] = {}
        for unit, other in plan.pair.items():
            exact = self._exact.get(unit) == other
            name = (
                "constant" if other == -1 else "exact" if exact else self._settings.mode
            )
            counted[name] = counted.get(name, 0) + 1
        for rule in plan.gone.values():
            counted[rule] = counted.get(rule, 0) + 1
        return counted
