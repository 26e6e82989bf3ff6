"""Merging of units that are nearly alike, within a limit, and what depends on data."""

import numpy as np
import pytest
import torch
from tests.torch.networks import (
    difference,
    mlp,
    near_copies,
    outputs,
)
from torch import nn

from condensery.torch import reduce


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
        reduce(
            net,
            torch.randn(50, 4).double(),
            mode="approximate",
            tau=0.999,
        )[1].merges
        == 1
    )


def test_approximate_merging_of_units_that_are_all_active_is_exact_to_first_order():
    # all active on the data: the sum of a_k (w_k x + b_k) is one unit, whatever the
    # angle between them
    net = mlp(
        nn.ReLU(),
        outputs=1,
        width=3,
    )
    with torch.no_grad():
        net[0].bias += 50
        net[2].weight.abs_()
    x = torch.randn(40, 4).double()
    small, receipt, _ = reduce(
        net,
        x,
        mode="approximate",
        tau=0.9,
        data=x,
    )
    assert receipt.layers[0].after == 1
    assert difference(net, small, x) / float(outputs(net, x).abs().max()) < 1e-13


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
        small, receipt, _ = reduce(
            net,
            x,
            mode=mode,
            tau=0.99,
            data=x,
            **options,
        )
        assert receipt.layers[0].after == 5
        errors[mode, *options] = difference(net, small, fresh) / size
    assert max(errors.values()) < 0.03
    assert errors["least-squares", "refit"] <= 1.2 * errors["least-squares",]


def test_least_squares_factors_are_those_of_numpy():
    net = mlp(
        nn.Tanh(),
        width=2,
        outputs=1,
    )
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
        small, receipt, _ = reduce(
            net,
            x,
            mode="approximate",
            tau=0.5,
            max_error=limit,
        )
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
        in reduce(
            net,
            x,
            mode="approximate",
            tau=0.5,
            max_error=1e-9,
        )[1]
        .layers[0]
        .note
    )


def test_units_dead_on_the_data_go_only_when_asked():
    net = mlp(nn.ReLU())
    with torch.no_grad():
        net[0].bias[:4] = -100
    x = torch.rand(50, 4).double()
    assert reduce(net, x, data=x)[1].merges == 0
    small, receipt, _ = reduce(
        net,
        x,
        data=x,
        on_data=True,
    )
    assert receipt.layers[0].data_dependent >= 4
    assert receipt.layers[0].rules["dead on the data"] >= 4
    assert "depend on the data" in str(receipt)
    assert difference(net, small, x) < 1e-13


def test_units_linear_on_the_data_are_carried_by_few():
    net = mlp(
        nn.ReLU(),
        width=40,
        outputs=2,
    )
    with torch.no_grad():
        net[0].bias += 100
    x = torch.rand(50, 4).double()
    small, receipt, _ = reduce(
        net,
        x,
        data=x,
        on_data=True,
        max_error=1e-9,
    )
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
