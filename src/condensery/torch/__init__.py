"""The workshop: condensery on a user's own PyTorch model. It works without JAX.

Importing this package loads neither torch nor anything else that is slow; each name is
loaded when it is first used, and without torch its use is refused with the extra to
install.

Example:
    >>> import condensery.torch
    >>> "load_weights" in dir(condensery.torch)
    True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from condensery._errors import MissingExtraError

if TYPE_CHECKING:
    from condensery.torch._diagnosis._diagnose import diagnose
    from condensery.torch._diagnosis._diagnosis import Diagnosis, LayerDiagnosis
    from condensery.torch._diagnosis._stop import ForSteps, UntilLoss
    from condensery.torch._inspection._inspect import inspect
    from condensery.torch._inspection._inspection import Inspection, LayerReport
    from condensery.torch._loading import load_model, load_weights
    from condensery.torch._monitoring._keras_style import KerasStyleCallback
    from condensery.torch._monitoring._lightning import LightningCallback
    from condensery.torch._monitoring._measures import Condensation, Measure
    from condensery.torch._monitoring._monitor import CondensationMonitor, Monitor
    from condensery.torch._monitoring._sinks import (
        JsonLines,
        MLflow,
        TensorBoard,
        WeightsAndBiases,
    )
    from condensery.torch._monitoring._transformers import TransformersCallback
    from condensery.torch._surgery._export import export_model
    from condensery.torch._surgery._graph import as_tensor
    from condensery.torch._surgery._grow import Grown, grow
    from condensery.torch._surgery._reduce import Reduced, reduce
    from condensery.torch._training._condense import Recipe, condense
    from condensery.torch._training._regularizer import DropoutRegularizer

__all__ = [
    "Condensation",
    "CondensationMonitor",
    "Diagnosis",
    "DropoutRegularizer",
    "ForSteps",
    "Grown",
    "Inspection",
    "JsonLines",
    "KerasStyleCallback",
    "LayerDiagnosis",
    "LayerReport",
    "LightningCallback",
    "MLflow",
    "Measure",
    "Monitor",
    "Recipe",
    "Reduced",
    "TensorBoard",
    "TransformersCallback",
    "UntilLoss",
    "WeightsAndBiases",
    "as_tensor",
    "condense",
    "diagnose",
    "export_model",
    "grow",
    "inspect",
    "load_model",
    "load_weights",
    "reduce",
]


def __getattr__(name: str) -> Any:
    homes = {
        "Condensation": "_monitoring._measures",
        "Measure": "_monitoring._measures",
        "Monitor": "_monitoring._monitor",
        "CondensationMonitor": "_monitoring._monitor",
        "Diagnosis": "_diagnosis._diagnosis",
        "DropoutRegularizer": "_training._regularizer",
        "ForSteps": "_diagnosis._stop",
        "Inspection": "_inspection._inspection",
        "JsonLines": "_monitoring._sinks",
        "KerasStyleCallback": "_monitoring._keras_style",
        "LayerDiagnosis": "_diagnosis._diagnosis",
        "LayerReport": "_inspection._inspection",
        "LightningCallback": "_monitoring._lightning",
        "MLflow": "_monitoring._sinks",
        "Recipe": "_training._condense",
        "TensorBoard": "_monitoring._sinks",
        "TransformersCallback": "_monitoring._transformers",
        "UntilLoss": "_diagnosis._stop",
        "WeightsAndBiases": "_monitoring._sinks",
        "condense": "_training._condense",
        "diagnose": "_diagnosis._diagnose",
        "inspect": "_inspection._inspect",
        "as_tensor": "_surgery._graph",
        "export_model": "_surgery._export",
        "Grown": "_surgery._grow",
        "grow": "_surgery._grow",
        "Reduced": "_surgery._reduce",
        "reduce": "_surgery._reduce",
        "load_model": "_loading",
        "load_weights": "_loading",
    }
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{homes[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError(
            "torch", extra="torch", purpose=f"condensery.torch.{name}"
        ) from error


def __dir__() -> list[str]:
    return sorted(__all__)
