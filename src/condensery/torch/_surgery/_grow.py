"""`grow`: a wider or deeper copy of a user's model that computes the same function,
with a receipt.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor, nn

from condensery._errors import InvalidInputError
from condensery.theory import even_fractions
from condensery.torch._surgery._change import difference, outputs, rounding_of
from condensery.torch._surgery._coupling import couple
from condensery.torch._surgery._graph import as_inputs, check_weights, trace
from condensery.torch._surgery._lift import lift
from condensery.torch._surgery._optimiser import Carried, carry
from condensery.torch._surgery._receipt import LayerReceipt, Receipt, count_parameters
from condensery.torch._surgery._spectrum import criticality
from condensery.torch._surgery._units import Axis, Coupling, Family
from condensery.torch._surgery._weights import (
    Twin,
    as_double,
    cut,
    like,
)
from condensery.torch._surgery._widths import families_at_width, rows_of_unit

_KEEP_SCALE = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.PReLU)

Kind = Literal["split", "null"]


class Grown(NamedTuple):
    """What `grow` returns.

    Attributes:
        model: The wider or deeper copy.
        receipt: How far function, and on request gradient and inertia, moved.
        optimizer: The optimiser that was given, for the new model; None without one.
    """

    model: nn.Module
    receipt: Receipt
    optimizer: torch.optim.Optimizer | None


def grow(  # ruff: ignore[too-many-arguments] each is an option of one verb
    model: nn.Module,
    example_inputs: Any,
    *,
    widths: Mapping[str, int] | None = None,
    depth: str | None = None,
    kind: Kind = "split",
    share: float = 0.5,
    margin: float = 1.0,
    optimizer: torch.optim.Optimizer | None = None,
    loss: Any = None,
    max_error: float | None = None,
    seed: int = 0,
) -> Grown:
    """Make a network wider or deeper without moving its function.

    * ``widths={"0": 64}`` splits units of a layer until it has that width: the copy has
      the same input weights, and the outgoing weights a of unit s become (1 − share)·a
      and share·a. Gradient norms stay of the same size, and critical points stay
      critical. Units are split in turn, in a seeded order. ``kind="null"`` adds units
      without input and outgoing weights instead.
    * ``depth="2"`` puts a new hidden ReLU layer before the named linear layer, which
      becomes ``Sequential(Linear, ReLU, Linear)``. All its units are active on the
      example inputs (by `margin`), so that the function is the same there; off them it
      is not, and the receipt says by how much.

    Args:
        model: Any eager module that `torch.export` can follow; it is not changed.
        example_inputs: A tensor or the tuple of forward's arguments.
        widths: Name of the module that makes the units to its new width.
        depth: Name of the linear layer to put a layer before.
        kind: For widths: split or null.
        share: For splits: the share of the copy; any real number.
        margin: For depth: least pre-activation of the new units on the example inputs.
        optimizer: Of the given model; momentum and Adam's moments are carried over as
            gradients would be.
        loss: A function of the model's output; then the receipt has gradient norms
            before and after, and for at most 2000 parameters the inertia of the Hessian
            (negative, zero, positive).
        max_error: Refuse the result if max |Δf|/max |f| is larger on the example
            inputs: by default 1e-6 in float32 and 1e-12 in float64 (1e-2 in half
            precision).
        seed: Of the order in which units are split.

    Raises:
        InvalidInputError: An unknown layer, one that must be kept, a smaller width, or
            a function that moved.

    Source:
        Zhang et al. 2021, arXiv 2105.14573, Definition 5 (one-step embeddings); 2022,
        arXiv 2111.15527 (null). Depth: Bai et al. 2022, arXiv 2205.13283.

    Example:
        >>> import torch
        >>> from condensery.torch import grow
        >>> net = torch.nn.Sequential(
        ...     torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)
        ... )
        >>> wide, receipt, _ = grow(net, torch.randn(4, 2), widths={"0": 5})
        >>> wide[0].out_features, receipt.error_random_relative < 1e-6
        (5, True)
    """
    inputs = as_inputs(example_inputs)
    check_weights(model)
    if (widths is None) == (depth is None):
        raise InvalidInputError(
            "grow",
            given="both" if depth else "neither widths nor depth",
            allowed="one of widths={layer: width}, depth",
            remedy="grow in two calls" if depth else "say where to grow",
        )
    if kind not in get_args(Kind):
        raise InvalidInputError(
            "kind",
            given=kind,
            allowed=", ".join(get_args(Kind)),
            remedy="choose one of these",
        )
    if depth is not None:
        grown, layers, notes = lift(model, inputs, depth, margin=margin)
        carried = (
            None
            if optimizer is None
            else carry(optimizer, model, grown, Carried({}, {}, {}, set()))
        )
    else:
        grown, layers, notes, moved = _widened(
            model, inputs, widths or {}, kind, share, seed
        )
        carried = None if optimizer is None else carry(optimizer, model, grown, moved)
    receipt = _receipt(
        model, grown, inputs, layers, notes, "lift" if depth else kind, loss
    )
    limit = _limit(model) if max_error is None else max_error
    if not receipt.error_data_relative <= limit:
        raise InvalidInputError(
            "model",
            given=f"a function that moved by {receipt.error_data_relative:.1e} of "
            "its size",
            allowed=f"at most {limit:.0e}",
            remedy="its forward may have hard-coded sizes; or give max_error",
        )
    return Grown(grown, receipt, carried)


_LIMITS = {torch.float64: 1e-12, torch.float32: 1e-6}


def _limit(model: nn.Module) -> float:
    """What rounding in the coarsest kind of the parameters can move."""
    dtypes = {weight.dtype for weight in model.parameters()}
    real = [dtype for dtype in dtypes if dtype.is_floating_point]
    return max((_LIMITS.get(dtype, 1e-2) for dtype in real), default=1e-6)


def _widened(
    model: nn.Module,
    inputs: Sequence[Any],
    widths: Mapping[str, int],
    kind: str,
    share: float,
    seed: int,
) -> tuple[nn.Module, tuple[LayerReceipt, ...], tuple[str, ...], Carried]:
    graph = trace(model, inputs)
    coupling = couple(graph)
    twin = Twin(model, sorted(set(graph.names.values())))
    families = _to_widen(coupling, widths)
    copies: dict[int, np.ndarray] = {}
    for family, width in families:
        copies.update(_copies(family, width, share, kind, seed))
    read = coupling.read_axes
    positions: dict[Axis, np.ndarray] = {}
    scales: dict[Axis, np.ndarray] = {}
    shares: dict[Axis, np.ndarray] = {}
    for axis in {axis for family, _ in families for axis in family.axes}:
        positions[axis], factor = _spread(coupling.axes[axis], copies)
        ones = np.ones(len(factor))
        # A copy has the same input weights and a share of the outgoing ones; of
        # gradients it has a share of the first and all of the second. Null units have
        # none of either.
        scales[axis] = factor if axis in read or kind == "null" else ones
        shares[axis] = ones if axis in read and kind == "split" else factor
    weights = {name: twin.weights[name] for name, _ in positions}
    grown = cut(model, weights, positions)
    _scale(grown, scales)
    layers = tuple(
        LayerReceipt(
            family.name,
            len(family.units),
            width,
            {kind: width - len(family.units)},
            rows=rows_of_unit(coupling, family),
        )
        for family, width in families
    )
    return grown, layers, (), Carried(positions, coupling.axes, {}, read, shares)


def _to_widen(
    coupling: Coupling, widths: Mapping[str, int]
) -> list[tuple[Family, int]]:
    families = families_at_width(coupling, widths, "name a layer of hidden units")
    for family, width in families:
        count, rows = len(family.units), rows_of_unit(coupling, family)
        if width < count:
            raise InvalidInputError(
                f"width of {family.name}",
                given=width * rows,
                allowed=f"a whole number from {count * rows} on",
                remedy="use reduce() to make it narrower",
            )
    return families


def _copies(
    family: Family, width: int, share: float, kind: str, seed: int
) -> dict[int, np.ndarray]:
    """Unit to the shares of its copies, itself first; with null units, zeros behind a
    one.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    order = generator.permutation(family.units).tolist()
    more, extra = divmod(width - len(order), len(order))
    counts = {unit: more + (k < extra) for k, unit in enumerate(order)}
    if kind == "null":
        return {unit: np.array([1.0] + [0.0] * count) for unit, count in counts.items()}
    copies = {}
    for unit, count in counts.items():
        copies[unit] = np.ones(1)
        if count:
            # Copies beyond the first split the copy's own share evenly.
            shares = [1.0 - share] + [share / count] * count
            copies[unit] = even_fractions(shares)
    return copies


def _spread(
    units: np.ndarray, copies: Mapping[int, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Positions with their copies behind them, and the share of each.

    Runs of one unit (the pixels of a channel that was flattened) are copied as runs.
    """
    changes = np.append(True, np.diff(units) != 0)
    starts = np.flatnonzero(changes)
    ends = np.append(starts[1:], len(units))
    positions, factor = [], []
    for first, last in zip(starts, ends, strict=True):
        for share in copies.get(int(units[first]), np.ones(1)):
            positions.append(np.arange(first, last))
            factor.append(np.full(last - first, share))
    return np.concatenate(positions), np.concatenate(factor)


def _scale(grown: nn.Module, scales: Mapping[Axis, np.ndarray]) -> None:
    """Multiply weights along an axis; norms keep theirs, so that they stay defined for
    null units.
    """
    with torch.no_grad():
        for (name, axis), factor in scales.items():
            owner, _, last = name.rpartition(".")
            module = grown.get_submodule(owner)
            tensor: Tensor = getattr(module, last)
            if isinstance(module, _KEEP_SCALE) or bool((factor == 1).all()):
                continue
            shape = [-1 if k == axis else 1 for k in range(tensor.ndim)]
            tensor.mul_(torch.from_numpy(factor).to(tensor.dtype).reshape(shape))


def _receipt(
    old: nn.Module,
    new: nn.Module,
    inputs: Sequence[Any],
    layers: tuple[LayerReceipt, ...],
    notes: tuple[str, ...],
    mode: str,
    loss: Any,
) -> Receipt:
    before = copy.deepcopy(old).double().eval()
    after = copy.deepcopy(new).double().eval()
    batch, random = as_double(inputs), as_double(like(inputs, 0))
    rounding = rounding_of(old)
    try:
        shown, drawn = (
            difference(outputs(after, x), outputs(before, x), rounding=rounding)
            for x in (batch, random)
        )
    except RuntimeError as error:
        raise InvalidInputError(
            "model",
            given=f"{type(old).__name__}, whose forward has hard-coded sizes",
            allowed="sizes taken from the tensors, such as x.flatten(1) or x.shape[-1]",
            remedy="at the new widths it stops with: "
            f"{str(error).splitlines()[0][:160]}",
        ) from error
    numbers = {}
    if loss is not None:
        numbers = {
            "before": criticality(before, batch, loss),
            "after": criticality(after, batch, loss),
        }
    return Receipt(
        "grow",
        mode,
        layers,
        count_parameters(old),
        count_parameters(new),
        *shown,
        *drawn,
        notes=notes,
        numbers=numbers,
    )
