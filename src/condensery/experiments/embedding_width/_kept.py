"""What every embedding keeps, and how degenerate the levels of the loss become."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from condensery.experiments.embedding_width._config import FRACTIONS, Config

if TYPE_CHECKING:
    from condensery.landscape import CriticalPoint, Moved, Parameters, Problem

OPERATORS = ("split", "null", "general")
ALPHAS = 3
"""Splits per unit with a random share, beside those of the published tables."""
STEEPEST = 3.0
"""Random shares are even on ± this."""
NULLS = 2
"""Null units per layer with a random bias, one after the other."""
GENERAL = 4
"""General embeddings per net."""
MORE = 2
"""Copies, and null units, that a general embedding adds to a layer."""
UNMEASURED = -1
X = np.linspace(-15, 15, 181)
"""Where the functions of the levels are drawn."""


def embedding_arrays(
    nets: list[Parameters], problem: Problem, seed: int, *, first: int = 0
) -> dict[str, np.ndarray]:
    """Arrays ``embedding_*``: output and gradient of every net in every embedding."""
    from condensery.landscape import relative_gradient, widths

    points, kinds, sizes, measures = [], [], [], []
    for number, net in enumerate(nets, start=first):
        random = np.random.Generator(np.random.Philox(key=[seed, number]))
        before = relative_gradient(net, problem)
        for kind, (wide, receipt) in _embeddings(net, problem, random):
            change = max(
                receipt.data_change_relative,
                receipt.random_change_relative,
            )
            after = relative_gradient(wide, problem)
            points.append(number)
            kinds.append(OPERATORS.index(kind))
            sizes.append(sum(widths(wide)[1:-1]))
            measures.append((change, before, after))
    change, before, after = np.array(measures).reshape(-1, 3).T
    return {
        "embedding_point": np.array(points, dtype=np.int64),
        "embedding_kind": np.array(kinds, dtype=np.int64),
        "embedding_units": np.array(sizes, dtype=np.int64),
        "embedding_change": change,
        "embedding_before": before,
        "embedding_after": after,
    }


def _embeddings(
    net: Parameters, problem: Problem, random: np.random.Generator
) -> Iterator[tuple[str, Moved]]:
    """Every embedding of a net that keeps it critical, and the name of its operator."""
    from condensery.landscape import compatible, widths
    from condensery.theory import random_embedding

    sizes = widths(net)
    hidden = range(1, len(sizes) - 1)
    for layer in hidden:
        yield from _splits(net, problem, layer, random)
        yield from _nulls(net, problem, layer, random)
    biased = [layer for layer in hidden if net[layer][1] is not None]
    for _ in range(GENERAL):
        made = random_embedding(
            sizes,
            add=dict.fromkeys(hidden, MORE),
            nulls=dict.fromkeys(biased, MORE),
            seed=int(random.integers(2**31)),
        )
        yield "general", compatible(net, problem, made, spectrum=False)


def _splits(
    net: Parameters, problem: Problem, layer: int, random: np.random.Generator
) -> Iterator[tuple[str, Moved]]:
    """Every unit of a layer in the shares of the tables, and in random ones."""
    from condensery.landscape import split_many

    units = len(net[layer - 1][0])
    for unit in range(units):
        drawn = random.uniform(-STEEPEST, STEEPEST, ALPHAS).tolist()
        shares = [(1 - alpha, alpha) for alpha in drawn]
        for fractions in (*FRACTIONS[1:], *shares):
            moved = split_many(
                net,
                problem,
                layer=layer,
                unit=unit,
                fractions=fractions,
                spectrum=False,
            )
            yield "split", moved


def _nulls(
    net: Parameters, problem: Problem, layer: int, random: np.random.Generator
) -> Iterator[tuple[str, Moved]]:
    """A null unit without bias, and some with: those that the theorem speaks of.

    Where the next layer has no bias and σ(β) is not 0 the output is kept but the point
    is not critical, and the receipt says so.
    """
    from condensery.landscape import null

    for bias in (0.0, *random.standard_normal(NULLS).tolist()):
        moved = null(net, problem, layer=layer, bias=bias, spectrum=False)
        _, receipt = moved
        if not receipt.notes:
            yield "null", moved


def level_arrays(
    points: list[CriticalPoint], problem: Problem, config: Config
) -> dict[str, np.ndarray]:
    """Arrays ``level_*``, the best point of every width and its function, and
    ``degenerate_*``, the zeros of its Hessian in wider nets.
    """
    from condensery.landscape import forward

    levels: dict[int, CriticalPoint] = {}
    for point in points:
        levels.setdefault(len(point.parameters[0][0]), point)
    outputs = [
        forward(point.parameters, X[:, None], problem.activation)[:, 0]
        for point in levels.values()
    ]
    rows = [
        (origin, width, *_zeros(point.parameters, problem, width, config))
        for origin, point in levels.items()
        for width in config.widths
        if width >= origin
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return {
        "level_width": np.array(list(levels), dtype=np.int64),
        "level_loss": np.array([point.loss for point in levels.values()]),
        "level_output": np.array(outputs),
        "degenerate_origin": table[:, 0],
        "degenerate_width": table[:, 1],
        "degenerate_predicted": table[:, 2],
        "degenerate_measured": table[:, 3],
    }


def _zeros(
    net: Parameters, problem: Problem, width: int, config: Config
) -> tuple[int, int]:
    """Zero eigenvalues of a net whose first unit stands in so many equal copies that it
    has a width: predicted, and counted where the dense Hessian is formed.
    """
    from condensery.landscape import UnitSplit, inertia_at, split_inertia, split_many

    copies = width - len(net[0][0]) + 1
    shares = (1 / copies,) * copies
    predicted = split_inertia(net, problem, [UnitSplit(1, 0, shares)])
    if width > config.dense_up_to:
        return predicted.counts[1], UNMEASURED
    wide, _ = split_many(
        net,
        problem,
        layer=1,
        unit=0,
        fractions=shares,
        spectrum=False,
    )
    return predicted.counts[1], inertia_at(wide, problem).counts[1]
