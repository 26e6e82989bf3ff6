"""Exact merging: where the table says so, verified, never on the user's own model."""

import copy

import pytest
import torch
from tests.torch.networks import (
    Block,
    Convolutions,
    Gated,
    Plain,
    Residual,
    SharedModule,
    SoftmaxOverUnits,
    Tied,
    copy_unit,
    difference,
    mlp,
)
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from condensery.torch import reduce


@pytest.mark.parametrize(
    ("activation", "factor", "merges"),
    [
        (nn.ReLU(), 3.0, 1),
        (nn.ReLU(), -1.0, 0),
        (nn.LeakyReLU(0.2), 0.5, 1),
        (nn.PReLU(), 2.0, 1),
        (nn.Tanh(), -1.0, 1),
        (nn.Tanh(), 1.0, 1),
        (nn.Tanh(), 2.0, 0),
        (nn.Sigmoid(), -1.0, 1),
        (nn.GELU(), 1.0, 1),
        (nn.GELU(), -1.0, 0),
        (nn.SiLU(), 2.0, 0),
        (nn.ELU(), 1.0, 1),
        (nn.Identity(), -2.0, 1),
        (nn.CELU(), 1.0, 1),
        (nn.CELU(), 2.0, 0),
        (nn.Softplus(beta=2.0), 1.0, 1),
        (nn.ReLU6(), 2.0, 0),
    ],
)
def test_exact_merges_are_those_of_the_table(activation, factor, merges):
    net = mlp(activation)
    copy_unit(net[0].weight, net[0].bias, 2, 7, factor)
    small, receipt, _ = reduce(net, torch.randn(6, 4).double())
    assert receipt.merges == merges
    # a slow reference: the outgoing weights of the narrow net are sums of the wide
    # one's
    assert (
        difference(
            net,
            small,
            10 * torch.randn(200, 4).double(),
        )
        < 1e-13
    )
    assert receipt.error_random_relative < 1e-13


def test_a_sigmoid_merged_with_its_mirror_image_needs_the_next_bias():
    net = mlp(nn.Sigmoid(), bias=False)
    copy_unit(net[0].weight, net[0].bias, 2, 7, -1.0)
    assert reduce(net, torch.randn(6, 4).double())[1].merges == 0


def test_units_without_input_or_output_go():
    net = mlp(nn.Tanh())
    with torch.no_grad():
        net[0].weight[3], net[2].weight[:, 5] = 0.0, 0.0
    small, receipt, _ = reduce(net, torch.randn(6, 4).double())
    assert receipt.layers[0].rules == {
        "constant": 1,
        "without outgoing weights": 1,
    }
    assert difference(net, small, torch.randn(50, 4).double()) < 1e-14


def test_an_ordinary_network_has_no_exact_merges_and_is_told_so():
    net = Plain()
    small, receipt, _ = reduce(net, torch.randn(2, 1, 8, 8))
    assert receipt.merges == 0
    assert "0 exact merges" in str(receipt)
    assert (
        difference(
            net,
            small,
            torch.randn(3, 1, 8, 8),
        )
        == 0
    )


def test_layers_whose_weights_are_computed_are_named():
    net = nn.Sequential(
        nn.Linear(4, 6),
        nn.ReLU(),
        weight_norm(nn.Linear(6, 5)),
        nn.ReLU(),
        nn.Linear(5, 2),
    )
    copy_unit(net[0].weight, net[0].bias, 0, 1, 2.0)
    small, receipt, _ = reduce(net, torch.randn(2, 4))
    assert (
        receipt.notes[-1]
        == "layers whose weights the model computes are left as they are: 2"
    )
    assert (
        receipt.merges == 0
    )  # nobody knows what a computed weight would be if its input were narrower
    assert list(small.state_dict()) == list(net.state_dict())


def test_the_model_is_not_modified_and_the_result_is_plain_torch():
    net = Plain().train()
    copy_unit(net.a.weight, net.a.bias, 0, 3, 2.0)
    with torch.no_grad():
        net.norm.running_mean[3], net.norm.running_var[3] = 0.0, 4 * (1 + 1e-5) - 1e-5
    net.norm.num_batches_tracked += 3
    before, generator = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    small, receipt, _ = reduce(
        net,
        torch.randn(
            2,
            1,
            8,
            8,
            generator=torch.Generator().manual_seed(1),
        ),
    )
    assert torch.equal(generator, torch.get_rng_state())
    assert all(
        torch.equal(value, net.state_dict()[name]) for name, value in before.items()
    )
    assert all(module.training for module in net.modules())
    assert all(
        module.training for module in small.modules()
    )  # BN in train mode stays so; the receipt is of eval mode
    assert "evaluation mode" in receipt.notes[-1]
    assert list(small.state_dict()) == list(net.state_dict())
    assert [type(one) for one in small.modules()] == [
        type(one) for one in net.modules()
    ]
    assert (
        receipt.layers[0].after == 5 == small.norm.num_features == small.b.in_channels
    )
    clone = Plain()
    clone.a, clone.norm, clone.b = (
        nn.Conv2d(
            1,
            5,
            3,
            padding=1,
        ),
        nn.BatchNorm2d(5),
        nn.Conv2d(
            5,
            10,
            3,
            padding=1,
        ),
    )
    clone.load_state_dict(small.state_dict())
    x = torch.randn(3, 1, 8, 8)
    assert difference(clone.eval(), net.eval(), x) < 1e-6


def test_channels_through_batch_norm_depthwise_groups_and_permute():
    net = Convolutions().double().eval()
    for target, source in ((1, 0), (5, 4)):  # the grouped convolution ties k to k + 4
        with torch.no_grad():
            net.first.weight[target] = 3 * net.first.weight[source]
            net.norm.running_mean[target] = 3 * net.norm.running_mean[source]
            net.norm.running_var[target] = (
                9 * (net.norm.running_var[source] + 1e-5) - 1e-5
            )
            net.norm.weight[target], net.norm.bias[target] = (
                0.5 * net.norm.weight[source],
                0.5 * net.norm.bias[source],
            )
            net.depthwise.weight[target] = 4 * net.depthwise.weight[source]
            net.depthwise.bias[target] = 2 * net.depthwise.bias[source]
    copy_unit(net.grouped.weight, net.grouped.bias, 0, 2, 5.0)
    copy_unit(net.grouped.weight, net.grouped.bias, 4, 6, 0.1)
    copy_unit(net.hidden.weight, net.hidden.bias, 2, 3, -1.0)
    small, receipt, _ = reduce(net, torch.randn(2, 3, 8, 8).double())
    assert [(layer.before, layer.after) for layer in receipt.layers] == [
        (4, 3),
        (4, 3),
        (16, 15),
    ]
    assert (
        small.first.out_channels,
        small.depthwise.groups,
        small.grouped.in_channels,
    ) == (6, 6, 6)
    assert (
        difference(
            net,
            small,
            torch.randn(5, 3, 8, 8).double(),
        )
        < 1e-12
    )


def test_a_constant_does_not_pass_zero_padding():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.Sigmoid(),
        nn.Conv2d(
            4,
            2,
            3,
            padding=1,
        ),
    ).double()
    copy_unit(net[0].weight, net[0].bias, 0, 1, -1.0)
    assert reduce(net, torch.randn(2, 1, 8, 8).double())[1].merges == 0
    net[2] = nn.Conv2d(4, 2, 3).double()
    small, receipt, _ = reduce(net, torch.randn(2, 1, 8, 8).double())
    assert receipt.merges == 1
    assert (
        difference(
            net,
            small,
            torch.randn(3, 1, 8, 8).double(),
        )
        < 1e-13
    )


def test_batch_statistics_are_kept():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4, track_running_stats=False),
        nn.ReLU(),
        nn.Conv2d(4, 2, 3),
    )
    copy_unit(net[0].weight, net[0].bias, 0, 1, 2.0)
    _, receipt, _ = reduce(net, torch.randn(2, 1, 8, 8))
    assert receipt.merges == 0
    assert "statistics of the batch" in receipt.layers[0].note


@pytest.mark.parametrize("build", [Residual, SharedModule, Gated, Block])
def test_streams_shared_modules_gates_and_blocks(build):
    net = build().double().eval()
    x = {
        Residual: torch.randn(2, 1, 8, 8),
        SharedModule: torch.randn(3, 4),
        Gated: torch.randn(3, 5),
    }
    x = x.get(build, torch.randn(2, 5, 16)).double()
    if build is Residual:
        copy_unit(net.one.weight, net.one.bias, 1, 4, 2.0)
        for layer in (net.stem, net.two):
            copy_unit(layer.weight, layer.bias, 0, 5)
        copy_unit(net.side.weight, net.side.bias, 0, 3, 2.0)
        layers = {
            "stem": (6, 5),
            "one": (9, 8),
            "side": (4, 3),
        }  # the head reads the stream and the side
    elif build is SharedModule:
        copy_unit(net.shared.weight, net.shared.bias, 1, 4, 2.0)
        layers = {"shared": (10, 9)}
    elif build is Gated:
        for half in (0, 8):
            copy_unit(
                net.up.weight,
                net.up.bias,
                half + 1,
                half + 5,
            )
        layers = {"up": (8, 7)}
    else:
        copy_unit(net.up.weight, net.up.bias, 1, 4)
        layers = {"up": (24, 23)}
    small, receipt, _ = reduce(net, x)
    found = {layer.name: (layer.before, layer.after) for layer in receipt.layers}
    assert {name: found[name] for name in layers} == layers
    assert difference(net, small, torch.randn_like(x)) < 1e-12


def test_a_value_that_is_overwritten_is_read_as_it_is_afterwards():
    class Overwrite(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(4, 8), nn.Linear(8, 3), nn.Linear(8, 3)

        def forward(self, x):
            y = self.a(x)
            return self.b(torch.relu_(y)) + self.c(y)

    net = Overwrite().double()
    copy_unit(net.a.weight, net.a.bias, 0, 1, 2.0)
    small, receipt, _ = reduce(net, torch.randn(3, 4).double())
    assert receipt.merges == 1
    assert difference(net, small, torch.randn(9, 4).double()) < 1e-14


def test_a_gate_scaled_in_one_half_alone_is_not_merged():
    net = Gated().double()
    copy_unit(net.up.weight, net.up.bias, 1, 5)
    copy_unit(
        net.up.weight, net.up.bias, 9, 13, 2.0
    )  # silu(2z) is no multiple of silu(z)
    assert reduce(net, torch.randn(3, 5).double())[1].merges == 0


@pytest.mark.parametrize("build", [SoftmaxOverUnits, Tied])
def test_units_that_must_be_kept_are_kept(build):
    net = build()
    first = next(net.children())
    copy_unit(first.weight, first.bias, 0, 1)
    small, receipt, _ = reduce(net, torch.randn(3, 6 if build is Tied else 4))
    assert receipt.merges == 0
    if build is Tied:
        assert small.code.weight is small.mirror.weight


def test_tied_weights_stay_tied_when_they_are_cut():
    class TwoTied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.out = (
                nn.Linear(4, 8),
                nn.Linear(4, 8),
                nn.Linear(16, 3),
            )
            self.b.weight, self.b.bias = self.a.weight, self.a.bias

        def forward(self, x):
            return self.out(
                torch.cat([torch.relu(self.a(x)), torch.relu(self.b(-x))], dim=1)
            )

    net = TwoTied()
    copy_unit(net.a.weight, net.a.bias, 0, 5, 2.0)
    small, receipt, _ = reduce(net, torch.randn(3, 4))
    assert receipt.merges == 1
    assert small.a.weight is small.b.weight
    assert (small.a.out_features, small.b.out_features, small.out.in_features) == (
        7,
        7,
        14,
    )
    assert difference(net, small, torch.randn(5, 4)) < 1e-6


def test_half_precision_weights_are_reduced_in_their_own_kind():
    net = Plain().to(torch.bfloat16)
    copy_unit(net.c.weight, net.c.bias, 0, 5, 2.0)
    small, receipt, _ = reduce(
        net, torch.randn(2, 1, 8, 8).to(torch.bfloat16), max_error=1e-2
    )
    assert receipt.merges >= 1
    assert small.c.weight.dtype == torch.bfloat16
