"""Clusters of units at every cosine, of which those that cannot be one unit are taken
apart again.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from condensery.torch._surgery._clusters import Directions, least_cosine
from condensery.torch._surgery._groups import cancels, signs
from condensery.torch._surgery._rows import mean_row


class Tree:
    """Complete linkage of units on the signed cosine.

    Its clusters are those in which every two units have a cosine of at least tau (its
    magnitude where the activations take a sign out), the least one of all places at
    which the rows enter a non-linearity. A cluster that cannot be one unit falls apart
    into the two that it was linked from, and these in turn, so that a smaller tau never
    leaves more units.

    Args:
        layer: Directions of the units.
        averaged: Whether a cluster goes into its mean direction.

    Attributes:
        heights: 1 − cosine of every link, from the tightest on.
    """

    def __init__(self, layer: Directions, *, averaged: bool) -> None:
        self._layer, self._averaged = layer, averaged
        self._possible: dict[int, bool] = {}
        self._cancel: set[int] = set()
        cosine, live = least_cosine(layer)
        self._rows = np.flatnonzero(live)
        self._links = np.zeros((0, 4))
        if len(self._rows) > 1:
            among = np.ix_(self._rows, self._rows)
            self._links = _linked(cosine[among])
        self.heights = self._links[:, 2]
        self._nodes: dict[int, list[int]] = {}

    def cut(self, distance: float) -> list[list[int]]:
        """The clusters of two or more units with 1 − cosine up to a distance, in each
        and among each other the unit of largest amplitude first.
        """
        self._nodes = {}
        for root in self._roots(distance):
            for node in self._taken_apart(root):
                self._nodes[node] = self._members(node)
        return sorted(
            self._nodes.values(),
            key=self._by_amplitude,
        )

    def _by_amplitude(self, members: list[int]) -> float:
        row = self._layer.index[members[0]]
        return -self._layer.amplitude[row]

    def cancelling(self, distance: float) -> int:
        """How many clusters at a distance fall apart since they cancel."""
        return len(self._cancel.intersection(self._roots(distance)))

    def take_apart(self, units: Iterable[int]) -> None:
        """The clusters of the latest cut that hold these units cannot be one unit."""
        units = set(units)
        for node, members in self._nodes.items():
            if not units.isdisjoint(members):
                self._possible[node] = False

    def _roots(self, distance: float) -> list[int]:
        """The largest links up to a distance."""
        below = np.flatnonzero(self.heights <= distance)
        nodes = len(self._rows) + below
        linked = self._links[below, :2].astype(int)
        roots = np.setdiff1d(nodes, linked)
        return roots.tolist()

    def _taken_apart(self, root: int) -> list[int]:
        """The largest possible clusters within a cluster."""
        pending, possible = [root], []
        while pending:
            node = pending.pop()
            if self._is_leaf(node):
                continue
            if self._is_possible(node):
                possible.append(node)
            else:
                pending.extend(self._children(node))
        return possible

    def _is_leaf(self, node: int) -> bool:
        return node < len(self._rows)

    def _children(self, node: int) -> list[int]:
        link = self._links[node - len(self._rows)]
        return link[:2].astype(int).tolist()

    def _members(self, root: int) -> list[int]:
        """The units of a cluster, the largest first."""
        pending, leaves = [root], []
        while pending:
            node = pending.pop()
            if self._is_leaf(node):
                leaves.append(node)
            else:
                pending.extend(self._children(node))
        rows = self._rows[sorted(leaves)]
        amplitude = self._layer.amplitude[rows]
        order = np.argsort(
            -amplitude,
            kind="stable",
        )
        return self._layer.units[rows[order]].tolist()

    def _is_possible(self, node: int) -> bool:
        if node not in self._possible:
            members = self._members(node)
            if cancels(self._layer, members):
                self._cancel.add(node)
                self._possible[node] = False
            else:
                self._possible[node] = self._agrees(members)
        return self._possible[node]

    def _agrees(self, members: list[int]) -> bool:
        """Whether the direction that a cluster goes into is on the side of all its
        members.
        """
        if not self._averaged:
            return True
        signed = signs(self._layer, [members])
        mean = mean_row(
            self._layer,
            members,
            signed,
        )
        side = self._layer.rows(members) @ mean
        sign = [signed.get(unit, 1.0) for unit in members]
        return bool(np.all(np.multiply(sign, side) > 0))


def _linked(cosine: np.ndarray) -> np.ndarray:
    distance = np.maximum(1 - cosine, 0.0)
    np.fill_diagonal(distance, 0.0)
    condensed = squareform(
        distance,
        checks=False,
    )
    return linkage(
        condensed,
        method="complete",
    )
