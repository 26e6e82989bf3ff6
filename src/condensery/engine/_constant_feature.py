"""Which models take the constant feature, and when it is appended to the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from condensery.models import completed


def has_constant_feature(model: Any) -> bool:
    """Whether a model, or the model of an objective, declares the constant feature."""
    return bool(getattr(model, "constant_feature", False))


def with_constant(model: Any, parameters: Any, x: Any) -> Any:
    """The inputs as a model takes them.

    A model of one's own may have ``{"a", "w"}`` and one feature fewer for reasons of
    its own: shapes alone do not say that w holds a bias, a declaration does.

    Args:
        model: A model or an objective; it declares by ``constant_feature = True`` that
            the last feature is the constant and the last column of w the bias.
        parameters: Its parameters, possibly those of `per_member`.
        x: Inputs, the features on the last axis.

    Returns:
        The inputs, with the constant feature where the model declares it and they lack
        it.

    Raises:
        InvalidInputError: The model declares it, and the inputs have another number of
            features than w has columns, the bias aside.
    """
    if not isinstance(parameters, Mapping):
        return x
    net = parameters.get("net", parameters)
    if has_constant_feature(model) and "w" in net:
        return completed(x, net["w"])
    return x
