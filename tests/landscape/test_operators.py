"""Every operator of width and depth on nets of every kind: output, criticality,
gradient, spectrum, refusals.
"""

import numpy as np
import pytest

from condensery import landscape
from condensery._errors import InvalidInputError
from condensery.landscape import Problem, flatten
from condensery.theory import Embedding, embedding, random_embedding

NETS = [
    ((2, 3, 1), "tanh", True),
    ((1, 4, 2), "relu", True),
    ((2, 3, 2, 2), "softplus", True),
    ((1, 2, 3, 2, 1), "leaky_relu", True),
    ((2, 3, 3, 1), "tanh", False),
    ((2, 2, 3), "sigmoid", True),
]
KINDS = pytest.mark.parametrize(("sizes", "activation", "output_bias"), NETS)


@KINDS
@pytest.mark.parametrize(
    "move", ["split", "split_many", "null", "compatible", "global_three"]
)
def test_output_and_criticality_are_kept(
    moves, critical_problem, move, sizes, activation, output_bias
):
    """Criticality without finding critical points: the targets are chosen so that a
    random net is one.
    """
    for seed in range(3):
        net, problem = critical_problem(
            seed, sizes, activation, output_bias=output_bias
        )
        kept = flatten(net).copy()
        wide, receipt = moves[move](net, problem, seed)
        assert (flatten(net) == kept).all()
        assert receipt.data_change_relative < 1e-12
        assert receipt.random_change_relative < 1e-12
        assert receipt.gradient[0] < 1e-12
        carried = (
            output_bias or activation == "tanh"
        )  # a null unit of tanh is zero: it needs no bias
        assert carried
        assert receipt.gradient[1] < 1e-12
        assert receipt.widths[1] == landscape.widths(wide)
        assert np.sum(receipt.widths[1]) > np.sum(receipt.widths[0])


@KINDS
def test_a_split_moves_the_gradient_by_its_shares_at_most(
    make, sizes, activation, output_bias
):
    net, problem = make(5, sizes, activation, output_bias=output_bias)
    for alpha in (-3.0, -0.4, 0.0, 0.5, 1.0, 2.5):
        _, receipt = landscape.split(
            net,
            problem,
            layer=1,
            unit=1,
            alpha=alpha,
            spectrum=False,
        )
        assert receipt.gradient[1] <= max(
            2.0, abs(alpha) + abs(1 - alpha)
        ) * receipt.gradient[0] * (1 + 1e-12)
        assert receipt.loss[1] == pytest.approx(receipt.loss[0], rel=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "activation"),
    [((2, 2, 1), "tanh"), ((1, 2, 2, 2), "tanh"), ((2, 2, 3), "sigmoid")],
)
def test_inertia_is_what_was_predicted_and_never_less(
    moves, critical_problem, sizes, activation
):
    predicted = []
    for seed in range(4):
        net, problem = critical_problem(seed, sizes, activation, samples=60)
        for move in ("split", "split_many", "null"):
            _, receipt = moves[move](net, problem, seed, spectrum=True)
            if not (receipt.inertia.decided and receipt.inertia_before.decided):
                continue
            assert receipt.predicted in {None, receipt.inertia.counts}, (move, seed)
            predicted.append(receipt.predicted is not None)
            before = receipt.inertia_before.counts
            assert all(
                after >= one
                for after, one in zip(receipt.inertia.counts, before, strict=True)
            )
            assert receipt.inertia.zero >= receipt.inertia_before.zero + 1
    assert (
        sum(predicted) >= 9
    )  # of 12; an undecided spectrum of the inner Hessian leaves the prediction out


def test_inertia_never_decreases_under_compatible_embeddings(critical_problem):
    fell, zeros = [], []
    for seed in range(25):
        net, problem = critical_problem(seed, (2, 2, 2, 1), "tanh", samples=40)
        made = random_embedding(
            [2, 2, 2, 1],
            add={1: 1, 2: 1},
            nulls={1: 1},
            seed=seed,
        )
        _, receipt = landscape.compatible(net, problem, made)
        if receipt.inertia.decided and receipt.inertia_before.decided:
            before, after = receipt.inertia_before.counts, receipt.inertia.counts
            fell.append(any(new < old for new, old in zip(after, before, strict=True)))
            zeros.append(after[1] - before[1])
    assert len(fell) >= 20
    assert not any(fell)
    assert min(zeros) >= made.added


@pytest.mark.parametrize("sign", [1, -1])
def test_three_copies_make_a_strict_saddle_with_the_certificate_of_the_paper(
    critical_problem, sign
):
    """u = (v, v, 2v)/2 or (v, −v, 0) gives −λ/2 or 2λ for an eigenvector v of the
    residual part of the Hessian.
    """
    net, problem = critical_problem(3, (2, 2, 1), "tanh", samples=40)
    wide, receipt = landscape.global_three(net, problem)
    inner = sum(part.size for part in net[0])
    J = landscape.jacobian(net, problem.x, "tanh")[:, 0]
    H2 = landscape.hessian(net, problem) - 2 * J.T @ J / len(J)
    values, vectors = np.linalg.eigh(H2[:inner, :inner])
    chosen = -1 if sign > 0 else 0
    lam, v = values[chosen], vectors[:, chosen]
    assert sign * lam > 1e-6
    copies = (v / 2, v / 2, v) if sign > 0 else (v, -v, 0 * v)
    W = [
        landscape.unflatten(
            np.concatenate([one, np.zeros(landscape.parameter_count(net) - inner)]), net
        )[0]
        for one in copies
    ]
    u = flatten(
        [
            (np.vstack([one[0] for one in W]), np.concatenate([one[1] for one in W])),
            *((0 * V, None if b is None else 0 * b) for V, b in wide[1:]),
        ]
    )
    found = u @ landscape.hessian(wide, problem) @ u
    assert found == pytest.approx(-lam / 2 if sign > 0 else 2 * lam, abs=1e-9)
    assert receipt.inertia.negative > 0


def test_a_null_unit_without_a_bias_to_carry_it_is_not_critical_and_says_so(
    critical_problem,
):
    net, problem = critical_problem(1, (2, 3, 1), "sigmoid", output_bias=False)
    _, receipt = landscape.null(
        net,
        problem,
        layer=1,
        bias=0.3,
    )
    assert receipt.gradient[0] < 1e-12 < 1e-6 < receipt.gradient[1]
    assert "a critical point is not" in receipt.notes[0]
    assert receipt.predicted is None


def test_zero_output_finds_weights_that_no_unit_has(critical_problem):
    net, problem = critical_problem(2, (2, 3, 1), "tanh", samples=40)
    wide, receipt = landscape.zero_output(net, problem, layer=1)
    assert receipt.random_change < 1e-14
    assert receipt.gradient[1] < 1e-10
    rows = np.column_stack(wide[0])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.abs(rows[:3] @ rows[3]).max() < 0.99
    _, given = landscape.zero_output(
        net,
        problem,
        layer=1,
        weight=[1.0, 2.0, 3.0],
        spectrum=False,
    )
    assert given.gradient[1] > 1e-4
    assert given.notes[-1] == "this weight does not keep the critical point"


def test_a_large_net_has_its_spectrum_left_out(critical_problem):
    net, problem = critical_problem(0, (2, 3, 1), "tanh")
    _, receipt = landscape.split_many(
        net,
        problem,
        layer=1,
        unit=0,
        fractions=200,
    )
    assert receipt.inertia is None
    assert receipt.inertia_before is not None
    assert "inertia after not measured: 809 parameters" in receipt.notes[0]
    assert "predicted (" in str(receipt)


REFUSED = {
    "alpha nan": (
        lambda n, p: landscape.split(
            n,
            p,
            layer=1,
            unit=0,
            alpha=np.nan,
        ),
        "alpha: given nan",
    ),
    "alpha inf": (
        lambda n, p: landscape.split(
            n,
            p,
            layer=1,
            unit=0,
            alpha=-np.inf,
        ),
        "alpha: given -inf",
    ),
    "no such layer": (
        lambda n, p: landscape.split(
            n,
            p,
            layer=3,
            unit=0,
            alpha=0.5,
        ),
        "layer: given 3; .* 1 to 2",
    ),
    "the input": (
        lambda n, p: landscape.null(n, p, layer=0),
        "layer: given 0; .* 1 to 2",
    ),
    "no such unit": (
        lambda n, p: landscape.split(
            n,
            p,
            layer=2,
            unit=2,
            alpha=0.5,
        ),
        "unit: given 2; .* 0 to 1",
    ),
    "unit before the first": (
        lambda n, p: landscape.split(
            n,
            p,
            layer=2,
            unit=-1,
            alpha=0.5,
        ),
        "unit: given -1",
    ),
    "fractions": (
        lambda n, p: landscape.split_many(
            n,
            p,
            layer=1,
            unit=0,
            fractions=[0.5, 0.1],
        ),
        "a sum of 0.6",
    ),
    "null bias": (
        lambda n, p: landscape.null(
            n,
            p,
            layer=1,
            bias=np.inf,
        ),
        "bias: given inf",
    ),
    "another net's": (
        lambda n, p: landscape.compatible(
            n, p, random_embedding([2, 3, 1], add={1: 1})
        ),
        r"embedding: given one of widths \(2, 3, 1\)",
    ),
    "weight": (
        lambda n, p: landscape.zero_output(
            n,
            p,
            layer=1,
            weight=[1.0],
        ),
        "weight: given",
    ),
    "no hidden layer": (
        lambda n, p: landscape.global_three([(np.ones((1, 2)), None)], p),
        "none: this net has no hidden layer",
    ),
    "nan loss": (
        lambda n, p: landscape.split(
            [(W * 1e200, b) for W, b in n], p, layer=1, unit=0, alpha=0.5
        ),
        "loss: given inf",
    ),
    "nan": (
        lambda n, p: landscape.null([(W * np.nan, b) for W, b in n], p, layer=1),
        "layer 1: given a value",
    ),
    "another's data": (
        lambda n, p: landscape.null(n, Problem(np.ones((3, 1)), np.ones(3)), layer=1),
        "parameters: given 2 inputs",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name_and_left_as_it_was(critical_problem, case):
    call, match = REFUSED[case]
    net, problem = critical_problem(0, (2, 3, 2, 1), "tanh")
    before = flatten(net).copy()
    with pytest.raises(InvalidInputError, match=match):
        call(net, problem)
    assert (flatten(net) == before).all()


def test_a_tampered_embedding_is_refused(critical_problem):
    net, problem = critical_problem(0, (2, 3, 2, 1), "tanh")
    made = embedding(
        [2, 3, 2, 1],
        source={1: [0, 1, 2, 2]},
        beta={1: [1.0, 1.0, 0.5, 0.5]},
    )
    alpha = (made.alpha[0], made.alpha[1] + 0.1, made.alpha[2])
    with pytest.raises(InvalidInputError, match="conditions violated by"):
        landscape.compatible(
            net, problem, Embedding(made.source, made.beta, alpha, made.constant)
        )
