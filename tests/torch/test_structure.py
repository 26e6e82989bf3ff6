"""What `inspect` knows of a model around its layers: traced whole, in parts, by torch's
own blocks, or not at all.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional

from condensery.torch import inspect
from condensery.torch._inspection._tracing import is_pointwise_module


class Quick(nn.Module):
    """A function of one number that has no name in the table."""

    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Mixing(nn.Module):
    def forward(self, x):
        return x - x.mean(-1, keepdim=True)


class Feed(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.up, self.act, self.down = nn.Linear(4, 6), activation, nn.Linear(6, 4)

    def forward(self, x):
        return self.down(self.act(self.up(x)))


class Half(nn.Module):
    """The first half of a feed-forward layer, as in BERT: who reads its units is
    elsewhere.
    """

    def __init__(self):
        super().__init__()
        self.dense, self.act = nn.Linear(4, 6), nn.ReLU()

    def forward(self, x):
        return self.act(self.dense(x))


class Stubborn(nn.Module):
    """Its forward depends on values, those of its parts do not."""

    def __init__(self, activation=None):
        super().__init__()
        self.feed, self.part, self.read = (
            Feed(activation or nn.Tanh()),
            Half(),
            nn.Linear(6, 2),
        )

    def forward(self, x):
        if x.sum() > 0:
            x = self.feed(x)
        return self.read(self.part(x))


def copied(layer, factor):
    with torch.no_grad():
        layer.weight[1], layer.bias[1] = (
            factor * layer.weight[0],
            factor * layer.bias[0],
        )


def test_the_parts_of_a_model_that_cannot_be_traced_are_known():
    model = Stubborn()
    copied(model.feed.up, -1.0)
    copied(model.part.dense, 2.0)
    found = inspect(model)
    assert dict(zip(found["layer"], found["activation"], strict=True)) == {
        "feed.up": "tanh",
        "feed.down": "",
        "part.dense": "relu",
        "read": "",
    }
    row = found.layer("feed.up")
    assert (row.exact_merges, row.why) == (
        1,
        "1 units are multiples of another, which tanh lets merge",
    )
    row = found.layer("part.dense")  # exact only if its reader is what it seems
    assert (row.mergeable, row.exact_merges) == ("exactly", 1)
    assert (
        "which is not known (they leave Half, and what uses that could not be traced)"
        in row.why
    )
    why = found.layer("feed.down").why
    assert (
        "Feed passes its units on, and what uses Feed could not be traced; "
        "activation= tells it" in why
    )
    assert (
        "torch.fx cannot trace Stubborn: symbolically traced variables"
        in found.layer("read").why
    )
    assert inspect(model, activation="relu").layer("read").activation == "relu"
    assert inspect(model, activation="relu").layer("feed.up").activation == "tanh"


def test_what_is_claimed_of_a_part_holds_for_the_whole():
    model = Stubborn().double()
    copied(model.feed.up, -1.0)
    x = torch.randn(50, 4, dtype=torch.float64).abs()
    before = model(x)
    with torch.no_grad():
        model.feed.down.weight[:, 0] -= model.feed.down.weight[:, 1]
        model.feed.down.weight[:, 1] = 0.0
    assert torch.allclose(model(x), before, atol=1e-13)


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_a_function_of_one_number_without_a_name_lets_equal_rows_merge(factor):
    model = Feed(Quick())
    copied(model.up, factor)
    row = inspect(nn.Sequential(model, nn.ReLU(), nn.Linear(4, 2))).layer("0.up")
    assert row.exact_merges == (factor == 1)
    assert is_pointwise_module(Quick())
    assert not is_pointwise_module(Mixing())
    assert (
        "mean" in inspect(Feed(Mixing())).layer("up").why
        or "2 places" in inspect(Feed(Mixing())).layer("up").why
    )


def test_an_activation_in_a_module_of_ones_own_keeps_its_name():
    class Wrapped(nn.Module):
        def forward(self, x):
            return functional.relu(x)

    model = nn.Sequential(nn.Linear(3, 4), Wrapped(), nn.Linear(4, 2))
    copied(model[0], 3.0)
    row = inspect(model).layer("0")
    assert (row.activation, row.exact_merges) == ("relu", 1)


@pytest.mark.parametrize("activation", ["relu", "gelu", functional.gelu, nn.SiLU()])
def test_the_blocks_of_torch_are_known(activation):
    model = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 12, activation=activation, batch_first=True),
        2,
        enable_nested_tensor=False,
    )
    found = inspect(model)
    name = (
        activation
        if isinstance(activation, str)
        else "silu"
        if isinstance(activation, nn.Module)
        else "gelu"
    )
    assert [found.layer(f"layers.{k}.linear1").activation for k in range(2)] == [
        name,
        name,
    ]
    assert (
        found.layer("layers.1.linear2").why
        == "its units are added to a residual stream"
    )
    assert (
        "it is a part of MultiheadAttention"
        in found.layer("layers.0.self_attn.out_proj").why
    )

    class Own(nn.TransformerEncoderLayer):
        def forward(self, src):
            return self.linear2(self.linear1(src))

    assert inspect(Own(8, 2, 12)).layer("linear1").activation == "linear"


class Forked(nn.Module):
    """One hidden layer with two readers, or with a reader and a stream."""

    def __init__(self, *, alike):
        super().__init__()
        self.alike = alike
        self.trunk, self.left, self.right = (
            nn.Linear(4, 6),
            nn.Linear(6, 2),
            nn.Linear(6, 6),
        )

    def forward(self, x):
        h = self.trunk(x)
        h, other = torch.relu(h), torch.relu(h) if self.alike else torch.tanh(h)
        return self.left(h), self.right(other)


def test_units_that_several_layers_read_merge_if_all_take_them_alike():
    model = Forked(alike=True)
    copied(model.trunk, 3.0)
    row = inspect(model).layer("trunk")
    assert (row.exact_merges, row.activation) == (1, "relu")
    model = Forked(alike=False)
    copied(model.trunk, 1.0)
    row = inspect(model).layer("trunk")
    assert (row.mergeable, row.why) == (
        "not",
        "its output is used in 2 places, and not alike",
    )


class Proposal(nn.Module):
    """Two heads of 1 × 1 convolutions, of which one says yes or no, as in the proposal
    networks of face detectors.
    """

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3), nn.PReLU(6), nn.Conv2d(6, 8, 3), nn.PReLU(8)
        )
        self.yes, self.box = nn.Conv2d(8, 2, 1), nn.Conv2d(8, 4, 1)

    def forward(self, x):
        x = self.features(x)
        return torch.softmax(self.yes(x), dim=1), self.box(x)


def test_a_two_way_head_may_be_a_convolution():
    model = Proposal()
    told = (
        "a two-way head: opposite rows are the symmetry of the softmax, not "
        "condensation"
    )
    assert inspect(model).layer("yes").why == "its units are the output of the model"
    with torch.no_grad():
        model.yes.weight[1], model.yes.bias[1] = (
            -model.yes.weight[0],
            -model.yes.bias[0],
        )
    for found in (inspect(model), inspect(model.state_dict())):
        row = found.layer("yes")
        assert row.why == told
        assert (row.effective_neurons, row.exact_merges, row.approximate_merges) == (
            2,
            0,
            0,
        )
    wide = nn.Sequential(
        nn.Conv2d(3, 2, 3), nn.Conv2d(2, 2, 1), nn.ReLU(), nn.Conv2d(2, 1, 1)
    )
    with torch.no_grad():
        for layer in wide[:2]:
            layer.weight[1], layer.bias[1] = -layer.weight[0], -layer.bias[0]
    assert told not in [
        row.why for row in inspect(wide)
    ]  # a wide kernel is no such head, nor is a hidden layer


class Fused(nn.Module):
    def __init__(self, last="c_attn"):
        super().__init__()
        self.n_head = 2
        setattr(self, last, nn.Linear(8, 24))
        self.c_proj = nn.Linear(8, 8)


def test_queries_keys_and_values_of_one_layer_are_told_apart():
    whole, parts = Fused(), nn.MultiheadAttention(8, 2)
    with torch.no_grad():
        parts.in_proj_weight.copy_(whole.c_attn.weight)
        parts.in_proj_bias.copy_(whole.c_attn.bias)
        parts.out_proj.weight.copy_(whole.c_proj.weight)
    for found in (inspect(whole), inspect(whole.state_dict(), heads=2)):
        for mine, other in zip(list(found)[:5], list(inspect(parts))[:5], strict=True):
            assert (mine.kind, mine.largest_cosine, mine.why) == (
                other.kind,
                other.largest_cosine,
                other.why,
            )
    (row, _) = inspect(Fused("Wqkv"))
    assert (row.kind, row.mergeable) == ("query, key and value rows", "not")
    assert "in an order that is not known" in row.note


class Turned(nn.Module):
    """Attention whose queries and keys are turned by position, so that equal maps do
    not say it all.
    """

    def __init__(self, *, turned):
        super().__init__()
        self.num_heads = 2
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(8, 8) for _ in range(4)
        )
        self.rotary_emb = nn.Identity() if turned else None


@pytest.mark.parametrize("turned", [False, True])
def test_heads_behind_a_rotation_are_not_called_equal(turned):
    model = Turned(turned=turned)
    with torch.no_grad():
        for layer in (model.q_proj, model.k_proj, model.v_proj):
            layer.weight[4:], layer.bias[4:] = layer.weight[:4], layer.bias[:4]
    row = inspect(model).layer("Turned:heads query-key")
    assert (row.mergeable, row.exact_merges) == (
        ("not", 0) if turned else ("exactly", 1)
    )
    assert ("rotary_emb acts on queries and keys as well" in row.why) == turned


@pytest.mark.parametrize("name", ["batch", "seen"])
def test_heads_of_a_traced_model_are_judged_as_heads(name):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention, self.read = nn.MultiheadAttention(8, 2), nn.Linear(8, 3)

        def forward(self, x):
            return self.read(self.attention(x, x, x)[0])

    model = Wrapped()
    if name == "seen":
        with torch.no_grad():
            model.attention.in_proj_weight.copy_(
                torch.randn(3, 1, 4, 8).expand(3, 2, 4, 8).reshape(24, 8)
            )
    row = inspect(model).layer("attention:heads query-key")
    assert row.exact_merges == (name == "seen")


FAMILIES = {
    "bert": {
        "bert.encoder.layer.0.intermediate.dense": "gelu",
        "bert.pooler.dense": "tanh",
    },
    "gpt2": {"transformer.h.0.mlp.c_fc": "gelu"},
    "llama": {"model.layers.0.mlp.gate_proj": "silu"},
    "t5": {"encoder.block.0.layer.1.DenseReluDense.wi": "relu"},
}


def pretrained(family):
    """A small one with random weights."""
    import transformers as hf

    sizes = {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
    }
    if family == "bert":
        return hf.BertForSequenceClassification(
            hf.BertConfig(vocab_size=20, num_labels=2, **sizes)
        )
    if family == "gpt2":
        return hf.GPT2LMHeadModel(
            hf.GPT2Config(vocab_size=20, n_embd=16, n_layer=1, n_head=2, n_positions=8)
        )
    if family == "llama":
        return hf.LlamaForCausalLM(
            hf.LlamaConfig(vocab_size=20, num_key_value_heads=1, **sizes)
        )
    return hf.T5ForConditionalGeneration(
        hf.T5Config(vocab_size=20, d_model=16, d_ff=24, num_layers=1, num_heads=2)
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", FAMILIES)
def test_models_of_transformers_tell_their_activations(family):
    pytest.importorskip("transformers")
    model = pretrained(family)
    found = inspect(model)
    for layer, activation in FAMILIES[family].items():
        assert found.layer(layer).activation == activation
    # nothing is guessed: a layer is judged, or the row says why not and what would tell
    for row in found:
        known = (
            row.activation
            or row.mergeable == "exactly"
            or "activation= tells it" in row.why
        )
        assert known or row.kind not in {"Linear", "Conv2d"}, row
    columns = ("layer", "kind", "units", "effective_neurons")
    if (
        family == "gpt2"
    ):  # its square matrices are (in, out) as well, which their siblings tell
        other = inspect(model.state_dict(), heads=2)
        assert [[getattr(row, name) for name in columns] for row in other] == [
            [getattr(row, name) for name in columns] for row in found
        ]
        assert other["largest_cosine"].tolist() == found["largest_cosine"].tolist()


class TwoNormalisations(nn.Module):
    """One layer read through two batch normalisations."""

    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(3, 4), nn.Linear(4, 1)
        self.first, self.second = nn.BatchNorm1d(4), nn.BatchNorm1d(4)

    def forward(self, x):
        units = self.up(x)
        first = torch.relu(self.first(units))
        second = torch.relu(self.second(units))
        return self.down(first) + self.down(second)


def test_units_behind_two_normalisations_are_not_merged():
    row = inspect(TwoNormalisations()).layer("up")
    assert row.mergeable == "not"
    assert "not alike" in row.why


@pytest.mark.parametrize("stem", ["self", "attention.self"])
@pytest.mark.parametrize(("inputs", "has_values"), [(8, True), (32, False)])
def test_the_output_of_an_attention_in_a_state_dict(stem, inputs, has_values):
    above = stem.removesuffix("self")
    weights = {
        f"{stem}.{name}.weight": torch.randn(8, 8) for name in ("query", "key", "value")
    }
    weights[f"{above}output.dense.weight"] = torch.randn(8, inputs)
    layers = [row.layer for row in inspect(weights, heads=2)]
    assert f"{stem}:heads query-key" in layers
    assert (f"{stem}:heads value-output" in layers) == has_values
