"""Small networks that are reduced in every way, judged by code of their own.

A net and its options are drawn from the number of the net alone. The judge runs both
nets itself and knows nothing of how `reduce` measures.
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from condensery.torch import reduce

KINDS = ("random", "trained", "deep", "convolution", "residual", "two-outputs")
PER_ITEM = 20
ITEMS = 9
TRIES = 3
_ROOM = 1 + 1e-9
_ACTIVATIONS = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.LeakyReLU, nn.SiLU)
_MODES = ("exact", "approximate", "approximate", "least-squares")
_LIMITS = (1e-6, 1e-3, 0.05, 0.3, float("inf"))
_TAUS = (None, 0.999, 0.95, 0.7, 0.3)
_TYPES = (torch.float64, torch.float32, torch.float32, torch.bfloat16, torch.float16)


class Residual(nn.Module):
    """A stream that two layers write to."""

    def __init__(self, width: int, kind: type[nn.Module]) -> None:
        super().__init__()
        self.stem, self.inner = (
            nn.Linear(3, width),
            nn.Linear(
                width,
                width + 3,
            ),
        )
        self.back, self.head = (
            nn.Linear(
                width + 3,
                width,
            ),
            nn.Linear(width, 2),
        )
        self.kind = kind()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The stream, and what the head makes of it."""
        stream = self.kind(self.stem(x))
        stream = stream + self.back(self.kind(self.inner(stream)))
        return self.head(stream)


class TwoOutputs(nn.Module):
    """One large tensor and one of order one."""

    def __init__(self, width: int, kind: type[nn.Module]) -> None:
        super().__init__()
        self.body, self.kind = (
            nn.Linear(
                3,
                width,
            ),
            kind(),
        )
        self.large, self.small = (
            nn.Linear(width, 2),
            nn.Linear(
                width,
                3,
            ),
        )

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Both tensors."""
        hidden = self.kind(self.body(x))
        return {"large": 640 * self.large(hidden), "small": self.small(hidden)}


@dataclass(frozen=True, eq=False)
class Case:
    """A net to reduce.

    Attributes:
        net: The net, in float64.
        inputs: Its inputs.
        hidden: Names of hidden layers that can be given a width.
    """

    net: nn.Module
    inputs: torch.Tensor
    hidden: tuple[str, ...]


def drawn(kind: str, number: int) -> tuple[Case, np.random.Generator]:
    """The net of a number, and what its options are drawn from."""
    seed = [KINDS.index(kind), number]
    generator = np.random.Generator(np.random.Philox(seed))
    torch.manual_seed(int(generator.integers(2**31)))
    inputs = torch.randn(40, 3)
    if kind == "convolution":
        inputs = torch.randn(6, 2, 7, 7)
    net, hidden = _built(kind, generator)
    if kind == "trained":
        _train(net, inputs, generator)
    _disturb(net, generator)
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            _disturb_norm(norm, generator)
    case = Case(
        net.double().eval(),
        inputs.double(),
        hidden,
    )
    return case, generator


def _built(
    kind: str, generator: np.random.Generator
) -> tuple[nn.Module, tuple[str, ...]]:
    """A net, and the names of its hidden layers."""
    width = int(generator.integers(3, 25))
    number = int(generator.integers(len(_ACTIVATIONS)))
    activation = _ACTIVATIONS[number]
    bias = bool(generator.random() < 0.8)
    if kind == "residual":
        return Residual(width, activation), ("stem", "inner")
    if kind == "two-outputs":
        return TwoOutputs(width, activation), ("body",)
    first = nn.Linear(3, width, bias=bias)
    if kind == "convolution":
        net = nn.Sequential(
            nn.Conv2d(2, width, 3, bias=bias),
            nn.BatchNorm2d(width),
            activation(),
            nn.Conv2d(width, 6, 3, padding=1),
            activation(),
            nn.Flatten(),
            nn.Linear(6 * 25, 2),
        )
        return net, ("0", "3")
    if kind == "deep":
        net = nn.Sequential(
            first,
            activation(),
            nn.Linear(width, width, bias=bias),
            activation(),
            nn.Linear(width, 3, bias=bias),
        )
        return net, ("0", "2")
    outputs = 1
    if kind == "random":
        outputs = int(generator.integers(1, 4))
    last = nn.Linear(width, outputs, bias=bias)
    return nn.Sequential(first, activation(), last), ("0",)


def _train(net: nn.Module, x: torch.Tensor, generator: np.random.Generator) -> None:
    """A regression from small weights, in which units gather."""
    target = torch.sin(3 * x.sum(dim=1, keepdim=True))
    with torch.no_grad():
        for weight in net.parameters():
            weight.mul_(float(generator.choice([0.1, 0.5, 1.0])))
    rule = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(120):
        rule.zero_grad()
        (net(x) - target).square().mean().backward()
        rule.step()


@torch.no_grad()
def _disturb(net: nn.Module, generator: np.random.Generator) -> None:
    """Copies, near copies, opposite outgoing weights, zeros, and outputs of very
    different sizes.
    """
    kinds = nn.Linear | nn.Conv2d
    layers = [
        module
        for module in net.modules()
        if isinstance(
            module,
            kinds,
        )
    ]
    for layer, reader in itertools.pairwise(layers):
        rows = len(layer.weight)
        if rows != reader.weight.shape[1]:
            continue
        for _ in range(int(generator.integers(0, rows))):
            _copy(layer, reader, generator)
        unit = int(generator.integers(rows))
        if generator.random() < 0.1:
            layer.weight[unit] = 0.0
        if generator.random() < 0.1:
            reader.weight[:, unit] = 0.0
        if generator.random() < 0.04:
            layer.weight.zero_()
    last = layers[-1]
    scale = 10.0 ** generator.uniform(
        -3,
        3,
        size=len(last.weight),
    )
    factors = torch.from_numpy(scale).to(last.weight)
    last.weight.mul_(factors[:, None])
    if last.bias is not None:
        last.bias.mul_(factors)


def _copy(layer: Any, reader: Any, generator: np.random.Generator) -> None:
    """Let a unit be like another one, or nearly."""
    rows = len(layer.weight)
    mine, theirs = generator.integers(rows, size=2).tolist()
    spread = float(generator.choice([0.0, 0.0, 1e-6, 0.05, 0.4]))
    factor = float(generator.choice([1.0, 1.0, 2.0, -1.0]))
    noise = torch.randn_like(layer.weight[mine])
    layer.weight[mine] = factor * layer.weight[theirs] + spread * noise
    if layer.bias is not None:
        layer.bias[mine] = factor * layer.bias[theirs]
    if generator.random() < 0.2:
        reader.weight[:, mine] = -0.9 * reader.weight[:, theirs]


@torch.no_grad()
def _disturb_norm(norm: nn.BatchNorm2d, generator: np.random.Generator) -> None:
    norm.get_buffer("running_mean").normal_()
    norm.get_buffer("running_var").uniform_(0.5, 2)
    if generator.random() < 0.2:
        norm.weight.zero_()


def options(case: Case, generator: np.random.Generator) -> dict[str, Any]:
    """Ways to reduce a net."""
    mode = str(generator.choice(_MODES))
    chosen: dict[str, Any] = {
        "mode": mode,
        "max_error": float(generator.choice(_LIMITS)),
        "data": case.inputs,
        "on_data": bool(generator.random() < 0.25),
        "negligible": float(generator.choice([0.0, 0.0, 0.02])),
    }
    if mode != "exact" and generator.random() < 0.3:
        name = str(generator.choice(case.hidden))
        width = len(case.net.get_parameter(f"{name}.weight"))
        chosen["widths"] = {name: int(generator.integers(1, width + 1))}
    elif mode != "exact":
        chosen["tau"] = _TAUS[int(generator.integers(len(_TAUS)))]
    if mode == "least-squares":
        chosen["refit"] = str(generator.choice(["cluster", "layer"]))
    return chosen


def error_of(small: nn.Module, net: nn.Module, x: torch.Tensor, kind: Any) -> float:
    """The largest change of an output over its own largest value, in float64."""
    values = []
    for model in (net, small):
        with torch.no_grad():
            value = copy.deepcopy(model).double().eval()(x.double())
        tensors = list(value.values()) if isinstance(value, dict) else [value]
        values.append([tensor.numpy() for tensor in tensors])
    worst = 0.0
    for before, after in zip(*values, strict=True):
        least = np.abs(before).max() * torch.finfo(kind).eps
        for column in range(before.shape[1]):
            moved = np.abs(after[:, column] - before[:, column]).max()
            size = max(np.abs(before[:, column]).max(), least)
            worst = max(worst, moved / size if moved else 0.0)
    return float(worst)


def faults(case: Case, kind: torch.dtype, chosen: dict[str, Any]) -> list[str]:
    """What is wrong with one reduction."""
    net = copy.deepcopy(case.net).to(kind)
    given = {name: value.clone() for name, value in net.state_dict().items()}
    x = case.inputs.to(kind)
    small, receipt, _ = reduce(
        net,
        x,
        **{**chosen, "data": x},
    )
    wrong = []
    error, limit = (
        error_of(
            small,
            net,
            x,
            kind,
        ),
        chosen["max_error"],
    )
    if error > limit * _ROOM:
        wrong.append(f"error {error:.2e} beyond {limit:g}")
    if abs(error - receipt.error_data_relative) > 1e-6 * error + 1e-12:
        wrong.append(f"receipt says {receipt.error_data_relative:.2e}, is {error:.2e}")
    if any(
        not torch.equal(
            net.state_dict()[name],
            given[name],
        )
        for name in given
    ):
        wrong.append("the net that was given changed")
    cut = [entry for entry in receipt.layers if entry.after < entry.before]
    now = small.state_dict()
    if not cut and any(
        not torch.equal(
            now[name],
            given[name],
        )
        for name in given
    ):
        wrong.append("nothing went, and a weight changed")
    for name, width in chosen.get("widths", {}).items():
        left = len(small.get_parameter(f"{name}.weight"))
        if left != width and limit == float("inf"):
            wrong.append(f"width {left} instead of {width}")
    for_every_input = chosen["mode"] == "exact" and not chosen["on_data"]
    if for_every_input and kind is torch.float64 and not chosen["negligible"]:
        fresh = error_of(
            small,
            net,
            3 * torch.randn_like(x),
            kind,
        )
        if fresh > 1e-6:
            wrong.append(f"error {fresh:.1e} on fresh inputs")
    return wrong


def items() -> list[str]:
    """Kinds of nets with the numbers of the nets."""
    return [
        f"{kind} {first}-{first + PER_ITEM - 1}"
        for kind in KINDS
        for first in range(0, ITEMS * PER_ITEM, PER_ITEM)
    ]


def attempt(item: str) -> tuple[bool, str]:
    """Reduce the nets of an item in several ways each, and judge."""
    kind, _, numbers = item.rpartition(" ")
    first, _, last = numbers.partition("-")
    nets = range(int(first), int(last) + 1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    wrong = []
    for number in nets:
        case, generator = drawn(kind, number)
        for _ in range(TRIES):
            wrong.extend(_tried(number, case, generator))
    torch.set_num_threads(threads)
    text = f"{len(nets)} nets, {len(nets) * TRIES} reductions"
    return not wrong, f"{text}: {'; '.join(wrong[:2])}" if wrong else text


def _tried(number: int, case: Case, generator: np.random.Generator) -> list[str]:
    """One way to reduce a net, and what is wrong with it."""
    kind = _TYPES[int(generator.integers(len(_TYPES)))]
    chosen = options(case, generator)
    try:
        wrong = faults(case, kind, chosen)
    except Exception as error:
        wrong = [f"{type(error).__name__}: {str(error)[:80]}"]
    shown = {name: value for name, value in chosen.items() if name != "data"}
    return [f"net {number} {kind} {shown}: {text}" for text in wrong]
