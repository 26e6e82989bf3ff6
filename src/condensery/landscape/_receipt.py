"""The receipt of a move in parameter space: what it changed, measured, and what it
should do to the spectrum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.landscape._derivatives import gradient
from condensery.landscape._inertia import Inertia, inertia_at
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    check_parameters,
    flatten,
    forward,
    loss,
    parameter_count,
    widths,
)

Counts = tuple[int, int, int]

AFFORDABLE = 300
"""Most parameters of a net whose spectrum a receipt measures: a Hessian of that size
takes about a second.
"""

RANDOM_INPUTS = 256

CRITICAL = 1e-8
"""A net with ‖∇R‖₁ up to this times 1 + R is taken for a critical point."""


@dataclass(frozen=True, eq=False)
class Receipt:
    r"""What an operator did to a net, measured on the net before and the net after.

    Attributes:
        operator: Its name.
        widths: Widths before and after, inputs and outputs included.
        data_change: max \|Δf\| over the samples and outputs of the data.
        data_change_relative: The same over max \|f\| before.
        random_change: max \|Δf\| over 256 random inputs, normal with the mean and twice
            the spread of the data.
        random_change_relative: The same over max \|f\| before on those inputs.
        loss: R before and after.
        gradient: ‖∇R‖₁ before and after.
        inertia_before: Of the Hessian before; None where it was not measured.
        predicted: (n₋, n₀, n₊) after, from the net before; None where there is no
            prediction.
        inertia: Of the Hessian after; None where it was not measured.
        notes: What a reader should know: why something was not measured, what was left
            as it was.
    """

    operator: str
    widths: tuple[tuple[int, ...], tuple[int, ...]]
    data_change: float
    data_change_relative: float
    random_change: float
    random_change_relative: float
    loss: tuple[float, float]
    gradient: tuple[float, float]
    inertia_before: Inertia | None = None
    predicted: Counts | None = None
    inertia: Inertia | None = None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            f"{self.operator}: widths {self.widths[0]} -> {self.widths[1]}",
            f"  max |Δf| on the data {self.data_change:.1e} "
            f"({self.data_change_relative:.1e} of max |f|), "
            f"on random inputs {self.random_change:.1e} "
            f"({self.random_change_relative:.1e})",
            f"  loss {self.loss[0]:.6g} -> {self.loss[1]:.6g}, |∇R|₁ "
            f"{self.gradient[0]:.1e} -> {self.gradient[1]:.1e}",
            f"  inertia {_inertia_text(self.inertia_before)} -> "
            f"{_inertia_text(self.inertia)}, predicted {self.predicted or 'nothing'}",
        ]
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


Moved = tuple[Parameters, Receipt]
"""The new parameters and the receipt."""


def _inertia_text(inertia: Inertia | None) -> str:
    return "not measured" if inertia is None else str(inertia)


def admitted(parameters: Sequence[Layer], problem: Problem) -> Parameters:
    """A copy of parameters that an operator can work on.

    Raises:
        InvalidInputError: Parameters that are no net, do not fit the data, or whose
            loss is not finite.
    """
    layers = check_parameters(parameters)
    sizes, needed = widths(layers), (problem.x.shape[1], problem.y.shape[1])
    if (sizes[0], sizes[-1]) != needed:
        raise InvalidInputError(
            "parameters",
            given=f"{sizes[0]} inputs and {sizes[-1]} outputs",
            allowed=f"{needed[0]} and {needed[1]}, as the data have",
            remedy="give the data of this net",
        )
    with np.errstate(over="ignore", invalid="ignore"):
        value = loss(layers, problem)
    if not np.isfinite(value):
        raise InvalidInputError(
            "loss",
            given=f"{value}",
            allowed="a finite loss",
            remedy="take the parameters from before the training diverged",
        )
    return layers


def check_hidden(layers: Parameters, layer: int) -> None:
    """Refuse what is no hidden layer.

    Raises:
        InvalidInputError: There is no such hidden layer.
    """
    if isinstance(layer, bool) or not 1 <= layer < len(layers):
        most = len(layers) - 1
        allowed = (
            f"1 to {most} (the hidden layers)"
            if most
            else "none: this net has no hidden layer"
        )
        raise InvalidInputError(
            "layer", given=layer, allowed=allowed, remedy="count hidden layers from 1"
        )


def check_unit(layers: Parameters, layer: int, unit: int) -> None:
    """Refuse a hidden layer or a unit that does not exist.

    Raises:
        InvalidInputError: There is no such layer or unit.
    """
    check_hidden(layers, layer)
    count = len(layers[layer - 1][0])
    if not 0 <= unit < count:
        raise InvalidInputError(
            "unit",
            given=unit,
            allowed=f"0 to {count - 1} in layer {layer}",
            remedy="count units from 0",
        )


def random_inputs(
    x: Float[np.ndarray, "sample feature"],
) -> Float[np.ndarray, "random feature"]:
    """Inputs that are not in the data: normal, with their mean and twice their standard
    deviation; always the same.
    """
    rng = np.random.Generator(np.random.Philox(0))
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    return x.mean(axis=0) + 2 * spread * rng.standard_normal(
        (RANDOM_INPUTS, x.shape[1])
    )


def _slope(net: Sequence[Layer], problem: Problem) -> float:
    return float(np.abs(flatten(gradient(net, problem))).sum())


def is_critical(parameters: Sequence[Layer], problem: Problem) -> bool:
    """Whether ‖∇R‖₁ ≤ 1e-8·(1 + R)."""
    return _slope(parameters, problem) <= CRITICAL * (1 + loss(parameters, problem))


def write_receipt(
    operator: str,
    before: Parameters,
    after: Parameters,
    problem: Problem,
    *,
    spectrum: bool,
    predict: Callable[[Inertia], Counts | None] | None = None,
    notes: Sequence[str] = (),
) -> Receipt:
    """Measure a move.

    Args:
        operator: Its name.
        before: The net before.
        after: The net after.
        problem: Data, activation and loss.
        spectrum: Whether to measure the inertia of nets of at most 300 parameters.
        predict: What to expect of the inertia after, from that before.
        notes: Remarks of the operator.
    """
    changes = []
    for x in (problem.x, random_inputs(problem.x)):
        old, new = (forward(net, x, problem.activation) for net in (before, after))
        size = float(np.abs(old).max())
        change = float(np.abs(new - old).max())
        changes += [change, change / size if size else change]
    remarks = list(notes)
    old_inertia = _measured(before, problem, remarks, "before") if spectrum else None
    new_inertia = _measured(after, problem, remarks, "after") if spectrum else None
    predicted = (
        predict(old_inertia)
        if predict is not None and old_inertia is not None
        else None
    )
    return Receipt(
        operator,
        (widths(before), widths(after)),
        *changes,
        loss=(loss(before, problem), loss(after, problem)),
        gradient=(_slope(before, problem), _slope(after, problem)),
        inertia_before=old_inertia,
        predicted=predicted,
        inertia=new_inertia,
        notes=tuple(remarks),
    )


def _measured(
    net: Parameters, problem: Problem, remarks: list[str], when: str
) -> Inertia | None:
    count = parameter_count(net)
    if count > AFFORDABLE:
        remarks.append(
            f"inertia {when} not measured: {count} parameters, more than {AFFORDABLE}"
        )
        return None
    try:
        return inertia_at(net, problem)
    except InvalidInputError as error:
        remarks.append(f"inertia {when} not measured: {error}")
        return None
