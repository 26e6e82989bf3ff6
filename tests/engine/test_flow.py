"""The flow against loops in NumPy, another solver, and what is known of it in closed
form.
"""

import math

import numpy as np
import pytest

from condensery.engine import Ensemble, flow
from condensery.engine._reference import reference_flow
from condensery.records import Status
from condensery.theory import ntk_relative_distance

# Most tests share one shape, 4 samples and 24 hidden units, so that each activation is
# compiled once.
X = np.linspace(-0.5, 0.5, 4)[:, None]
Y = X[:, 0] ** 2
GAMMAS, PRIMES = np.array([0.6, 1.0, 1.3]), np.array([0.0, -0.4, 0.3])
TIME = 100.0


def ensemble(*, asi=True):
    return Ensemble(np.full(3, 12 if asi else 24), np.arange(3), GAMMAS, PRIMES)


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


SCALAR = {
    "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
    "tanh": (math.tanh, lambda z: 1 - math.tanh(z) ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
}
PAIRS = {
    name: tuple(np.vectorize(part, otypes=[float]) for part in pair)
    for name, pair in SCALAR.items()
}
# The same over whole arrays; `test_the_reference_is_what_it_says` holds the two
# together.
FAST = {
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: (z > 0).astype(float)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: 0.25 / np.cosh(z / 2) ** 2),
}


def slow_slope(a, w, x, y, kappa, kappa_prime, pair):
    """The right-hand side of the flow, one unit and one sample at a time."""
    grad_a, grad_w = np.zeros_like(a), np.zeros_like(w)
    for i in range(len(x)):
        sample = [*x[i], 1.0]
        z = [
            sum(w[k][j] * sample[j] for j in range(len(sample))) for k in range(len(a))
        ]
        error = kappa * sum(a[k] * pair[0](z[k]) for k in range(len(a))) - y[i]
        for k in range(len(a)):
            grad_a[k] -= kappa / (kappa_prime * len(x)) * error * pair[0](z[k])
            for j in range(len(sample)):
                grad_w[k][j] -= (
                    kappa
                    * kappa_prime
                    / len(x)
                    * error
                    * a[k]
                    * pair[1](z[k])
                    * sample[j]
                )
    return grad_a, grad_w


def slope(
    a,
    w,
    x,
    y,
    kappa,
    kappa_prime,
    pair,
):
    grad_a, grad_w = np.zeros_like(a), np.zeros_like(w)
    for row, target in zip(x, y, strict=True):
        sample = np.append(row, 1.0)
        z = w @ sample
        s = pair[0](z)
        error = kappa * float(a @ s) - target
        grad_a -= kappa / (kappa_prime * len(x)) * error * s
        grad_w -= (
            kappa * kappa_prime / len(x) * error * np.outer(a * pair[1](z), sample)
        )
    return grad_a, grad_w


def runge_kutta(
    start,
    x,
    y,
    kappa,
    kappa_prime,
    pair,
    time,
    steps,
):
    """The classical rule of fourth order with steps of one length."""
    a, w, h = start["a"], start["w"], time / steps
    for _ in range(steps):
        a1, w1 = slope(a, w, x, y, kappa, kappa_prime, pair)
        a2, w2 = slope(a + h / 2 * a1, w + h / 2 * w1, x, y, kappa, kappa_prime, pair)
        a3, w3 = slope(a + h / 2 * a2, w + h / 2 * w2, x, y, kappa, kappa_prime, pair)
        a4, w4 = slope(a + h * a3, w + h * w3, x, y, kappa, kappa_prime, pair)
        a, w = (
            a + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4),
            w + h / 6 * (w1 + 2 * w2 + 2 * w3 + w4),
        )
    return {"a": a, "w": w}


def distance(start, end, units):
    return np.linalg.norm((end["w"] - start["w"])[:units]) / np.linalg.norm(
        start["w"][:units]
    )


@pytest.fixture(scope="module")
def solved():
    """The loops' solution at TIME by activation and ASI, computed once."""
    kept = {}

    def of(name, asi):
        if (name, asi) not in kept:
            members = ensemble(asi=asi)
            start = flow(
                members,
                X,
                Y,
                activation_name=name,
                asi=asi,
                max_steps=1,
            )
            ends = []
            for k in range(3):
                scales = members.kappa[k], members.kappa_prime[k]
                begin = start.parameters(k, initial=True)
                ends.append(runge_kutta(begin, X, Y, *scales, FAST[name], TIME, 300))
            kept[name, asi] = ends
        return kept[name, asi]

    return of


@pytest.mark.parametrize("name", SCALAR)
def test_the_reference_is_what_it_says(name):
    rng = np.random.default_rng(0)
    a, w = rng.standard_normal(5), rng.standard_normal((5, 2))
    slow, fast = (
        rule(a, w, X, Y, 0.3, 0.7, pair[name])
        for rule, pair in ((slow_slope, SCALAR), (slope, FAST))
    )
    np.testing.assert_allclose(fast[0], slow[0], rtol=1e-12)
    np.testing.assert_allclose(
        fast[1],
        slow[1],
        rtol=1e-12,
        atol=1e-15,
    )


@pytest.mark.parametrize("asi", [True, False])
@pytest.mark.parametrize("name", SCALAR)
def test_flow_is_the_loops_solution(name, asi, solved):
    members = ensemble(asi=asi)
    result = flow(
        members,
        X,
        Y,
        activation_name=name,
        asi=asi,
        eta=0.005,
        max_time=TIME,
        target_loss=1e-12,
    )
    for k, end in enumerate(solved(name, asi)):
        start, own = result.parameters(k, initial=True), result.parameters(k)
        hidden = FAST[name][0](np.column_stack([X, np.ones(4)]) @ end["w"].T)
        error = members.kappa[k] * hidden @ end["a"] - Y
        if (
            name == "relu"
            # one unit more or less across a kink: to first order, and only in what sums
            # over units
        ):
            np.testing.assert_allclose(
                result.rd[k], distance(start, end, members.widths[k]), rtol=0.02
            )
            np.testing.assert_allclose(result.loss[k], np.mean(error**2), rtol=0.02)
        else:
            np.testing.assert_allclose(own["a"], end["a"], atol=1e-4)
            np.testing.assert_allclose(own["w"], end["w"], atol=1e-4)
            np.testing.assert_allclose(
                result.rd[k], distance(start, end, members.widths[k]), rtol=5e-4
            )
            np.testing.assert_allclose(result.loss[k], np.mean(error**2), rtol=1e-4)


def test_every_distance_and_the_prediction_follow_from_the_parameters(solved):
    result = flow(
        ensemble(),
        X,
        Y,
        activation_name="sigmoid",
        max_time=TIME,
    )
    new = np.array([[-0.3], [0.1], [2.0]])
    for k in range(3):
        start, end = result.parameters(k, initial=True), result.parameters(k)
        move, size = (
            {name: np.sum(v[:12] ** 2) for name, v in one.items()}
            for one in ({name: end[name] - start[name] for name in end}, start)
        )
        assert result.rd[k] == pytest.approx(math.sqrt(move["w"] / size["w"]))
        assert result.rd_a[k] == pytest.approx(math.sqrt(move["a"] / size["a"]))
        assert result.rd_theta[k] == pytest.approx(
            math.sqrt(sum(move.values()) / sum(size.values()))
        )
        kappa = 12 ** -GAMMAS[k]
        for row, output in zip(new, result.predict(k, new), strict=True):
            units = zip(end["a"], end["w"], strict=True)
            assert output == pytest.approx(
                kappa * sum(a * sigmoid(w[0] * row[0] + w[1]) for a, w in units)
            )
        assert np.allclose(
            result.predict(k, new, initial=True), 0, atol=1e-15
        )  # the two copies cancel
        assert result.loss[k] == pytest.approx(np.mean((result.predict(k, X) - Y) ** 2))


def test_asi_doubles_the_layer_with_opposite_outputs():
    start = flow(ensemble(), X, Y, max_steps=1).parameters(1, initial=True)
    assert np.array_equal(start["a"][:12], -start["a"][12:])
    assert np.array_equal(start["w"][:12], start["w"][12:])


def test_smooth_activations_converge_at_second_order(solved):
    errors = []
    for eta in (0.04, 0.01):
        result = flow(
            ensemble(),
            X,
            Y,
            activation_name="tanh",
            eta=eta,
            max_time=TIME,
            target_loss=1e-12,
        )
        ends = solved("tanh", asi=True)
        errors.append(
            [np.max(np.abs(result.parameters(k)["w"] - ends[k]["w"])) for k in range(3)]
        )
    assert np.all(np.array(errors[0]) > 9 * np.array(errors[1])), (
        errors
    )  # second order: 16; first: 4


def test_the_gram_step_converges_to_the_same_flow():
    options = {
        "activation_name": "tanh",
        "max_time": TIME,
        "target_loss": 1e-12,
    }
    flowed = flow(
        ensemble(),
        X,
        Y,
        eta=0.005,
        **options,
    )
    gaps = [
        np.abs(
            flow(
                ensemble(),
                X,
                Y,
                method="gram",
                eta=eta,
                **options,
            ).rd
            / flowed.rd
            - 1
        )
        for eta in (0.1, 0.025)
    ]
    assert np.all(gaps[1] < 0.002), gaps
    assert np.all(gaps[0] > 2.5 * gaps[1]), gaps  # first order: 4


@pytest.mark.slow
def test_diffrax_agrees_on_relu_and_tanh():
    for name, tolerance in (("relu", 0.02), ("tanh", 3e-4)):
        result = flow(
            ensemble(),
            X,
            Y,
            activation_name=name,
            eta=0.005,
            max_time=TIME,
            target_loss=1e-12,
        )
        reference = reference_flow(
            ensemble(), X, Y, activation_name=name, max_time=result.time, steps=2000
        )
        np.testing.assert_allclose(result.rd, reference.rd, rtol=tolerance)
        np.testing.assert_allclose(result.loss, reference.loss, rtol=tolerance)
        np.testing.assert_allclose(reference.time, TIME)


@pytest.mark.slow
def test_diffrax_agrees_with_the_loops(solved):
    reference = reference_flow(
        ensemble(),
        X,
        Y,
        activation_name="tanh",
        max_time=TIME,
    )
    for end, own in zip(solved("tanh", asi=True), reference.parameters, strict=True):
        np.testing.assert_allclose(own["w"], end["w"], atol=1e-6)


@pytest.fixture(scope="module")
def wide():
    return flow(
        Ensemble.grid(
            widths=[2000],
            gammas=[0.5, 1.0],
            seeds=[0, 1],
        ),
        X,
        Y,
        eta=0.02,
    )


def test_wide_lazy_networks_move_as_the_frozen_kernel_says(wide):
    theory = ntk_relative_distance(
        X, Y, gamma=0.5, gamma_prime=0.0, width=2000, asi=True
    )
    np.testing.assert_allclose(wide.rd[:2].mean(), theory, rtol=0.05)
    assert np.all(wide.rd[2:] > 10 * theory)


def test_wide_lazy_networks_learn_as_fast_as_the_frozen_kernel_says():
    members = Ensemble.grid(
        widths=[2000],
        gammas=[0.5, 1.0],
        seeds=[0, 1],
    )
    result = flow(
        members,
        X,
        Y,
        eta=0.02,
        max_time=5.0,
    )
    full = np.column_stack([X, np.ones(4)])
    for k in (0, 1):
        start, kappa = result.parameters(k, initial=True), members.kappa[k]
        gram = np.zeros((4, 4))
        for i in range(4):
            for j in range(4):
                z, other = start["w"] @ full[i], start["w"] @ full[j]
                through_a = np.sum(np.maximum(z, 0) * np.maximum(other, 0))
                through_w = np.sum(start["a"] ** 2 * (z > 0) * (other > 0)) * (
                    full[i] @ full[j]
                )
                gram[i, j] = kappa**2 / 4 * (through_a + through_w)
        rates, modes = np.linalg.eigh(gram)
        left = modes @ (np.exp(-5.0 * rates) * (modes.T @ Y))
        assert 1e-4 < result.loss[k] < 0.5 * np.mean(Y**2)
        assert result.loss[k] == pytest.approx(np.mean(left**2), rel=0.03)
        assert result.status[k] == Status.OUT_OF_TIME


def test_what_relu_conserves_is_conserved_as_the_step_falls(wide):
    members = Ensemble.grid(
        widths=[2000], gammas=[1.0], gamma_primes=[-0.3, 0.3], seeds=[0, 1]
    )

    def drift(eta):
        result = flow(
            members,
            X,
            Y,
            eta=eta,
            max_time=2000.0,
        )
        found = []
        for k in range(4):
            pair = result.parameters(k, initial=True), result.parameters(k)
            kept = [
                (members.kappa_prime[k] * p["a"]) ** 2 - np.sum(p["w"] ** 2, axis=1)
                for p in pair
            ]
            found.append(np.mean(np.abs(kept[1] - kept[0])))
        return np.array(found)

    whole, tenth = drift(0.1), drift(0.01)
    assert np.all(whole > 8 * tenth), (whole, tenth)
    assert np.all(tenth < 1e-3)


def test_the_loss_never_rises():
    for method, eta in (("exponential", 0.05), ("gram", 1.0)):
        losses = [
            flow(
                ensemble(),
                X,
                Y,
                method=method,
                eta=eta,
                max_steps=n,
            ).loss
            for n in (1, 2, 3, 5, 9, 20, 60, 150)
        ]
        assert np.all(np.diff(losses, axis=0) <= 0)
        assert np.all(losses[-1] < losses[0])
