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

from typing import TYPE_CHECKING, Any

from condensery._lazy import load

if TYPE_CHECKING:
    from condensery.torch._diagnosis._diagnose import diagnose
    from condensery.torch._diagnosis._diagnosis import Diagnosis, LayerDiagnosis
    from condensery.torch._diagnosis._stop import ForSteps, UntilLoss
    from condensery.torch._inspection._inspect import inspect
    from condensery.torch._inspection._inspection import Inspection
    from condensery.torch._inspection._layer_report import LayerReport
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
    return load(
        __name__,
        name,
        {
            "condensery.torch._diagnosis._diagnose": ["diagnose"],
            "condensery.torch._diagnosis._diagnosis": ["Diagnosis", "LayerDiagnosis"],
            "condensery.torch._diagnosis._stop": ["ForSteps", "UntilLoss"],
            "condensery.torch._inspection._inspect": ["inspect"],
            "condensery.torch._inspection._inspection": ["Inspection"],
            "condensery.torch._inspection._layer_report": ["LayerReport"],
            "condensery.torch._loading": ["load_model", "load_weights"],
            "condensery.torch._monitoring._keras_style": ["KerasStyleCallback"],
            "condensery.torch._monitoring._lightning": ["LightningCallback"],
            "condensery.torch._monitoring._measures": ["Condensation", "Measure"],
            "condensery.torch._monitoring._monitor": ["CondensationMonitor", "Monitor"],
            "condensery.torch._monitoring._sinks": [
                "JsonLines",
                "MLflow",
                "TensorBoard",
                "WeightsAndBiases",
            ],
            "condensery.torch._monitoring._transformers": ["TransformersCallback"],
            "condensery.torch._surgery._export": ["export_model"],
            "condensery.torch._surgery._graph": ["as_tensor"],
            "condensery.torch._surgery._grow": ["Grown", "grow"],
            "condensery.torch._surgery._reduce": ["Reduced", "reduce"],
            "condensery.torch._training._condense": ["Recipe", "condense"],
            "condensery.torch._training._regularizer": ["DropoutRegularizer"],
        },
    )


def __dir__() -> list[str]:
    return sorted(__all__)
