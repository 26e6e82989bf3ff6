"""Partners by a slow loop, in closed form, and by chance."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from condensery.torch import inspect
from condensery.torch._inspection._layers import Layer, convolution, linear
from condensery.torch._inspection._partners import inspect_file, partners


def by_loop(rows, threshold):
    """Counts of units with a parallel one, an opposite one, and either, one pair at a
    time.
    """
    same, opposed = set(), set()
    for i, first in enumerate(rows):
        for j, second in enumerate(rows):
            if i != j and np.any(first) and np.any(second):
                cosine = float(first @ second) / np.sqrt(
                    float(first @ first) * float(second @ second)
                )
                if cosine >= threshold:
                    same.add(i)
                if cosine <= -threshold:
                    opposed.add(i)
    return len(same), len(opposed), len(same | opposed)


@pytest.mark.parametrize("threshold", [0.6, 0.8, 0.95])
@pytest.mark.parametrize("bias", [True, False])
def test_counts_are_those_of_a_loop(threshold, bias):
    source = np.random.default_rng(3)
    w = source.standard_normal((24, 4))
    w[7] = 0.0
    w[11] = -2.0 * w[12]
    b = 0.3 * source.standard_normal(24) * bias
    b[7] = 0.0
    b[11] = -2.0 * b[12]
    found = partners(
        linear("layer", torch.tensor(w), torch.tensor(b) if bias else None),
        threshold=threshold,
    )
    whole = np.column_stack([w, b]) if bias else w
    assert (found.parallel, found.opposite, found.either) == by_loop(whole, threshold)
    assert 2 <= found.opposite <= found.either <= 23 == found.directed


def test_blocks_are_compared_within_themselves():
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    whole = convolution(
        "c",
        rows,
        None,
        kind="Conv1d",
    )
    grouped = convolution(
        "c",
        rows,
        None,
        kind="Conv1d",
        blocks=2,
    )
    assert (
        partners(whole, threshold=0.95).either,
        partners(grouped, threshold=0.95).either,
    ) == (4, 0)


def test_chance_in_the_plane_in_closed_form():
    # P(|cos| ≥ cos φ) = 2φ/π in the plane
    layer = linear(
        "layer",
        torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
        None,
    )
    pair = 2 * np.arccos(0.95) / np.pi
    assert partners(layer, threshold=0.95).chance == pytest.approx(
        3 * (1 - (1 - pair) ** 2), rel=1e-12
    )


def test_chance_is_the_mean_over_random_layers():
    source = np.random.default_rng(0)
    counts = [by_loop(source.standard_normal((12, 4)), 0.9)[2] for _ in range(300)]
    rows = torch.tensor(source.standard_normal((12, 4)))
    expected = partners(linear("layer", rows, None), threshold=0.9).chance
    error = np.std(counts) / np.sqrt(len(counts))
    assert 0.1 < expected < 11.0
    assert abs(np.mean(counts) - expected) < 4 * error


@pytest.mark.parametrize(
    "rows",
    [torch.ones(1, 3), torch.zeros(4, 3), torch.tensor([[1.0, 0.0], [0.0, 0.0]])],
)
def test_a_unit_alone_has_no_partner(rows):
    found = partners(linear("layer", rows, None), threshold=0.95)
    assert (found.either, found.chance) == (0, 0.0)


def test_one_dimension_is_all_partners():
    found = partners(
        Layer(
            "layer",
            "Linear",
            torch.tensor([[1.0], [2.0], [-3.0]]),
        ),
        threshold=0.95,
    )
    assert (found.either, found.chance, found.parallel, found.opposite) == (
        3,
        3.0,
        2,
        3,
    )


def test_a_file_has_a_row_for_every_layer_of_the_inspection(tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(3, 8),
        nn.ReLU(),
        nn.Linear(8, 2),
    )
    with torch.no_grad():
        net[0].weight[1], net[0].bias[1] = net[0].weight[0], -net[0].bias[0]
        net[0].bias[:2] *= 20.0
    torch.save(net.state_dict(), tmp_path / "net.pt")
    told = []
    found = inspect_file(
        tmp_path / "net.pt",
        threshold=0.95,
        heads=None,
        progress=lambda _, done: told.append(done),
    )
    rows = inspect(tmp_path / "net.pt")
    assert found["layer"].tolist() == rows["layer"].tolist() == ["0", "2"]
    assert found["exact_merges"].tolist() == rows["exact_merges"].tolist()
    assert found["parameters"].tolist() == [50]
    # equal weights, opposite biases: a pair that is parallel without the biases alone
    assert found["bare"][0] >= 2
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
