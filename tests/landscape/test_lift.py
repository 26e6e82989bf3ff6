"""Depth: what a lift keeps on the data, what it adds to the spectrum, and that `unlift`
undoes it.
"""

import numpy as np
import pytest

from condensery import landscape
from condensery._errors import InvalidInputError
from condensery.landscape import Problem

CASES = [
    ((2, 3, 1), "relu", 1, None),
    ((2, 3, 1), "relu", 0, 5),
    ((1, 3, 2, 2), "leaky_relu", 2, 4),
    ((1, 3, 2), "hardtanh", 1, 3),
    (
        (2, 4, 1),
        "relu",
        1,
        2,
    ),  # narrower than the layer before: the rank of the next weights is one
    ((2, 3, 2), "linear", 1, 3),
    ((2, 2, 1), "gelu", 1, 3),
    ((2, 2, 1), "softplus", 1, 3),
    ((2, 2, 1), "xtanh", 1, 2),
]


@pytest.mark.parametrize(("sizes", "activation", "after", "width"), CASES)
def test_a_lift_keeps_output_and_criticality_on_the_data_and_unlift_undoes_it(
    critical_problem, sizes, activation, after, width
):
    for seed in range(3):
        net, problem = critical_problem(seed, sizes, activation)
        deep, receipt = landscape.lift(
            net,
            problem,
            after=after,
            width=width,
            seed=seed,
            spread=0.3,
            spectrum=False,
        )
        saturated = activation in {
            "gelu",
            "softplus",
            "xtanh",
        }  # large pre-activations are differences of each other
        assert receipt.data_change_relative < (1e-10 if saturated else 1e-12)
        assert receipt.gradient[0] < 1e-12
        assert receipt.gradient[1] < (1e-8 if saturated else 1e-11)
        assert len(deep) == len(net) + 1
        again, undone = landscape.unlift(
            deep,
            problem,
            layer=after + 1,
            spectrum=False,
        )
        assert landscape.widths(again) == sizes
        assert undone.data_change_relative < 1e-9
        for (W, b), (V, c) in zip(net, again, strict=True):
            np.testing.assert_allclose(V, W, atol=1e-8)
            np.testing.assert_allclose(c, b, atol=1e-7)


@pytest.mark.parametrize(
    ("sizes", "activation", "after"),
    [((2, 3, 1), "relu", 1), ((1, 2, 3, 2), "leaky_relu", 1)],
)
def test_gradient_transport_at_any_parameters(make, sizes, activation, after):
    net, problem = make(3, sizes, activation)
    deep, _ = landscape.lift(
        net,
        problem,
        after=after,
        width=4,
        seed=1,
        spectrum=False,
    )
    G, g = landscape.gradient(net, problem)[after]
    (hat, shift), (V, _) = deep[after], deep[after + 1]
    (dhat, dshift), (dV, db) = landscape.gradient(deep, problem)[after : after + 2]
    np.testing.assert_allclose(
        dV, G @ hat.T + np.outer(g, shift), atol=1e-11
    )  # λ = 1, μ = 0
    np.testing.assert_allclose(dhat, V.T @ G, atol=1e-11)
    np.testing.assert_allclose(dshift, V.T @ g, atol=1e-11)
    np.testing.assert_allclose(db, g, atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "more"), [(2, 6), (3, 9)])
def test_a_lift_adds_zero_eigenvalues_only(critical_problem, width, more):
    """D = width·(m + 1) + m_next·(width − m) for one unit lifted: 4·2 = … counted here
    from the parameters.
    """
    decided = 0
    for seed in range(6):
        net, problem = critical_problem(seed, (1, 2, 1), "relu", samples=30)
        deep, receipt = landscape.lift(
            net,
            problem,
            after=1,
            width=width,
            seed=seed,
        )
        added = landscape.parameter_count(deep) - landscape.parameter_count(net)
        assert added == more + (width - 2) * 1 == width * 3 + (width - 2)
        if (
            receipt.inertia is None
            or receipt.predicted is None
            or not receipt.inertia.decided
        ):
            continue
        decided += 1
        negative, zero, positive = receipt.inertia_before.counts
        assert (
            receipt.inertia.counts
            == receipt.predicted
            == (negative, zero + added, positive)
        )
    assert decided >= 4


def test_off_the_piece_the_output_differs(make):
    net, problem = make(0, (2, 3, 1), "relu")
    deep, receipt = landscape.lift(
        net,
        problem,
        after=1,
        seed=1,
        spectrum=False,
    )
    assert receipt.data_change < 1e-12
    (hat, bias), (V, c) = deep[1:]
    z = landscape.preactivations(deep, problem.x, "relu")[1][:, 0]
    lowest, second = np.sort(z)[:2]
    assert lowest == pytest.approx(1.0)  # the margin
    # unit 0 down by more than the margin of one sample, made up for in the next bias
    down = np.array([(lowest + second) / 2, 0.0, 0.0])
    moved = [deep[0], (hat, bias - down), (V, c + V @ down)]
    change = np.abs(
        landscape.forward(moved, problem.x, "relu")
        - landscape.forward(net, problem.x, "relu")
    )[:, 0]
    assert change[np.argmin(z)] > 1e-6
    assert np.sort(change)[-2] < 1e-12
    with pytest.raises(
        InvalidInputError, match=f"on sample {np.argmin(z)}; allowed: 0 to inf"
    ):
        landscape.unlift(moved, problem, layer=2)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "sin"])
def test_the_tangent_is_wrong_by_the_square_of_epsilon(make, activation):
    net, problem = make(2, (2, 3, 1), activation)
    sizes = np.array([1e-1, 1e-2, 1e-3])
    changes = [
        landscape.lift(
            net, problem, after=1, epsilon=float(one), seed=4, spectrum=False
        )[1].data_change
        for one in sizes
    ]
    slopes = np.diff(np.log(changes)) / np.diff(np.log(sizes))
    assert slopes == pytest.approx([2.0, 2.0], abs=0.1)


def test_a_layer_without_bias_can_be_lifted_with_one_more_unit(make):
    net, problem = make(5, (2, 3, 1), "relu", output_bias=False)
    _, receipt = landscape.lift(
        net,
        problem,
        after=1,
        width=4,
        spectrum=False,
    )
    assert receipt.data_change < 1e-12
    assert "critical point is not kept" in receipt.notes[0]
    square = [(np.eye(2), np.ones(2)), (np.eye(2), None)]
    two = Problem(problem.x, np.zeros((len(problem.x), 2)), "relu")
    with pytest.raises(
        InvalidInputError,
        match=r"width: given 2 units of rank 2; .* one more where that layer has no",
    ):
        landscape.lift(square, two, after=1, width=2)


def test_linearity_is_the_correlation(make):
    net, problem = make(6, (2, 4, 3, 1), "relu", samples=40)
    z, f = (
        landscape.preactivations(net, problem.x, "relu"),
        landscape.features(net, problem.x, "relu"),
    )
    for layer, scores in enumerate(landscape.linearity(net, problem)):
        for unit, score in enumerate(scores):
            before, after = z[layer][:, unit], f[layer + 1][:, unit]
            if np.ptp(after):
                assert score == pytest.approx(
                    abs(np.corrcoef(before, after)[0, 1]), abs=1e-12
                )
            else:
                assert np.isnan(score)
    deep, _ = landscape.lift(
        net,
        problem,
        after=1,
        spectrum=False,
    )
    assert np.nanmin(landscape.linearity(deep, problem)[1]) > 1 - 1e-12


def test_pruning_by_a_fit(make):
    """A tanh layer in its linear range is taken out with the small change that the
    receipt reports.
    """
    net, problem = make(7, (2, 3, 1), "tanh")
    deep, _ = landscape.lift(
        net,
        problem,
        after=1,
        epsilon=0.02,
        seed=2,
        spectrum=False,
    )
    with pytest.raises(InvalidInputError, match="activation: given tanh"):
        landscape.unlift(deep, problem, layer=2)
    shallow, receipt = landscape.unlift(
        deep, problem, layer=2, fit=True, spectrum=False
    )
    assert landscape.widths(shallow) == (2, 3, 1)
    assert 0 < receipt.data_change_relative < 1e-3
    with pytest.raises(
        InvalidInputError,
        match=r"unit \d of layer 1: given linearity 0\.\d+; allowed: at least 0.999",
    ):
        landscape.unlift(deep, problem, layer=1, fit=True)


def case():
    x = np.array([[0.5], [-2.0], [1.0]])
    return [
        (np.array([[1.0], [-1.0]]), np.zeros(2)),
        (np.array([[1.0, 2.0]]), np.zeros(1)),
    ], Problem(x, np.zeros(3), "relu")


REFUSED = {
    "leaves the piece": (
        lambda n, p: landscape.lift(
            n, p, after=1, weights=(np.eye(2), np.array([1.0, -1.0]))
        ),
        "unit 1 of the linear layer: given pre-activation 1 on sample 1; allowed: "
        "-inf to 0",
    ),
    "no such layer": (
        lambda n, p: landscape.lift(n, p, after=2),
        "after: given 2; allowed: 0",
    ),
    "too narrow": (
        lambda n, p: landscape.lift(
            n,
            p,
            after=0,
            width=0,
        ),
        "width: given 0; allowed: at least 1, the rank",
    ),
    "shapes": (
        lambda n, p: landscape.lift(
            n,
            p,
            after=1,
            weights=(np.eye(3), np.zeros(3)),
        ),
        "weights: given W of",
    ),
    "flat": (
        lambda n, p: landscape.lift(
            n,
            p,
            after=1,
            weights=(-np.eye(2), -np.ones(2)),
        ),
        "width: given 2 units of rank 0",
    ),
    "epsilon with relu": (
        lambda n, p: landscape.lift(
            n,
            p,
            after=1,
            epsilon=0.1,
        ),
        "epsilon: given with relu",
    ),
    "epsilon": (
        lambda n, p: landscape.lift(
            n,
            Problem(p.x, p.y, "tanh"),
            after=1,
            epsilon=0.0,
        ),
        "epsilon: given 0.0",
    ),
    "tanh": (
        lambda n, p: landscape.lift(n, Problem(p.x, p.y, "tanh"), after=1),
        "activation: given tanh",
    ),
    "margin": (
        lambda n, p: landscape.lift(
            n,
            p,
            after=1,
            margin=-1.0,
        ),
        "margin: given -1.0",
    ),
    "not linear": (
        lambda n, p: landscape.unlift(n, p, layer=1),
        "unit 0 of the linear layer: given pre-activation -2 on sample 1; allowed: "
        "0 to inf",
    ),
    "unlift what": (
        lambda n, p: landscape.unlift(n, p, layer=2),
        "layer: given 2; allowed: 1 to 1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name_and_left_as_it_was(name):
    net, problem = case()
    call, match = REFUSED[name]
    before = landscape.flatten(net).copy()
    with pytest.raises(InvalidInputError, match=match):
        call(net, problem)
    assert (landscape.flatten(net) == before).all()
