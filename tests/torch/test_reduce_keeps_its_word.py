"""`max_error` holds whatever the net, the mode and the kind of its numbers."""

import numpy as np
import pytest
import torch
from tests.torch.networks import copy_unit, mlp, near_copies
from torch import nn

from condensery.torch import reduce
from condensery.torch._surgery._session import Session


def worst(net, small, x):
    """The largest change of an output over its own largest value, in float64."""
    with torch.no_grad():
        expected = net.double().eval()(x.double())
        changed = small.double().eval()(x.double())
    size = expected.abs().amax(dim=0)
    return float(((changed - expected).abs().amax(dim=0) / size).max())


def opposed():
    """Two units at a cosine of .71 whose mean direction points away from the second."""
    net = nn.Sequential(
        nn.Linear(6, 4, bias=False),
        nn.ReLU(),
        nn.Linear(4, 1),
    )
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].weight[0, 0] = net[0].weight[2, 2] = net[0].weight[3, 3] = 1.0
        net[0].weight[1, :2] = torch.tensor([0.71, (1 - 0.71**2) ** 0.5])
        net[2].weight.copy_(torch.tensor([[1.0, -0.75, 1.0, 1.0]]))
    return net


@pytest.mark.parametrize("limit", [0.05, np.inf])
def test_a_cluster_whose_mean_points_away_from_a_member_is_not_one_unit(limit):
    net, x = opposed(), torch.randn(64, 6)
    small, receipt, _ = reduce(
        net,
        x,
        mode="approximate",
        tau=0.7,
        max_error=limit,
    )
    assert receipt.merges == 0
    assert all(
        torch.equal(stays, given)
        for stays, given in zip(small.parameters(), net.parameters(), strict=True)
    )
    assert receipt.error_data_relative == 0


@pytest.mark.parametrize("refit", ["cluster", "layer"])
@pytest.mark.parametrize("mode", ["approximate", "least-squares"])
@pytest.mark.parametrize("seed", range(6))
def test_the_error_is_within_the_limit_for_every_output(seed, mode, refit):
    torch.manual_seed(seed)
    net = mlp(nn.ReLU(), width=24, outputs=3)
    near_copies(net, 6, 0.3)
    with torch.no_grad():
        net[2].weight[1] *= 1e-3
        net[2].bias[1] *= 1e-3
    x = torch.randn(60, 4).double()
    for tau in (0.95, 0.7, 0.4, None):
        small, receipt, _ = reduce(
            net,
            x,
            mode=mode,
            tau=tau,
            refit=refit,
            data=x,
            max_error=0.05,
        )
        error = worst(net, small, x)
        assert error <= 0.05
        assert receipt.error_data_relative == pytest.approx(error, rel=1e-6)


class Detector(nn.Module):
    """Boxes in pixels beside numbers of order one."""

    def __init__(self):
        super().__init__()
        self.box, self.last_box = nn.Linear(8, 32), nn.Linear(32, 4)
        self.score, self.last_score = nn.Linear(8, 32), nn.Linear(32, 5)

    def forward(self, x):
        pixels = self.last_box(torch.relu(self.box(x)))
        scores = self.last_score(torch.relu(self.score(x)))
        return {"boxes": 640 * torch.sigmoid(pixels), "scores": [scores]}


def test_a_small_tensor_is_not_judged_by_a_large_one():
    torch.manual_seed(0)
    net, x = Detector(), torch.randn(64, 8)
    small, receipt, _ = reduce(
        net,
        x,
        mode="approximate",
        max_error=0.1,
    )
    with torch.no_grad():
        old, new = net(x), small(x)
    for mine, theirs in (
        (new["boxes"], old["boxes"]),
        (new["scores"][0], old["scores"][0]),
    ):
        moved = (mine - theirs).abs().amax(dim=0) / theirs.abs().amax(dim=0)
        assert float(moved.max()) <= 0.1 * 1.0001
    assert receipt.merges > 0


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_the_limit_holds_for_weights_as_they_are_stored(kind):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(6, 10),
        nn.ReLU(),
        nn.Linear(10, 9),
    )
    copy_unit(net[0].weight, net[0].bias, 2, 7)
    net, x = net.to(kind), torch.randn(16, 6).to(kind)
    small, receipt, _ = reduce(
        net,
        x,
        max_error=1e-6,
    )
    assert (receipt.merges, receipt.layers[0].rolled_back) == (0, 1)
    assert worst(net, small, x) == 0
    assert "those that were found are rolled back" in str(receipt)
    assert "reduce model.float()" in str(receipt)
    limit = 4 * torch.finfo(kind).eps
    small, receipt, _ = reduce(net.to(kind), x)
    assert receipt.merges == 1
    assert small[0].weight.dtype is kind
    assert worst(net, small, x) <= limit


def random_net(generator, seed):
    torch.manual_seed(seed)
    inputs, width = (
        int(generator.integers(2, 5)),
        int(
            generator.integers(
                4,
                30,
            )
        ),
    )
    kinds = [nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.GELU()]
    kind = kinds[seed % len(kinds)]
    net = nn.Sequential(
        nn.Linear(inputs, width),
        kind,
        nn.Linear(width, 2),
    ).double()
    near_copies(
        net,
        max(width // 4, 1),
        float(generator.choice([0.05, 0.5])),
    )
    with torch.no_grad():
        net[0].weight[0], net[0].bias[0] = net[0].weight[1], net[0].bias[1]
        net[2].weight[:, 2:4] *= 10
        net[2].weight[:, 3] = -net[2].weight[:, 2] * 0.95
    return net, torch.randn(20, inputs).double()


@pytest.mark.parametrize("seed", range(12))
def test_a_looser_tau_never_keeps_more_units(seed):
    generator = np.random.Generator(np.random.Philox(seed))
    net, x = random_net(generator, seed)
    exact = reduce(net, x).receipt.layers[0].after
    widths = []
    for tau in (1.0, 0.999, 0.99, 0.95, 0.9, 0.8, 0.65, 0.5, 0.3, 0.1, 0.01):
        _, receipt, _ = reduce(
            net,
            x,
            mode="approximate",
            tau=tau,
            max_error=np.inf,
        )
        widths.append(receipt.layers[0].after)
    assert widths == sorted(widths, reverse=True)
    assert exact >= widths[0]


def test_exact_pairs_go_also_where_their_cluster_is_given_up():
    torch.manual_seed(0)
    net = mlp(nn.ReLU(), outputs=1)
    with torch.no_grad():
        net[0].weight[1], net[0].bias[1] = net[0].weight[0] + 1e-3, net[0].bias[0]
        net[2].weight[0, :2] = torch.tensor([1e3, -1e3])
    copy_unit(net[0].weight, net[0].bias, 0, 4)
    x = torch.randn(50, 4).double()
    _, receipt, _ = reduce(
        net,
        x,
        mode="approximate",
        tau=0.999,
        max_error=np.inf,
    )
    assert receipt.layers[0].rules == {"exact": 1}
    assert "outgoing weights cancel" in receipt.layers[0].note


OPTIONS = (
    {},
    {"mode": "approximate"},
    {"mode": "approximate", "tau": 0.5},
    {"mode": "approximate", "widths": {"2": 3}},
    {"mode": "least-squares"},
    {"mode": "least-squares", "refit": "layer"},
    {"mode": "exact", "on_data": True},
)


@pytest.mark.parametrize("options", OPTIONS)
def test_a_layer_of_zeros_is_a_constant(options):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(6, 10),
        nn.ReLU(),
        nn.Linear(10, 8),
        nn.ReLU(),
        nn.Linear(8, 4),
    )
    with torch.no_grad():
        net[2].weight.zero_()
        net[2].bias.zero_()
    x = torch.randn(16, 6)
    small, receipt, _ = reduce(
        net,
        x,
        data=x,
        **options,
    )
    assert worst(net, small, x) < 1e-12
    if "widths" in options:
        assert small[2].out_features == 3
    else:
        assert small[2].out_features == 1
    assert sum(receipt.layers[-1].rules.values()) == receipt.layers[-1].before - (
        receipt.layers[-1].after
    )


class ZeroInitialised(nn.Module):
    """A residual block whose last norm has the weight zero, as it is often begun."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.one, self.first = (
            nn.Conv2d(
                6,
                6,
                3,
                padding=1,
            ),
            nn.BatchNorm2d(6),
        )
        self.two, self.last = (
            nn.Conv2d(
                6,
                6,
                3,
                padding=1,
            ),
            nn.BatchNorm2d(6),
        )
        self.head = nn.Linear(6, 3)
        nn.init.zeros_(self.last.weight)

    def forward(self, x):
        stream = torch.relu(self.stem(x))
        inner = torch.relu(self.first(self.one(stream)))
        stream = torch.relu(stream + self.last(self.two(inner)))
        return self.head(stream.mean(dim=(2, 3)))


@pytest.mark.parametrize("mode", ["exact", "approximate", "least-squares"])
def test_a_norm_of_zeros_is_a_constant(mode):
    torch.manual_seed(0)
    net, x = (
        ZeroInitialised().eval(),
        torch.randn(
            4,
            3,
            8,
            8,
        ),
    )
    small, receipt, _ = reduce(
        net,
        x,
        mode=mode,
        data=x,
        max_error=1e-6,
    )
    assert worst(net, small, x) <= 1e-6
    assert receipt.error_data_relative <= 1e-6


def test_a_hidden_norm_of_zeros_is_cut_to_one_channel():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 2, 3),
    ).eval()
    nn.init.zeros_(net[1].weight)
    nn.init.normal_(net[1].bias)
    x = torch.randn(3, 1, 8, 8)
    small, receipt, _ = reduce(net, x)
    assert receipt.layers[0].rules == {"constant": 5}
    with torch.no_grad():
        assert torch.allclose(small(x), net(x), atol=1e-6)


@pytest.mark.parametrize("mode", ["exact", "approximate"])
def test_a_model_that_moved_too_far_comes_back_as_it_was(mode, monkeypatch):
    torch.manual_seed(0)
    net = mlp(nn.ReLU(), width=40)
    near_copies(net, 5, 0.3)
    copy_unit(net[0].weight, net[0].bias, 0, 1)
    with torch.no_grad():
        net[2].weight[:, 0] += 1e-3
    rule = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x = torch.randn(30, 4).double()
    net(x).sum().backward()
    rule.step()
    copy_unit(net[0].weight, net[0].bias, 0, 1)
    limit = 1e-17 if mode == "exact" else 1e-3
    # whatever the single edits were measured to be, the whole is measured again
    monkeypatch.setattr(Session, "error", lambda self: 0.0)
    options = {} if mode == "exact" else {"tau": 0.5}
    small, receipt, moved = reduce(
        net,
        x,
        mode=mode,
        max_error=limit,
        optimizer=rule,
        **options,
    )
    assert small is not net
    for name, value in net.state_dict().items():
        assert torch.equal(value, small.state_dict()[name])
    assert receipt.notes[0].startswith("the input came back: what was left would")
    assert (receipt.merges, receipt.error_data_relative) == (0, 0.0)
    assert receipt.layers[0].rolled_back >= 1
    for parameter, given in zip(small.parameters(), net.parameters(), strict=True):
        buffers = (moved.state[parameter], rule.state[given])
        assert torch.equal(*(state["momentum_buffer"] for state in buffers))
