"""Attention in the exported graph: the layers of its queries, keys and values, and what
passes unit by unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch.fx import Node

from condensery.torch._surgery._graph import ModelGraph, argument, operation, shape
from condensery.torch._surgery._operations import INDEX, PRODUCT, SOFTMAX, UNCHANGED
from condensery.torch._surgery._units import Mark

LEFT = "attention heads are left as they are"
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
        adds_up = (
            argument(node, 3, "attn_mask", None) is None
        )  # a position that sees none sums to 0
    elif name in PRODUCT:
        weights, values = node.args[:2]
        adds_up = _is_softmax(weights)
    else:
        return None
    mark = marks.get(values.name)
    is_last = mark is not None and mark.axis == len(shape(values)) - 1
    if mark is None or not is_last or (weights is not None and weights.name in marks):
        return None
    return values, Mark(len(shape(node)) - 1, mark.units), "mean" if adds_up else "sum"


def _is_softmax(node: Node) -> bool:
    """Whether the weights of each sum are a softmax: over their last axis, which the
    sum goes over.
    """
    while operation(node) in UNCHANGED:
        node = node.all_input_nodes[0]
    return operation(node) in SOFTMAX and int(argument(node, 1, "dim", 0)) in {
        -1,
        len(shape(node)) - 1,
    }


def attention_layers(graph: ModelGraph) -> set[str]:
    """Names of the modules that make queries, keys and values."""
    found: set[str] = set()
    for node in graph.nodes:
        if node.op == "call_function":
            for part in _ingredients(node):
                found.update(
                    graph.names[name].rpartition(".")[0] or graph.names[name]
                    for name in _makers(part, graph)
                )
    return found


def _ingredients(node: Node) -> Iterator[Node]:
    """Queries, keys and values as an attention gets them."""
    name = operation(node)
    if name == _SCALED:
        yield from (one for one in node.args[:3] if isinstance(one, Node))
    elif name in PRODUCT:
        weights, values = node.args[:2]
        while isinstance(weights, Node) and operation(weights) in UNCHANGED | INDEX:
            weights = weights.all_input_nodes[0]
        if isinstance(weights, Node) and operation(weights) in SOFTMAX:
            yield from (one for one in (values,) if isinstance(one, Node))
            yield from _product_before(weights)


def _product_before(softmax: Node) -> Iterator[Node]:
    """The factors of the product of which a softmax is taken, scaled and masked or
    not.
    """
    waiting, seen = [softmax], set()
    while waiting:
        for one in waiting.pop().all_input_nodes:
            if one.op != "call_function" or one in seen:
                continue
            seen.add(one)
            if operation(one) in PRODUCT:
                yield from (part for part in one.args[:2] if isinstance(part, Node))
            else:
                waiting.append(one)


def _makers(node: Node, graph: ModelGraph) -> Iterator[str]:
    """Placeholders of the weights of the layers behind a value, through operations that
    pass entries on.
    """
    waiting, seen = [node], set()
    while waiting:
        one = waiting.pop()
        if one.op != "call_function" or one in seen:
            continue
        seen.add(one)
        name = operation(one).rstrip("_")
        if name in _MADE:
            yield from [
                part.name for part in one.all_input_nodes if part.name in graph.names
            ][:1]
        elif name in _PASSED:
            waiting.extend(one.all_input_nodes)
