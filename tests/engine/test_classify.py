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
X, Y = (
    np.random.default_rng(0).random((6, 64)),
    np.array([0.0, 1.0, 2.0, 9.0, 4.0, 4.0]),
)


def test_the_loss_against_a_loop():
    p = NET.draw(
        seed=0,
        exponent=0.5,
    )
    outputs, total = np.asarray(NET(p, X)), 0.0
    for row, label in zip(outputs, Y, strict=True):
        total -= row[int(label)] - math.log(sum(math.exp(v) for v in row))
    assert float(cross_entropy(NET).value(p, X, jnp.asarray(Y))) == pytest.approx(
        total / 6
    )


def test_without_dropout_a_draw_is_the_loss_and_with_it_the_mean_of_inputs_is_kept():
    p = {
        name: jnp.asarray(value)
        for name, value in NET.draw(
            seed=0,
            exponent=0.5,
        ).items()
    }
    plain = cross_entropy(NET)
    loss, _ = plain.draw(p, jnp.asarray(X), jnp.asarray(Y), jax.random.key(0))
    assert float(loss) == pytest.approx(float(plain.value(p, X, jnp.asarray(Y))))
    dropped = cross_entropy(NET, keep=0.5)
    losses = [
        float(dropped.draw(p, jnp.asarray(X), jnp.asarray(Y), jax.random.key(k))[0])
        for k in range(20)
    ]
    assert len(set(losses)) == 20
    values = [float(one.value(p, X, jnp.asarray(Y))) for one in (dropped, plain)]
    assert values[0] == pytest.approx(values[1], rel=1e-12)


def test_decay_is_decoupled_and_zero_decay_is_adam():
    theta, slope = {"w": jnp.array([2.0, -1.0])}, {"w": jnp.array([1.0, 3.0])}
    step = jnp.array(0)
    plain, _ = Adam(0.1).update(slope, Adam(0.1).init(theta), theta, step)
    same, _ = AdamW(0.1).update(slope, AdamW(0.1).init(theta), theta, step)
    assert same["w"].tolist() == plain["w"].tolist()
    decayed, _ = AdamW(0.1, decay=0.5).update(
        slope, AdamW(0.1).init(theta), theta, step
    )
    np.testing.assert_allclose(
        decayed["w"], plain["w"] - 0.1 * 0.5 * theta["w"], rtol=1e-12
    )


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
    assert (
        np.argmax(np.asarray(NET(result.parameters(0), X)), axis=1).tolist()
        == Y.astype(int).tolist()
    )


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
