"""Input and models that `reduce` refuses, each in one line that says what to do."""

import numpy as np
import pytest
import torch
from tests.torch.networks import (
    HardCoded,
    Rolled,
    copy_unit,
    mlp,
)
from torch import nn
from torch.nn.utils import prune

from condensery._errors import InvalidInputError
from condensery.torch import grow, reduce


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
        match=r"fixes the kind of its numbers; .*stops at test_reduce_refused\.py:\d+",
    ):
        verb(FixedKind(), torch.randn(2, 4))


def test_a_forward_with_hard_coded_sizes_is_refused():
    net = HardCoded()
    copy_unit(net.a.weight, net.a.bias, 0, 1, 2.0)
    with pytest.raises(InvalidInputError, match="hard-coded sizes"):
        reduce(net, torch.randn(2, 1, 4, 4))
