"""`reduce`: a narrower copy of a user's model, with a receipt of what it cost."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import nn

from condensery._errors import InvalidInputError
from condensery.torch._surgery._change import (
    Change,
    difference,
    largest,
    outputs,
    rounding_of,
)
from condensery.torch._surgery._coupling import couple
from condensery.torch._surgery._graph import (
    ModelGraph,
    as_inputs,
    check_runs,
    check_weights,
    copied,
    trace,
)
from condensery.torch._surgery._kept import ATTENTION_LEFT
from condensery.torch._surgery._optimiser import Carried, carry
from condensery.torch._surgery._receipt import LayerReceipt, Receipt, count_parameters
from condensery.torch._surgery._session import Session
from condensery.torch._surgery._trial import Settings
from condensery.torch._surgery._unseen import computed_weights, weights_in_products
from condensery.torch._surgery._weights import as_double, cut

Mode = Literal["exact", "approximate", "least-squares"]
_EXACT = 1e-6
_ROUNDINGS = 4
"""So many roundings of the weights are allowed in exact mode, if that is more."""
_NEAR = 0.1
_HALF = 1e-4
"""Roundings above are those of half precision."""


class Reduced(NamedTuple):
    """What `reduce` returns.

    Attributes:
        model: The narrower copy: the same classes and state-dict keys, usable without
            condensery.
        receipt: What was done and what it cost.
        optimizer: The optimiser that was given, for the new model; None without one.
    """

    model: nn.Module
    receipt: Receipt
    optimizer: torch.optim.Optimizer | None


def reduce(  # ruff: ignore[too-many-arguments]: each is an option of one verb
    model: nn.Module,
    example_inputs: Any,
    *,
    mode: Mode = "exact",
    tau: float | None = None,
    data: Any = None,
    max_error: float | None = None,
    on_data: bool = False,
    negligible: float = 0.0,
    refit: Literal["cluster", "layer"] = "cluster",
    layers: Collection[str] | None = None,
    widths: Mapping[str, int] | None = None,
    unsupported: Literal["refuse", "keep"] = "refuse",
    optimizer: torch.optim.Optimizer | None = None,
    finetune: Callable[[nn.Module, torch.optim.Optimizer | None], object] | None = None,
) -> Reduced:
    """Cut a condensed network down: merge units that point the same way, and say what
    it cost.

    A unit k with row (w_k, b_k) = c_k·(w_j, b_j) and outgoing weights a_k goes into
    unit j by a_j ← a_j + φ(c_k)·a_k, with φ and the constant for the next bias from the
    exact-merge table (`condensery.theory.merge_rule`). Batch norm is folded in
    evaluation mode; channels of convolutions are units, their kernels the rows. The
    model given is never changed; it is compared in evaluation mode.

    * ``exact``: only merges that hold for every input; an ordinary network has none,
      and the receipt says so. Units without outgoing weights, and constants (no
      incoming weights), go too.
    * ``approximate``: complete linkage on the signed cosine at `tau`; a cluster goes
      into its amplitude-weighted mean direction, with a′ = Σ_k a_k ‖w_k‖/‖w′‖. Clusters
      whose outgoing weights cancel (below 0.1 of their sizes: channels on their way to
      infinity) are refused.
    * ``least-squares``: the same clusters; a′ fits the units' values on `data`.

    Args:
        model: Any eager module that `torch.export` can follow.
        example_inputs: A tensor or the tuple of forward's arguments; a batch of two or
            more.
        mode: See above.
        tau: Least cosine within a cluster, in (0, 1]; None for the smallest one that
            keeps `max_error`, layer by layer.
        data: More inputs of the same kind, on which errors are measured as well, and
            units for ``least-squares`` and `on_data`.
        max_error: Largest max |Δf|/max |f| of any output that is allowed, on example
            inputs, data and (exact mode) random inputs, with the weights as they are
            stored; edits beyond it are rolled back. An output is an entry of a tensor's
            last axis, or of axis 1 where it has more than three; max |f| counts as at
            least the rounding of the tensor's largest value. Defaults: exact 1e-6, or
            four roundings of the weights if that is more; otherwise 0.1; ``inf`` for
            none.
        on_data: Also remove ReLU units that are zero on all of the data, and let few
            units carry those that are linear on all of it. That depends on the data,
            and is labelled so.
        negligible: Also remove the units of smallest amplitude, as long as together
            they have at most this share of the layer's.
        refit: ``least-squares`` only. ``"layer"`` lets clusters go into their mean
            direction, as ``approximate`` does, and then fits all outgoing weights of
            the units that stay, front to back: to what the next layer computed before
            anything was cut, on what the layers before it give now, with a small pull
            towards the merged weights. Linear layers, Conv1d and Conv2d without groups
            are fitted; others keep the merged weights.
        layers: Names of modules; by default all.
        widths: Not for ``exact``: instead of `tau` the width that each named layer
            shall have; clusters are those of spherical k-means weighted by amplitude.
            The width is kept to: a cluster that cancels is not refused, but goes into
            its largest unit.
        unsupported: At an operation that is not on the allow-list: ``"refuse"``, or
            ``"keep"`` the layers before it.
        optimizer: Of the given model; its state (momentum, Adam's moments) is carried
            over to the new one.
        finetune: Called with the new model and optimiser after the cut; trains it in
            place. The errors in the receipt are those before it.

    Returns:
        The new model, the receipt, and the optimiser.

    Raises:
        InvalidInputError: Weights or inputs that cannot be used, an operation that is
            not on the allow-list (named, with its line), or a forward with hard-coded
            sizes.

    Source:
        Zhang et al. 2022 (arXiv 2111.15527), Sec. 6 and Fig. 5; Chen and Xu 2024 (arXiv
        2405.01041).

    Example:
        >>> import torch
        >>> from condensery.torch import reduce
        >>> net = torch.nn.Sequential(
        ...     torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1)
        ... )
        >>> with torch.no_grad():
        ...     net[0].weight[1], net[0].bias[1] = (
        ...         2 * net[0].weight[0],
        ...         2 * net[0].bias[0],
        ...     )
        >>> small, receipt, _ = reduce(net, torch.randn(4, 2))
        >>> small[0].out_features, receipt.merges, receipt.error_random_relative < 1e-6
        (2, 1, True)
    """
    limit = _limit(model, mode) if max_error is None else max_error
    settings = Settings(mode, tau, limit, on_data, negligible, refit, widths)
    _check(settings, given_data=data is not None)
    inputs = as_inputs(example_inputs)
    check_weights(model)
    more = None if data is None else as_inputs(data, name="data")
    check_runs(copied(model).eval(), inputs)
    graph = trace(model, inputs) if more is None else trace(model, more, name="data")
    session = Session(
        model, graph, couple(graph, unsupported=unsupported), inputs, more, settings
    )
    entries = session.all_families(layers)
    positions, transport = session.positions(), session.transport()
    small = cut(model, session.stored(), positions)
    _check_runs(small, model, inputs)
    changes = _changes(model, small, session)
    error = changes.tested(settings)
    left = _left(session, graph)
    partial = bool(left or session.kept or layers is not None)
    notes = (*_verified(model, session, entries), *left)
    if mode == "exact" and all(entry.before == entry.after for entry in entries):
        compared = len(entries) - len(session.kept)
        notes = (_no_merges(entries, compared, partial=partial), *notes)
    if not error <= limit:
        small = copied(model)
        entries = tuple(_rolled_back(entry) for entry in entries)
        changes = _Changes(Change(0.0, 0.0), Change(0.0, 0.0))
        positions, transport = {}, ({}, {}, set())
        notes = (
            f"the input came back: what was left would have changed an output by "
            f"{error:.1e} of its size, beyond max_error {limit:g}",
            *notes,
        )
    receipt = Receipt(
        "reduce",
        mode,
        entries,
        count_parameters(model),
        count_parameters(small),
        *changes.shown,
        *changes.random,
        notes=notes,
    )
    new_optimizer = None
    if optimizer is not None:
        new_optimizer = carry(optimizer, model, small, Carried(positions, *transport))
    if finetune is not None:
        finetune(small, new_optimizer)
    return Reduced(small, receipt, new_optimizer)


def _limit(model: nn.Module, mode: str) -> float:
    """The default of max_error."""
    if mode != "exact" or not isinstance(model, nn.Module):
        return _NEAR
    return max(_EXACT, _ROUNDINGS * rounding_of(model))


def _check(settings: Settings, *, given_data: bool) -> None:
    if settings.mode not in get_args(Mode):
        raise InvalidInputError(
            "mode",
            given=settings.mode,
            allowed=", ".join(get_args(Mode)),
            remedy="choose one of these",
        )
    if settings.tau is not None and not 0 < settings.tau <= 1:
        raise InvalidInputError(
            "tau",
            given=settings.tau,
            allowed="a cosine in (0, 1]",
            remedy="0.9 is usual",
        )
    if settings.widths is not None and (
        settings.mode == "exact"
        or settings.tau is not None
        or any(width < 1 for width in settings.widths.values())
    ):
        raise InvalidInputError(
            "widths",
            given=f"{dict(settings.widths)}",
            allowed="widths >= 1, with mode approximate and without tau",
            remedy="exact merging finds its own widths",
        )
    if not settings.limit >= 0:
        raise InvalidInputError(
            "max_error",
            given=settings.limit,
            allowed="a number >= 0",
            remedy="use inf for no limit",
        )
    if not 0 <= settings.negligible < 1:
        raise InvalidInputError(
            "negligible",
            given=settings.negligible,
            allowed="a share in [0, 1)",
            remedy="0.001 is already large",
        )
    if settings.refit not in {"cluster", "layer"}:
        raise InvalidInputError(
            "refit",
            given=settings.refit,
            allowed="cluster, layer",
            remedy="choose one of these",
        )
    if not given_data and (settings.on_data or settings.mode == "least-squares"):
        what, value = ("on_data", True) if settings.on_data else ("mode", settings.mode)
        raise InvalidInputError(
            what,
            given=f"{value} without data",
            allowed="with data=inputs",
            remedy="give inputs on which the units can be measured",
        )


def _check_runs(small: nn.Module, model: nn.Module, inputs: tuple[Any, ...]) -> None:
    modes = [module.training for module in small.modules()]
    try:
        small.eval()
        outputs(small, inputs)
    except Exception as error:
        text = str(error).strip().splitlines()
        raise InvalidInputError(
            "model",
            given=f"{type(model).__name__}, whose forward has hard-coded sizes",
            allowed="sizes taken from the tensors, such as x.flatten(1) or x.shape[-1]",
            remedy="at the new widths it stops with: "
            f"{text[0][:160] if text else type(error).__name__}",
        ) from error
    finally:
        for module, mode in zip(small.modules(), modes, strict=True):
            module.training = mode


def _left(session: Session, graph: ModelGraph) -> list[str]:
    """What was not looked at, although some of it may be alike."""
    texts = {
        f"{ATTENTION_LEFT}, equal ones as well, which inspect tells": session.attention,
        "layers whose weights the model computes are left as they are": (
            computed_weights(graph)
        ),
        "weights in products that are no layer are not looked at": (
            weights_in_products(graph)
        ),
    }
    return [f"{text}: {_listed(names)}" for text, names in texts.items() if names]


def _listed(names: Collection[str]) -> str:
    first = ", ".join([*names][:4])
    return f"{first} and {len(names) - 4} more" if len(names) > 4 else first


class _Changes(NamedTuple):
    """How far the function moved.

    Attributes:
        shown: On example inputs and data.
        random: On random inputs.
    """

    shown: Change
    random: Change

    def tested(self, settings: Settings) -> float:
        """The change that the limit is for; nothing where there is none."""
        if settings.limit == float("inf"):
            return 0.0
        if settings.for_every_input:
            return max(self.shown.relative, self.random.relative)
        return self.shown.relative


def _changes(model: nn.Module, small: nn.Module, session: Session) -> _Changes:
    """Both models run on all batches, in float64."""
    old = copy.deepcopy(model).double().eval()
    new = copy.deepcopy(small).double().eval()
    rounding = rounding_of(model)

    def worst(batches: tuple[tuple[Any, ...], ...]) -> Change:
        changes = []
        for batch in batches:
            inputs = as_double(batch)
            values, expected = outputs(new, inputs), outputs(old, inputs)
            changes.append(difference(values, expected, rounding=rounding))
        return largest(changes)

    return _Changes(worst(session.shown), worst(session.random))


def _rolled_back(entry: LayerReceipt) -> LayerReceipt:
    """A layer of a model that came back as it was given."""
    count = entry.before - entry.after
    return replace(
        entry,
        after=entry.before,
        rules={},
        error=0.0,
        data_dependent=0,
        rolled_back=entry.rolled_back + count,
    )


def _verified(
    model: nn.Module, session: Session, entries: tuple[LayerReceipt, ...]
) -> list[str]:
    batches = sum(len(inputs) > 0 for inputs in session.shown)
    notes = [f"verified in evaluation mode, in float64, on {batches} batches"]
    rounding = rounding_of(model)
    if rounding > _HALF and any(entry.rolled_back for entry in entries):
        notes.append(
            f"sums of weights are rounded to {rounding:.0e} of their size, which "
            "counts: reduce model.float(), or allow a larger max_error"
        )
    return notes


def _no_merges(
    entries: tuple[LayerReceipt, ...], compared: int, *, partial: bool
) -> str:
    """Why there is no exact merge, of the layers that were looked at alone."""
    if any(entry.rolled_back for entry in entries):
        return "0 exact merges: those that were found are rolled back"
    if compared == 0:
        return "0 exact merges: no layer was compared"
    text = "no unit can stand for another up to rounding; that is usual without"
    if partial:
        return f"0 exact merges: in the {compared} layers compared {text} condensation"
    return f"0 exact merges: {text} condensation"
