"""A receipt speaks for the layers that were looked at, and a width is that of the
module.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.torch.networks import Gated, mlp
from torch import nn

from condensery._errors import InvalidInputError
from condensery.torch import reduce
from condensery.torch._surgery._coupling import couple
from condensery.torch._surgery._graph import trace
from condensery.torch._surgery._widths import families_at_width


class Products(nn.Module):
    """Weights that are multiplied without a layer."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.w, self.v = (
            nn.Parameter(torch.randn(6, 10)),
            nn.Parameter(torch.randn(10, 4)),
        )
        self.b = nn.Parameter(torch.randn(10))
        with torch.no_grad():
            self.w[:, 7], self.b[7] = self.w[:, 2], self.b[2]

    def forward(self, x):
        if self.kind == "einsum":
            hidden = torch.einsum("ni,ij->nj", x, self.w)
        elif self.kind == "addmm":
            hidden = torch.addmm(self.b, x, self.w)
        else:
            hidden = x @ self.w
        return torch.relu(hidden) @ self.v


@pytest.mark.parametrize("kind", ["matmul", "einsum", "addmm"])
def test_weights_that_were_not_looked_at_are_not_spoken_for(kind):
    receipt = reduce(Products(kind), torch.randn(8, 6)).receipt
    assert "no unit can stand for another" not in str(receipt)
    assert receipt.notes[0] == "0 exact merges: no layer was compared"
    assert receipt.notes[-1].startswith("weights in products that are no layer are")
    assert "test_reduce_scope.py:" in receipt.notes[-1]


class Projected(nn.Module):
    """One layer, and a product with a weight of the module's own."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(4, 5))
        self.head, self.last = nn.Linear(5, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.last(torch.relu(self.head(x @ self.w)))


def test_only_the_layers_that_were_compared_are_spoken_for():
    receipt = reduce(Projected(), torch.randn(3, 4)).receipt
    first = "0 exact merges: in the 1 layers compared no unit can stand for another"
    assert receipt.notes[0].startswith(first)
    assert "matmul at" in receipt.notes[-1]


# Widths are those of the module


class Grouped(nn.Sequential):
    def __init__(self):
        grouped = nn.Conv2d(8, 8, 3, groups=4)
        super().__init__(
            nn.Conv2d(3, 8, 1),
            grouped,
            nn.ReLU(),
            nn.Conv2d(8, 4, 1),
        )


def test_a_width_is_that_of_the_module():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 8, 8)
    small, receipt, _ = reduce(
        Grouped(),
        x,
        mode="approximate",
        widths={"0": 4},
        max_error=np.inf,
    )
    assert small[0].out_channels == 4
    entry = receipt.layers[0]
    assert (entry.before, entry.after, entry.rows) == (2, 1, 4)
    assert "units of 4 rows each" in str(receipt)
    small, _, _ = reduce(
        Gated(),
        torch.randn(3, 5),
        mode="approximate",
        widths={"up": 6},
        max_error=np.inf,
    )
    assert (small.up.out_features, small.down.in_features) == (6, 3)


@pytest.mark.parametrize(
    ("net", "x", "widths", "message"),
    [
        (
            Grouped(),
            torch.randn(
                2,
                3,
                8,
                8,
            ),
            {"0": 6},
            "allowed: a multiple of 4",
        ),
        (
            mlp(nn.ReLU()),
            torch.randn(
                3,
                4,
            ),
            {"0": 99},
            r"use grow\(\)",
        ),
        (
            mlp(nn.ReLU()),
            torch.randn(
                3,
                4,
            ),
            {"2": 1},
            "the model returns them",
        ),
        (
            mlp(nn.ReLU()),
            torch.randn(
                3,
                4,
            ),
            {"no": 1},
            "widths: given no; allowed: 0",
        ),
    ],
)
def test_a_width_that_cannot_be_had_is_refused(net, x, widths, message):
    kind = next(net.parameters()).dtype
    with pytest.raises(InvalidInputError, match=message):
        reduce(net, x.to(kind), mode="approximate", widths=widths)


def test_a_module_with_units_of_two_kinds_has_no_width():
    graph = trace(
        mlp(nn.ReLU()).eval(),
        (torch.randn(3, 4).double(),),
    )
    coupling = couple(graph)
    first, last = coupling.families
    halves = [replace(first, units=half) for half in np.split(first.units, 2)]
    coupling = replace(coupling, families=(*halves, last))
    with pytest.raises(InvalidInputError, match="units of 2 kinds"):
        families_at_width(coupling, {"0": 4}, "name a layer")


@pytest.mark.parametrize("width", [1, 4, 7])
def test_a_width_is_kept_to_also_among_equal_and_silent_units(width):
    torch.manual_seed(0)
    net = mlp(nn.ReLU(), width=8)
    with torch.no_grad():
        net[0].weight[:5], net[0].bias[:5] = net[0].weight[5], net[0].bias[5]
        net[2].weight[:, 6] = 0
    x = torch.randn(9, 4).double()
    small, _, _ = reduce(
        net,
        x,
        mode="approximate",
        widths={"0": width},
        max_error=np.inf,
    )
    assert small[0].out_features == width
