"""Embeddings against nets evaluated by hand: output, units and gradient are kept; the
freedom is all there is.
"""

from itertools import pairwise

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.theory import NULL, embed, embedding, even_fractions, random_embedding


def evaluated(net, x):
    """Outputs and units of a tanh net."""
    units = [x]
    for index, (W, b) in enumerate(net):
        z = units[-1] @ W.T + (0 if b is None else b)
        units.append(z if index == len(net) - 1 else np.tanh(z))
    return units


def backward(net, x, errors):
    units, E, found = evaluated(net, x), errors, []
    for index in reversed(range(len(net))):
        found.append((E.T @ units[index] / len(x), E.mean(axis=0)))
        E = (E @ net[index][0]) * (1 - units[index] ** 2)
    return found[::-1]


def drawn(rng, widths):
    return [(rng.normal(size=(n, m)), rng.normal(size=n)) for m, n in pairwise(widths)]


def drawn_embedding(rng, widths, *, seed=0):
    source, beta, constant = {}, {}, {}
    for level in range(1, len(widths) - 1):
        copies = [*range(widths[level]), *rng.integers(0, widths[level], 2), NULL, NULL]
        order = rng.permutation(len(copies))
        source[level] = np.array(copies)[order]
        share = rng.normal(size=len(copies))
        for unit in range(widths[level]):
            share[source[level] == unit] += (
                1 - share[source[level] == unit].sum()
            ) / np.sum(source[level] == unit)
        beta[level] = np.where(source[level] == NULL, 0.0, share)
        constant[level] = rng.normal(size=len(copies))
    return embedding(
        widths,
        source=source,
        beta=beta,
        constant=constant,
        seed=seed,
    )


@pytest.mark.parametrize("widths", [(2, 3, 1), (1, 2, 3, 2), (2, 2, 2, 2, 2)])
@pytest.mark.parametrize("seed", range(5))
def test_a_random_compatible_embedding_keeps_everything(widths, seed):
    rng = np.random.default_rng([seed, len(widths)])
    net, made = drawn(rng, widths), drawn_embedding(rng, widths, seed=seed)
    assert made.defect() < 1e-13
    assert made.added == 4 * (len(widths) - 2)
    wide = embed(net, made, sigma=np.tanh)
    x = rng.normal(size=(11, widths[0]))
    for narrow, broad, source, constant in zip(
        evaluated(net, x), evaluated(wide, x), made.source, made.constant, strict=True
    ):
        np.testing.assert_allclose(
            broad[:, source != NULL], narrow[:, source[source != NULL]], atol=1e-12
        )
        nulls = source == NULL
        np.testing.assert_allclose(
            broad[:, nulls],
            np.broadcast_to(np.tanh(constant[nulls]), (11, nulls.sum())),
            atol=1e-12,
        )
    errors = rng.normal(size=(11, widths[-1]))
    for level, ((dW, db), (narrow_dW, narrow_db)) in enumerate(
        zip(backward(wide, x, errors), backward(net, x, errors), strict=True), start=1
    ):
        above, below, beta = (
            made.source[level],
            made.source[level - 1],
            made.beta[level],
        )
        slopes = np.where(
            below == NULL,
            np.tanh(made.constant[level - 1]) * narrow_db[above][:, None],
            narrow_dW[np.ix_(above, below)],
        )
        np.testing.assert_allclose(dW, beta[:, None] * slopes, atol=1e-12)
        np.testing.assert_allclose(db, beta * narrow_db[above], atol=1e-12)


def test_the_closed_form_has_all_the_freedom_that_the_conditions_leave():
    """p copies above q copies: the conditions are p + q − 1 independent equations for
    pq coefficients.
    """
    p, q = 3, 4
    above, below = np.array([0.2, 0.5, 0.3]), np.array([1.5, -0.5, 0.25, -0.25])
    made = [
        embedding(
            [1, 1, 1, 1],
            source={1: [0] * q, 2: [0] * p},
            beta={1: below, 2: above},
            seed=seed,
        )
        .alpha[1]
        .ravel()
        for seed in range(30)
    ]
    conditions = np.vstack([np.kron(np.eye(p), np.ones(q)), np.kron(above, np.eye(q))])
    for one in made:
        np.testing.assert_allclose(conditions @ one, [*np.ones(p), *below], atol=1e-12)
    assert np.linalg.matrix_rank(np.array(made) - made[0], tol=1e-9) == (p - 1) * (
        q - 1
    )
    assert p * q - np.linalg.matrix_rank(conditions) == (p - 1) * (q - 1)


def test_defect_finds_what_is_wrong():
    made = embedding(
        [1, 2, 1],
        source={1: [0, 1, 0]},
        beta={1: [0.5, 1.0, 0.5]},
    )
    made.alpha[1][0, 0] += 0.25
    assert made.defect() == pytest.approx(0.25)


def test_a_layer_without_bias_carries_only_nulls_that_need_none():
    net = [(np.ones((1, 1)), None), (np.ones((1, 1)), None)]
    source, beta = {1: [0, NULL]}, {1: [1.0, 0.0]}
    wide = embed(
        net,
        embedding(
            [1, 1, 1],
            source=source,
            beta=beta,
        ),
        sigma=np.tanh,
    )
    assert wide[0][0].tolist() == [[1.0], [0.0]]
    assert wide[0][1] is None
    with pytest.raises(
        InvalidInputError, match=r"layer 1: given no bias, where unit 1 needs 0\.5"
    ):
        embed(
            net,
            embedding(
                [1, 1, 1],
                source=source,
                beta=beta,
                constant={1: [0.0, 0.5]},
            ),
            sigma=np.tanh,
        )


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (
            {
                "source": {2: [0]},
                "beta": {2: [1.0]},
            },
            "layer: given 2; allowed: .* 1 to 1",
        ),
        (
            {
                "source": {1: [0, 1]},
                "beta": {},
            },
            "layer: given source of",
        ),
        (
            {
                "source": {1: [0, 5]},
                "beta": {1: [1.0, 1.0]},
            },
            r"source of layer 1: given units \[5\] that do not exist",
        ),
        (
            {
                "source": {1: [0, 0]},
                "beta": {1: [0.5, 0.5]},
            },
            "source of layer 1: given no copy of unit 1",
        ),
        (
            {
                "source": {1: [0, 1]},
                "beta": {1: [1.0]},
            },
            "beta of layer 1: given",
        ),
        (
            {
                "source": {1: [0, 1, 1]},
                "beta": {1: [1.0, 1.0, 0.5]},
            },
            "beta of layer 1: given a sum of 1.5 for unit 1",
        ),
        (
            {
                "source": {1: [0, 1, NULL]},
                "beta": {1: [1.0, 1.0, 0.5]},
            },
            "beta of layer 1: given a sum of 0.5 for unit -1",
        ),
        (
            {
                "source": {1: [0, 1]},
                "beta": {1: [1.0, np.nan]},
            },
            "beta of layer 1: given",
        ),
    ],
)
def test_embeddings_that_are_none(arguments, match):
    with pytest.raises(InvalidInputError, match=match):
        embedding([1, 2, 1], **arguments)


@pytest.mark.parametrize(
    "fractions", [0, -2, [], [0.5, 0.6], [np.inf, -np.inf], [[1.0]]]
)
def test_fractions_that_are_none(fractions):
    with pytest.raises(InvalidInputError, match="fractions: given"):
        even_fractions(fractions)


def test_free_coefficients_can_be_given():
    source, beta = (
        {
            1: [0, 0, 0],
            2: [0, 0],
        },
        {
            1: [0.5, 0.25, 0.25],
            2: [1.5, -0.5],
        },
    )
    shapes = [(3, 1), (2, 3), (1, 2)]
    rng = np.random.default_rng(0)
    given = [rng.normal(size=shape) for shape in shapes]
    made = embedding(
        [1, 1, 1, 1],
        source=source,
        beta=beta,
        free=given,
    )
    assert made.defect() < 1e-15
    Z, below, above = given[1], np.array(beta[1]), np.array(beta[2])
    expected = np.outer(np.ones(2), below) + (
        np.eye(2) - np.outer(np.ones(2), above)
    ) @ Z @ (np.eye(3) - 1 / 3)
    np.testing.assert_allclose(made.alpha[1], expected, atol=1e-14)
    with pytest.raises(InvalidInputError, match="free: given shapes"):
        embedding(
            [1, 1, 1, 1],
            source=source,
            beta=beta,
            free=given[:2],
        )


@pytest.mark.parametrize(
    ("add", "match"),
    [({1: -1}, "add: given"), ({3: 1}, "layer: given 3"), ({0: 1}, "layer: given 0")],
)
def test_random_embeddings_that_are_none(add, match):
    with pytest.raises(InvalidInputError, match=match):
        random_embedding([1, 2, 2, 1], add=add)
