"""Attention in the exported graph: the layers of its queries, keys and values, and what
passes unit by unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch.fx import Node

from condensery.torch._surgery._graph import ModelGraph, argument, operation, shape
from condensery.torch._surgery._operations import INDEX, PRODUCT, SOFTMAX, UNCHANGED
from condensery.torch._surgery._units import Mark

_SCALED = "scaled_dot_product_attention"
_PASSED = (
    INDEX
    | UNCHANGED
    | {
        "mul",
        "div",
        "chunk",
        "split",
        "split_with_sizes",
        "getitem",
        "layer_norm",
        "rms_norm",
    }
)
_MADE = frozenset({"linear", "conv1d", "conv2d", "addmm"})


def weighted_sum(
    node: Any, name: str, marks: Mapping[str, Mark]
) -> tuple[Node, Mark, str] | None:
    """What a sum over positions passes on: in A·V every unit of V goes through the same
    weights A.

    Returns:
        V, where its units are in the sum, and whether the weights add up to one
        (``mean``) or need not (``sum``); None if the units of V are mixed, or V has
        none.
    """
    if name == _SCALED:
        weights, values = None, node.args[2]
        # with a mask, a position that sees none sums to 0
        adds_up = argument(node, 3, "attn_mask", None) is None
    elif name in PRODUCT:
        weights, values = node.args[:2]
        adds_up = _is_softmax(weights)
    else:
        return None
    mark = marks.get(values.name)
    if mark is None or mark.axis != len(shape(values)) - 1:
        return None
    if weights is not None and weights.name in marks:
        return None
    summed = Mark(len(shape(node)) - 1, mark.units)
    return values, summed, "mean" if adds_up else "sum"


def _is_softmax(node: Node) -> bool:
    """Whether the weights of each sum are a softmax: over their last axis, which the
    sum goes over.
    """
    while operation(node) in UNCHANGED:
        node = node.all_input_nodes[0]
    last = {-1, len(shape(node)) - 1}
    return operation(node) in SOFTMAX and int(argument(node, 1, "dim", 0)) in last


def attention_layers(graph: ModelGraph) -> set[str]:
    """Names of the modules that make queries, keys and values."""
    weights: set[str] = set()
    for node in graph.nodes:
        if node.op == "call_function":
            for value in _ingredients(node):
                weights.update(_makers(value, graph))
    parameters = {graph.names[weight] for weight in weights}
    return {name.rpartition(".")[0] or name for name in parameters}


def _ingredients(node: Node) -> Iterator[Node]:
    """Queries, keys and values as an attention gets them."""
    name = operation(node)
    if name == _SCALED:
        yield from _nodes(node.args[:3])
    elif name in PRODUCT:
        weights, values = node.args[:2]
        while isinstance(weights, Node) and operation(weights) in UNCHANGED | INDEX:
            weights = weights.all_input_nodes[0]
        if isinstance(weights, Node) and operation(weights) in SOFTMAX:
            yield from _nodes((values,))
            yield from _product_before(weights)


def _nodes(arguments: Iterable[Any]) -> Iterator[Node]:
    return (argument for argument in arguments if isinstance(argument, Node))


def _product_before(softmax: Node) -> Iterator[Node]:
    """The factors of the product of which a softmax is taken, scaled and masked or
    not.
    """
    waiting, seen = [softmax], set()
    while waiting:
        for node in waiting.pop().all_input_nodes:
            if node.op != "call_function" or node in seen:
                continue
            seen.add(node)
            if operation(node) in PRODUCT:
                yield from _nodes(node.args[:2])
            else:
                waiting.append(node)


def _makers(value: Node, graph: ModelGraph) -> Iterator[str]:
    """Placeholders of the weights of the layers behind a value, through operations that
    pass entries on.
    """
    waiting, seen = [value], set()
    while waiting:
        node = waiting.pop()
        if node.op != "call_function" or node in seen:
            continue
        seen.add(node)
        name = operation(node).rstrip("_")
        if name in _MADE:
            inputs = (entry.name for entry in node.all_input_nodes)
            weights = [entry for entry in inputs if entry in graph.names]
            yield from weights[:1]
        elif name in _PASSED:
            waiting.extend(node.all_input_nodes)
