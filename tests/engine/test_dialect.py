"""`flow`, `three_layer_flow` and `descend` speak one language: data, probes, results,
progress, resume.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.engine import (
    SGD,
    Ensemble,
    PerMember,
    Randomised,
    RecordLoss,
    RecordOutput,
    RecordParameters,
    ThreeLayerEnsemble,
    descend,
    dropout_loss,
    dropout_noise,
    dropout_part,
    expected_dropout_loss,
    flow,
    mean_square,
    per_member,
    three_layer_flow,
)
from condensery.models import Mlp, Network, TwoLayer, mlp_normal, with_bias
from condensery.records import Status

X = np.linspace(-0.5, 0.5, 4)[:, None]
Y = X[:, 0] ** 2
TWO = Ensemble.grid(
    widths=[12],
    gammas=[0.6, 1.2],
)
THREE = ThreeLayerEnsemble.grid(
    widths=[7],
    gamma3s=[1.0, 1.6],
)
MIXED = ThreeLayerEnsemble.grid(
    widths=[5, 7],
    gamma3s=[1.0, 1.6],
)
SQUARE = mean_square(TwoLayer("relu"))


def two(steps, **options):
    return flow(TWO, X, Y, max_steps=steps, **options)


def three(steps, **options):
    return three_layer_flow(THREE, X, Y, max_steps=steps, **options)


def plain(steps, **options):
    state = options.get("state")
    more = steps - (state.step if state else 0)
    members = TWO.draw(features=2)
    rule = SGD(0.05)
    return descend(
        members,
        SQUARE,
        X,
        Y,
        optimiser=rule,
        steps=more,
        **options,
    )


VERBS = {
    "flow": two,
    "three_layer_flow": three,
    "descend": plain,
}
FLOWS = {"flow": two, "three_layer_flow": three}


@pytest.fixture(params=VERBS.values(), ids=VERBS)
def verb(request):
    return request.param


def bits(tree):
    return {name: np.asarray(leaf).tobytes() for name, leaf in tree.items()}


def members_of(result):
    return [
        {**bits(result.parameters(k)), "steps": int(result.steps[k])} for k in range(2)
    ]


@pytest.mark.slow
def test_two_halves_are_one_run_bit_for_bit(verb):
    whole, half = verb(20), verb(9)
    resumed = verb(20, state=half.state)
    assert members_of(resumed) == members_of(whole)
    assert resumed.loss.ravel()[-1] == whole.loss.ravel()[-1]
    assert resumed.status.tolist() == whole.status.tolist()
    # the earlier state is left as it was: it can be resumed again
    assert members_of(verb(20, state=half.state)) == members_of(whole)
    assert members_of(half) == members_of(verb(9))


def test_results_have_the_same_accessors(verb):
    result = verb(5)
    starts = result.all_parameters(initial=True)
    for k in range(2):
        start = result.parameters(k, initial=True)
        assert bits(start) == bits(starts[k])
        assert bits(start) != bits(result.parameters(k))
        assert bits(result.parameters(k)) == bits(result.all_parameters()[k])
    with pytest.raises(InvalidInputError, match=r"^member: given 2"):
        result.parameters(2)


def test_the_start_survives_a_resume(verb):
    half = verb(3)
    resumed = verb(6, state=half.state)
    for k in range(2):
        start = half.parameters(k, initial=True)
        assert bits(resumed.parameters(k, initial=True)) == bits(start)


def test_probes_are_named_and_change_no_bit(verb):
    probes = {"all": RecordParameters(), "again": RecordParameters()}
    result = verb(
        6,
        probes=probes,
        schedule=[0, 2, 4],
    )
    assert result.recorded.tolist() == [0, 2, 4, 6]
    assert set(result.probed) == {"all", "again"}
    assert members_of(result) == members_of(verb(6))
    leaves = result.probed["all"]
    for k in range(2):
        start, end = (result.parameters(k, initial=when) for when in (True, False))
        for name, array in leaves.items():
            np.testing.assert_array_equal(array[0, k], start[name])
            np.testing.assert_array_equal(array[-1, k], end[name])
    assert verb(6).probed == {}


@pytest.mark.slow
def test_progress_is_a_text_and_a_fraction(verb):
    reports = []
    verb(6, on_progress=lambda text, fraction: reports.append((text, fraction)))
    texts, fractions = zip(*reports, strict=True)
    assert all(isinstance(text, str) and text for text in texts)
    assert list(fractions) == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)


REFUSED = {
    "probes: given RecordParameters": {"probes": RecordParameters()},
    "probes: given dict": {"probes": {"all": "everything"}},
}


@pytest.mark.parametrize("message", REFUSED)
def test_probes_without_names_are_refused(verb, message):
    with pytest.raises(InvalidInputError, match=message):
        verb(3, **REFUSED[message])


def test_states_of_others_are_refused():
    other = Ensemble.grid(
        widths=[12],
        gammas=[0.6],
    )
    with pytest.raises(InvalidInputError, match=r"^state: given"):
        flow(other, X, Y, state=two(3, asi=False).state)
    with pytest.raises(InvalidInputError, match=r"^state: given"):
        three_layer_flow(MIXED, X, Y, state=three(3).state)
    with pytest.raises(InvalidInputError, match=r"^state: given"):
        three(3, asi=False, state=three(3).state)
    members = Ensemble.grid(
        widths=[9],
        gammas=[0.6, 1.2],
    ).draw(features=2)
    rule, state = SGD(0.05), plain(3).state
    with pytest.raises(InvalidInputError, match=r"^state: given"):
        descend(
            members,
            SQUARE,
            X,
            Y,
            optimiser=rule,
            steps=1,
            state=state,
        )


def test_the_constant_feature_is_appended_where_w_holds_the_bias():
    members, rule = TWO.draw(features=2), SGD(0.05)
    result = descend(
        members,
        SQUARE,
        X,
        Y,
        optimiser=rule,
        steps=7,
    )
    full = with_bias(X)
    same = descend(
        members,
        SQUARE,
        full,
        Y,
        optimiser=rule,
        steps=7,
    )
    assert members_of(same) == members_of(result)
    # and not where there is no room for it, nor for layers, which have their own bias
    bare = [{"a": member["a"], "w": member["w"][:, :1]} for member in members]
    without = descend(
        bare,
        SQUARE,
        X,
        Y,
        optimiser=rule,
        steps=7,
    )
    assert without.parameters(0)["w"].shape == (12, 1)


def test_a_model_of_ones_own_gets_its_inputs_as_they_are():
    def weighted(parameters, rows):
        x, weight = rows[:, :2], rows[:, 2]
        return weight * (jnp.tanh(x @ parameters["w"].T) @ parameters["a"])

    members, rule = TWO.draw(features=2), SGD(0.05)
    weight = np.array([1.0, 1.0, 0.0, 0.0])
    rows = np.column_stack([with_bias(X), weight])
    y = weight * Y
    result = descend(members, mean_square(weighted), rows, y, optimiser=rule, steps=0)
    network = Network.of(members[0], "tanh")
    expected = np.mean((weight * network.forward(X) - y) ** 2)
    assert result.loss[0, 0] == pytest.approx(expected, rel=1e-12)


def powers(parameters, x):
    """A net of two-layer form on (x, x²): one feature fewer than columns of w."""
    both = jnp.concatenate([x, x**2], axis=1)
    return jnp.tanh(both @ parameters["w"].T) @ parameters["a"]


@dataclass(frozen=True)
class WithBias:
    """A model of one's own that declares the constant feature."""

    constant_feature: ClassVar[bool] = True

    def __call__(self, parameters, x):
        return jnp.tanh(x @ parameters["w"].T) @ parameters["a"]


@pytest.mark.parametrize("model", [powers, WithBias()], ids=["shapes", "declared"])
def test_a_declaration_and_no_shape_decides_on_the_constant_feature(model):
    members, rule = TWO.draw(features=2), SGD(0.05)
    objective = mean_square(model)
    probes = {"f": RecordOutput(model, X), "loss": RecordLoss(objective, X, Y)}
    result = descend(
        members, objective, X, Y, optimiser=rule, steps=2, schedule=[0], probes=probes
    )
    full = with_bias(X) if isinstance(model, WithBias) else X
    for k, member in enumerate(members):
        expected = model(member, full)
        output = result.probed["f"]["output"][0, k]
        np.testing.assert_allclose(output, expected, rtol=1e-12)
        square = float(np.mean((expected - Y) ** 2))
        assert result.loss[k, 0] == pytest.approx(square, rel=1e-12)
        assert result.probed["loss"]["loss"][0, k] == pytest.approx(square, rel=1e-12)


TANH = TwoLayer("tanh")
DECLARED = {
    "mean square": mean_square(TANH),
    "dropout": dropout_loss(TANH, keep=0.9),
    "its mean": expected_dropout_loss(TANH, keep=0.9),
    "one of its parts": dropout_part(TANH, "L2", keep=0.9, rate=0.1),
}


@pytest.mark.parametrize("each", [False, True], ids=["alone", "per member"])
@pytest.mark.parametrize("objective", DECLARED.values(), ids=DECLARED)
def test_objectives_of_a_two_layer_net_pass_the_declaration_on(objective, each):
    members, rule = TWO.draw(features=2), SGD(0.05)
    inputs, full, y = X, with_bias(X), Y
    if each and not isinstance(objective, Randomised):
        members, objective = per_member(members), PerMember(objective)
        inputs, full, y = X[None], full[None], Y[None]
    ends = [
        descend(members, objective, x, y, optimiser=rule, steps=3, seeds=[1, 2])
        for x in (inputs, full)
    ]
    bare, complete = (jax.tree.leaves(end.all_parameters()) for end in ends)
    for leaf, same in zip(bare, complete, strict=True):
        np.testing.assert_array_equal(leaf, same)


def test_other_numbers_of_features_are_refused_where_the_constant_is_declared():
    members, rule = TWO.draw(features=4), SGD(0.05)
    with pytest.raises(InvalidInputError, match=r"^x: given 1 features"):
        descend(members, SQUARE, X, Y, optimiser=rule, steps=1)


def test_draws_of_masks_take_the_constant_feature_as_descents_do():
    member = TWO.draw(features=2)[0]
    bare, complete = (
        dropout_noise(TANH, member, x, Y, keep=0.9, rate=0.1, masks=5)
        for x in (X, with_bias(X))
    )
    assert bare == complete


def test_outputs_and_losses_of_layers_and_of_two_layers():
    layers = [
        mlp_normal(
            [1, 6, 1],
            seed=seed,
            std=0.5,
        )
        for seed in range(2)
    ]
    model, rule = Mlp("tanh"), SGD(0.1)
    targets = Y[:, None]
    probes = {
        "f": RecordOutput(model, X),
        "half": RecordLoss(mean_square(model, factor=0.5), X, targets),
        "all": RecordParameters(),
    }
    square = mean_square(model)
    result = descend(
        layers,
        square,
        X,
        targets,
        optimiser=rule,
        steps=3,
        probes=probes,
    )
    assert set(result.probed["all"]) == {"W1", "b1", "W2", "b2"}
    np.testing.assert_allclose(result.probed["half"]["loss"].T, result.loss / 2)
    for k in range(2):
        network = Network.of(result.parameters(k), "tanh")
        output = result.probed["f"]["output"][-1, k]
        np.testing.assert_allclose(output, network.forward(X), rtol=1e-12)
        at_end = {name: rows[-1, k] for name, rows in result.probed["all"].items()}
        again = Network.of(at_end, "tanh").forward(X)
        np.testing.assert_array_equal(again, network.forward(X))
    pair = {
        "f": RecordOutput(TwoLayer("relu"), X),
        "loss": RecordLoss(SQUARE, X, Y),
    }
    result = plain(3, probes=pair)
    np.testing.assert_array_equal(result.probed["loss"]["loss"].T, result.loss)
    for k in range(2):
        expected = Network.of(result.parameters(k), "relu").forward(X)
        output = result.probed["f"]["output"][-1, k]
        np.testing.assert_allclose(output, expected, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["exponential", "gram"])
def test_three_layers_resume_in_every_way_that_they_stop(method):
    direct = three(40, method=method)
    pieces = three(1, method=method)
    for steps in (2, 17, 40):
        pieces = three(steps, method=method, state=pieces.state)
    assert members_of(pieces) == members_of(direct)
    assert pieces.time.tolist() == direct.time.tolist()
    late = three(4000, method=method, target_loss=1e-3)
    assert set(late.status.tolist()) == {int(Status.CONVERGED)}
    further = three(
        4000,
        method=method,
        target_loss=1e-4,
        state=late.state,
    )
    assert (further.loss < 1e-4).all()
    assert (further.steps > late.steps).all()
    same = three(
        4000,
        method=method,
        target_loss=1e-3,
        state=late.state,
    )
    assert members_of(same) == members_of(late)


@pytest.mark.slow
def test_three_layers_of_several_widths_resume():
    half = three_layer_flow(MIXED, X, Y, max_steps=5)
    whole = three_layer_flow(MIXED, X, Y, max_steps=9)
    resumed = three_layer_flow(
        MIXED,
        X,
        Y,
        max_steps=9,
        state=half.state,
    )
    for k in range(4):
        assert bits(resumed.parameters(k)) == bits(whole.parameters(k))
    np.testing.assert_array_equal(resumed.rd2, whole.rd2)


def test_keeping_some_members_saves_the_rest():
    some = three(5, keep=[1])
    assert some.state is None
    assert bits(some.parameters(1)) == bits(three(5).parameters(1))
    with pytest.raises(InvalidInputError, match=r"^member: given 0; allowed: one of"):
        some.parameters(0)
    assert some.rd1.tolist() == three(5).rd1.tolist()
