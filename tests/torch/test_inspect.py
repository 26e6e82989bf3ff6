"""`inspect` against loops over pairs, closed forms, and what the layers themselves
compute.
"""

import json
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to measure a process of its own
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from condensery._errors import InvalidInputError
from condensery.torch import inspect
from condensery.torch._inspection._chance import chance, largest_by_chance, random_pair
from condensery.torch._inspection._measure import measure
from condensery.torch._inspection._reading import read_module
from condensery.torch._inspection._reading_weights import read_weights


def rows_of(model, name):
    (layer,) = [one for one in read_module(model).layers if one.name == name]
    return layer


def slow_numbers(rows, threshold, active):
    """Largest and smallest cosine and greedy cover by loops."""
    lengths = [float(np.sqrt(sum(x * x for x in row))) for row in rows]
    kept = [k for k in range(len(rows)) if lengths[k] > active * max(lengths)]
    cosine = {
        (i, j): sum(
            a * b
            for a, b in zip(
                rows[i],
                rows[j],
                strict=True,
            )
        )
        / (lengths[i] * lengths[j])
        for i in kept
        for j in kept
        if i != j
    }
    left, effective = sorted(kept, key=lambda k: -lengths[k]), 0
    while left:
        effective += 1
        left = [k for k in left[1:] if cosine[k, left[0]] < threshold]
    return max(cosine.values()), min(cosine.values()), effective


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16]
)
@pytest.mark.parametrize("features", [2, 3, 7])
def test_the_numbers_of_a_layer_are_those_of_loops_over_pairs(dtype, features):
    layer = nn.Linear(features, 40, dtype=dtype)
    with torch.no_grad():
        layer.weight[:10] = layer.weight[10:20] * 1.5
        layer.bias[:10] = layer.bias[10:20] * 1.5
        layer.weight[3] *= 0.01
        layer.bias[3] *= 0.01
    row = inspect(layer, threshold=0.9)[0]
    rows = np.column_stack(
        [layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()]
    )
    largest, smallest, effective = slow_numbers(rows, 0.9, 0.05)
    assert row.largest_cosine == pytest.approx(largest, abs=2e-6)
    assert row.smallest_cosine == pytest.approx(smallest, abs=2e-6)
    assert row.effective_neurons == effective
    assert (row.units, row.features, row.active) == (40, features + 1, 39)


def test_the_result_does_not_depend_on_the_blocks(monkeypatch):
    layer = nn.Linear(6, 300)
    whole = inspect(layer)[0]
    monkeypatch.setattr("condensery.torch._inspection._nearest.BLOCK_ENTRIES", 448)
    assert inspect(layer)[0] == whole


def test_wide_layers_with_tiny_entries_keep_their_cosines():
    weight = torch.tensor([[1.0, 0.0], [1.0, 1.0], [-3.0, 0.0]])
    for scale in (1e-30, 1.0, 1e30):
        row = inspect({"a.weight": weight * scale})[0]
        assert row.largest_cosine == pytest.approx(np.sqrt(0.5), abs=1e-6)
        assert row.smallest_cosine == pytest.approx(-1, abs=1e-6)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_unit_of_a_convolution_answers_a_patch_by_its_row(
    dimensions, groups, transposed
):
    kind = getattr(nn, f"Conv{'Transpose' if transposed else ''}{dimensions}d")
    layer = kind(
        4,
        6,
        3,
        groups=groups,
    ).double()
    found = rows_of(layer, kind.__name__)
    rows, bias = found.arrays()
    size = 3**dimensions
    assert (found.blocks, rows.shape) == (groups, (6, 4 // groups * size))
    # a convolution sees one patch; a transposed one is told apart by the kernel that
    # one input channel writes
    if not transposed:
        patch = torch.randn(
            1,
            4,
            *[3] * dimensions,
            dtype=torch.float64,
        )
        parts = patch.flatten(2)[0].reshape(groups, -1).detach().numpy()
        expected = [rows[k] @ parts[k // (6 // groups)] + bias[k] for k in range(6)]
        assert layer(patch).flatten().tolist() == pytest.approx(expected, rel=1e-12)
        return
    for channel in range(4):
        point = torch.zeros(
            1,
            4,
            *[1] * dimensions,
            dtype=torch.float64,
        )
        point[0, channel] = 1
        written = (
            (layer(point) - layer.bias.reshape(1, -1, *[1] * dimensions))
            .detach()[0]
            .flatten(1)
            .numpy()
        )
        for k in range(6):
            block, place = divmod(channel, 4 // groups)
            mine = (
                rows[k, place * size : (place + 1) * size]
                if block == k // (6 // groups)
                else np.zeros(size)
            )
            assert written[k] == pytest.approx(mine, abs=1e-12)


def test_grouped_units_are_compared_within_their_group_alone():
    layer = nn.Conv1d(
        2,
        4,
        1,
        groups=2,
        bias=False,
    )
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 2.0, 3.0, -1.0]).reshape(4, 1, 1))
    row = inspect(layer)[0]
    assert (row.effective_neurons, row.largest_cosine, row.smallest_cosine) == (
        3,
        1.0,
        -1.0,
    )
    depthwise = inspect(
        nn.Conv2d(
            8,
            8,
            3,
            groups=8,
        )
    )[0]
    assert (depthwise.effective_neurons, depthwise.chance_ratio) == (8, 1.0)
    assert np.isnan(depthwise.largest_cosine)


def model_with_everything():
    class Everything(nn.Module):
        def __init__(self):
            super().__init__()
            self.token_embedding = nn.Embedding(11, 8)
            self.conv = nn.Conv1d(8, 8, 3)
            self.attention = nn.MultiheadAttention(8, 2)
            self.lstm = nn.LSTM(
                8,
                6,
                num_layers=2,
                bidirectional=True,
            )
            self.gru = nn.GRU(12, 5)
            self.rnn = nn.RNN(5, 4, bias=False)
            self.projected = nn.LSTM(4, 6, proj_size=3)
            self.head = nn.Linear(3, 7)

    return Everything()


def test_a_state_dict_gives_the_numbers_of_its_model():
    model = model_with_everything()
    first, second = inspect(model), inspect(model.state_dict(), heads=2)
    measured = [
        name for name in first.columns if name not in {"why", "note", "mergeable"}
    ]
    assert len(first) == len(second) == 40
    for mine, other in zip(first, second, strict=True):
        for name in measured:
            assert getattr(mine, name) == getattr(other, name) or np.isnan(
                getattr(mine, name)
            ), (mine.layer, name)
    assert {row.kind for row in first} >= {
        "Embedding",
        "Conv1d",
        "query rows",
        "LSTM gate",
        "GRU units",
        "RNN units",
    }
    assert not first.skipped


def lstm_step(layer, x, h, c):
    """One step of an LSTM by its rows alone."""
    gates = {
        one.name.split()[1]: one.arrays()[0]
        for one in read_module(layer).layers
        if one.role == "gates"
    }
    seen = np.concatenate([x, h, [1.0]])
    sigmoid = {
        name: 1 / (1 + np.exp(-(rows @ seen)))
        for name, rows in gates.items()
        if name != "cell"
    }
    c = sigmoid["forget"] * c + sigmoid["input"] * np.tanh(gates["cell"] @ seen)
    return sigmoid["output"] * np.tanh(c), c


def test_the_gates_of_an_lstm_are_what_it_computes_with():
    layer, x = (
        nn.LSTM(3, 4).double(),
        torch.randn(
            5,
            3,
            dtype=torch.float64,
        ),
    )
    h = c = np.zeros(4)
    for row in x.numpy():
        h, c = lstm_step(layer, row, h, c)
    assert layer(x)[0][-1].tolist() == pytest.approx(h.tolist(), rel=1e-12)


def test_the_gates_of_a_gru_are_what_it_computes_with():
    layer, x = (
        nn.GRU(3, 4).double(),
        torch.randn(
            5,
            3,
            dtype=torch.float64,
        ),
    )
    gates = {
        one.name.split()[1]: one.arrays()[0]
        for one in read_module(layer).layers
        if one.role == "gates"
    }
    h = np.zeros(4)
    for row in x.numpy():
        seen = np.concatenate([row, h, [1.0]])
        reset, update = (
            1 / (1 + np.exp(-(gates[name] @ seen))) for name in ("reset", "update")
        )
        new = gates["new"]
        inner = new[:, :3] @ row + new[:, 7] + reset * (new[:, 3:7] @ h + new[:, 8])
        h = (1 - update) * np.tanh(inner) + update * h
    assert layer(x)[0][-1].tolist() == pytest.approx(h.tolist(), rel=1e-12)


def test_equal_states_of_a_recurrent_layer_merge_exactly():
    layer = nn.LSTM(3, 5)
    with torch.no_grad():
        for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
            for gate in range(4):
                getattr(layer, name)[5 * gate + 1] = getattr(layer, name)[5 * gate]
    states = layer(torch.randn(20, 3))[0]
    assert torch.equal(states[:, 0], states[:, 1])
    row = inspect(layer).layer("LSTM:l0 units")
    assert (row.mergeable, row.exact_merges) == ("exactly", 1)
    assert inspect(layer).layer("LSTM:l0 cell gate").mergeable == "not"


def attention_maps(attention, x):
    return attention(
        x,
        x,
        x,
        average_attn_weights=False,
    )[1][0]


def test_heads_are_compared_by_what_they_do_and_not_by_their_basis():
    attention = nn.MultiheadAttention(8, 4, batch_first=True).double()
    turn = torch.randn(2, 2, dtype=torch.float64)
    back = torch.linalg.inv(turn).T
    with torch.no_grad():
        attention.in_proj_bias.normal_()
        weight, bias = attention.in_proj_weight, attention.in_proj_bias
        weight[2:4], bias[2:4] = (
            turn @ weight[0:2],
            turn @ bias[0:2],
        )  # queries of head 1 from those of head 0
        weight[10:12] = back @ weight[8:10]  # keys; their bias may be anything
        x = torch.randn(
            1,
            6,
            8,
            dtype=torch.float64,
        )
    maps = attention_maps(attention, x)
    assert torch.allclose(maps[0], maps[1], atol=1e-12)
    assert not torch.allclose(
        maps[0],
        maps[2],
        atol=1e-3,
    )
    found = inspect(attention)
    row = found.layer("MultiheadAttention:heads query-key")
    assert row.largest_cosine == pytest.approx(1, abs=1e-6)
    assert (row.units, row.effective_neurons, row.mergeable) == (4, 3, "not")
    with torch.no_grad():
        weight[18:20], bias[18:20] = (
            weight[16:18],
            bias[16:18],
        )  # and now the same values
    row = inspect(attention).layer("MultiheadAttention:heads query-key")
    assert (row.mergeable, row.exact_merges) == ("exactly", 1)
    assert "heads not known" not in row.note
    assert "give heads=" in inspect(attention.state_dict())[0].note


class Grouped(nn.Module):
    """Attention with projections of their own, four heads of queries and two of keys
    and values.
    """

    def __init__(self):
        super().__init__()
        self.num_heads = 4
        self.q_proj, self.k_proj, self.v_proj = (
            nn.Linear(8, 8),
            nn.Linear(8, 4),
            nn.Linear(8, 4),
        )
        self.o_proj = nn.Linear(8, 8)


def test_projections_that_are_kept_apart_and_shared_by_heads():
    attention = Grouped().double()
    found = inspect(attention)
    assert [row.kind for row in found] == [
        "query rows",
        "key rows",
        "value rows",
        "heads: attention maps",
        "heads: value maps",
        "Linear",
    ]
    q, k, v, o = (getattr(attention, f"{name}_proj") for name in "qkvo")

    @torch.no_grad()
    def cosine(first, second):
        return float((first * second).sum() / (first.norm() * second.norm()))

    queries = torch.cat([q.weight, q.bias[:, None]], dim=1).reshape(4, 2, 9)
    keys = k.weight.reshape(2, 2, 8)[[0, 0, 1, 1]]
    maps = [queries[h].T @ keys[h] for h in range(4)]
    values = torch.cat([v.weight, v.bias[:, None]], dim=1).reshape(2, 2, 9)[
        [0, 0, 1, 1]
    ]
    passed = [o.weight[:, 2 * h : 2 * h + 2] @ values[h] for h in range(4)]
    for row, whole in ((found[3], maps), (found[4], passed)):
        cosines = [cosine(whole[a], whole[b]) for a in range(4) for b in range(a)]
        assert row.largest_cosine == pytest.approx(max(cosines), abs=2e-6)
        assert row.smallest_cosine == pytest.approx(min(cosines), abs=2e-6)
    assert [row.kind for row in inspect(attention.state_dict(), heads=4)] == [
        row.kind for row in found
    ]


def test_the_probability_of_a_pair_is_that_of_geometry():
    # the share of a circle within an angle, the share of a sphere's surface in a cap,
    # and a sample
    for angle in (0.1, 1.0, 2.0, 3.0):
        assert random_pair(np.cos(angle), 2) == pytest.approx(angle / np.pi, rel=1e-9)
        assert random_pair(np.cos(angle), 3) == pytest.approx(
            (1 - np.cos(angle)) / 2, rel=1e-9
        )
    generator = np.random.default_rng(1)
    u, v = generator.standard_normal((2, 200_000, 6))
    cosines = (
        np.sum(u * v, axis=1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
    )
    assert np.mean(cosines >= 0.3) == pytest.approx(random_pair(0.3, 6), rel=0.02)
    assert np.mean(cosines >= -0.3) == pytest.approx(random_pair(-0.3, 6), rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("units", "features"), [(30, 10), (100, 50), (3, 4)])
def test_the_largest_cosine_by_chance_is_the_median_of_draws(units, features):
    generator, found = np.random.default_rng(2), []
    for _ in range(400):
        rows = generator.standard_normal((units, features))
        rows /= np.linalg.norm(
            rows,
            axis=1,
            keepdims=True,
        )
        found.append((rows @ rows.T - 2 * np.eye(units)).max())
    assert np.mean(
        np.array(found) <= largest_by_chance(units * (units - 1) / 2, features)
    ) == pytest.approx(0.5, abs=0.1)


def test_random_layers_have_no_excess_and_condensed_ones_have():
    generator = np.random.default_rng(3)
    for features in (1, 2, 3, 40):
        excess = inspect(
            {"a.weight": torch.tensor(generator.standard_normal((200, features)))},
            active=0.0,
        )[0].excess
        assert abs(excess) < 0.03, features
    few = torch.tensor(generator.standard_normal((4, 40)))[torch.arange(200) % 4]
    row = inspect({"a.weight": few})[0]
    assert (row.chance_ratio, row.effective_ratio, row.excess) == (1.0, 0.02, 0.98)
    assert row.duplicates == 196
    assert chance(200, 40, 0.95).neurons == 200


PLANTED = {
    "scaled": 2.0,
    "equal": 1.0,
    "opposite": -1.0,
}
MODULES = {
    "ReLU": {"scaled", "equal"},
    "LeakyReLU": {"scaled", "equal"},
    "Identity": {"scaled", "equal", "opposite"},
    "Tanh": {"equal", "opposite"},
    "Sigmoid": {"equal", "opposite"},
    "GELU": {"equal"},
    "SiLU": {"equal"},
    "Softsign": {"equal", "opposite"},
    "ReLU6": {"equal"},
    "PReLU": {"scaled", "equal"},
}


@pytest.mark.parametrize("how", PLANTED)
@pytest.mark.parametrize("name", MODULES)
def test_exact_merges_are_those_that_leave_the_output_as_it_was(name, how):
    ratio = PLANTED[how]
    activation = getattr(nn, name)()
    net = nn.Sequential(
        nn.Linear(3, 6), activation, nn.Linear(6, 2), nn.ReLU(), nn.Linear(2, 1)
    ).double()
    with torch.no_grad():
        net[0].weight[4], net[0].bias[4] = (
            ratio * net[0].weight[1],
            ratio * net[0].bias[1],
        )
    row = inspect(net).layer("0")
    assert row.exact_merges == (1 if how in MODULES[name] else 0), row.why
    if row.exact_merges:
        # σ(ratio z) = f σ(z) + c with constants: what a sum of columns and the next
        # bias can take over
        x = torch.randn(200, 3, dtype=torch.float64)
        z = net[0](x)[:, 1]
        basis = torch.stack([activation(z), torch.ones_like(z)], dim=1)
        solved = torch.linalg.lstsq(
            basis, activation(ratio * z)[:, None], driver="gelsd"
        ).solution
        assert torch.allclose(
            basis @ solved, activation(ratio * z)[:, None], atol=1e-12
        )


def test_constant_units_can_go_exactly():
    net = nn.Sequential(
        nn.Linear(3, 6),
        nn.Tanh(),
        nn.Linear(6, 1),
    )
    with torch.no_grad():
        net[0].weight[2:4] = 0.0
    row = inspect(net).layer("0")
    assert (row.dead, row.exact_merges, row.mergeable) == (2, 2, "exactly")
    assert "constant" in row.why


def test_a_batch_normalisation_is_folded_before_units_are_called_equal():
    net = (
        nn.Sequential(
            nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 1)
        )
        .eval()
        .double()
    )
    with torch.no_grad():
        net[0].weight[1], net[0].bias[1] = 3 * net[0].weight[0], 0.7
        net[1].running_mean.normal_()
        net[1].running_var.uniform_(0.5, 2)
        net[1].weight.uniform_(0.5, 2)
    assert inspect(net).layer("0").exact_merges == 0
    bn = net[1]
    with torch.no_grad():  # now unit 1 is 2.5 times unit 0 behind the normalisation
        scale = bn.weight / (bn.running_var + bn.eps).sqrt()
        bn.weight[1] = bn.weight[1] * 2.5 * scale[0] / (3 * scale[1])
        first = bn.bias[0] + scale[0] * (net[0].bias[0] - bn.running_mean[0])
        scale = bn.weight / (bn.running_var + bn.eps).sqrt()
        bn.bias[1] = 2.5 * first - scale[1] * (net[0].bias[1] - bn.running_mean[1])
    hidden = net[2](
        bn(
            net[0](
                torch.randn(
                    2,
                    2,
                    5,
                    5,
                    dtype=torch.float64,
                )
            )
        )
    )
    assert torch.allclose(
        hidden[:, 1],
        2.5 * hidden[:, 0],
        atol=1e-12,
    )
    assert inspect(net).layer("0").exact_merges == 1


def test_what_lies_on_the_way_to_the_reader_is_respected():
    def planted(*between, reader=None):
        first = nn.Conv2d(1, 4, 3)
        with torch.no_grad():
            first.weight[1], first.bias[1] = -first.weight[0], -first.bias[0]
        return inspect(
            nn.Sequential(first, *between, reader or nn.Conv2d(4, 2, 1))
        ).layer("0")

    assert planted(nn.Tanh(), nn.AvgPool2d(2)).exact_merges == 1
    assert planted(nn.Tanh(), nn.MaxPool2d(2)).exact_merges == 0
    assert planted(
        nn.Tanh(),
        reader=nn.Conv2d(
            4,
            4,
            1,
            groups=2,
        ),
    ).why.startswith("a grouped convolution")
    assert "Softmax2d follows" in planted(nn.Softmax2d()).why


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.twice = (
            nn.Linear(4, 4),
            nn.Linear(4, 4),
            nn.Linear(4, 4),
        )
        self.seen = None

    def forward(self, x):
        self.seen = x
        h = functional.relu(self.first(x))
        return self.twice(self.twice(h + self.second(x)))


def test_readers_that_forbid_a_merge_are_named():
    model = Residual()
    found = {row.layer: row.why for row in inspect(model)}
    assert (
        found["first"] == found["second"] == "its units are added to a residual stream"
    )
    assert found["twice"] == "it is used more than once"
    assert model.seen is None  # tracing has left nothing on the user's model


def test_the_output_and_a_two_way_head_say_what_they_are():
    net = nn.Sequential(
        nn.Linear(3, 5),
        nn.ReLU(),
        nn.Linear(5, 2),
    )
    assert inspect(net).layer("2").why == "its units are the output of the model"
    with torch.no_grad():
        net[2].weight[1], net[2].bias[1] = -net[2].weight[0], -net[2].bias[0]
    for found in (inspect(net), inspect(net.state_dict())):
        row = found.layer("2")
        assert (
            row.why
            == "a two-way head: opposite rows are the symmetry of the softmax, not "
            "condensation"
        )
        assert (row.effective_neurons, row.exact_merges, row.approximate_merges) == (
            2,
            0,
            0,
        )


def test_ordinary_networks_have_no_exact_merges():
    found = inspect(
        nn.Sequential(
            nn.Linear(64, 300),
            nn.ReLU(),
            nn.Linear(300, 100),
            nn.ReLU(),
            nn.Linear(100, 10),
        )
    )
    assert sum(found["exact_merges"]) == sum(found["approximate_merges"]) == 0
    assert found[0].why.startswith(
        "0 exact merges, and no two units are near: the largest cosine is"
    )


def test_an_activation_that_is_not_known_can_be_given():
    weight = torch.tensor([[1.0, 2.0], [2.0, 4.0], [0.5, -3.0]])
    assert inspect({"a.weight": weight})[0].exact_merges == 0
    assert "activation is not known" in inspect({"a.weight": weight})[0].why
    assert inspect({"a.weight": weight}, activation="relu")[0].exact_merges == 1
    assert inspect({"a.weight": weight}, activation="tanh")[0].exact_merges == 0


def test_nothing_of_the_model_or_of_the_generators_changes():
    model = nn.Sequential(
        nn.Linear(4, 8), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)
    )
    torch.nn.utils.parametrizations.spectral_norm(model[4])
    model(torch.randn(16, 4)).sum().backward()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    grads, modes = (
        [one.grad.clone() for one in model.parameters()],
        [one.training for one in model.modules()],
    )
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    inspect(model)
    assert all(
        torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items()
    )
    assert all(
        torch.equal(one.grad, grad)
        for one, grad in zip(model.parameters(), grads, strict=True)
    )
    assert modes == [one.training for one in model.modules()]
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)


def test_tied_lazy_and_unknown_weights_are_told():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head = (
                nn.Embedding(9, 4),
                nn.Linear(
                    4,
                    9,
                    bias=False,
                ),
            )
            self.head.weight = self.embedding.weight
            self.lazy, self.free = nn.LazyLinear(3), nn.Parameter(torch.ones(2, 2))

    found = inspect(Odd())
    assert found.layer("head").note == "tied to embedding"
    assert (
        found.skipped["Odd.free"]
        == "Odd is not known: what its units are cannot be told"
    )
    assert found.skipped["lazy"] == "a lazy module: run the model once first"
    assert "not measured: lazy" in repr(found)


def test_the_table_prints_and_is_json_and_html():
    found = inspect(
        nn.Sequential(
            nn.Linear(2, 1),
            nn.ReLU(),
            nn.Linear(1, 3),
        )
    )
    lines = repr(found).splitlines()
    assert lines[0].startswith("Not condensed: no layer has clearly fewer directions")
    assert any(line.split()[:2] == ["layer", "units"] for line in lines)
    assert any(
        line.startswith("2 layers, 4 units, 9 parameters: 0 exact merges")
        for line in lines
    )
    document = json.loads(found.to_json())
    assert [row["layer"] for row in document["layers"]] == ["0", "2"]
    assert document["layers"][0]["largest_cosine"] is None  # one unit has no pair
    page = found._repr_html_()
    assert page.count("<tr>") == 3
    assert "<script" not in inspect({"<script>.weight": torch.ones(2, 2)})._repr_html_()
    assert found.to_table()["units"].tolist() == [1, 3]
    with pytest.raises(KeyError):
        found.layer("nowhere")


def diverged():
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight[0, 0] = float("nan")
    return layer


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (3, {}, "model: given int"),
        ({}, {}, "model: given dict"),
        ({"a": 1}, {}, "model: given dict"),
        (nn.Linear(2, 2), {"threshold": 0.0}, "threshold: given 0.0"),
        (nn.Linear(2, 2), {"active": 1.0}, "active"),
        (nn.Linear(2, 2), {"activation": "rleu"}, "activation: given rleu"),
        (nn.Linear(2, 2), {"heads": 0}, "heads"),
        (nn.Linear(2, 2), {"weights": "a.pt"}, "weights: given a.pt with Linear"),
        ("no.pt", {}, "a file that exists"),
        (diverged(), {}, "1 of 4 entries nan or inf"),
        (
            nn.Linear(
                2,
                2,
                device="meta",
            ),
            {},
            "meta device",
        ),
        (
            nn.Linear(
                2,
                2,
                dtype=torch.complex64,
            ),
            {},
            "complex numbers",
        ),
    ],
)
def test_refusals(model, options, message):
    with pytest.raises(InvalidInputError) as caught:
        inspect(model, **options)
    assert message in str(caught.value)


def test_measuring_a_layer_without_active_pairs():
    (layer,) = read_weights({"a.weight": torch.zeros(3, 2)}).layers
    found = measure(
        layer,
        threshold=0.95,
        active=0.05,
    )
    assert (found.active, found.effective, found.dead) == (0, 0, 3)
    assert np.isnan(found.largest_cosine)


PEAK = """
import resource, torch
from condensery.torch import inspect
generator = torch.Generator().manual_seed(0)
few = torch.randn(20, 1000, generator=generator)
{make}
inspect({{"a.weight": torch.randn(30, 3)}})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
inspect({{"a.weight": weight}})
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e6)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        "weight = torch.randn(10_000, 1000, generator=generator)",
        "weight = few[torch.arange(10_000) % 20] + 1e-3 * torch.randn(10_000, 1000, "
        "generator=generator)",
    ],
)
def test_ten_thousand_units_take_less_than_a_gigabyte(make):
    done = subprocess.run(
        [sys.executable, "-c", PEAK.format(make=make)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) < 1.0
