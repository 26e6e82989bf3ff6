"""Names of the arrays of a tree of parameters: what a snapshot is addressed by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import jax

_SYMBOLS = {
    2: ("W", "b"),
    3: ("W", "gamma", "beta"),
}
"""Names of the arrays of a layer by their number."""

Path = tuple[Any, ...]


def leaf_names(tree: Any) -> list[tuple[str, Any]]:
    """The arrays of a tree of parameters with their names, in the order of JAX.

    Args:
        tree: ``{"a", "w"}``; layers ``[(W, b), …]``, with b an array or None; layers
            ``(W, gamma, beta)`` of `BatchNormMlp`; or any other tree of arrays, in
            which these may stand below a key.

    Returns:
        Pairs of name and array. Layers are counted from 1 as in the formulas: ``W1``,
        ``b1``, ``W2``, …; in other trees the keys are joined by dots (``net.W1``). A
        tree that is a single array has the name ``""``.

    Example:
        >>> import numpy as np
        >>> from condensery.models import leaf_names
        >>> layers = [(np.ones((3, 2)), np.ones(3)), (np.ones((1, 3)), None)]
        >>> [name for name, leaf in leaf_names(layers)]
        ['W1', 'b1', 'W2']
        >>> [name for name, leaf in leaf_names({"a": np.ones(3), "w": np.ones((3, 2))})]
        ['a', 'w']
    """
    entries = jax.tree_util.tree_leaves_with_path(tree)
    lengths = _layer_lengths(path for path, _ in entries)
    return [(_name(path, lengths), leaf) for path, leaf in entries]


def _layer_lengths(paths: Iterable[Path]) -> dict[Path, int]:
    """How many arrays each layer holds, by the path to the layer."""
    lengths: dict[Path, int] = {}
    for path in paths:
        if _is_layered(path):
            layer = path[:-1]
            lengths[layer] = max(lengths.get(layer, 2), path[-1].idx + 1)
    return lengths


def _is_layered(path: Path) -> bool:
    return len(path) > 1 and all(
        isinstance(key, jax.tree_util.SequenceKey) for key in path[-2:]
    )


def _name(path: Path, lengths: dict[Path, int]) -> str:
    if not _is_layered(path):
        return _joined(path)
    *above, layer, entry = path
    symbols = _SYMBOLS.get(lengths[path[:-1]])
    if symbols is None:
        return _joined(path)
    name = f"{symbols[entry.idx]}{layer.idx + 1}"
    return f"{_joined(above)}.{name}" if above else name


def _joined(path: Sequence[Any]) -> str:
    return jax.tree_util.keystr(
        tuple(path),
        simple=True,
        separator=".",
    )
