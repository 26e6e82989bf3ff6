"""One reduction from layer to layer, front to back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import torch
from torch import nn

from condensery._errors import InvalidInputError
from condensery.torch._surgery._attempt import Attempt, Edited, Outcome, Settings
from condensery.torch._surgery._clusters import directions, part_of
from condensery.torch._surgery._graph import ModelGraph
from condensery.torch._surgery._receipt import LayerReceipt
from condensery.torch._surgery._refit import refit, refittable
from condensery.torch._surgery._relation import CONSTANT
from condensery.torch._surgery._statistics import Activity, activity, values
from condensery.torch._surgery._units import Axis, Coupling, Family
from condensery.torch._surgery._weights import (
    Twin,
    as_double,
    difference,
    like,
    outputs,
)


class Session:
    """A model on its way down.

    Attributes:
        shown: Example inputs and data.
        random: Random inputs like them.
        attention: Names of the layers that were left as parts of attention heads.
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
        tensors = dict(_tensors(model))
        self._types = {name: tensors[name].dtype for name in self._twin.weights}
        self.shown = (inputs,) if data is None else (inputs, data)
        self.random = tuple(like(inputs, seed) for seed in range(2))
        self.attention: list[str] = []
        self._tests = [self._test(batch) for batch in self._tested()]
        self._data = None if data is None else as_double(data)
        self._activity: dict[str, Activity] = {}
        self._targets: dict[str, torch.Tensor] = {}
        self._start = self._twin.save()
        self._outcomes: list[tuple[Family, Outcome]] = []

    def _tested(self) -> tuple[tuple[Any, ...], ...]:
        """Inputs on which the limit is kept."""
        for_every_input = self._settings.mode == "exact" and not self._settings.on_data
        return self.shown + self.random if for_every_input else self.shown

    def _test(self, inputs: tuple[Any, ...]) -> tuple[Any, list[torch.Tensor]]:
        double = as_double(inputs)
        return double, outputs(self._twin.model, double)

    def all_families(self, layers: Collection[str] | None) -> tuple[LayerReceipt, ...]:
        """Work through the layers, front to back."""
        widths = self._settings.widths
        self._check_names([*(layers or ()), *(widths or ())])
        if self._data is not None:
            self._measure(self._data)
        entries = []
        for family in self._coupling.families:
            if not family.name or (layers is not None and family.name not in layers):
                continue
            if widths is not None and family.name not in widths:
                continue
            if family.kept is None:
                entries.append(self._family(family))
            elif not family.kept.silent:
                if family.kept.attention:
                    self.attention.append(family.name)
                count = len(family.units)
                note = str(family.kept)
                entries.append(
                    LayerReceipt(
                        family.name,
                        count,
                        count,
                        note=note,
                    )
                )
        return tuple(entries)

    def _measure(self, data: tuple[Any, ...]) -> None:
        state = self._twin.state()
        if self._settings.on_data or self._settings.by_cluster:
            self._activity = activity(self._graph, self._coupling, state, data)
        if self._settings.whole_layer:
            readers = {step.node.name for step in refittable(self._coupling)}
            self._targets = values(self._graph, state, data, readers)

    def _check_names(self, layers: Collection[str]) -> None:
        names = {family.name for family in self._coupling.families if family.name}
        unknown = sorted(set(layers) - names)
        if unknown:
            raise InvalidInputError(
                "layers",
                given=", ".join(unknown),
                allowed=", ".join(sorted(names)) or "none",
                remedy="name a module",
            )

    def _family(self, family: Family) -> LayerReceipt:
        coupling = part_of(self._coupling, family)
        layer = directions(coupling, self._twin.weights)
        edited = Edited(
            weights=self._twin.weights,
            saved=self._saved(coupling),
            activity=self._activity,
            tolerance=self._tolerance(coupling),
            error=self.error,
            refit=self._refitter(coupling),
        )
        attempt = Attempt(edited, coupling, layer, self._settings)
        outcome, note = attempt.best()
        self._outcomes.append((family, outcome))
        plan = outcome.plan
        rules = attempt.rules(plan)
        return LayerReceipt(
            family.name,
            before=len(family.units),
            after=len(family.units) - len(plan.removed),
            rules={rule.value: count for rule, count in rules.items()},
            error=self.error() if plan.removed else 0.0,
            note=note,
            data_dependent=sum(rule.depends_on_data for rule in plan.gone.values()),
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
        types = [self._types[name] for name in names if name in self._types]
        return 32 * max(torch.finfo(dtype).eps for dtype in types)

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
        """The worst max |Δf|/max |f| over all that is tested."""
        model = self._twin.model
        return max(
            difference(
                outputs(model, inputs),
                expected,
            )[1]
            for inputs, expected in self._tests
        )

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


def _tensors(model: nn.Module) -> list[tuple[str, Any]]:
    return [
        *model.named_parameters(
            remove_duplicate=False,
        ),
        *model.named_buffers(
            remove_duplicate=False,
        ),
    ]
