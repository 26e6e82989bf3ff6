"""The work of manifold-dimension: embeddings, counted, and the drawn split."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from condensery.declare import (
    Settings,
    task,
)
from condensery.protocols import Advance, Arrays
from condensery.theory import embed, random_embedding
from condensery.theory import embedding as embedding_of

if TYPE_CHECKING:
    from condensery.landscape import Parameters
    from condensery.theory import Embedding

SAMPLES, INPUTS, STD = 120, 4, 0.7
"""Of the narrow nets; smaller inputs or larger weights leave more spectra undecided."""
GAP = 1e-7
"""Singular values of the tangent map below this part of the largest are zero; central
differences are right to 1e-9.
"""
EXAMPLE_ALPHA = 0.4
STEP = 1e-4
"""Step of the central differences."""


class Config(Settings):
    """Parameters of manifold-dimension."""

    hidden: tuple[int, ...] = Field(default=(1, 2, 3), min_length=1)
    """Numbers of hidden layers of the narrow nets."""
    narrow: int = Field(default=2, ge=1, le=10)
    """Units of every hidden layer of the narrow nets."""
    most_copies: int = Field(default=2, ge=1, le=4)
    """Copies added per layer, at most; all combinations with at least one in the first
    and last layer.
    """
    outputs: tuple[int, ...] = Field(default=(1,), min_length=1)
    """Numbers of outputs."""
    seeds: int = Field(default=4, ge=1, le=1000)
    """Narrow critical points per kind."""


def copies(
    hidden: int,
    most: int,
) -> list[list[int]]:
    """How many copies each layer gets: all the same, and growing or falling with
    depth.
    """
    same = [[count] * hidden for count in range(1, most + 1)]
    rising = [1 + (level % most) for level in range(hidden)]
    listed = [*same, rising, rising[::-1]]
    return [added for index, added in enumerate(listed) if added not in listed[:index]]


COLUMNS = (
    "seed",
    "added",
    "counted",
    "tangent",
    "narrow_zero",
    "wide_zero",
    "narrow_negative",
    "wide_negative",
    "decided",
    "kind",
)


@task(Config)
def dimensions(
    config: Config,
    seed: int,
    advance: Advance,
    *,
    hidden: int,
    outputs: int,
) -> Arrays:
    """Embed critical points of narrow nets of one depth, and count.

    Returns:
        Per embedding: seed, added (K), counted (K + ΣK_lK_{l−1}), tangent (rank of the
        tangent map), n₀ and n₋ of the narrow and the wide net, decided (whether both
        spectra are), and kind (number of the kind of embedding).
    """
    from condensery.landscape import compatible, made_critical, widths
    from condensery.models import mlp_normal

    sizes = [INPUTS, *[config.narrow] * hidden, outputs]
    kinds = copies(hidden, config.most_copies)
    counts = []
    for done, member in enumerate(range(seed, seed + config.seeds), start=1):
        net = mlp_normal(sizes, seed=member, std=STD)
        rng = np.random.Generator(np.random.Philox(member))
        x = rng.standard_normal((SAMPLES, INPUTS))
        problem = made_critical(net, x, "tanh", seed=member)
        for kind, added in enumerate(kinds):
            layers = dict(enumerate(added, start=1))
            embedding = random_embedding(
                widths(net), add=layers, seed=member, spread=0.5
            )
            _, receipt = compatible(net, problem, embedding)
            before, after = receipt.inertia_before, receipt.inertia
            if before is None or after is None:
                continue
            total = sum(added)
            pairs = sum(a * b for a, b in pairwise(added))
            row = {
                "seed": member,
                "added": total,
                "counted": total + pairs,
                "tangent": _tangent_rank(net, embedding),
                "narrow_zero": before.zero,
                "wide_zero": after.zero,
                "narrow_negative": before.negative,
                "wide_negative": after.negative,
                "decided": before.decided and after.decided,
                "kind": kind,
            }
            counts.append(row)
        share = done / config.seeds
        advance(f"point {done} of {config.seeds}", share)
    return {
        name: np.array([row[name] for row in counts], dtype=np.int64)
        for name in COLUMNS
    }


def _tangent_rank(
    net: Parameters,
    embedding: Embedding,
) -> int:
    """Rank of the derivative of the embedding with respect to its shares and free
    coefficients: the true dimension.
    """
    from condensery.landscape import flatten

    free = _free_coefficients(embedding)
    shares = _free_shares(net, embedding)
    size = len(shares) + sum(block.size for block in free)

    def wide(coordinates: np.ndarray) -> np.ndarray:
        moved = _moved(net, embedding, shares, free, coordinates)
        return flatten(embed(net, moved, sigma=np.tanh))

    columns = []
    for axis in np.eye(size):
        above = wide(STEP * axis)
        below = wide(-STEP * axis)
        columns.append((above - below) / (2 * STEP))
    values = np.linalg.svd(np.asarray(columns), compute_uv=False)
    return int((values > GAP * values[0]).sum())


def _free_coefficients(embedding: Embedding) -> list[np.ndarray]:
    """A random point of general position."""
    rng = np.random.Generator(np.random.Philox(1))
    return [rng.standard_normal(alpha.shape) for alpha in embedding.alpha]


def _free_shares(
    net: Parameters,
    embedding: Embedding,
) -> list[tuple[int, int]]:
    """Layer and unit of every copy that is not the first of its unit: the first makes
    the sum of the shares one.
    """
    from condensery.landscape import widths

    narrow = widths(net)
    return [
        (level, unit)
        for level in range(1, len(net))
        for unit in range(narrow[level], len(embedding.source[level]))
    ]


def _moved(
    net: Parameters,
    embedding: Embedding,
    shares: list[tuple[int, int]],
    free: list[np.ndarray],
    coordinates: np.ndarray,
) -> Embedding:
    """The embedding with shares and free coefficients shifted by the coordinates."""
    from condensery.landscape import widths

    levels = range(1, len(net))
    source = {level: embedding.source[level].tolist() for level in levels}
    beta = {level: embedding.beta[level].copy() for level in levels}
    changes, rest = np.split(coordinates, [len(shares)])
    for (level, unit), change in zip(shares, changes, strict=True):
        beta[level][unit] += change
        beta[level][source[level][unit]] -= change
    ends = np.cumsum([block.size for block in free])[:-1]
    blocks = zip(free, np.split(rest, ends), strict=True)
    moved = [block + change.reshape(block.shape) for block, change in blocks]
    listed = {level: values.tolist() for level, values in beta.items()}
    return embedding_of(widths(net), source=source, beta=listed, free=moved)


EDGE = ("side", "layer", "unit", "before", "weight", "kind")


@task(Config)
def example(
    config: Config,
    seed: int,
    advance: Advance,
    *,
    alpha: float,
) -> Arrays:
    """The one-step embedding that the picture shows: unit 0 of the first hidden layer
    of a small net, split.

    Returns:
        Per edge: side (0 before, 1 after), layer, unit, unit before, weight, kind (0
        unchanged, 1 copied, 2 shared); widths of both nets; change, the largest change
        of the output on random inputs.
    """
    from condensery.landscape import Problem, split
    from condensery.models import mlp_normal

    net = mlp_normal([2, 3, 2, 1], seed=seed, std=1.0)
    problem = Problem(np.eye(2), np.zeros(2), "tanh")
    wide, receipt = split(net, problem, layer=1, unit=0, alpha=alpha, spectrum=False)
    copy = len(wide[0][0]) - 1
    edges = [*_edges(net, 0, {0}), *_edges(wide, 1, {0, copy})]
    advance("the picture", 1.0)
    columns = np.asarray(edges, dtype=np.float64).T
    return {
        **dict(zip(EDGE, columns, strict=True)),
        "change": np.array(receipt.random_change),
        "widths": np.array(receipt.widths),
    }


def _edges(
    net: Parameters,
    side: int,
    changed: set[int],
) -> Iterator[tuple[float, ...]]:
    """All edges of a net; a split changes what enters its units and what leaves."""
    for layer, (W, _) in enumerate(net, start=1):
        for unit, before in np.ndindex(*W.shape):
            touched = {1: unit, 2: before}.get(layer, -1)
            kind = layer if touched in changed else 0
            weight = W[unit, before]
            yield side, layer, unit, before, weight, kind
