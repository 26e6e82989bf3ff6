"""Merging: exact where the table says so, verified and rolled back elsewhere, and never
on the user's own model.
"""

import copy

import numpy as np
import pytest
import torch
from tests.torch.networks import (
    Block,
    Convolutions,
    Gated,
    HardCoded,
    Plain,
    Residual,
    Rolled,
    SharedModule,
    SoftmaxOverUnits,
    Tied,
    copy_unit,
)
from torch import nn
from torch.nn.utils import prune
from torch.nn.utils.parametrizations import weight_norm

from condensery._errors import InvalidInputError
from condensery.torch import grow, reduce


def mlp(activation, width=12, inputs=4, outputs=3, **options):
    return nn.Sequential(
        nn.Linear(inputs, width), activation, nn.Linear(width, outputs, **options)
    ).double()


def outputs(model, x):
    with torch.no_grad():
        return model(x)


def difference(a, b, x):
    return float((outputs(a, x) - outputs(b, x)).abs().max())


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
    assert difference(net, small, 10 * torch.randn(200, 4).double()) < 1e-13
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
    assert receipt.layers[0].rules == {"constant": 1, "without outgoing weights": 1}
    assert difference(net, small, torch.randn(50, 4).double()) < 1e-14


def test_an_ordinary_network_has_no_exact_merges_and_is_told_so():
    net = Plain()
    small, receipt, _ = reduce(net, torch.randn(2, 1, 8, 8))
    assert receipt.merges == 0
    assert "0 exact merges" in str(receipt)
    assert difference(net, small, torch.randn(3, 1, 8, 8)) == 0


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
        net, torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
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
        nn.Conv2d(1, 5, 3, padding=1),
        nn.BatchNorm2d(5),
        nn.Conv2d(5, 10, 3, padding=1),
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
    assert difference(net, small, torch.randn(5, 3, 8, 8).double()) < 1e-12


def test_a_constant_does_not_pass_zero_padding():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.Sigmoid(), nn.Conv2d(4, 2, 3, padding=1)
    ).double()
    copy_unit(net[0].weight, net[0].bias, 0, 1, -1.0)
    assert reduce(net, torch.randn(2, 1, 8, 8).double())[1].merges == 0
    net[2] = nn.Conv2d(4, 2, 3).double()
    small, receipt, _ = reduce(net, torch.randn(2, 1, 8, 8).double())
    assert receipt.merges == 1
    assert difference(net, small, torch.randn(3, 1, 8, 8).double()) < 1e-13


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
            copy_unit(net.up.weight, net.up.bias, half + 1, half + 5)
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


def test_channels_to_infinity_are_refused():
    net = mlp(nn.ReLU(), outputs=1)
    with torch.no_grad():
        net[0].weight[1], net[0].bias[1] = net[0].weight[0] + 1e-3, net[0].bias[0]
        net[2].weight[0, :2] = torch.tensor([1e3, -1e3])
    _, receipt, _ = reduce(
        net,
        torch.randn(50, 4).double(),
        mode="approximate",
        tau=0.999,
        max_error=np.inf,
    )
    assert receipt.merges == 0
    assert "outgoing weights cancel" in receipt.layers[0].note
    with torch.no_grad():  # exactly parallel ones may cancel
        net[0].weight[1], net[2].weight[0, 1] = net[0].weight[0], -1e3 + 0.1
    assert (
        reduce(net, torch.randn(50, 4).double(), mode="approximate", tau=0.999)[
            1
        ].merges
        == 1
    )


def test_approximate_merging_of_units_that_are_all_active_is_exact_to_first_order():
    # all active on the data: the sum of a_k (w_k x + b_k) is one unit, whatever the
    # angle between them
    net = mlp(nn.ReLU(), outputs=1, width=3)
    with torch.no_grad():
        net[0].bias += 50
        net[2].weight.abs_()
    x = torch.randn(40, 4).double()
    small, receipt, _ = reduce(net, x, mode="approximate", tau=0.9, data=x)
    assert receipt.layers[0].after == 1
    assert difference(net, small, x) / float(outputs(net, x).abs().max()) < 1e-13


def near_copies(net, groups, noise, seed=0):
    """Every unit a noisy multiple of the first ones."""
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for unit in range(groups, net[0].out_features):
            factor = 0.5 + torch.rand(1, generator=source)
            for part in (net[0].weight, net[0].bias):
                spread = noise * torch.randn(part[unit].shape, generator=source)
                part[unit] = factor * part[unit % groups] * (1 + spread)
        net[2].weight.abs_()


def test_approximate_and_least_squares_modes_find_the_groups():
    net = mlp(nn.ReLU(), width=60)
    near_copies(net, 5, 0.02)
    x, fresh = torch.randn(300, 4).double(), torch.randn(300, 4).double()
    size = float(outputs(net, fresh).abs().max())
    errors = {}
    for mode, options in (
        ("approximate", {}),
        ("least-squares", {}),
        ("least-squares", {"refit": "layer"}),
    ):
        small, receipt, _ = reduce(net, x, mode=mode, tau=0.99, data=x, **options)
        assert receipt.layers[0].after == 5
        errors[mode, *options] = difference(net, small, fresh) / size
    assert max(errors.values()) < 0.03
    assert errors["least-squares", "refit"] <= 1.2 * errors["least-squares",]


def test_least_squares_factors_are_those_of_numpy():
    net = mlp(nn.Tanh(), width=2, outputs=1)
    with torch.no_grad():
        net[0].weight[1], net[0].bias[1] = 1.3 * net[0].weight[0], 1.2 * net[0].bias[0]
    x = torch.randn(100, 4).double()
    small, receipt, _ = reduce(
        net, x, mode="least-squares", tau=0.9, data=x, max_error=np.inf
    )
    assert receipt.merges == 1
    f = outputs(net[:2], x).numpy()
    stays = 0 if torch.equal(small[0].weight[0], net[0].weight[0]) else 1
    a = net[2].weight[0].detach().numpy()
    share = np.linalg.lstsq(f[:, [stays]], f[:, 1 - stays], rcond=None)[0][0]
    assert float(small[2].weight.detach()) == pytest.approx(
        a[stays] + share * a[1 - stays], rel=1e-10
    )


def test_edits_beyond_max_error_are_rolled_back():
    net = mlp(nn.ReLU(), width=60)
    near_copies(net, 5, 0.2)
    x = torch.randn(200, 4).double()
    widths = []
    for limit in (1e-9, 1e-2, 0.3):
        small, receipt, _ = reduce(net, x, mode="approximate", tau=0.5, max_error=limit)
        assert max(layer.error for layer in receipt.layers) <= limit
        assert (
            difference(net, small, x)
            <= limit * float(outputs(net, x).abs().max()) * 1.0001
        )
        widths.append(receipt.layers[0].after)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == 60
    assert (
        "rolled back"
        in reduce(net, x, mode="approximate", tau=0.5, max_error=1e-9)[1].layers[0].note
    )


def test_units_dead_on_the_data_go_only_when_asked():
    net = mlp(nn.ReLU())
    with torch.no_grad():
        net[0].bias[:4] = -100
    x = torch.rand(50, 4).double()
    assert reduce(net, x, data=x)[1].merges == 0
    small, receipt, _ = reduce(net, x, data=x, on_data=True)
    assert receipt.layers[0].data_dependent >= 4
    assert receipt.layers[0].rules["dead on the data"] >= 4
    assert "depend on the data" in str(receipt)
    assert difference(net, small, x) < 1e-13


def test_units_linear_on_the_data_are_carried_by_few():
    net = mlp(nn.ReLU(), width=40, outputs=2)
    with torch.no_grad():
        net[0].bias += 100
    x = torch.rand(50, 4).double()
    small, receipt, _ = reduce(net, x, data=x, on_data=True, max_error=1e-9)
    assert receipt.layers[0].after <= 4  # two signs for each of two outputs
    assert difference(net, small, x) < 1e-9
    assert receipt.layers[0].data_dependent >= 36
    far = (
        -1000 * torch.randn(200, 4).double()
    )  # off the data the function is another: that is what the label says
    assert difference(net, small, far) > 1e-3


@pytest.fixture(scope="module")
def demo_a():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(1, 1000), nn.ReLU(), nn.Linear(1000, 1, bias=False))
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=1e-3)
    x = torch.linspace(-1, 1, 4)[:, None]
    y = 0.2 * torch.relu(x - 1 / 3) + 0.2 * torch.relu(-x - 1 / 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for _ in range(10_001):
        optimizer.zero_grad()
        ((net(x) - y) ** 2).mean().backward()
        optimizer.step()
    return net.double()


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "most"), [(1e-9, 200), (1e-5, 30)])
def test_demo_a_becomes_small(demo_a, limit, most):
    x, grid = (
        torch.linspace(-1, 1, 4)[:, None].double(),
        torch.linspace(-1, 1, 2001)[:, None].double(),
    )
    small, receipt, _ = reduce(
        demo_a, x, mode="approximate", data=grid, max_error=limit, on_data=True
    )
    fine = torch.linspace(-1, 1, 20_001)[:, None].double()
    error = difference(demo_a, small, fine) / float(outputs(demo_a, fine).abs().max())
    assert small[0].out_features <= most, receipt
    assert error <= limit


MOMENTUM = {
    "SGD": "momentum_buffer",
    "Adam": "exp_avg",
    "AdamW": "exp_avg",
    "NAdam": "exp_avg",
    "RAdam": "exp_avg",
    "RMSprop": "momentum_buffer",
}


class OwnRule(torch.optim.SGD):
    """Its constructor takes something that no group of parameters tells."""

    def __init__(self, model):
        super().__init__(model.parameters(), lr=0.01, momentum=0.9)


def optimiser(kind, model):
    if kind == "own":
        return OwnRule(model)
    options = {"momentum": 0.9} if MOMENTUM[kind] == "momentum_buffer" else {}
    return getattr(torch.optim, kind)(model.parameters(), lr=0.01, **options)


@pytest.mark.parametrize("kind", [*MOMENTUM, "own"])
def test_the_optimiser_goes_on_where_it_was(kind):
    # two copies with equal outgoing weights have equal gradients: one unit that has
    # both follows the same path
    net = mlp(nn.Tanh(), width=6, outputs=1)
    copy_unit(net[0].weight, net[0].bias, 0, 1)
    with torch.no_grad():
        net[2].weight[0, 1] = net[2].weight[0, 0]
    x, y = torch.randn(30, 4).double(), torch.randn(30, 1).double()
    optimizer = optimiser(kind, net)

    def step(model, opt):
        opt.zero_grad()
        ((model(x) - y) ** 2).mean().backward()
        opt.step()

    for _ in range(5):
        step(net, optimizer)
    before = copy.deepcopy(optimizer.state_dict())
    small, receipt, carried = reduce(net, x, optimizer=optimizer)
    assert receipt.merges == 1
    assert type(carried) is type(optimizer)
    assert carried.param_groups[0].keys() == optimizer.param_groups[0].keys()
    after = optimizer.state_dict()
    assert all(
        torch.equal(after["state"][0][name], value)
        for name, value in before["state"][0].items()
    )
    state = carried.state[small[0].weight]
    name = MOMENTUM.get(kind, "momentum_buffer")
    merged = optimizer.state[net[0].weight][name]
    if kind != "RMSprop":  # whose momentum is not linear in the gradients
        assert torch.allclose(state[name][0], merged[0] + merged[1], rtol=1e-12)
    small.zero_grad()
    ((small(x) - y) ** 2).mean().backward()
    net.zero_grad()
    ((net(x) - y) ** 2).mean().backward()
    assert torch.allclose(
        small[0].weight.grad[0], net[0].weight.grad[:2].sum(0), rtol=1e-10
    )
    step(small, carried)


@pytest.mark.parametrize("kind", ["LBFGS", "Adafactor"])
def test_state_that_cannot_be_cut_is_refused(kind):
    net, x = mlp(nn.ReLU()), torch.randn(5, 4).double()
    copy_unit(net[0].weight, net[0].bias, 0, 1)
    optimizer = getattr(torch.optim, kind)(net.parameters())

    def loss():
        optimizer.zero_grad()
        value = net(x).square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    copy_unit(net[0].weight, net[0].bias, 0, 1)
    with pytest.raises(
        InvalidInputError,
        match=r"optimizer: given state .* is not of the shape of 0\.weight",
    ):
        reduce(net, x, optimizer=optimizer)


def test_fine_tuning_is_the_users():
    net = mlp(nn.ReLU(), width=30)
    near_copies(net, 4, 0.1)
    x = torch.randn(100, 4).double()
    called = []

    def finetune(model, optimizer):
        called.append((model, optimizer))
        for _ in range(100):
            optimizer.zero_grad()
            ((model(x) - outputs(net, x)) ** 2).mean().backward()
            optimizer.step()

    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    plain, _, _ = reduce(net, x, mode="approximate", tau=0.9, max_error=np.inf)
    small, _, carried = reduce(
        net,
        x,
        mode="approximate",
        tau=0.9,
        max_error=np.inf,
        optimizer=optimizer,
        finetune=finetune,
    )
    assert called[0] == (small, carried)
    assert difference(net, small, x) < difference(net, plain, x)


def test_half_precision_weights_are_reduced_in_their_own_kind():
    net = Plain().to(torch.bfloat16)
    copy_unit(net.c.weight, net.c.bias, 0, 5, 2.0)
    small, receipt, _ = reduce(
        net, torch.randn(2, 1, 8, 8).to(torch.bfloat16), max_error=1e-2
    )
    assert receipt.merges >= 1
    assert small.c.weight.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"mode": "fast"},
            "mode: given fast; allowed: exact, approximate, least-squares",
        ),
        ({"tau": 1.5}, "tau: given 1.5"),
        ({"max_error": -1}, "max_error: given -1"),
        ({"on_data": True}, "on_data: given True without data"),
        ({"mode": "least-squares"}, "mode: given least-squares without data"),
        ({"negligible": 1.0}, "negligible: given 1.0"),
        ({"layers": ["z"]}, "layers: given z; allowed: 0, 2"),
        ({"refit": "all"}, "refit: given all"),
        ({"example_inputs": "x"}, "example_inputs: given"),
        (
            {"example_inputs": torch.randn(2, 9).double()},
            r"example_inputs: given shapes \(2, 9\)",
        ),
        ({"data": torch.randn(2, 9).double()}, r"data: given shapes \(2, 9\)"),
        ({"data": "x.npy"}, r"data: given 'x.npy'"),
        (
            {"example_inputs": torch.randn(0, 4).double()},
            r"example_inputs: given shapes \(0, 4\), without a number",
        ),
        (
            {"example_inputs": torch.full((2, 4), np.nan)},
            "example_inputs: given numbers that are nan",
        ),
    ],
)
def test_bad_input_says_what_to_do(change, message):
    arguments = {"example_inputs": torch.randn(2, 4).double(), **change}
    with pytest.raises(InvalidInputError, match=message):
        reduce(mlp(nn.ReLU()), **arguments)


def test_bad_models_are_refused():
    bad = mlp(nn.ReLU())
    with torch.no_grad():
        bad[0].weight[0, 0] = np.nan
    x = torch.randn(2, 4).double()
    with pytest.raises(
        InvalidInputError, match=r"weight 0\.weight: given values that are nan"
    ):
        reduce(bad, x)
    with pytest.raises(InvalidInputError, match="complex"):
        reduce(nn.Linear(4, 4, dtype=torch.complex64), x)
    with pytest.raises(InvalidInputError, match="lazy"):
        reduce(nn.LazyLinear(3), x)
    with pytest.raises(InvalidInputError, match="model: given dict"):
        reduce({}, x)
    with pytest.raises(InvalidInputError, match="roll at networks"):
        reduce(Rolled(), torch.randn(2, 4))
    with pytest.raises(InvalidInputError, match=r"meta device.*load its weights first"):
        reduce(nn.Linear(4, 4, device="meta"), x)
    masked = mlp(nn.ReLU())
    prune.random_unstructured(masked[0], "weight", 0.5)
    with pytest.raises(
        InvalidInputError, match=r"which cannot be copied .*prune\.remove"
    ):
        reduce(masked, x)


class FixedKind(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.b(torch.relu(self.a(x)).float())


@pytest.mark.parametrize("verb", [reduce, lambda net, x: grow(net, x, widths={"a": 9})])
def test_a_forward_that_fixes_the_kind_of_its_numbers_is_refused_with_its_line(verb):
    with pytest.raises(
        InvalidInputError,
        match=r"fixes the kind of its numbers; .*stops at test_reduce\.py:\d+",
    ):
        verb(FixedKind(), torch.randn(2, 4))


def test_a_forward_with_hard_coded_sizes_is_refused():
    net = HardCoded()
    copy_unit(net.a.weight, net.a.bias, 0, 1, 2.0)
    with pytest.raises(InvalidInputError, match="hard-coded sizes"):
        reduce(net, torch.randn(2, 1, 4, 4))
