"""How two units stay related on their way: f_u = c·f_v + d, followed from the layer
that makes them to their readers.

The rules at each activation are those of the exact-merge table in `condensery.theory`;
here they are applied to every pair of a layer at once, through batch norm, depth-wise
filters, pooling, index arithmetic and residual sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from condensery.theory import merge_rule
from condensery.torch._surgery._units import Coupling, Mark, Step

Weights = Mapping[str, np.ndarray]
"""Parameters and buffers by name, in float64."""


@dataclass(eq=False)
class Relation:
    """f_u = c·f_v + d at every place of a value's axis of units, where v is the partner
    of the unit u there.

    Attributes:
        c: Factors.
        d: Constants.
        rows: Input weights and bias of the affine map from the layer's input to here,
            with everything that is linear folded in; None behind a non-linearity.
        base: The factors where these rows began.
    """

    c: np.ndarray
    d: np.ndarray
    rows: np.ndarray | None
    base: np.ndarray | float = 1.0


@dataclass(eq=False)
class Transfer:
    """What `transfer` found.

    Attributes:
        reads: For every reading layer: its step, the factors and the constants at its
            input places.
        broken: Units of which some pair is not related in this way, with the reason.
        keys: Unit to its rows: all units of a family have them from the same places in
            the same order.
        activations: Names of the activations that the rows go into; "" for one without
            facts.
        sources: Unit to the values that its rows were noted at.
    """

    reads: list[tuple[Step, np.ndarray, np.ndarray]]
    broken: dict[int, str]
    keys: dict[int, list[np.ndarray]]
    activations: dict[int, set[str]]
    sources: dict[int, list[str]]


def partners(mark: Mark, pair: Mapping[int, int]) -> np.ndarray:
    """The place of the partner for every place: the same occurrence of the unit that
    stands for the one there.
    """
    if not pair or not any(int(unit) in pair for unit in np.unique(mark.units)):
        return np.arange(len(mark.units))
    where: dict[int, list[int]] = {}
    rank = np.empty(len(mark.units), dtype=np.int64)
    for place, unit in enumerate(mark.units.tolist()):
        rank[place] = len(where.setdefault(unit, []))
        where[unit].append(place)
    found = np.arange(len(mark.units))
    for unit, places in where.items():
        if (
            unit in pair
            and pair[unit] in where
            and len(where[pair[unit]]) == len(places)
        ):
            found[places] = np.asarray(where[pair[unit]])[rank[places]]
    return found


class Follow:
    """One pass through a model's steps for given pairs.

    Args:
        coupling: The steps.
        weights: Their weights.
        pair: Unit to the unit that takes its place; a unit that maps to −1 has no input
            weights, and is a constant.
        tolerance: What counts as equal, relative to the rows' size; None to take every
            pair for parallel.
        sizes: Without a tolerance: sizes of rows that have been given new values, as
            they were before.
    """

    def __init__(
        self,
        coupling: Coupling,
        weights: Weights,
        pair: Mapping[int, int],
        *,
        tolerance: float | None,
        sizes: Mapping[int, float] | None = None,
    ) -> None:
        self._sizes = sizes or {}
        self._coupling, self._weights, self._pair, self._tolerance = (
            coupling,
            weights,
            pair,
            tolerance,
        )
        self._values: dict[str, Relation] = {}
        self._partners: dict[str, np.ndarray] = {}
        self.found = Transfer([], {}, {}, {}, {})
        self._constant = {unit for unit, other in pair.items() if other == -1}
        self._keyed: set[str] = set()

    def run(self) -> Transfer:
        """Go through all steps."""
        for step in self._coupling.steps:
            kind, name = step.kind, step.node.name
            if kind == "read":
                self._read(step)
                continue
            mark = self._coupling.marks[name]
            if kind == "make":
                self._values[name] = self._make(step, mark)
            else:
                method = getattr(self, f"_{kind.replace('-', '_')}")
                self._values[name] = method(
                    step, mark, *[self._values.get(one) for one in step.source]
                )
        return self.found

    # Layers

    def _make(self, step: Step, mark: Mark) -> Relation:
        weight = np.moveaxis(self._weights[step.facts["weight"]], step.facts["axis"], 0)
        rows = weight.reshape(len(weight), -1)
        bias = step.facts["bias"]
        rows = np.column_stack(
            [rows, self._weights[bias] if bias is not None else np.zeros(len(rows))]
        )
        return self._related(step, mark, rows)

    def _related(self, step: Step, mark: Mark, rows: np.ndarray) -> Relation:
        """Compare every row with its partner's: c from the weights, d from the last
        column.
        """
        other = self._places(step.node.name, mark)
        moved = np.flatnonzero(other != np.arange(len(other)))
        c, d = np.ones(len(rows)), np.zeros(len(rows))
        if len(moved):
            mine, theirs = rows[moved, :-1], rows[other[moved], :-1]
            square = np.einsum("ij,ij->i", theirs, theirs)
            factor = np.divide(
                np.einsum("ij,ij->i", mine, theirs),
                square,
                out=np.zeros(len(moved)),
                where=square > 0,
            )
            rest = np.linalg.norm(mine - factor[:, None] * theirs, axis=1)
            size = np.linalg.norm(mine, axis=1)
            c[moved], d[moved] = (
                factor,
                rows[moved, -1] - factor * rows[other[moved], -1],
            )
            if self._tolerance is not None:
                self._break(
                    mark,
                    moved[(rest > self._tolerance * size) | (size == 0)],
                    "not parallel",
                )
        for place in self._constants(mark):
            c[place], d[place] = 0.0, rows[place, -1]
            if np.any(rows[place, :-1]):
                self._break(mark, np.array([place]), "not a constant")
        return Relation(c, d, rows)

    def _read(self, step: Step) -> None:
        relation, mark = (
            self._values[step.source[0]],
            self._coupling.marks[step.source[0]],
        )
        self._key(step.source[0], relation, "linear")
        cannot = step.facts["padded"] or step.facts["bias"] is None
        moved = self._moved(step.source[0], mark)
        c, d = relation.c, relation.d
        if relation.rows is not None:
            c, d = self._at_activation(relation, step.source[0], mark, "linear")
        if cannot:
            self._break(
                mark,
                moved[np.abs(d[moved]) > self._slack(relation, moved, c)],
                "no bias takes the constant",
            )
            d = np.zeros_like(d)
        self.found.reads.append((step, c, d))

    def _scale(self, step: Step, mark: Mark, before: Relation) -> Relation:
        weight, bias, mean, variance = (
            None if one is None else self._weights[one] for one in step.facts["norm"]
        )
        s = (1.0 if weight is None else weight) / np.sqrt(variance + step.facts["eps"])
        return self._affine(
            step, mark, before, s, (0.0 if bias is None else bias) - s * mean
        )

    def _affine(
        self, step: Step, mark: Mark, before: Relation, s: np.ndarray, t: np.ndarray
    ) -> Relation:
        other = self._places(step.node.name, mark)
        moved = self._moved(step.node.name, mark)
        c, d = before.c.copy(), before.d.copy()
        mine, theirs = moved, other[moved]
        dead = (s[theirs] == 0) & (s[mine] != 0) & (other[moved] != moved)
        self._break(mark, moved[dead], "the scale of its partner is zero")
        ratio = np.divide(
            s[mine], s[theirs], out=np.zeros(len(moved)), where=s[theirs] != 0
        )
        c[moved] = np.where(before.c[moved] == 0, 0.0, before.c[moved] * ratio)
        d[moved] = s[mine] * before.d[moved] + t[mine] - c[moved] * t[theirs]
        rows = None
        if before.rows is not None:
            rows = before.rows * s[:, None]
            rows[:, -1] += t
        return Relation(c, d, rows, before.base)

    def _depthwise(self, step: Step, mark: Mark, before: Relation) -> Relation:
        filters = self._weights[step.facts["weight"]].reshape(len(mark.units), -1)
        bias = step.facts["bias"]
        t = self._weights[bias] if bias is not None else np.zeros(len(filters))
        moved = self._moved(step.node.name, mark)
        if step.facts["padded"]:
            # Behind zero padding a constant is no constant any more.
            far = np.abs(before.d[moved]) > self._slack(before, moved, before.c)
            self._break(mark, moved[far], "padding cuts the constant")
        own = self._related(step, mark, np.column_stack([filters, t]))
        c = before.c * own.c
        d = (
            before.d * filters.sum(axis=1)
            + t
            - c * t[self._places(step.node.name, mark)]
        )
        rows = np.column_stack([filters, t])
        if before.rows is not None:
            kernel = np.einsum("if,ij->ifj", filters, before.rows[:, :-1]).reshape(
                len(filters), -1
            )
            rows = np.column_stack(
                [kernel, before.rows[:, -1] * filters.sum(axis=1) + t]
            )
        return Relation(c, d, rows, before.c if before.rows is None else before.base)

    # Activations

    def _point(self, step: Step, mark: Mark, before: Relation) -> Relation:
        name = step.facts["activation"] or ""
        if name == "softplus" and len(step.node.args) > 1:
            name = ""
        self._key(step.source[0], before, name)
        c, d = self._at_activation(before, step.source[0], mark, name)
        moved = self._moved(step.node.name, mark)
        constant = np.isin(mark.units, list(self._constant))
        if self._tolerance is not None:
            uneven = moved[
                (np.abs(d[moved]) > self._slack(before, moved, c)) & ~constant[moved]
            ]
            self._break(mark, uneven, "their biases are not in proportion")
        new_c, new_d = self._through(mark, c, name, moved[~constant[moved]])
        if constant.any():
            values = step.node.target(
                torch.from_numpy(d[constant]), *step.node.args[1:], **step.node.kwargs
            )
            new_c[constant], new_d[constant] = 0.0, values.numpy()
        return Relation(new_c, new_d, None)

    def _through(
        self, mark: Mark, c: np.ndarray, name: str, moved: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The exact-merge table: σ(c·z) as a multiple of σ(z) plus a constant."""
        new_c, new_d = np.ones_like(c), np.zeros_like(c)
        forbidden = []
        for place in moved.tolist():
            rule = self._rule(name, float(c[place]))
            if rule is None:
                forbidden.append(place)
            else:
                new_c[place], new_d[place] = rule
        why = f"{name or 'this activation'} does not take such a factor out"
        self._break(mark, np.asarray(forbidden, dtype=np.int64), why)
        return new_c, new_d

    def _rule(self, name: str, ratio: float) -> tuple[float, float] | None:
        exact = self._tolerance is not None
        if self._tolerance is not None and abs(abs(ratio) - 1) <= self._tolerance:
            ratio = float(np.sign(ratio))
        if not np.isfinite(ratio) or ratio == 0:
            return None
        if (
            not name
        ):  # whatever the function is, it has equal values for equal arguments
            return (
                (ratio if not exact else 1.0, 0.0)
                if ratio == 1 or (ratio > 0 and not exact)
                else None
            )
        rule = merge_rule(name, ratio)
        size = 1.0
        if rule is None and not exact:
            # The approximate rule of Zhang et al. takes every activation for
            # homogeneous of degree 1.
            rule, size = merge_rule(name, float(np.sign(ratio))), abs(ratio)
        return (
            (rule.factor * size, rule.constant)
            if rule is not None and rule.exact
            else None
        )

    def _prelu(self, step: Step, mark: Mark, before: Relation) -> Relation:
        slopes = self._weights[step.facts["weight"]].ravel()
        if step.facts["each"]:
            other = self._places(step.node.name, mark)
            self._break(
                mark, np.flatnonzero(slopes != slopes[other]), "their slopes differ"
            )
        self._key(step.source[0], before, "relu")
        c, d = self._at_activation(before, step.source[0], mark, "relu")
        moved = self._moved(step.node.name, mark)
        constant = np.isin(mark.units, list(self._constant))
        if self._tolerance is not None:
            uneven = moved[
                (np.abs(d[moved]) > self._slack(before, moved, c)) & ~constant[moved]
            ]
            self._break(mark, uneven, "their biases are not in proportion")
        new_c, new_d = self._through(mark, c, "relu", moved[~constant[moved]])
        slope = slopes if step.facts["each"] else np.full(len(c), slopes[0])
        new_d = np.where(constant, np.where(d > 0, d, slope * d), new_d)
        return Relation(np.where(constant, 0.0, new_c), new_d, None)

    def _at_activation(
        self, before: Relation, source: str, mark: Mark, name: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """C and d; in the approximate mode the ratio of the augmented rows' sizes, with
        the sign of their cosine.
        """
        if self._tolerance is not None or before.rows is None:
            return before.c, before.d
        other = self._places(source, mark)
        moved = self._moved(source, mark)
        size = np.linalg.norm(before.rows, axis=1)
        for place, unit in enumerate(mark.units.tolist() if self._sizes else ()):
            size[place] = self._sizes.get(unit, size[place])
        sign = np.sign(
            np.einsum("ij,ij->i", before.rows[moved], before.rows[other[moved]])
        )
        c, d = before.c.copy(), before.d.copy()
        ratio = np.divide(
            size[moved],
            size[other[moved]],
            out=np.zeros(len(moved)),
            where=size[other[moved]] > 0,
        )
        constant = np.isin(mark.units[moved], list(self._constant))
        base = before.base if isinstance(before.base, float) else before.base[moved]
        c[moved], d[moved] = (
            np.where(constant, c[moved], base * sign * ratio),
            np.where(constant, d[moved], 0.0),
        )
        return c, d

    # Everything else

    def _unchanged(self, step: Step, mark: Mark, before: Relation) -> Relation:
        return before

    def _scaled(self, step: Step, mark: Mark, before: Relation) -> Relation:
        factor, shift = step.facts["factor"], step.facts.get("shift", 0.0)
        d = factor * before.d + np.where(before.c == 1, 0.0, shift * (1 - before.c))
        rows = None if before.rows is None else before.rows * factor
        if rows is not None:
            rows[:, -1] += shift
        return Relation(before.c, d, rows, before.base)

    def _add_common(self, step: Step, mark: Mark, before: Relation) -> Relation:
        moved = self._moved(step.node.name, mark)
        self._break(
            mark,
            moved[np.abs(before.c[moved] - 1) > (self._tolerance or 0)],
            "a common value is added",
        )
        factor = step.facts["factor"]
        return Relation(before.c, factor * before.d, None)

    def _multiply_common(self, step: Step, mark: Mark, before: Relation) -> Relation:
        moved = self._moved(step.node.name, mark)
        self._break(
            mark,
            moved[np.abs(before.d[moved]) > 0],
            "a constant is multiplied by a value",
        )
        return before

    def _multiply_weight(self, step: Step, mark: Mark, before: Relation) -> Relation:
        s = self._weights[step.facts["weight"]].ravel()
        return self._affine(step, mark, before, s, np.zeros_like(s))

    def _add_weight(self, step: Step, mark: Mark, before: Relation) -> Relation:
        t = self._weights[step.facts["weight"]].ravel()
        return self._affine(step, mark, before, np.ones_like(t), t)

    def _pool(self, step: Step, mark: Mark, before: Relation) -> Relation:
        self._key(
            step.source[0], before, "relu" if step.facts["pool"] == "max" else "linear"
        )
        moved = self._moved(step.node.name, mark)
        if step.facts["pool"] == "max":
            self._break(
                mark,
                moved[before.c[moved] < 0],
                "the maximum of −z is not minus the maximum of z",
            )
        if step.facts["pool"] == "sum":
            slack = (
                0.0 if self._tolerance is None else self._slack(before, moved, before.c)
            )
            self._break(
                mark,
                moved[np.abs(before.d[moved]) > slack],
                "a sum does not leave a constant as it is",
            )
        return before

    def _gather(self, step: Step, mark: Mark, before: Relation) -> Relation:
        places = step.facts["places"]
        rows = None if before.rows is None else before.rows[places]
        base = before.base if isinstance(before.base, float) else before.base[places]
        return Relation(before.c[places], before.d[places], rows, base)

    def _cat(self, step: Step, mark: Mark, *before: Relation | None) -> Relation:
        parts = [
            Relation(np.ones(size), np.zeros(size), None) if one is None else one
            for one, size in zip(before, step.facts["sizes"], strict=True)
        ]
        for name, one in zip(step.source, before, strict=True):
            if one is not None:
                self._key(name, one, "linear")
        return Relation(
            np.concatenate([p.c for p in parts]),
            np.concatenate([p.d for p in parts]),
            None,
        )

    def _add(self, step: Step, mark: Mark, *before: Relation) -> Relation:
        moved = self._moved(step.node.name, mark)
        for name, one in zip(step.source, before, strict=True):
            self._key(name, one, "")
        slack = self._tolerance if self._tolerance is not None else 0.0
        first, d = before[0], before[0].d.copy()
        for one in before[1:]:
            self._break(
                mark,
                moved[np.abs(one.c[moved] - first.c[moved]) > slack],
                "two summands differ in scale",
            )
            if step.facts["stacked"]:
                self._break(
                    mark,
                    moved[np.abs(one.d[moved] - d[moved]) > slack],
                    "two parts differ by a constant",
                )
            else:
                d = d - one.d if str(step.node.target).find("sub") >= 0 else d + one.d
        return Relation(first.c, d, None)

    def _multiply(self, step: Step, mark: Mark, *before: Relation) -> Relation:
        moved = self._moved(step.node.name, mark)
        for name, one in zip(step.source, before, strict=True):
            self._key(name, one, "")
        constant = sum(np.abs(one.d[moved]) for one in before)
        self._break(mark, moved[constant > 0], "a constant is multiplied by a value")
        return Relation(
            np.prod([one.c for one in before], axis=0), np.zeros(len(before[0].d)), None
        )

    # Bookkeeping

    def _places(self, name: str, mark: Mark) -> np.ndarray:
        if name not in self._partners:
            self._partners[name] = partners(mark, self._pair)
        return self._partners[name]

    def _moved(self, name: str, mark: Mark) -> np.ndarray:
        other = self._places(name, mark)
        moved = other != np.arange(len(other))
        if self._constant:
            moved |= np.isin(mark.units, list(self._constant))
        return np.flatnonzero(moved)

    def _constants(self, mark: Mark) -> np.ndarray:
        return (
            np.flatnonzero(np.isin(mark.units, list(self._constant)))
            if self._constant
            else np.arange(0)
        )

    def _slack(
        self, relation: Relation, moved: np.ndarray, c: np.ndarray
    ) -> np.ndarray:
        """How large a constant still counts as none."""
        if self._tolerance is None:
            return np.full(len(moved), np.inf)
        size = (
            np.abs(c[moved])
            if relation.rows is None
            else np.linalg.norm(relation.rows[moved], axis=1)
        )
        return self._tolerance * size

    def _break(self, mark: Mark, places: np.ndarray, reason: str) -> None:
        for unit in mark.units[places].tolist():
            if unit in self._pair:
                self.found.broken.setdefault(unit, reason)

    def _key(self, name: str, relation: Relation, activation: str) -> None:
        """Note the rows that go into a non-linearity or a reader, once."""
        mark = self._coupling.marks[name]
        for unit in np.unique(mark.units).tolist():
            self.found.activations.setdefault(unit, set()).add(activation)
        if relation.rows is None or name in self._keyed:
            return
        self._keyed.add(name)
        for unit, row in zip(mark.units.tolist(), relation.rows, strict=True):
            self.found.keys.setdefault(unit, []).append(row)
            self.found.sources.setdefault(unit, []).append(name)
