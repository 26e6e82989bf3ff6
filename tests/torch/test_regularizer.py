"""R1 against the mean over all masks, its approximation against derivatives by loops,
and the recipe.
"""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from condensery._errors import InvalidInputError
from condensery.torch import CondensationMonitor, DropoutRegularizer, condense, inspect

LOSSES = {
    "mse": functional.mse_loss,
    "half": lambda output, y: (output - y).square().sum() / (2 * len(y)),
    "cross_entropy": functional.cross_entropy,
}


def mean_over_masks(features, head, y, keep, loss):
    """E over all 2^m masks of one dropout layer, shared by the samples (the mean is
    that of masks of their own).
    """
    total = 0.0
    for mask in itertools.product((0.0, 1.0), repeat=features.shape[1]):
        chance = torch.tensor(
            [keep if kept else 1 - keep for kept in mask], dtype=torch.float64
        ).prod()
        total = total + chance * loss(
            head(features * torch.tensor(mask, dtype=torch.float64) / keep), y
        )
    return total


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("kind", ["mse", "half"])
@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_the_term_is_the_mean_effect_of_all_masks(keep, kind, outputs):
    features = torch.randn(5, 7, dtype=torch.float64)
    head, y = (
        nn.Linear(7, outputs).double(),
        torch.randn(5, outputs, dtype=torch.float64),
    )
    expected = mean_over_masks(
        features,
        head,
        y,
        keep,
        LOSSES[kind],
    ) - LOSSES[kind](head(features), y)
    regularizer = DropoutRegularizer(keep, loss=kind)
    assert float(regularizer.exact(features, head).detach()) == pytest.approx(
        float(expected.detach()), abs=1e-12
    )
    other = DropoutRegularizer(keep, loss="half" if kind == "mse" else "mse").exact(
        features, head
    )
    assert (
        abs(float((other - expected).detach())) > 1e-3
    )  # the factor 2/d' is not 1 for 1 and for 3 outputs


def test_it_scales_with_the_keep_probability_and_vanishes_without_dropout():
    features, head = torch.randn(5, 7), nn.Linear(7, 2)
    of = {
        keep: float(DropoutRegularizer(keep).exact(features, head).detach())
        for keep in (0.5, 0.8, 1.0)
    }
    assert of[1.0] == 0
    assert of[0.5] / of[0.8] == pytest.approx(1 / 0.25)


def second_order(features, network, y, keep, loss):
    """(1 − p)/(2p) Σ F_ij² ∂²L/∂F_ij² without the curvature of the network, by loops
    and whole Jacobians.
    """
    output = network(features).detach()
    hessian = torch.autograd.functional.hessian(lambda out: loss(out, y), output)
    jacobian = torch.autograd.functional.jacobian(network, features)
    total = 0.0
    for i, row in enumerate(features.tolist()):
        for j, entry in enumerate(row):
            column = jacobian[i, :, i, j]
            total += entry**2 * float(column @ hessian[i, :, i, :] @ column)
    return (1 - keep) / (2 * keep) * total


@pytest.mark.parametrize("kind", LOSSES)
def test_the_approximation_is_the_mean_over_all_signs(kind):
    network = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    features = torch.randn(
        2,
        4,
        dtype=torch.float64,
        requires_grad=True,
    )
    y = (
        torch.tensor([0, 2])
        if kind == "cross_entropy"
        else torch.randn(2, 3, dtype=torch.float64)
    )
    regularizer = DropoutRegularizer(0.7, loss=kind)
    output = network(features)
    choices = list(itertools.product((-1.0, 1.0), repeat=6))
    signs = [
        torch.tensor(choice, dtype=torch.float64).reshape(2, 3) for choice in choices
    ]
    found = sum(
        float(regularizer.approx_for(features, output, one).detach()) for one in signs
    ) / len(choices)
    expected = second_order(
        features.detach(),
        network,
        y,
        0.7,
        LOSSES[kind],
    )
    assert found == pytest.approx(expected, rel=1e-10)
    generator = torch.Generator().manual_seed(0)
    drawn = [
        float(regularizer.approx(features, output, generator=generator).detach())
        for _ in range(300)
    ]
    assert sum(drawn) / 300 == pytest.approx(expected, rel=0.2)


def test_the_approximation_is_the_exact_term_where_the_output_is_linear():
    head, features = (
        nn.Linear(6, 1).double(),
        torch.randn(
            4,
            6,
            dtype=torch.float64,
            requires_grad=True,
        ),
    )
    regularizer = DropoutRegularizer(0.8)
    signs = [
        torch.tensor(one, dtype=torch.float64)[:, None]
        for one in itertools.product((-1.0, 1.0), repeat=4)
    ]
    mean = sum(
        regularizer.approx_for(features, head(features), one) for one in signs
    ) / len(signs)
    exact = regularizer.exact(features, head)
    assert float(mean.detach()) == pytest.approx(float(exact.detach()), rel=1e-12)
    (mine,), (other,) = (
        torch.autograd.grad(
            one,
            head.weight,
        )
        for one in (mean, exact)
    )
    assert torch.allclose(mine, other, rtol=1e-10)


def test_its_gradient_is_that_of_differences():
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    features = torch.randn(
        2,
        3,
        dtype=torch.float64,
        requires_grad=True,
    )
    signs = torch.tensor(
        [[1.0, -1.0, 1.0], [1.0, 1.0, -1.0]],
        dtype=torch.float64,
    )
    regularizer = DropoutRegularizer(0.6, loss="cross_entropy")

    def value():
        return regularizer.approx_for(features, network(features), signs)

    (gradient,) = torch.autograd.grad(value(), network[2].weight)
    with torch.no_grad():
        network[2].weight[1, 2] += 1e-6
    upper = float(value().detach())
    with torch.no_grad():
        network[2].weight[1, 2] -= 2e-6
    assert (upper - float(value().detach())) / 2e-6 == pytest.approx(
        float(gradient[1, 2]), rel=1e-6
    )


def test_refusals():
    head, apart = nn.Linear(3, 2), torch.ones(2, 3, requires_grad=True)
    for make, message in (
        (lambda: DropoutRegularizer(0.0), "for torch.nn.Dropout(q) give 1 - q"),
        (
            lambda: DropoutRegularizer(0.5, loss="l1"),
            "'mse', 'half' or 'cross_entropy'",
        ),
        (
            lambda: DropoutRegularizer(0.5, loss="cross_entropy").exact(
                torch.ones(2, 3), head
            ),
            "use approx()",
        ),
        (lambda: DropoutRegularizer(0.5).exact(torch.ones(2, 4), head), "(sample, 3)"),
        (
            lambda: DropoutRegularizer(0.5).approx(apart, head(torch.ones(2, 3))),
            "very tensor",
        ),
        (lambda: condense(nn.ReLU()), "ends in no layer"),
        (lambda: condense(nn.Conv1d(2, 2, 1)), "ends in Conv1d"),
        (lambda: condense(head, exponent=-1.0), "exponent"),
        (lambda: condense(head, weight_decay=-1.0), "weight_decay"),
        (lambda: condense(head, keep=0.5).penalty(), "call the model first"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            make()
        assert message in str(caught.value)


def test_the_recipe_starts_small_and_leaves_the_users_model_alone():
    net = nn.Sequential(
        nn.Conv1d(2, 64, 3),
        nn.BatchNorm1d(64),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(320, 5),
    )
    before, state = [one.clone() for one in net.parameters()], torch.get_rng_state()
    recipe = condense(
        net,
        exponent=1.0,
        weight_decay=0.1,
    )
    assert all(
        torch.equal(one, other)
        for one, other in zip(net.parameters(), before, strict=True)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert float(recipe.model[0].weight.detach().std()) == pytest.approx(
        1 / 64, rel=0.2
    )
    assert float(recipe.model[4].weight.detach().std()) == pytest.approx(
        1 / 320, rel=0.1
    )
    assert torch.equal(recipe.model[1].weight, net[1].weight)
    decayed, free = recipe.parameter_groups()
    assert (
        len(decayed["params"]),
        decayed["weight_decay"],
        len(free["params"]),
        free["weight_decay"],
    ) == (
        2,
        0.1,
        4,
        0.0,
    )
    again = condense(net, exponent=1.0)
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            recipe.model.parameters(), again.model.parameters(), strict=True
        )
    )
    same = condense(net, exponent=None).model
    assert all(
        torch.equal(a, b)
        for a, b in zip(same.parameters(), net.parameters(), strict=True)
    )


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_the_penalty_is_of_the_latest_forward_pass(loss):
    net = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))
    recipe = condense(
        net,
        exponent=None,
        keep=0.5,
        loss=loss,
    )
    x = torch.randn(10, 3)
    recipe.model(torch.randn(4, 3))
    output = recipe.model(x)
    penalty = recipe.penalty()
    hidden = recipe.model[1](recipe.model[0](x))
    if loss == "mse":
        assert torch.allclose(
            penalty, DropoutRegularizer(0.5).exact(hidden, recipe.model[2])
        )
    (penalty + output.sum()).backward()
    assert all(one.grad is not None for one in recipe.model.parameters())
    with torch.no_grad():
        recipe.model(x)
    with pytest.raises(InvalidInputError, match="call the model first"):
        recipe.penalty()
    assert not recipe.finish()[2]._forward_hooks


def test_a_network_trained_by_the_recipe_condenses_and_an_ordinary_one_does_not():
    torch.manual_seed(0)
    x = torch.linspace(
        -1,
        1,
        20,
        dtype=torch.float64,
    )[:, None].repeat(1, 4) * torch.tensor([1.0, 0.5, -1.0, 2.0])
    x = x + 0.3 * torch.randn(20, 4, dtype=torch.float64)
    y = torch.tanh(x @ torch.tensor([1.0, -1.0, 0.5, 0.3], dtype=torch.float64))[
        :, None
    ]
    ordinary = nn.Sequential(nn.Linear(4, 60), nn.Tanh(), nn.Linear(60, 1)).double()
    ratios = []
    for recipe in (
        condense(
            ordinary,
            exponent=1.0,
            keep=0.9,
        ),
        condense(ordinary, exponent=None),
    ):
        rule = torch.optim.Adam(recipe.parameter_groups(), lr=1e-2)
        monitor = CondensationMonitor(recipe.model, every=100, budget=None)
        for _ in range(300):
            rule.zero_grad()
            (functional.mse_loss(recipe.model(x), y) + recipe.penalty()).backward()
            rule.step()
            monitor.step()
        ratios.append(inspect(recipe.model).layer("0").effective_ratio)
        assert monitor.history[-1][1]["0/effective_ratio"] == ratios[-1]
    assert ratios[0] < 0.2
    assert ratios[1] > 0.8


class HeadFirst(nn.Module):
    """The layer that makes the output is defined first, and scaled behind."""

    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Linear(50, 3), nn.Linear(6, 50)
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x):
        logits = self.head(torch.relu(self.body(x)))
        return {"logits": self.scale * torch.softmax(logits, dim=1)}


class Branching(HeadFirst):
    """A forward whose path depends on values."""

    def forward(self, x):
        hidden = self.body(x)
        if hidden.sum() > 0:
            hidden = torch.relu(hidden)
        return self.head(hidden)


class TwoHeads(HeadFirst):
    def __init__(self):
        super().__init__()
        self.other = nn.Linear(50, 2)

    def forward(self, x):
        hidden = torch.relu(self.body(x))
        return self.head(hidden), self.other(hidden)


class Product(HeadFirst):
    def __init__(self):
        super().__init__()
        self.last = nn.Parameter(torch.randn(3, 2))

    def forward(self, x):
        return torch.relu(self.head(torch.relu(self.body(x)))) @ self.last


def test_the_head_is_the_layer_that_makes_the_output():
    recipe = condense(HeadFirst(), keep=0.8)
    assert recipe.head is recipe.model.head
    std = float(recipe.model.head.weight.detach().std())
    assert std == pytest.approx(50**-1.5, rel=0.2)
    features = torch.randn(4, 6)
    recipe.model(features)
    seen = torch.relu(recipe.model.body(features))
    expected = recipe.regularizer.exact(seen, recipe.model.head)
    assert torch.allclose(recipe.penalty(), expected)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (Branching, "torch.fx cannot follow; allowed: head, body; name the layer"),
        (TwoHeads, "whose output head and other make; allowed: head, body, other"),
        (Product, "whose output a product with last makes"),
    ],
)
def test_a_head_that_is_not_clear_must_be_named(build, message):
    with pytest.raises(InvalidInputError, match=message):
        condense(build())
    recipe = condense(build(), head="head")
    assert recipe.head is recipe.model.head
    with pytest.raises(InvalidInputError, match="head: given no; allowed: head, body"):
        condense(build(), head="no")
