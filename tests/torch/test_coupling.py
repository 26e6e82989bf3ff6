"""Which entries belong to a unit: against a pruner on the networks it gets right, and
by hand where it does not.
"""

import numpy as np
import pytest
import torch
from tests.torch.networks import (
    Block,
    Convolutions,
    Gated,
    Plain,
    Residual,
    Rolled,
    SharedModule,
    SoftmaxOverUnits,
    Tied,
    ValueDependent,
)
from torch import nn

from condensery._errors import InvalidInputError
from condensery.torch._surgery._coupling import couple
from condensery.torch._surgery._graph import trace

LAYERS = [
    (Plain, "a"),
    (Plain, "b"),
    (Plain, "c"),
    (Residual, "one"),
    (Residual, "side"),
]
IMAGE = torch.randn(2, 1, 8, 8)


def families(model, x, **options):
    graph = trace(model, (x,))
    coupling = couple(graph, **options)
    by_name = {family.name: family for family in coupling.families}
    return coupling, by_name


def positions(coupling, unit):
    return {
        axis: np.flatnonzero(units == unit).tolist()
        for axis, units in coupling.axes.items()
        if unit in units
    }


@pytest.mark.parametrize(("build", "layer"), LAYERS)
def test_the_same_entries_as_torch_pruning_where_it_is_right(build, layer):
    pruning = pytest.importorskip("torch_pruning")
    model = build().eval()
    coupling, named = families(model, IMAGE)
    graph = pruning.DependencyGraph().build_dependency(model, example_inputs=IMAGE)
    module = model.get_submodule(layer)
    cut = (
        pruning.prune_conv_out_channels
        if isinstance(module, nn.Conv2d)
        else pruning.prune_linear_out_channels
    )
    modules = {module: name for name, module in model.named_modules()}
    for number, unit in enumerate(named[layer].units.tolist()):
        theirs = {}
        for dependency, indices in graph.get_pruning_group(module, cut, idxs=[number]):
            name = modules.get(dependency.target.module)
            if name is None:
                continue
            axis = (
                1
                if "in_channels" in dependency.handler.__name__
                and not isinstance(dependency.target.module, nn.BatchNorm2d)
                else 0
            )
            theirs[f"{name}.weight", axis] = sorted(int(i) for i in indices)
        ours = {
            axis: where
            for axis, where in positions(coupling, unit).items()
            if axis[0].endswith("weight")
        }
        assert ours == theirs


def test_channels_last_before_flattening():
    coupling, named = families(Convolutions().eval(), torch.randn(2, 3, 8, 8))
    # the grouped convolution ties channel k to channel k + 4 on both sides
    third = int(named["grouped"].units[3])
    where = positions(coupling, third)
    assert where["grouped.weight", 0] == [3, 7]
    assert where["hidden.weight", 1] == sorted(
        [8 * pixel + 3 for pixel in range(16)] + [8 * pixel + 7 for pixel in range(16)]
    )
    first = positions(coupling, int(named["first"].units[1]))
    assert (
        first["first.weight", 0]
        == first["norm.running_var", 0]
        == first["depthwise.weight", 0]
        == [1, 5]
    )
    assert first["grouped.weight", 1] == [1]


def test_halves_of_a_gate_belong_together():
    coupling, named = families(Gated(), torch.randn(3, 5))
    where = positions(coupling, int(named["up"].units[2]))
    assert where == {
        ("up.weight", 0): [2, 10],
        ("up.bias", 0): [2, 10],
        ("down.weight", 1): [2],
    }


def test_a_stream_is_tied_at_all_writers():
    coupling, named = families(Residual(), IMAGE)
    where = positions(coupling, int(named["stem"].units[4]))
    assert (
        where["stem.weight", 0]
        == where["two.weight", 0]
        == where["one.weight", 1]
        == where["head.weight", 1]
        == [4]
    )


def test_attention_and_layer_norm_keep_the_stream_and_free_the_hidden_layer():
    _, named = families(Block(), torch.randn(2, 5, 16))
    assert named["up"].kept is None
    assert named["down"].kept


@pytest.mark.parametrize(
    ("build", "word"),
    [(SoftmaxOverUnits, "softmax"), (Tied, "one weight both makes and reads them")],
)
def test_units_that_must_be_kept_say_why(build, word):
    x = torch.randn(3, 6 if build is Tied else 4)
    _, named = families(build(), x)
    assert word in str(next(iter(named.values())).kept)


def test_a_shared_module_has_both_readers():
    coupling, named = families(SharedModule(), torch.randn(3, 4))
    where = positions(coupling, int(named["shared"].units[0]))
    assert where == {
        ("shared.weight", 0): [0],
        ("shared.bias", 0): [0],
        ("left.weight", 1): [0],
        ("right.weight", 1): [0],
    }


def test_an_unknown_operation_is_refused_with_its_name_and_line():
    with pytest.raises(InvalidInputError, match=r"roll at networks\.py:\d+"):
        families(Rolled(), torch.randn(3, 4))
    _, named = families(Rolled(), torch.randn(3, 4), unsupported="keep")
    assert "roll" in str(named["a"].kept)


def test_a_forward_that_depends_on_values_is_refused_with_its_line():
    with pytest.raises(InvalidInputError, match=r"cannot follow at networks\.py:\d+"):
        trace(ValueDependent(), (torch.randn(3, 4),))


def test_inputs_that_do_not_fit_are_refused():
    with pytest.raises(
        InvalidInputError, match=r"example_inputs: given shapes \(3, 7\)"
    ):
        trace(Gated(), (torch.randn(3, 7),))
