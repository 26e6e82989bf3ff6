"""What goes on after a reduction: the optimiser's state and fine-tuning."""

import copy

import numpy as np
import pytest
import torch
from tests.torch.networks import (
    copy_unit,
    difference,
    mlp,
    near_copies,
    outputs,
)
from torch import nn

from condensery._errors import InvalidInputError
from condensery.torch import reduce

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
        super().__init__(
            model.parameters(),
            lr=0.01,
            momentum=0.9,
        )


def optimiser(kind, model):
    if kind == "own":
        return OwnRule(model)
    options = {"momentum": 0.9} if MOMENTUM[kind] == "momentum_buffer" else {}
    return getattr(torch.optim, kind)(
        model.parameters(),
        lr=0.01,
        **options,
    )


@pytest.mark.parametrize("kind", [*MOMENTUM, "own"])
def test_the_optimiser_goes_on_where_it_was(kind):
    # two copies with equal outgoing weights have equal gradients: one unit that has
    # both follows the same path
    net = mlp(
        nn.Tanh(),
        width=6,
        outputs=1,
    )
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
    plain, _, _ = reduce(
        net,
        x,
        mode="approximate",
        tau=0.9,
        max_error=np.inf,
    )
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
