import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.theory import ntk_relative_distance, phase_slope

X = np.linspace(-0.5, 0.5, 4)[:, None]
Y = X[:, 0] ** 2
WIDTHS = np.array([1000, 5000, 10000, 20000, 40000])


def slow(
    x,
    y,
    gamma,
    gamma_prime,
    width,
    copies,
    of,
):
    """The formula written out with loops, an inverse and the arc cosine."""
    rows = [[*row, 1.0] for row in x.tolist()]
    n, d = len(rows), len(rows[0])
    k_a, k_w = np.empty((n, n)), np.empty((n, n))
    for i, u in enumerate(rows):
        for j, v in enumerate(rows):
            dot = sum(p * q for p, q in zip(u, v, strict=True))
            norms = np.sqrt(sum(p * p for p in u) * sum(q * q for q in v))
            angle = np.arccos(min(1.0, dot / norms))
            k_a[i, j] = (
                norms * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
            )
            k_w[i, j] = dot * (np.pi - angle) / (2 * np.pi)
    kappa, kappa_prime = width**-gamma, width**-gamma_prime
    c = (
        np.linalg.inv(k_a / kappa_prime + kappa_prime * k_w)
        @ y
        / (copies * width * kappa**2)
    )
    if of == "w":
        return kappa * kappa_prime * np.sqrt(c @ k_w @ c / d)
    return kappa / kappa_prime * np.sqrt(c @ k_a @ c)


@pytest.mark.parametrize(("width", "expected"), [(1000, 0.00866), (40000, 0.00137)])
def test_the_printed_numbers(width, expected):
    found = ntk_relative_distance(
        X,
        Y,
        gamma=0.5,
        gamma_prime=0.0,
        width=width,
    )
    assert found == pytest.approx(expected, abs=5e-6)


def test_the_figures_of_the_paper():
    """Fig. 3: 0.00883 and 0.00135; Fig. 4 at (0.7, 0.1): −0.400."""
    found = ntk_relative_distance(
        X,
        Y,
        gamma=0.5,
        gamma_prime=0.0,
        width=[1000, 40000],
    )
    assert found == pytest.approx([0.00883, 0.00135], rel=0.02)
    slope = np.polyfit(
        np.log(WIDTHS),
        np.log(
            ntk_relative_distance(
                X,
                Y,
                gamma=0.7,
                gamma_prime=0.1,
                width=WIDTHS,
            )
        ),
        1,
    )
    assert slope[0] == pytest.approx(-0.390, abs=5e-4)


@pytest.mark.parametrize("of", ["w", "a"])
@pytest.mark.parametrize(
    ("gamma", "gamma_prime"), [(0.5, 0.0), (0.7, 0.4), (0.9, -0.4), (-0.2, 0.1)]
)
def test_against_the_slow_formula(gamma, gamma_prime, of):
    for asi, copies in ((True, 2), (False, 1)):
        found = ntk_relative_distance(
            X,
            Y,
            gamma=gamma,
            gamma_prime=gamma_prime,
            width=1000,
            asi=asi,
            initial_output="zero",
            of=of,
        )
        assert found == pytest.approx(
            slow(X, Y, gamma, gamma_prime, 1000, copies, of), rel=1e-9
        )


def test_hidden_weights_of_a_gradient_flow_at_width_1000(distances):
    runs = [
        distances(X, Y, 0.5, 0.0, 1000, asi=True, seed=seed)[1] for seed in range(5)
    ]
    assert np.mean(runs) == pytest.approx(
        ntk_relative_distance(
            X,
            Y,
            gamma=0.5,
            gamma_prime=0.0,
            width=1000,
        ),
        rel=0.1,
    )


@pytest.mark.parametrize(
    ("gamma", "gamma_prime"), [(0.5, 0.0), (0.3, -0.2), (0.6, 0.1)]
)
def test_both_layers_of_a_gradient_flow_at_width_4000(gamma, gamma_prime, distances):
    runs = np.array(
        [
            distances(X, Y, gamma, gamma_prime, 4000, asi=True, seed=seed)
            for seed in range(3)
        ]
    )
    options = {
        "gamma": gamma,
        "gamma_prime": gamma_prime,
        "width": 4000,
    }
    predicted = [ntk_relative_distance(X, Y, **options, of=of) for of in ("a", "w")]
    assert np.mean(runs, axis=0) == pytest.approx(predicted, rel=0.1)


def test_the_initial_output_is_part_of_the_way_without_asi(distances):
    runs = [
        distances(X, Y, 0.5, 0.0, 3000, asi=False, seed=seed)[1] for seed in range(12)
    ]
    measured = np.sqrt(np.mean(np.square(runs)))
    options = {
        "gamma": 0.5,
        "gamma_prime": 0.0,
        "width": 3000,
        "asi": False,
    }
    assert measured == pytest.approx(ntk_relative_distance(X, Y, **options), rel=0.15)
    assert measured > 1.2 * ntk_relative_distance(
        X, Y, **options, initial_output="zero"
    )


def test_random_initial_output_is_the_mean_square_over_draws():
    rng = np.random.default_rng(0)
    options = {
        "gamma": 0.5,
        "gamma_prime": 0.2,
        "width": 100,
        "asi": False,
    }
    z = np.column_stack([X, np.ones(4)]) @ rng.standard_normal((2, 3000, 100)).reshape(
        2, -1
    )
    outputs = (
        np.maximum(z, 0).reshape(4, 3000, 100) * rng.standard_normal((3000, 100))
    ).sum(-1) / 10
    zero = [
        ntk_relative_distance(X, Y - f, **options, initial_output="zero")
        for f in outputs.T[:2000]
    ]
    assert ntk_relative_distance(X, Y, **options) == pytest.approx(
        np.sqrt(np.mean(np.square(zero))), rel=0.05
    )


def test_slopes_at_great_width_are_the_exponents():
    gammas, primes = np.array([0.5, 0.7, 0.9])[:, None], np.array([-0.4, 0.0, 0.4])
    for of in ("w", "a", "theta"):
        low, high = (
            ntk_relative_distance(
                X, Y, gamma=gammas, gamma_prime=primes, width=width, of=of
            )
            for width in (1e12, 1e14)
        )
        assert np.log(high / low) / np.log(100) == pytest.approx(
            phase_slope(gammas, primes, of=of), abs=0.01
        )


def test_theta_lies_between_the_layers():
    w, a, theta = (
        ntk_relative_distance(
            X,
            Y,
            gamma=0.6,
            gamma_prime=0.1,
            width=1000,
            of=of,
        )
        for of in ("w", "a", "theta")
    )
    assert theta == pytest.approx(np.sqrt((a**2 + 2 * w**2) / 3))


def test_shapes_and_nan():
    found = ntk_relative_distance(
        X,
        Y,
        gamma=[0.5, 1.0, 1.5, np.nan],
        gamma_prime=0.0,
        width=1000,
    )
    assert found.shape == (4,)
    assert np.isnan(found).tolist() == [False, True, True, True]
    assert found[0] == ntk_relative_distance(
        X, Y, gamma=0.5, gamma_prime=0.0, width=1000
    )
    assert np.isnan(
        ntk_relative_distance(
            X,
            Y,
            gamma=-200.0,
            gamma_prime=0.0,
            width=1000,
        )
    )
    assert ntk_relative_distance(
        X,
        Y,
        gamma=[],
        gamma_prime=0.0,
        width=1000,
    ).shape == (0,)


def test_extreme_kappa_prime():
    far = ntk_relative_distance(
        X,
        Y,
        gamma=0.5,
        gamma_prime=[-3.0, 3.0],
        width=10_000,
    )
    assert np.isfinite(far).all()
    assert far[1] == pytest.approx(slow(X, Y, 0.5, 3.0, 10_000, 2, "w"), rel=1e-6)


def test_a_repeated_sample_changes_nothing():
    x, y = np.vstack([X, X[:1]]), np.append(Y, Y[0])
    options = {"gamma": 0.5, "gamma_prime": 0.1, "width": 1000}
    assert ntk_relative_distance(x, y, **options) == pytest.approx(
        ntk_relative_distance(X, Y, **options), rel=1e-6
    )


def test_a_repeated_sample_with_two_targets_is_refused():
    with pytest.raises(InvalidInputError, match="no network can tell apart"):
        ntk_relative_distance(
            np.vstack([X, X[:1]]),
            np.append(Y, 1.0),
            gamma=0.5,
            gamma_prime=0.0,
            width=1000,
        )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"of": "b"}, "of: given b"),
        ({"width": 0}, "width"),
        ({"width": np.nan}, "width"),
        ({"asi": True, "initial_output": "random"}, "initial_output"),
        ({"initial_output": "none"}, "initial_output"),
        ({"gamma": [0.1, 0.2], "width": [10, 20, 30]}, "broadcast"),
        ({"y": Y[:, None]}, "y: given shape"),
        ({"y": np.array([1.0, 2.0, 3.0, np.inf])}, "y: given nan or inf"),
        ({"x": X[:, 0]}, "x: given shape"),
    ],
)
def test_bad_input(change, words):
    given = {
        "x": X,
        "y": Y,
        "gamma": 0.5,
        "gamma_prime": 0.0,
        "width": 1000,
    } | change
    with pytest.raises(InvalidInputError, match=words):
        ntk_relative_distance(given.pop("x"), given.pop("y"), **given)
