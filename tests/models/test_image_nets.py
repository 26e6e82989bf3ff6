"""The four networks against loops over units and pixels, and what their rows are."""

import math

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.models import IMAGE_NETS, ImageNet


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).random((3, 64))


def drawn(kind):
    """Parameters with biases that are not 0, or a forgotten bias would not be seen."""
    rng = np.random.default_rng(1)
    p = ImageNet(kind).draw(
        seed=2,
        exponent=0.5,
    )
    return {
        k: rng.standard_normal(v.shape) * 0.3 if k.endswith("_bias") else v
        for k, v in p.items()
    }


def dense(p, name, h):
    out = []
    for unit, row in enumerate(p[name]):
        bias = p[f"{name}_bias"][unit] if f"{name}_bias" in p else 0.0
        out.append(sum(w * v for w, v in zip(row, h, strict=True)) + bias)
    return out


def relu(values):
    return [max(v, 0.0) for v in values]


def slow_mlp(p, image):
    return dense(p, "output", relu(dense(p, "second", relu(dense(p, "first", image)))))


def slow_residual(p, image):
    h = relu(dense(p, "embed", image))
    for block in "12":
        h = [
            a + b
            for a, b in zip(
                h,
                dense(p, f"back_{block}", relu(dense(p, f"block_{block}", h))),
                strict=True,
            )
        ]
    return dense(p, "output", h)


def slow_cnn(p, image):
    h = np.asarray(image).reshape(8, 8, 1)
    for name in ("kernels_1", "kernels_2"):
        side, _, channels = h.shape
        kernels = p[name].reshape(-1, 3, 3, channels)
        z = np.zeros((side, side, len(kernels)))
        for r in range(side):
            for c in range(side):
                for k in range(len(kernels)):
                    total = p[f"{name}_bias"][k]
                    for i in range(3):
                        for j in range(3):
                            if 0 <= r + i - 1 < side and 0 <= c + j - 1 < side:
                                total += kernels[k, i, j] @ h[r + i - 1, c + j - 1]
                    z[r, c, k] = max(total, 0.0)
        h = np.array(
            [
                [z[r : r + 2, c : c + 2].mean(axis=(0, 1)) for c in range(0, side, 2)]
                for r in range(0, side, 2)
            ]
        )
    return dense(p, "output", relu(dense(p, "dense", h.ravel())))


def slow_transformer(p, image):
    tokens = [
        np.array(dense(p, "embed", row)) + p["place"][t]
        for t, row in enumerate(np.asarray(image).reshape(8, 8))
    ]
    parts = {
        name: [np.array(dense(p, name, h)).reshape(4, 8) for h in tokens]
        for name in ("queries", "keys", "values")
    }
    after = []
    for t in range(8):
        seen = []
        for head in range(4):
            scores = [
                math.exp(
                    parts["queries"][t][head] @ parts["keys"][s][head] / math.sqrt(8)
                )
                for s in range(8)
            ]
            weights = [score / sum(scores) for score in scores]
            seen.append(
                sum(
                    weight * parts["values"][s][head]
                    for s, weight in enumerate(weights)
                )
            )
        h = tokens[t] + dense(p, "mix", np.concatenate(seen))
        after.append(h + dense(p, "back", relu(dense(p, "rows", h))))
    return dense(p, "output", np.mean(after, axis=0))


SLOW = {
    "mlp": slow_mlp,
    "residual": slow_residual,
    "cnn": slow_cnn,
    "transformer": slow_transformer,
}


@pytest.mark.parametrize("kind", IMAGE_NETS)
def test_outputs_against_loops(kind, x):
    p = drawn(kind)
    found = np.asarray(ImageNet(kind)(p, x))
    np.testing.assert_allclose(
        found, [SLOW[kind](p, image) for image in x], rtol=1e-9, atol=1e-10
    )


@pytest.mark.parametrize("kind", IMAGE_NETS)
def test_draws_depend_on_the_seed_and_scale_by_the_exponent(kind):
    net = ImageNet(kind)
    usual, small, other = (
        net.draw(
            seed=0,
            exponent=0.5,
        ),
        net.draw(
            seed=0,
            exponent=1.0,
        ),
        net.draw(
            seed=1,
            exponent=0.5,
        ),
    )
    for name, value in usual.items():
        if name.endswith("_bias"):
            assert not value.any()
            continue
        np.testing.assert_allclose(
            small[name], value * value.shape[1] ** -0.5, rtol=1e-12
        )
        assert not np.array_equal(other[name], value)
    flat = np.concatenate(
        [
            (v * v.shape[1] ** 0.5).ravel()
            for k, v in usual.items()
            if not k.endswith("_bias")
        ]
    )
    assert flat.std() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("kind", IMAGE_NETS)
def test_dropout_is_asked_about_every_hidden_layer(kind, x):
    p, seen = drawn(kind), {}

    def drop(values, layer):
        seen[layer] = values.shape
        return values

    np.testing.assert_allclose(
        ImageNet(kind)(p, x, drop), ImageNet(kind)(p, x), rtol=1e-12
    )
    assert sorted(seen) == list(range(len(seen)))
    assert (
        len(seen)
        == {
            "mlp": 2,
            "cnn": 3,
            "residual": 3,
            "transformer": 2,
        }[kind]
    )


def test_rows_carry_the_bias_and_heads_are_forms():
    p = drawn("transformer")
    rows = ImageNet("transformer").rows(p)
    assert rows["rows"].shape == (64, 33)
    assert rows["rows"][5, -1] == p["rows_bias"][5]
    assert rows["queries"].shape == (32, 32)
    # the score of two tokens under head 2 is the form of its row
    h, g = np.arange(32.0), np.ones(32)
    form = rows["heads"][2].reshape(32, 32)
    assert h @ form @ g == pytest.approx(
        (p["queries"][16:24] @ h) @ (p["keys"][16:24] @ g)
    )


def test_an_unknown_kind_is_refused():
    with pytest.raises(InvalidInputError, match="kind: given rnn; allowed: mlp, cnn"):
        ImageNet("rnn")
