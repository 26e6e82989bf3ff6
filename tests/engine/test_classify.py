"""Cross-entropy and AdamW: against loops and closed forms."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.engine import Adam, AdamW, cross_entropy, descend
from condensery.models import ImageNet

NET = ImageNet("mlp")
X = np.random.default_rng(0).random((6, 64))
Y = np.array([0.0, 1.0, 2.0, 9.0, 4.0, 4.0])
LABELS = jnp.asarray(Y)


def test_the_loss_against_a_loop():
    p = NET.draw(
        seed=0,
        exponent=0.5,
    )
    outputs = np.asarray(NET(p, X))
    total = 0.0
    for row, label in zip(outputs, Y, strict=True):
        normaliser = sum(map(math.exp, row))
        likelihood = row[int(label)] - math.log(normaliser)
        total -= likelihood
    loss = float(cross_entropy(NET).value(p, jnp.asarray(X), LABELS))
    assert loss == pytest.approx(total / 6)


@pytest.mark.slow
def test_without_dropout_a_draw_is_the_loss_and_with_it_the_mean_of_inputs_is_kept():
    start = NET.draw(seed=0, exponent=0.5)
    p = jax.tree.map(jnp.asarray, start)
    inputs = jnp.asarray(X)
    plain = cross_entropy(NET)
    dropped = cross_entropy(NET, keep=0.5)
    loss, _ = plain.draw(p, inputs, LABELS, jax.random.key(0))
    value = float(plain.value(p, inputs, LABELS))
    assert float(loss) == pytest.approx(value)
    losses = set()
    for seed in range(20):
        key = jax.random.key(seed)
        loss, _ = dropped.draw(p, inputs, LABELS, key)
        losses.add(float(loss))
    assert len(losses) == 20
    recorded = float(dropped.value(p, inputs, LABELS))
    assert recorded == pytest.approx(value, rel=1e-12)


def test_decay_is_decoupled_and_zero_decay_is_adam():
    theta = jnp.array([2.0, -1.0])
    slope = jnp.array([1.0, 3.0])
    step = jnp.array(0)

    def moved(rule):
        memory = rule.init(theta)
        after, _ = rule.update(slope, memory, theta, step)
        return after

    plain = moved(Adam(0.1))
    same = moved(AdamW(0.1))
    decayed = moved(AdamW(0.1, decay=0.5))
    assert same.tolist() == plain.tolist()
    shrunk = plain - 0.1 * 0.5 * theta
    np.testing.assert_allclose(decayed, shrunk, rtol=1e-12)


@pytest.mark.slow
def test_a_network_learns_six_digits_by_heart():
    start = NET.draw(seed=0, exponent=0.5)
    result = descend(
        [start],
        cross_entropy(NET, keep=0.9),
        X,
        Y,
        optimiser=AdamW(1e-2),
        steps=80,
        seeds=[1],
        schedule=[0, 80],
    )
    assert result.loss[0, -1] < 0.1 * result.loss[0, 0]
    outputs = np.asarray(NET(result.parameters(0), X))
    classes = np.argmax(outputs, axis=1)
    np.testing.assert_array_equal(classes, Y)


def test_refusals():
    for wrong in (
        {"rate": 0.0},
        {
            "rate": 0.1,
            "decay": -1.0,
        },
        {"rate": 0.1, "beta1": 1.0},
    ):
        with pytest.raises(InvalidInputError, match=r"given .*; allowed: "):
            AdamW(**wrong)
    with pytest.raises(InvalidInputError, match="keep: given 0"):
        cross_entropy(NET, keep=0.0)
