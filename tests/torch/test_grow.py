"""Growing: the function stays, gradients and inertia do what the theory of embeddings
says, the optimiser goes on.
"""

import copy

import pytest
import torch
from tests.torch.networks import (
    Block,
    Convolutions,
    Gated,
    HardCoded,
    Plain,
    Residual,
    SharedModule,
)
from torch import nn

from condensery._errors import InvalidInputError
from condensery.torch import grow, reduce


def difference(a, b, x):
    with torch.no_grad():
        return float((a(x) - b(x)).abs().max())


CASES = [
    (
        Plain,
        torch.randn(2, 1, 8, 8),
        {
            "a": 9,
            "b": 23,
            "c": 13,
        },
    ),
    (
        Convolutions,
        torch.randn(2, 3, 8, 8),
        {
            "first": 12,
            "grouped": 14,
            "hidden": 40,
        },
    ),
    (
        Residual,
        torch.randn(2, 1, 8, 8),
        {
            "stem": 8,
            "one": 9,
            "side": 5,
        },
    ),
    (Gated, torch.randn(3, 5), {"up": 22}),
    (SharedModule, torch.randn(3, 4), {"shared": 11}),
    (Block, torch.randn(2, 5, 16), {"up": 32}),
]


@pytest.mark.parametrize("kind", ["split", "null"])
@pytest.mark.parametrize(("build", "x", "widths"), CASES)
def test_the_function_stays(build, x, widths, kind):
    net = build().eval()
    wide, receipt, _ = grow(
        net,
        x,
        widths=widths,
        kind=kind,
    )
    after = {layer.name: layer.after * layer.rows for layer in receipt.layers}
    assert after == widths
    assert [type(module) for module in wide.modules()] == [
        type(module) for module in net.modules()
    ]
    assert list(wide.state_dict()) == list(net.state_dict())
    assert receipt.parameters_after > receipt.parameters_before
    double = copy.deepcopy(net).double()
    wide, receipt, _ = grow(
        double,
        x.double(),
        widths=widths,
        kind=kind,
    )
    assert max(receipt.error_data_relative, receipt.error_random_relative) < 1e-12
    assert difference(double, wide, torch.randn_like(x).double()) < 1e-12


@pytest.mark.parametrize("share", [0.5, 0.3, -0.4, 1.7])
def test_splitting_is_undone_by_reducing(share):
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x = torch.randn(20, 3).double()
    wide, _, _ = grow(
        net,
        x,
        widths={"0": 7},
        share=share,
    )
    back, receipt, _ = reduce(wide, x)
    assert receipt.layers[0].after == 4
    assert difference(net, back, x) < 1e-13


def test_a_copy_has_the_same_input_and_shared_output_weights():
    net = nn.Sequential(nn.Linear(3, 1), nn.Tanh(), nn.Linear(1, 2)).double()
    wide, _, _ = grow(
        net,
        torch.randn(5, 3).double(),
        widths={"0": 2},
        share=0.3,
    )
    assert torch.equal(wide[0].weight[0], wide[0].weight[1])
    assert torch.allclose(wide[2].weight, net[2].weight * torch.tensor([[0.7, 0.3]]))


def critical_net():
    """The best single tanh unit on three steps of a staircase, found by Newton's
    method.
    """
    x = torch.linspace(-15, 15, 50).double()[:, None]
    y = torch.tanh(x - 7) + torch.tanh(x) + torch.tanh(x + 7)

    def loss_of(p):
        return ((p[2] * torch.tanh(p[0] * x[:, 0] + p[1]) - y[:, 0]) ** 2).mean()

    p = torch.tensor([0.0895, 0.0, 3.747], dtype=torch.float64)
    for _ in range(20):
        slope = torch.autograd.functional.jacobian(loss_of, p)
        p = p - torch.linalg.solve(torch.autograd.functional.hessian(loss_of, p), slope)
    net = nn.Sequential(
        nn.Linear(1, 1), nn.Tanh(), nn.Linear(1, 1, bias=False)
    ).double()
    with torch.no_grad():
        net[0].weight.copy_(p[0].reshape(1, 1))
        net[0].bias.copy_(p[1].reshape(1))
        net[2].weight.copy_(p[2].reshape(1, 1))
    return net, x, lambda out: ((out - y) ** 2).mean()


@pytest.mark.parametrize("share", [0.5, -0.5])
def test_a_split_critical_point_stays_critical_with_the_inertia_of_the_theory(share):
    net, x, loss = critical_net()
    assert float(loss(net(x)).detach()) == pytest.approx(0.10902, abs=1e-5)
    _, receipt, _ = grow(
        net,
        x,
        widths={"0": 2},
        share=share,
        loss=loss,
    )
    before, after = receipt.numbers["before"], receipt.numbers["after"]
    assert before["gradient"] < 1e-13
    assert after["gradient"] < 1e-12
    assert (before["inertia"], after["inertia"]) == ([0, 0, 3], [1, 1, 4])
    _, receipt, _ = grow(
        net,
        x,
        widths={"0": 3},
        share=2 / 3,
        loss=loss,
    )
    assert receipt.numbers["after"]["inertia"] == [2, 2, 5]


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_momentum_is_what_training_the_wide_net_would_have(kind):
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    x, y = torch.randn(20, 3).double(), torch.randn(20, 1).double()
    rate = (
        1e-9  # so small that the parameters stay, and both nets see the same gradients
    )

    def train(model, optimizer):
        for _ in range(3):
            optimizer.zero_grad()
            ((model(x) - y) ** 2).mean().backward()
            optimizer.step()

    def build(model):
        if kind == "sgd":
            return torch.optim.SGD(
                model.parameters(),
                lr=rate,
                momentum=0.9,
            )
        return torch.optim.Adam(model.parameters(), lr=rate)

    wide, _, _ = grow(
        net,
        x,
        widths={"0": 6},
        share=0.3,
    )
    reference = build(wide)
    train(wide, reference)
    optimizer = build(net)
    train(net, optimizer)
    grown, _, carried = grow(
        net,
        x,
        widths={"0": 6},
        share=0.3,
        optimizer=optimizer,
    )
    assert carried.param_groups[0]["lr"] == rate
    for mine, theirs in zip(grown.parameters(), wide.parameters(), strict=True):
        for name, value in reference.state[theirs].items():
            assert torch.allclose(
                carried.state[mine][name], value, rtol=1e-5, atol=1e-14
            ), name
    train(grown, carried)


@pytest.mark.parametrize(
    ("dtype", "limit"), [(torch.float32, 1e-6), (torch.float64, 1e-12)]
)
def test_a_new_layer_leaves_the_function_on_the_inputs(dtype, limit):
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2, bias=False)).to(
        dtype
    )
    x = torch.randn(30, 3, dtype=dtype)
    deep, receipt, _ = grow(net, x, depth="2")
    assert receipt.error_data_relative < limit
    assert [type(module).__name__ for module in deep[2]] == ["Linear", "ReLU", "Linear"]
    assert (
        receipt.error_random_relative < limit
    )  # tanh is bounded, and the margin covers most of it
    assert "keys: 2.weight is now 2.2.weight" in str(receipt)


def test_a_lifted_critical_point_only_becomes_more_degenerate():
    net, x, loss = critical_net()
    _, receipt, _ = grow(
        net,
        x,
        depth="2",
        loss=loss,
    )
    before, after = receipt.numbers["before"], receipt.numbers["after"]
    assert after["gradient"] < 1e-11
    grown = sum(after["inertia"]) - sum(before["inertia"])
    # the lift has an output bias that the net has not: the theory then compares with
    # the net that has one
    biased = copy.deepcopy(net)
    biased[2] = nn.Linear(1, 1).double()
    with torch.no_grad():
        biased[2].weight.copy_(net[2].weight)
        biased[2].bias.zero_()
    _, receipt, _ = grow(
        biased,
        x,
        depth="2",
        loss=loss,
    )
    before, after = (
        receipt.numbers["before"]["inertia"],
        receipt.numbers["after"]["inertia"],
    )
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1] - before[1] == grown - 1 == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "grow: given neither"),
        ({"widths": {"0": 9}, "depth": "2"}, "grow: given both"),
        ({"widths": {"9": 9}}, "widths: given 9; allowed: 0"),
        ({"widths": {"2": 9}}, "the model returns them"),
        (
            {"widths": {"0": 3}},
            "width of 0: given 3; allowed: a whole number from 8 on",
        ),
        ({"widths": {"0": 9}, "kind": "copy"}, "kind: given copy"),
        ({"depth": "1"}, "depth: given 1; allowed: 0, 2"),
        ({"depth": "2", "margin": 0.0}, "margin: given 0.0"),
    ],
)
def test_bad_input_says_what_to_do(options, message):
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
    with pytest.raises(InvalidInputError, match=message):
        grow(net, torch.randn(4, 3), **options)


def test_hard_coded_sizes_are_refused():
    with pytest.raises(InvalidInputError, match="hard-coded sizes"):
        grow(HardCoded(), torch.randn(2, 1, 4, 4), widths={"a": 8})


def test_the_model_is_not_modified():
    net = Plain().train()
    before = copy.deepcopy(net.state_dict())
    wide, _, _ = grow(net, torch.randn(2, 1, 8, 8), widths={"a": 9})
    assert all(
        torch.equal(value, net.state_dict()[name]) for name, value in before.items()
    )
    assert all(module.training for module in [*net.modules(), *wide.modules()])
