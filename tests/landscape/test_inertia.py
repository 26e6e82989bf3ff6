"""Inertia with its tolerance, and the prediction of what splits add, against dense
Hessians of the wide nets.
"""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.landscape import (
    NullUnit,
    Problem,
    UnitSplit,
    count_signs,
    find_critical,
    hessian,
    inertia,
    inertia_at,
    inner_hessian,
    kink_distance,
    loss,
    new_descent_direction,
    smallest_output_weight,
    split_inertia,
    split_many,
)
from condensery.models import mlp_normal

CASES = (
    ((1, 2, 1), True, False, "tanh"),
    ((2, 3, 3), True, True, "sigmoid"),
    ((2, 2, 2, 2), True, True, "softplus"),
    ((2, 3, 2), False, False, "xtanh"),
)
"""Sizes, biases, output bias and activation; every case and width is compiled once."""

FRACTIONS = ((0.5, 0.5), (1.5, -0.5), (0.0, 1.0), (-0.5, -0.5, 2.0))


def slow_split(parameters, layer, unit, fractions):
    """Copies by loops over entries, at the end of the layer."""
    wide = [
        (weight.copy(), None if bias is None else bias.copy())
        for weight, bias in parameters
    ]
    for fraction in fractions[1:]:
        weight, bias = wide[layer - 1]
        wide[layer - 1] = (
            np.vstack([weight, weight[unit]]),
            None if bias is None else np.append(bias, bias[unit]),
        )
        next_weight, next_bias = wide[layer]
        column = fraction * parameters[layer][0][:, unit]
        # the rows of the next layer may have been copied before
        column = (
            next_weight[:, unit] * fraction
            if len(column) != len(next_weight)
            else column
        )
        wide[layer] = (np.column_stack([next_weight, column]), next_bias)
    wide[layer][0][:, unit] *= fractions[0]
    return wide


def slow_null(parameters, layer, bias):
    wide = [
        (weight.copy(), None if b is None else b.copy()) for weight, b in parameters
    ]
    weight, b = wide[layer - 1]
    wide[layer - 1] = (
        np.vstack([weight, 0 * weight[0]]),
        None if b is None else np.append(b, bias),
    )
    wide[layer] = (
        np.column_stack([wide[layer][0], np.zeros(len(wide[layer][0]))]),
        wide[layer][1],
    )
    return wide


def random_case(seed):
    random = np.random.default_rng(seed)
    sizes, bias, output_bias, activation = CASES[seed % len(CASES)]
    parameters = mlp_normal(
        sizes, seed=seed, std=0.9, bias=bias, output_bias=output_bias
    )
    x, y = random.normal(size=(9, sizes[0])), random.normal(size=(9, sizes[-1]))
    return random, parameters, Problem(x, y, activation)


def random_change(random, parameters):
    layer = int(random.integers(1, len(parameters)))
    unit = int(random.integers(len(parameters[layer - 1][0])))
    if random.integers(4) == 0 and parameters[layer][1] is not None:
        return NullUnit(
            layer,
            float(random.normal()) if parameters[layer - 1][1] is not None else 0.0,
        )
    return UnitSplit(layer, unit, FRACTIONS[random.integers(len(FRACTIONS))])


def applied(parameters, change):
    if isinstance(change, NullUnit):
        return slow_null(parameters, change.layer, change.bias)
    return slow_split(parameters, change.layer, change.unit, change.fractions)


@pytest.mark.slow
def test_predicted_equals_measured_on_hundreds_of_random_nets():
    decided = 0
    for seed in range(240):
        random, parameters, problem = random_case(seed)
        change = random_change(random, parameters)
        predicted = split_inertia(parameters, problem, [change])
        measured = inertia_at(applied(parameters, change), problem)
        if predicted.decided and measured.decided:
            decided += 1
            assert predicted.counts == measured.counts, (seed, change)
        assert all(
            wide >= narrow
            for wide, narrow in zip(
                predicted.counts, predicted.narrow.counts, strict=True
            )
        )
    assert decided >= 230


@pytest.mark.slow
def test_changes_of_several_layers_add_up():
    decided = 0
    for seed in range(20):
        random = np.random.default_rng(1000 + seed)
        parameters = mlp_normal(
            (1, 2, 3, 2),
            seed=seed,
            std=0.9,
        )
        problem = Problem(
            random.normal(size=(9, 1)), random.normal(size=(9, 2)), "tanh"
        )
        changes = [
            UnitSplit(1, 1, (0.3, 0.7)),
            UnitSplit(2, 0, (1.5, -0.5)),
            UnitSplit(2, 2, (0.5, 0.25, 0.25)),
        ]
        wide = parameters
        for change in changes[::-1]:
            wide = applied(wide, change)
        wide = applied(wide, NullUnit(2, 0.3))
        predicted = split_inertia(parameters, problem, [*changes, NullUnit(2, 0.3)])
        measured = inertia_at(wide, problem)
        if predicted.decided and measured.decided:
            decided += 1
            assert predicted.counts == measured.counts, seed
    assert decided >= 18


def test_inner_hessian_by_finite_differences():
    _, parameters, problem = random_case(4)
    W1, b1 = parameters[0]
    found = inner_hessian(
        parameters,
        problem,
        layer=1,
        unit=1,
    )

    def loss_with(delta_1, delta_2):
        """A net whose unit 1 has two equal copies, moved apart."""
        wide = slow_split(parameters, 1, 1, (0.5, 0.5))
        for row, delta in ((1, delta_1), (len(W1), delta_2)):
            wide[0][0][row] += delta[: W1.shape[1]]
            if b1 is not None:
                wide[0][1][row] += delta[-1]
        return loss(wide, problem)

    size, step = len(found.B), 1e-4
    for index in range(size):
        delta = step * np.eye(size)[index]
        second = (
            loss_with(delta, -delta)
            - 2 * loss_with(0 * delta, 0 * delta)
            + loss_with(-delta, delta)
        )
        assert second / step**2 == pytest.approx(
            found.B[index, index], rel=1e-4, abs=1e-6
        )


@pytest.mark.slow
def test_errors_that_cancel_in_a_unit_leave_no_inner_curvature():
    """At a constant output the errors of a sample sum to 0 over balanced classes, up to
    what the search leaves.
    """
    x, y = (
        np.random.default_rng(3).standard_normal((30, 4)),
        np.eye(3)[np.arange(30) % 3],
    )
    problem, random = Problem(x, y, "sigmoid"), np.random.default_rng(13)
    w, b = 0.1 * random.standard_normal((2, 4)), 0.5 * random.standard_normal(2)
    a = np.tile((1 + np.exp(-b)) / 6, (3, 1)) + 0.02 * random.standard_normal((3, 2))
    (point,) = find_critical(
        [[(w, b), (a, None)]], problem, method="any", steps=200
    ).distinct()
    assert point.loss == pytest.approx(2 / 9)
    for unit in (0, 1):
        found = split_inertia(
            point.parameters, problem, [UnitSplit(1, unit, (0.5, 0.5))]
        )
        wide, _ = split_many(
            point.parameters,
            problem,
            layer=1,
            unit=unit,
            fractions=(0.5, 0.5),
            spectrum=False,
        )
        assert found.decided
        assert found.blocks[0].inner == (0, 3, 0)
        assert found.counts == inertia_at(wide, problem).counts


def test_direction_of_descent_has_the_curvature_it_promises():
    found = 0
    for seed in range(60):
        random, parameters, problem = random_case(seed)
        change = random_change(random, parameters)
        if isinstance(change, NullUnit) or len(change.fractions) == 1:
            continue
        answer = new_descent_direction(parameters, problem, change)
        if answer is None:
            continue
        found += 1
        curvature, direction = answer
        vector = np.concatenate(
            [part.ravel() for layer in direction for part in layer if part is not None]
        )
        H = hessian(applied(parameters, change), problem)
        assert np.linalg.norm(vector) == pytest.approx(1)
        assert vector @ H @ vector == pytest.approx(
            curvature,
            rel=1e-8,
            abs=1e-10,
        )
    assert found > 20


def test_signs_of_a_known_spectrum_are_counted():
    random = np.random.default_rng(0)
    rotation = np.linalg.qr(random.normal(size=(6, 6)))[0]
    found = inertia(rotation @ np.diag([-3.0, -1e-3, 0.0, 0.0, 1e-3, 5.0]) @ rotation.T)
    assert found.counts == (2, 2, 2)
    assert found.decided
    assert found.tolerance == pytest.approx(5e-9)


def test_the_tolerance_grows_with_the_gradient_over_the_output_weights():
    H, g = np.diag([1.0, 1e-5]), np.full(2, 1e-8)
    assert inertia(H).counts == (0, 0, 2)
    assert inertia(H, g, smallest_output=0.01).counts == (0, 1, 1)


def test_undecided_is_said():
    found = count_signs(np.array([1.0, 3e-9, 2e-10]))
    assert not found.decided
    assert "undecided" in str(found)
    assert inertia(np.zeros((3, 3))).counts == (0, 3, 0)


def test_smallest_output_weight_leaves_out_dead_units():
    assert smallest_output_weight(
        [(np.ones((3, 1)), None), (np.array([[0.0, 3.0, 2.0]]), None)]
    ) == pytest.approx(2)


def relu_at_a_kink():
    return [(np.array([[1.0], [2.0]]), None), (np.array([[1.0, 1.0]]), None)], Problem(
        np.array([[1.0], [0.0]]), np.ones(2), "relu"
    )


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda net, problem: inertia_at(net, problem), "hessian"),
        (lambda net, problem: split_inertia(net, problem, []), "hessian"),
        (lambda net, problem: inertia(np.full((2, 2), np.nan)), "hessian"),
        (lambda net, problem: inertia(np.ones((2, 3))), "hessian"),
        (
            lambda net, problem: inertia(np.eye(2), smallest_output=0.0),
            "smallest_output",
        ),
        (
            lambda net, problem: inner_hessian(
                net,
                problem,
                layer=2,
                unit=0,
            ),
            "layer",
        ),
        (
            lambda net, problem: inner_hessian(
                net,
                problem,
                layer=1,
                unit=2,
            ),
            "unit",
        ),
    ],
)
def test_refusals(call, what):
    with pytest.raises(InvalidInputError) as caught:
        call(*relu_at_a_kink())
    assert caught.value.what == what


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ([UnitSplit(1, 0, (0.5, 0.6))], "fractions"),
        ([UnitSplit(1, 0, (np.inf, -np.inf))], "fractions"),
        ([UnitSplit(1, 0, (1.0,)), UnitSplit(1, 0, (1.0,))], "changes"),
        ([UnitSplit(1, 9, (1.0,))], "unit"),
        ([UnitSplit(2, 0, (1.0,))], "layer"),
        ([NullUnit(1, 0.5)], "bias"),
    ],
)
def test_changes_that_are_refused(change, what):
    net = mlp_normal(
        (1, 2, 1),
        seed=0,
        std=1.0,
        output_bias=False,
    )
    with pytest.raises(InvalidInputError) as caught:
        split_inertia(
            net,
            Problem(
                np.ones((3, 1)),
                np.ones(3),
                "tanh",
            ),
            change,
        )
    assert caught.value.what == what


def test_a_kink_is_named_with_its_layer_unit_and_sample():
    net, problem = relu_at_a_kink()
    assert kink_distance(net, problem) == (0.0, 1, 0, 1)
    with pytest.raises(InvalidInputError, match=r"layer 1, unit 0, sample 1"):
        inertia_at(net, problem)
    assert kink_distance(net, Problem(problem.x, problem.y, "tanh"))[0] == np.inf


def test_a_loss_that_is_not_a_number_is_refused():
    net = [(np.array([[1e200]]), None), (np.array([[1e200]]), None)]
    with (
        np.errstate(over="ignore"),
        pytest.raises(InvalidInputError, match="finite loss"),
    ):
        inertia_at(net, Problem(np.ones((1, 1)), np.ones(1), "relu"))
