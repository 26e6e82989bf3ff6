"""One reduction from layer to layer, front to back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from condensery._errors import InvalidInputError
from condensery.torch._surgery._attempt import Attempt
from condensery.torch._surgery._change import (
    difference,
    largest,
    outputs,
    rounding_of,
)
from condensery.torch._surgery._clusters import directions, part_of
from condensery.torch._surgery._graph import ModelGraph
from condensery.torch._surgery._receipt import LayerReceipt
from condensery.torch._surgery._refit import refit, refittable
from condensery.torch._surgery._relation import CONSTANT
from condensery.torch._surgery._statistics import Activity, activity, values
from condensery.torch._surgery._trial import Edited, Outcome, Settings
from condensery.torch._surgery._units import Axis, Coupling, Family
from condensery.torch._surgery._weights import Twin, as_double, like
from condensery.torch._surgery._widths import families_at_width, rows_of_unit


class Session:
    """A model on its way down.

    Attributes:
        shown: Example inputs and data.
        random: Random inputs like them.
        attention: Names of the layers that were left as parts of attention heads.
        kept: Names of all layers that were left and stand in the receipt.
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
        self._graph = graph
        self._coupling = coupling
        self._settings = settings
        self._twin = Twin(
            model,
            sorted(set(graph.names.values())),
        )
        self._rounding = rounding_of(model)
        self.shown = (inputs,) if data is None else (inputs, data)
        self.random = tuple(like(inputs, seed) for seed in range(2))
        self.attention: list[str] = []
        self.kept: list[str] = []
        self._tests = [self._test(batch) for batch in self._tested()]
        self._data = None if data is None else as_double(data)
        self._activity: dict[str, Activity] = {}
        self._targets: dict[str, torch.Tensor] = {}
        self._start = self._twin.save()
        self._touched: set[str] = set()
        self._outcomes: list[tuple[Family, Outcome]] = []

    def _tested(self) -> tuple[tuple[Any, ...], ...]:
        """Inputs on which the limit is kept."""
        if self._settings.for_every_input:
            return self.shown + self.random
        return self.shown

    def _test(self, inputs: tuple[Any, ...]) -> tuple[Any, list[torch.Tensor]]:
        double = as_double(inputs)
        return double, outputs(self._twin.model, double)

    def all_families(self, layers: Collection[str] | None) -> tuple[LayerReceipt, ...]:
        """Work through the layers, front to back."""
        widths = self._settings.widths
        self._check_names(layers or ())
        at_width: dict[str, int] = {}
        if widths is not None:
            at_width = self._units(widths)
        if self._data is not None:
            self._measure(self._data)
        entries = []
        for family in self._coupling.families:
            if not family.name or (layers is not None and family.name not in layers):
                continue
            if widths is not None and family.name not in widths:
                continue
            if family.kept is None:
                width = at_width.get(family.name)
                entries.append(self._family(family, width))
            elif not family.kept.silent:
                self.kept.append(family.name)
                if family.kept.attention:
                    self.attention.append(family.name)
                entries.append(self._left(family))
        return tuple(entries)

    def _left(self, family: Family) -> LayerReceipt:
        count = len(family.units)
        return LayerReceipt(
            family.name,
            count,
            count,
            note=str(family.kept),
            rows=rows_of_unit(self._coupling, family),
        )

    def _units(self, widths: Mapping[str, int]) -> dict[str, int]:
        """Numbers of units by the module that makes them.

        Raises:
            InvalidInputError: A width that the module cannot be given.
        """
        remedy = "name a layer of hidden units"
        at_width = {}
        for family, width in families_at_width(self._coupling, widths, remedy):
            if width > len(family.units):
                rows = rows_of_unit(self._coupling, family)
                raise InvalidInputError(
                    f"width of {family.name}",
                    given=width * rows,
                    allowed=f"up to {len(family.units) * rows}, which it has",
                    remedy="use grow() to make it wider",
                )
            at_width[family.name] = width
        return at_width

    def _measure(self, data: tuple[Any, ...]) -> None:
        state = self._twin.state()
        if self._settings.on_data or self._settings.by_cluster:
            self._activity = activity(
                self._graph,
                self._coupling,
                state,
                data,
            )
        if self._settings.whole_layer:
            readers = {step.node.name for step in refittable(self._coupling)}
            self._targets = values(self._graph, state, data, readers)

    def _check_names(self, layers: Collection[str]) -> None:
        families = self._coupling.families
        names = {family.name for family in families if family.name}
        unknown = sorted(set(layers) - names)
        if unknown:
            raise InvalidInputError(
                "layers",
                given=", ".join(unknown),
                allowed=", ".join(sorted(names)) or "none",
                remedy="name a module",
            )

    def _family(self, family: Family, width: int | None) -> LayerReceipt:
        coupling = part_of(self._coupling, family)
        layer = directions(coupling, self._twin.weights)
        saved = self._saved(coupling)
        self._touched.update(saved)
        edited = Edited(
            weights=self._twin.weights,
            saved=saved,
            activity=self._activity,
            tolerance=self._tolerance(coupling),
            error=self.error,
            refit=self._refitter(coupling),
        )
        attempt = Attempt(
            edited,
            coupling,
            layer,
            self._settings,
            width,
        )
        outcome, notes = attempt.best()
        self._outcomes.append((family, outcome))
        plan = outcome.plan
        rules = attempt.rules(plan)
        return LayerReceipt(
            family.name,
            before=len(family.units),
            after=len(family.units) - len(plan.removed),
            rules={rule.value: count for rule, count in rules.items()},
            error=self.error() if plan.removed else 0.0,
            note="; ".join(notes.texts),
            data_dependent=sum(rule.depends_on_data for rule in plan.gone.values()),
            rows=rows_of_unit(self._coupling, family),
            rolled_back=notes.rolled_back,
        )

    def _saved(self, coupling: Coupling) -> dict[str, np.ndarray]:
        """Copies of all weights that an edit of a family can change."""
        biases = {step.facts.get("bias") for step in coupling.steps}
        names = biases | {name for name, _ in coupling.families[0].axes}
        weights = self._twin.weights
        return {name: weights[name].copy() for name in names if name in weights}

    def _tolerance(self, coupling: Coupling) -> float:
        """What rounding leaves between parallel rows of these weights."""
        names = [name for name, _ in coupling.families[0].axes]
        weights, types = self._twin.weights, self._twin.types
        stored = [types[name] for name in names if name in weights]
        roundings = [torch.finfo(dtype).eps for dtype in stored]
        return 32 * max(roundings)

    def _refitter(self, coupling: Coupling) -> Callable[[set[int]], None]:
        """Fit the layers that read a family to what they computed at first, on what the
        layers before them give now.
        """

        def fit(removed: set[int]) -> None:
            gone = removed.union(*(done.plan.removed for _, done in self._outcomes))
            for step in refittable(coupling):
                reader = step.node.name
                if self._data is None or reader not in self._targets:
                    continue
                source = step.source[0]
                state = self._twin.state()
                now = values(self._graph, state, self._data, {source, reader})
                stays = ~np.isin(
                    coupling.marks[source].units,
                    list(gone),
                )
                kept = np.flatnonzero(stays)
                target = self._targets[reader]
                refit(self._twin.weights, step, kept, now, target)

        return fit

    def error(self) -> float:
        """The worst max |Δf|/max |f| of an output over all that is tested, with the
        weights as they are stored.
        """
        changes = []
        with self._twin.as_stored(self._touched):
            for inputs, expected in self._tests:
                values = outputs(self._twin.model, inputs)
                change = difference(
                    values,
                    expected,
                    rounding=self._rounding,
                )
                changes.append(change)
        return largest(changes).relative

    def stored(self) -> dict[str, np.ndarray]:
        """The weights that changed or are cut."""
        cutting = {name for name, _ in self.positions()}
        return {
            name: weight
            for name, weight in self._twin.weights.items()
            if name in cutting
            or not np.array_equal(
                weight,
                self._start[name],
            )
        }

    def positions(self) -> dict[Axis, np.ndarray]:
        """Axis of a weight to the positions that stay."""
        removed: set[int] = set()
        axes: set[Axis] = set()
        for family, outcome in self._outcomes:
            if outcome.plan.removed:
                removed |= outcome.plan.removed
                axes.update(family.axes)
        stays = {
            axis: ~np.isin(
                self._coupling.axes[axis],
                [*removed],
            )
            for axis in axes
        }
        return {axis: np.flatnonzero(mask) for axis, mask in stays.items()}

    def transport(
        self,
    ) -> tuple[dict[Axis, np.ndarray], dict[int, tuple[int, float]], set[Axis]]:
        """What an optimiser's state needs: units by axis, where each merged unit went,
        and which axes are read.
        """
        axes: dict[Axis, np.ndarray] = {}
        moved: dict[int, tuple[int, float]] = {}
        for family, outcome in self._outcomes:
            for axis in family.axes:
                axes[axis] = self._coupling.axes[axis]
            for unit, head in outcome.plan.pair.items():
                if head != CONSTANT:
                    moved[unit] = (head, outcome.factors.get(unit, 1.0))
        return axes, moved, self._coupling.read_axes
