"""Attention under `reduce` and `grow`: values of a single head are units; heads are
left, and the receipt says so.
"""

import pytest
import torch
from tests.torch.networks import Block, ManyHeads, OneHead, copy_unit
from torch import nn

from condensery.torch import grow, reduce

LEFT = "attention heads are left as they are"
HOW = ("by hand", "over queries", "by torch", "with a mask")


def outputs(model, x):
    with torch.no_grad():
        return model(x)


def one_head(how):
    net = OneHead(how).double()
    copy_unit(net.value.weight, net.value.bias, 1, 4, -2.0)
    with torch.no_grad():
        net.value.weight[7] = 0.0  # a constant
    return net


@pytest.mark.parametrize("how", HOW)
def test_values_of_a_single_head_are_linear_units(how):
    net, x = one_head(how), torch.randn(2, 5, 6).double()
    small, receipt, _ = reduce(net, x)
    # a constant is passed on as one only by weights that are known to add up to one
    adds_up = how in {"by hand", "by torch"}
    (entry,) = [entry for entry in receipt.layers if entry.name == "value"]
    assert entry.rules == (
        {
            "exact": 1,
            "constant": 1,
        }
        if adds_up
        else {"exact": 1}
    )
    assert (
        small.value.out_features
        == small.out.in_features
        == entry.after
        == (8 if adds_up else 9)
    )
    longer = torch.randn(3, 7, 6).double()
    assert torch.allclose(outputs(net, longer), outputs(small, longer), atol=1e-12)
    kept = {
        entry.name: entry.note
        for entry in receipt.layers
        if entry.name in {"query", "key"}
    }
    assert len(kept) == 2
    assert all(note.startswith(LEFT) for note in kept.values())
    assert f"{LEFT}, equal ones as well, which inspect tells: query, key" in str(
        receipt
    )


def test_values_in_single_precision_lose_no_more_than_rounding():
    net, x = one_head("with a mask").float(), torch.randn(2, 5, 6)
    copy_unit(
        net.value.weight, net.value.bias, 2, 5, 1.7
    )  # its bias is a multiple to rounding alone
    small, receipt, _ = reduce(net, x)
    assert small.value.out_features == 8
    assert receipt.error_random_relative < 1e-6


def test_values_that_are_queries_as_well_are_kept():
    class Same(nn.Module):
        def __init__(self):
            super().__init__()
            self.all, self.out = nn.Linear(6, 8), nn.Linear(8, 3)

        def forward(self, x):
            v = self.all(x)
            return self.out(torch.softmax(v @ v.transpose(-2, -1), dim=-1) @ v)

    net = Same()
    copy_unit(net.all.weight, net.all.bias, 1, 4)
    _, receipt, _ = reduce(net, torch.randn(2, 5, 6))
    assert receipt.merges == 0
    assert receipt.layers[0].note.startswith(LEFT)


def planted(build):
    """Two equal heads, and two equal hidden units behind them."""
    net = build().double()
    copy_unit(net.up.weight, net.up.bias, 1, 4)
    with torch.no_grad():
        if build is ManyHeads:
            for layer in (net.query, net.key, net.value):
                layer.weight[4:], layer.bias[4:] = (
                    layer.weight[:4].clone(),
                    layer.bias[:4].clone(),
                )
        else:
            weight = net.attention.in_proj_weight
            for first in (0, 16, 32):
                weight[first + 8 : first + 16] = weight[first : first + 8].clone()
    return net


@pytest.mark.parametrize("build", [Block, ManyHeads])
def test_equal_heads_are_left_and_the_receipt_says_so(build):
    net, x = planted(build), torch.randn(2, 5, 16 if build is Block else 8).double()
    small, receipt, _ = reduce(net, x)
    assert receipt.merges == 1  # of the hidden layer
    assert torch.allclose(outputs(net, x), outputs(small, x), atol=1e-12)
    names = ["attention"] if build is Block else ["query", "key", "value"]
    assert [
        entry.name for entry in receipt.layers if entry.note.startswith(LEFT)
    ] == names
    assert (
        receipt.notes[-1]
        == f"{LEFT}, equal ones as well, which inspect tells: {', '.join(names)}"
    )


def test_a_receipt_without_attention_does_not_speak_of_it():
    net = nn.Sequential(
        nn.Linear(3, 4),
        nn.ReLU(),
        nn.Linear(4, 1),
    )
    assert LEFT not in str(reduce(net, torch.randn(2, 3))[1])


@pytest.mark.parametrize("kind", ["split", "null"])
def test_values_of_a_single_head_grow(kind):
    net, x = OneHead().double(), torch.randn(2, 5, 6).double()
    wide, receipt, _ = grow(
        net,
        x,
        widths={"value": 14},
        kind=kind,
    )
    assert (wide.value.out_features, wide.out.in_features) == (14, 14)
    assert torch.allclose(
        outputs(net, x),
        outputs(wide, x),
        atol=1e-12,
    )
    assert receipt.error_random_relative < 1e-12
