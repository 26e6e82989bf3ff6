"""The layer that makes a model's output."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import NoReturn

from torch import fx, nn
from torch.nn.modules.conv import _ConvNd

from condensery._errors import InvalidInputError
from condensery.torch._surgery._graph import copied


def head_of(model: nn.Module, name: str | None) -> nn.Linear:
    """The linear layer that makes the output, wherever the model defines it.

    Args:
        model: The model.
        name: Name of the layer if the user says which it is; else the forward is
            traced, and from the output back only what has no weights is passed.

    Raises:
        InvalidInputError: No linear layer of that name, a forward that cannot be
            traced, several layers that make the output, or one that is not linear.
    """
    layers = [name for name, module in model.named_modules() if _is_linear(module)]
    if name is not None:
        if name not in layers:
            _refuse(name, layers)
        layer = model.get_submodule(name)
    else:
        layer = _made_by(model, layers)
    if not isinstance(layer, nn.Linear):
        raise InvalidInputError(
            "model",
            given=f"{type(model).__name__} that ends in {type(layer).__name__}",
            allowed="a model whose last layer is torch.nn.Linear",
            remedy="apply DropoutRegularizer by hand",
        )
    return layer


def _refuse(given: str, layers: list[str], error: Exception | None = None) -> NoReturn:
    raise InvalidInputError(
        "head",
        given=given,
        allowed=", ".join(layers) or "no linear layer in this model",
        remedy="name the layer that makes the output, as head='name'",
    ) from error


def _made_by(model: nn.Module, layers: list[str]) -> nn.Module:
    kind = type(model).__name__
    if isinstance(model, nn.Linear | _ConvNd):
        return model
    try:
        # what a forward keeps on itself, or prints, shall not reach the user
        with redirect_stdout(io.StringIO()):
            graph = fx.Tracer().trace(copied(model))
    except Exception as error:
        given = f"{kind}, whose forward torch.fx cannot follow"
        _refuse(given, layers, error)
    makers = _makers(model, graph)
    if not makers:
        raise InvalidInputError(
            "model",
            given=f"{kind} that ends in no layer",
            allowed="a model whose last layer is torch.nn.Linear",
            remedy="apply DropoutRegularizer by hand",
        )
    products = set(makers).intersection(dict(model.named_parameters()))
    if products:
        given = f"{kind}, whose output a product with {min(products)} makes"
        _refuse(given, layers)
    if len(makers) > 1:
        given = f"{kind}, whose output {' and '.join(makers)} make"
        _refuse(given, layers)
    return model.get_submodule(makers[0])


def _makers(model: nn.Module, graph: fx.Graph) -> list[str]:
    """Names of the modules and matrices of weights that are met first from the output
    back.
    """
    weights = model.named_parameters()
    matrices = {name for name, weight in weights if weight.ndim > 1}
    pending = [node for node in graph.nodes if node.op == "output"]
    seen: set[fx.Node] = set()
    makers = []
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        name = str(node.target)
        if node.op == "call_module":
            is_maker = _has_weights(model.get_submodule(name))
        else:
            is_maker = node.op == "get_attr" and name in matrices
        if is_maker:
            makers.append(name)
        else:
            pending.extend(node.all_input_nodes)
    return sorted(set(makers))


def _has_weights(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear)
