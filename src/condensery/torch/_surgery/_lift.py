"""A new hidden layer in the linear range of its ReLU: depth lifting for a linear layer
of a user's model.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from condensery._errors import InvalidInputError
from condensery.torch._surgery._graph import check_runs, copied
from condensery.torch._surgery._receipt import LayerReceipt


def lift(
    model: nn.Module, inputs: Sequence[Any], name: str, *, margin: float
) -> tuple[nn.Module, tuple[LayerReceipt, ...], tuple[str, ...]]:
    """Replace a linear layer z = Wx + b by Sequential(Linear, ReLU, Linear) with the
    same values on the inputs.

    The new units copy the layer's inputs, raised by a bias until all are above `margin`
    on the inputs: h = ReLU(x + β), β = margin − min x, z = W h + (b − W β).

    Raises:
        InvalidInputError: There is no linear layer of that name, the margin is not
            positive, or the forward did not call the layer on the inputs.
    """
    modules = model.named_modules()
    layers = [layer for layer, module in modules if type(module) is nn.Linear]
    if name not in layers:
        raise InvalidInputError(
            "depth",
            given=name,
            allowed=", ".join(layers) or "no linear layer in this model",
            remedy="name the linear layer to put a layer before",
        )
    if not margin > 0:
        raise InvalidInputError(
            "margin", given=margin, allowed="a number > 0", remedy="1.0 is usual"
        )
    old: Any = model.get_submodule(name)
    lowest = _lowest(model, inputs, name)
    made = _layers(old, lowest, margin)
    grown = copy.deepcopy(model)
    owner, _, last = name.rpartition(".")
    setattr(grown.get_submodule(owner), last, made)
    receipt = LayerReceipt(f"{name}.0", 0, old.in_features, {"lift": old.in_features})
    notes = (
        f"keys: {name}.weight is now {name}.2.weight; new {name}.0.weight, "
        f"{name}.0.bias",
        "the function is the same where the new units are active; on random inputs "
        "they need not be",
    )
    return grown, (receipt,), notes


def _lowest(model: nn.Module, inputs: Sequence[Any], name: str) -> Tensor:
    twin = copied(model).eval()
    check_runs(twin, inputs)
    seen: list[Tensor] = []

    def note(module: nn.Module, values: tuple[Tensor, ...]) -> None:
        rows = values[0].detach().double().reshape(-1, values[0].shape[-1])
        seen.append(rows.amin(dim=0))

    handle = twin.get_submodule(name).register_forward_pre_hook(note)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        twin(*inputs)
    handle.remove()
    if not seen:
        raise InvalidInputError(
            "depth",
            given=f"{name}, which forward does not call",
            allowed="a layer that the model calls",
            remedy="name another linear layer",
        )
    return torch.stack(seen).amin(dim=0)


def _layers(old: nn.Linear, lowest: Tensor, margin: float) -> nn.Sequential:
    weight: Tensor = old.weight.detach().double()
    width, out = old.in_features, old.out_features
    kind = {
        "dtype": old.weight.dtype,
        "device": old.weight.device,
    }
    # without an initialisation, which would draw random numbers
    first: Any = torch.nn.utils.skip_init(
        nn.Linear,
        width,
        width,
        **kind,
    )
    second: Any = torch.nn.utils.skip_init(nn.Linear, width, out, **kind)
    with torch.no_grad():
        first.weight.copy_(torch.eye(width))
        first.bias.copy_(margin - lowest)
        second.weight.copy_(weight)
        # with the bias as it is stored, so that rounding it does not move the function
        bias = 0.0 if old.bias is None else old.bias.detach().double()
        second.bias.copy_(bias - weight @ first.bias.double())
    return nn.Sequential(first, nn.ReLU(), second)
