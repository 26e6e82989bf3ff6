"""What is measured on one model against loops, finite differences and closed forms; and
which layers there are.
"""

import numpy as np
import pytest
import torch
from torch import nn

from condensery._errors import InvalidInputError
from condensery.torch._diagnosis._layers import match_layers
from condensery.torch._diagnosis._measure import Gauge, tangent_kernels
from condensery.torch.studies import (
    FlowSteps,
    NormalisedTwoLayer,
    four_points,
)


def mlp(width, inputs=3, outputs=2):
    return nn.Sequential(
        nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, outputs)
    ).double()


def layers_of(build=mlp, widths=(4, 8, 16)):
    return match_layers({width: build(width) for width in widths})


def moved(model, size):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(size * torch.randn_like(parameter))
    return model


def test_rd_by_loops():
    model, layers = mlp(5), layers_of()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gauge = Gauge(
        model,
        layers,
        torch.empty(0, 3),
    )
    found = gauge(moved(model, 0.3)).rd
    for layer, value in zip(
        ("0", "2"),
        found,
        strict=True,
    ):
        far = start = 0.0
        for part in ("weight", "bias"):
            now = model.state_dict()[f"{layer}.{part}"]
            for old, new in zip(
                before[f"{layer}.{part}"].reshape(-1), now.reshape(-1), strict=True
            ):
                far += (float(new) - float(old)) ** 2
                start += float(old) ** 2
        assert value == pytest.approx((far / start) ** 0.5, rel=1e-12)
    assert np.isnan(gauge(model).drift).all()


def slow_kernels(model, groups, inputs, signs):
    """K of each group of parameters by central differences of the signed output."""
    step = 1e-5

    def output():
        with torch.no_grad():
            return (model(inputs).reshape(len(inputs), -1) @ signs).numpy()

    kernels = []
    for group in groups:
        kernel = np.zeros((len(inputs), len(inputs)))
        for parameter in group:
            flat = parameter.data.view(-1)
            for k in range(len(flat)):
                kept = float(flat[k])
                flat[k] = kept + step
                up = output()
                flat[k] = kept - step
                slope = (up - output()) / (2 * step)
                flat[k] = kept
                kernel += np.outer(slope, slope)
        kernels.append(kernel)
    return np.stack([*kernels, sum(kernels)])


@pytest.mark.parametrize("outputs", [1, 3])
def test_tangent_kernels_by_finite_differences(outputs):
    model, inputs = (
        mlp(6, outputs=outputs),
        torch.randn(
            4,
            3,
            dtype=torch.float64,
        ),
    )
    layers = layers_of(lambda width: mlp(width, outputs=outputs))
    signs = (
        np.ones(1)
        if outputs == 1
        else np.random.default_rng(outputs).choice([-1.0, 1.0], size=outputs)
    )
    groups = [list(model[0].parameters()), list(model[2].parameters())]
    expected = slow_kernels(
        model,
        groups,
        inputs,
        torch.as_tensor(signs),
    )
    assert tangent_kernels(model, layers, inputs) == pytest.approx(
        expected, rel=1e-8, abs=1e-10
    )


def test_tangent_kernels_of_two_layers_in_closed_form():
    model, (x, _) = (
        NormalisedTwoLayer(
            50,
            features=1,
            kappa=0.2,
        ),
        four_points(),
    )
    layers = match_layers(
        {
            w: NormalisedTwoLayer(
                w,
                features=1,
                kappa=0.2,
            )
            for w in (2, 3, 4)
        }
    )
    w = np.column_stack([model.hidden.weight.detach(), model.hidden.bias.detach()])
    a, xs = model.output.weight.detach().numpy()[0], np.column_stack([x, np.ones(4)])
    z = xs @ w.T
    hidden = 0.04 * ((z > 0) * a**2) @ (z > 0).T * (xs @ xs.T)
    output = 0.04 * np.maximum(z, 0) @ np.maximum(z, 0).T
    found = tangent_kernels(model, layers, x)
    assert found == pytest.approx(
        np.stack([hidden, output, hidden + output]), rel=1e-10
    )


def test_drift_is_that_of_the_kernels():
    model, inputs = (
        mlp(6),
        torch.randn(
            5,
            3,
            dtype=torch.float64,
        ),
    )
    layers = layers_of()
    before = tangent_kernels(model, layers, inputs)
    gauge = Gauge(model, layers, inputs)
    assert gauge(model).drift == pytest.approx(np.zeros(3), abs=1e-14)
    after = tangent_kernels(moved(model, 0.2), layers, inputs)
    slow = [
        np.sqrt(sum((after[k] - before[k]).ravel() ** 2))
        / np.sqrt(sum(before[k].ravel() ** 2))
        for k in range(3)
    ]
    assert gauge(model).drift == pytest.approx(slow, rel=1e-10)
    # f scaled by 2 in its last layer: K of the first layer is four times as large, a
    # drift of 3
    double = mlp(6)
    gauge = Gauge(double, layers, inputs)
    with torch.no_grad():
        double[2].weight.mul_(2.0)
    assert gauge(double).drift[0] == pytest.approx(3.0, rel=1e-10)
    assert gauge(double).drift[1] == pytest.approx(0.0, abs=1e-12)


def test_condensation_is_0_at_random_and_near_1_in_one_direction():
    layers = layers_of(lambda width: mlp(width, inputs=20), widths=(100, 200, 400))
    model = mlp(300, inputs=20)
    gauge = Gauge(model, layers, torch.empty(0, 20))
    assert gauge(model).condensed[0] == pytest.approx(0.0, abs=0.05)
    assert np.isnan(gauge(model).condensed[1])
    with torch.no_grad():
        model[0].weight.copy_(torch.ones(300, 1) * torch.randn(1, 20))
        model[0].bias.fill_(0.1)
    assert gauge(model).condensed[0] == pytest.approx(1 - 1 / 300, abs=1e-3)


def test_measuring_leaves_a_model_as_it_was():
    model = nn.Sequential(
        nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Dropout(), nn.Linear(6, 1)
    ).train()
    model[1].eval()
    layers = layers_of(
        lambda w: nn.Sequential(
            nn.Linear(3, w), nn.BatchNorm1d(w), nn.Dropout(), nn.Linear(w, 1)
        )
    )
    assert [layer.name for layer in layers] == ["0", "3"]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    Gauge(
        model,
        layers,
        torch.randn(
            4,
            3,
            generator=torch.Generator().manual_seed(0),
        ),
    )(model)
    assert torch.equal(torch.get_rng_state(), random)
    assert [module.training for module in model] == [True, False, True, True]
    assert all(
        torch.equal(value, state[name]) for name, value in model.state_dict().items()
    )
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_flow_steps_follow_the_flow():
    """At equal loss the weights are those of an Euler rule with short steps; κ'²a² −
    ‖w‖² is nearly conserved.
    """
    kappa, prime, (x, y) = 0.05, 0.7, four_points()
    model = NormalisedTwoLayer(
        40,
        features=1,
        kappa=kappa,
    )
    rule = FlowSteps(
        model,
        x,
        y,
        kappa_prime=prime,
    )
    a, b = (
        model.output.weight.detach().numpy()[0].copy(),
        model.hidden.bias.detach().numpy().copy(),
    )
    w = model.hidden.weight.detach().numpy()[:, 0].copy()
    start = prime**2 * a**2 - w**2 - b**2
    losses = []
    for _ in range(400):
        rule.zero_grad()
        value = torch.mean((model(x) - y) ** 2)
        value.backward()
        losses.append(value.item())
        rule.step()
    assert np.all(np.diff(losses) < 1e-12)
    assert losses[-1] < 0.01 * losses[0]
    xs, ys = x.numpy()[:, 0], y.numpy()[:, 0]
    for _ in range(8000):
        active = np.maximum(np.outer(xs, w) + b, 0)
        residual = kappa * active @ a - ys
        if np.mean(residual**2) <= losses[-1]:
            break
        pull = (residual[:, None] * (active > 0)) * (kappa / 4 * 4.0)
        a, w, b = (
            a - 4.0 * kappa / 4 / prime * (residual @ active),
            w - prime * a * (xs @ pull),
            b - prime * a * pull.sum(axis=0),
        )
    found = model.output.weight.detach().numpy()[0]
    assert np.linalg.norm(found - a) < 0.03 * np.linalg.norm(a)
    now = (
        prime**2 * found**2
        - (model.hidden.weight[:, 0] ** 2 + model.hidden.bias**2).detach().numpy()
    )
    assert np.abs(now - start).max() < 0.05 * np.abs(start).max()


def conv(width):
    return nn.Sequential(
        nn.Conv2d(1, width, 3),
        nn.BatchNorm2d(width),
        nn.ConvTranspose2d(width, 2 * width, 2),
        nn.Flatten(),
        nn.Linear(18 * width, 4),
        nn.Linear(4, 4),
    )


class Raw(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.table = nn.Embedding(7, width)
        self.mix = nn.Parameter(torch.randn(width, 5))
        self.gain = nn.Parameter(torch.ones(width))
        self.frozen = nn.Linear(5, 5)
        self.frozen.requires_grad_(requires_grad=False)
        self.tied = nn.Linear(width, 7, bias=False)
        self.tied.weight = self.table.weight


def test_layers_have_roles():
    found = layers_of(conv)
    assert [
        (layer.name, layer.kind, layer.role, layer.unit_axis) for layer in found
    ] == [
        ("0", "Conv2d", "hidden", 0),
        ("2", "ConvTranspose2d", "hidden", 1),
        ("4", "Linear", "output", 0),
        ("5", "Linear", "fixed", 0),
    ]
    assert found[0].parameters == ("0.weight", "0.bias")


def test_raw_parameters_are_layers_tied_and_frozen_ones_count_once_or_not():
    found = layers_of(Raw)
    assert [(layer.name, layer.role) for layer in found] == [
        ("mix", "hidden"),
        ("table", "hidden"),
    ]


def deeper(width):
    return nn.Sequential(*[nn.Linear(4, 4) for _ in range(width)])


def other_kind(width):
    return nn.Sequential(nn.Linear(4, width) if width < 8 else nn.Conv1d(4, width, 1))


def shrinks(width):
    return nn.Sequential(nn.Linear(4, 100 - width))


def frozen(width):
    return nn.Linear(3, width).requires_grad_(requires_grad=False)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            deeper,
            r"build: given layer '4' at only one of the widths 4 and 8; allowed: "
            r"the same layers",
        ),
        (other_kind, r"layer '0' of another kind at width 8 than at 4"),
        (shrinks, r"layer '0' with sizes \[96, 92, 84\] along axis 0"),
        (lambda width: nn.Linear(3, 3), "the same sizes at every width"),
        (frozen, "no trainable weight at width 4"),
    ],
)
def test_models_that_differ_by_more_than_width_are_refused(build, message):
    with pytest.raises(InvalidInputError, match=message):
        layers_of(build)
