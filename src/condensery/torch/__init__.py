"""The workshop: condensery on a user's own PyTorch model. It works without JAX.

Importing this package loads neither torch nor anything else that is slow; each name is loaded when it is first used,
and without torch its use is refused with the extra to install.

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
    from condensery.torch._condense import Recipe, condense
    from condensery.torch._diagnose import diagnose
    from condensery.torch._diagnose_train import ForSteps, UntilLoss
    from condensery.torch._diagnosis import Diagnosis, LayerDiagnosis
    from condensery.torch._export import export_model
    from condensery.torch._graph import as_tensor
    from condensery.torch._grow import Grown, grow
    from condensery.torch._inspect import inspect
    from condensery.torch._inspection import Inspection, LayerReport
    from condensery.torch._keras_style import KerasStyleCallback
    from condensery.torch._lightning import LightningCallback
    from condensery.torch._loading import load_model, load_weights
    from condensery.torch._monitor import CondensationMonitor
    from condensery.torch._reduce import Reduced, reduce
    from condensery.torch._regularizer import DropoutRegularizer
    from condensery.torch._sinks import JsonLines, MLflow, TensorBoard, WeightsAndBiases
    from condensery.torch._transformers import TransformersCallback

__all__ = [
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
        "CondensationMonitor": "_monitor",
        "Diagnosis": "_diagnosis",
        "DropoutRegularizer": "_regularizer",
        "ForSteps": "_diagnose_train",
        "Inspection": "_inspection",
        "JsonLines": "_sinks",
        "KerasStyleCallback": "_keras_style",
        "LayerDiagnosis": "_diagnosis",
        "LayerReport": "_inspection",
        "LightningCallback": "_lightning",
        "MLflow": "_sinks",
        "Recipe": "_condense",
        "TensorBoard": "_sinks",
        "TransformersCallback": "_transformers",
        "UntilLoss": "_diagnose_train",
        "WeightsAndBiases": "_sinks",
        "condense": "_condense",
        "diagnose": "_diagnose",
        "inspect": "_inspect",
        "as_tensor": "_graph",
        "export_model": "_export",
        "Grown": "_grow",
        "grow": "_grow",
        "Reduced": "_reduce",
        "reduce": "_reduce",
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
        raise MissingExtraError("torch", extra="torch", purpose=f"condensery.torch.{name}") from error


def __dir__() -> list[str]:
    return sorted(__all__)
