"""Dropout against sums over all masks and plain NumPy, and its draws: counted, in
pieces, in company, and resumed.
"""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.engine import (
    SGD,
    Adam,
    RecordLoss,
    descend,
    dropout_loss,
    dropout_noise,
    dropout_part,
    expected_dropout_loss,
    mean_square,
)
from condensery.engine._dropout import PARTS
from condensery.engine._dropout_layers import masked_output
from condensery.engine._masks import dropout_factor, stream
from condensery.models import Mlp, TwoLayer, mlp_normal, two_layer_normal, with_bias
from condensery.records import Status

X = np.linspace(-1, 1, 5)
DATA = with_bias(X), np.abs(X) - 0.2
KEEP = 0.7


@pytest.fixture(autouse=True)
def strict_promotion():
    with jax.numpy_dtype_promotion("strict"):
        yield


def draw(width, seed=0):
    return two_layer_normal(
        width,
        features=2,
        seed=seed,
        std_a=0.7,
        std_w=0.7,
    )


def same(first, second):
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


SIGMAS = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh}


def slow_output(name, layers, x, factors):
    """A net by NumPy with a factor for every unit of every hidden layer; the layers are
    (W, b).
    """
    for (weight, bias), by in zip(layers[:-1], factors, strict=True):
        x = SIGMAS[name](x @ np.asarray(weight).T + (0 if bias is None else bias)) * by
    weight, bias = layers[-1]
    return x @ np.asarray(weight).T + (0 if bias is None else bias)


def mean_over_masks(name, layers, x, y, *, keep, factor):
    """The mean of R_drop over all 2^m masks of the last hidden layer, shared by the
    samples, weighted by p.
    """
    hidden = [1.0] * (len(layers) - 2)
    total = 0.0
    for kept in product((0, 1), repeat=layers[-1][0].shape[1]):
        weight = np.prod([keep if bit else 1 - keep for bit in kept])
        output = slow_output(name, layers, x, [*hidden, np.array(kept) / keep])
        square = np.mean((output - y) ** 2)
        total += weight * factor * square
    return total


def as_layers(member):
    return [(member["w"], None), (member["a"][None], None)]


@pytest.mark.parametrize("name", ["relu", "tanh"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_mean_over_all_masks_is_the_expected_loss(name, outputs):
    layers = mlp_normal(
        [2, 4, 8, outputs],
        seed=1,
        std=0.6,
    )
    x = np.random.default_rng(0).standard_normal((5, 2))
    y = np.sin(x @ np.ones((2, outputs)))
    loss = expected_dropout_loss(
        Mlp(name),
        keep=KEEP,
        factor=outputs / 2,
    )
    found = float(loss.value(layers, jnp.asarray(x), jnp.asarray(y)))
    assert found == pytest.approx(
        mean_over_masks(
            name,
            layers,
            x,
            y,
            keep=KEEP,
            factor=outputs / 2,
        ),
        rel=1e-12,
    )


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_the_same_for_two_layers_with_a_scale(name):
    member = draw(8)
    model = TwoLayer(name, scale=0.5)
    loss = expected_dropout_loss(
        model,
        keep=KEEP,
        factor=1.0,
    )
    layers = [(member["w"], None), (0.5 * member["a"][None], None)]
    slow = mean_over_masks(
        name,
        layers,
        DATA[0],
        DATA[1][:, None],
        keep=KEEP,
        factor=1.0,
    )
    packed = loss.pack(jax.tree.map(jnp.asarray, member))
    x, y = map(jnp.asarray, DATA)
    assert float(loss.value(packed, x, y)) == pytest.approx(slow, rel=1e-12)


def test_a_draw_is_the_loss_of_its_mask_and_its_derivative():
    key, model = stream(jnp.array(3)), TwoLayer("tanh", scale=0.3)
    member = jax.tree.map(jnp.asarray, draw(6))
    x, y = map(jnp.asarray, DATA)
    for mask in ("per_sample", "shared"):
        objective = dropout_loss(
            model,
            keep=KEEP,
            mask=mask,
            factor=0.5,
        )
        loss, slope = objective.draw(objective.pack(member), x, y, key)
        by = dropout_factor(
            key,
            (5, 6),
            keep=KEEP,
            mask=mask,
            layer=0,
            dtype=x.dtype,
        )
        assert by.shape == ((5, 6) if mask == "per_sample" else (1, 6))
        assert set(np.unique(np.round(by, 12))) == {0.0, round(1 / KEEP, 12)}
        plain = slow_output(
            "tanh",
            [(member["w"], None), (0.3 * member["a"][None], None)],
            DATA[0],
            [np.asarray(by)],
        )
        assert float(loss) == pytest.approx(
            0.5 * np.mean((plain[:, 0] - DATA[1]) ** 2), rel=1e-13
        )

        def masked(p, by=by):
            error = masked_output(model, p, x, [by]) - y
            return 0.5 * jnp.mean(error**2)

        derived = jax.grad(masked)(member)
        unpacked = objective.unpack(slope)
        for name in ("a", "w"):
            np.testing.assert_allclose(
                unpacked[name],
                derived[name],
                rtol=1e-12,
                atol=1e-15,
            )


def test_the_mean_of_many_draws_is_the_expected_loss():
    member = draw(50)
    model = TwoLayer("relu")
    expected = expected_dropout_loss(model, keep=KEEP)
    packed = expected.pack(jax.tree.map(jnp.asarray, member))
    x, y = map(jnp.asarray, DATA)
    exact = float(expected.value(packed, x, y))
    noise = {
        mask: dropout_noise(
            model,
            member,
            *DATA,
            keep=KEEP,
            rate=0.1,
            masks=20_000,
            mask=mask,
        )
        for mask in ("per_sample", "shared")
    }
    for estimate in noise.values():
        assert abs(estimate.loss - exact) < 4 * estimate.loss_error
        assert estimate.loss_error < 0.02 * exact
    # samples with masks of their own make the gradient vary less
    apart = noise["per_sample"]
    highest = apart.r2 + 4 * apart.r2_error
    assert highest < noise["shared"].r2


def test_r2_by_all_masks():
    member, rate = draw(4), 0.3
    total = 0.0
    model = TwoLayer("tanh")
    for kept in product((0, 1), repeat=4):
        by = jnp.array([kept], dtype=float) / KEEP

        def masked(p, by=by):
            error = masked_output(model, p, jnp.asarray(DATA[0]), [by]) - DATA[1]
            return 0.5 * jnp.mean(error**2)

        slope = jax.grad(masked)(member)
        chance = np.prod([KEEP if bit else 1 - KEEP for bit in kept])
        square = sum(float(jnp.sum(leaf**2)) for leaf in jax.tree.leaves(slope))
        total += chance * rate / 4 * square
    estimate = dropout_noise(
        model,
        member,
        *DATA,
        keep=KEEP,
        rate=rate,
        masks=20_000,
        mask="shared",
    )
    assert abs(estimate.r2 - total) < 4 * estimate.r2_error
    assert estimate.r2_error < 0.02 * total


@pytest.mark.slow
def test_written_gradient_of_the_expected_loss_is_the_derived_one():
    member, x, y = jax.tree.map(jnp.asarray, draw(7)), *map(jnp.asarray, DATA)
    for name in ("relu", "tanh"):
        model = TwoLayer(name, scale=0.4)
        loss = expected_dropout_loss(model, keep=KEEP)
        value, slope = loss.value_and_grad(loss.pack(member), x, y)

        def written_out(p, model=model, name=name):
            sigma = {"relu": jax.nn.relu, "tanh": jnp.tanh}[name]
            hidden = sigma(x @ p["w"].T)
            energy = jnp.sum((0.4 * p["a"] * hidden) ** 2)
            spread = (1 - KEEP) / (2 * KEEP * 5) * energy
            error = 0.4 * hidden @ p["a"] - y
            return 0.5 * jnp.mean(error**2) + spread

        expected, derived = jax.value_and_grad(written_out)(member)
        assert float(value) == pytest.approx(float(expected), rel=1e-13)
        unpacked = loss.unpack(slope)
        for key in ("a", "w"):
            np.testing.assert_allclose(
                unpacked[key],
                derived[key],
                rtol=1e-12,
                atol=1e-15,
            )


def test_masks_are_fair_and_unrelated():
    keep, samples, units, steps = 0.8, 40, 50, 200
    shape, kind = (samples, units), jnp.dtype("float32")

    @jax.jit
    def kept(seed, layer_key):
        keys = jax.vmap(lambda step: jax.random.fold_in(stream(seed), step))(
            jnp.arange(steps)
        )
        masks = [
            jax.vmap(
                lambda k, n=n: dropout_factor(
                    k, shape, keep=keep, mask="per_sample", layer=n, dtype=kind
                )
            )(keys)
            for n in layer_key
        ]
        return jnp.stack(masks) > 0

    one = np.asarray(kept(jnp.array(0), jnp.array([0, 1])))
    other = np.asarray(kept(jnp.array(1), jnp.array([0])))[0]
    count = steps * samples * units
    assert abs(one[0].mean() - keep) < 4 * np.sqrt(keep * (1 - keep) / count)
    # every unit and every sample by itself
    for axes in ((0, 1), (0, 2)):
        each = one[0].mean(axis=axes)
        score = (each - keep) / np.sqrt(keep * (1 - keep) / (count / each.size))
        assert abs(score).max() < 4.5
        assert 0.5 < score.std() < 1.5
    centred, rest = one[0] - keep, (one[1] - keep, other - keep)
    pairs = {
        "layers": centred * rest[0],
        "seeds": centred * rest[1],
        "steps": centred[1:] * centred[:-1],
        "samples": centred[:, 1:] * centred[:, :-1],
        "units": centred[:, :, 1:] * centred[:, :, :-1],
        "units afar": centred[:, :, 16:] * centred[:, :, :-16],
        "samples afar": centred[:, 8:] * centred[:, :-8],
    }
    for name, product_ in pairs.items():
        assert abs(product_.mean()) < 4 * keep * (1 - keep) / np.sqrt(product_.size), (
            name
        )


def test_no_two_steps_layers_or_seeds_share_a_mask():
    def bits(seed, step, layer):
        key = jax.random.fold_in(stream(jnp.array(seed)), step)
        found = dropout_factor(
            key,
            (8, 16),
            keep=0.5,
            mask="per_sample",
            layer=layer,
            dtype=jnp.dtype("float32"),
        )
        return np.asarray(found).tobytes()

    cases = [
        (seed, step, layer)
        for seed in range(4)
        for step in range(8)
        for layer in range(2)
    ]
    assert len({bits(*case) for case in cases}) == len(cases)
    assert bits(1, 2, 0) == bits(1, 2, 0)


def test_p_of_one_is_no_dropout_bit_for_bit():
    members = [draw(9), draw(9, seed=1)]
    plain = descend(
        members,
        mean_square(TwoLayer("relu"), factor=0.5),
        *DATA,
        optimiser=Adam(0.01),
        steps=50,
    )
    masked = descend(
        members,
        dropout_loss(TwoLayer("relu"), keep=1.0),
        *DATA,
        optimiser=Adam(0.01),
        steps=50,
    )
    assert same(plain.all_parameters(), masked.all_parameters())
    assert np.array_equal(plain.loss, masked.loss)


NETS = {
    "two layers": (TwoLayer("relu"), [draw(9), draw(9, seed=1), draw(5)], 0.8, DATA),
    "three layers": (
        Mlp("tanh"),
        [
            mlp_normal(
                [2, 6, 7, 1],
                seed=s,
                std=0.5,
            )
            for s in (0, 1)
        ],
        (0.9, 0.6),
        (DATA[0], DATA[1][:, None]),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("model", "members", "keep", "data"), NETS.values(), ids=NETS)
def test_in_pieces_and_in_company_changes_no_bit(model, members, keep, data):
    dtype = "float64" if isinstance(model, TwoLayer) else "float32"
    rule, objective = Adam(0.01), dropout_loss(model, keep=keep)
    seeds = [10, 11, 12][: len(members)]
    options = {"optimiser": rule, "dtype": dtype}
    whole = descend(
        members,
        objective,
        *data,
        steps=40,
        seeds=seeds,
        **options,
    )
    part = descend(
        members,
        objective,
        *data,
        steps=13,
        seeds=seeds,
        schedule=[3, 5],
        **options,
    )
    rest = descend(
        members,
        objective,
        *data,
        steps=27,
        schedule=[],
        state=part.state,
        **options,
    )
    assert same(whole.all_parameters(), rest.all_parameters())
    for place in reversed(range(len(members))):
        alone = descend(
            [members[place]],
            objective,
            *data,
            steps=40,
            seeds=[seeds[place]],
            schedule=[],
            **options,
        )
        assert same(alone.parameters(0), whole.parameters(place))
    first, second = descend(
        [members[0]] * 2,
        objective,
        *data,
        steps=40,
        seeds=[1, 2],
        **options,
    ).all_parameters()
    assert not same(first, second)


def test_batches_and_masks_of_one_seed_go_together():
    rule, objective = SGD(0.05), dropout_loss(TwoLayer("relu"), keep=0.8)
    members = [draw(9)]
    options = {"optimiser": rule, "batch_size": 2, "seeds": [5]}
    whole = descend(members, objective, *DATA, steps=20, **options)
    part = descend(members, objective, *DATA, steps=7, **options)
    rest = descend(members, objective, *DATA, steps=13, state=part.state, **options)
    assert same(whole.all_parameters(), rest.all_parameters())


def test_stop_loss_is_judged_without_masks_where_it_is_recorded():
    objective = dropout_loss(TwoLayer("relu"), keep=0.8)
    free = descend(
        [draw(40)],
        objective,
        *DATA,
        optimiser=SGD(0.05),
        steps=400,
        schedule=range(0, 401, 50),
    )
    below = float(free.loss[0, 3]) * 1.0001
    stopped = descend(
        [draw(40)],
        objective,
        *DATA,
        optimiser=SGD(0.05),
        steps=400,
        schedule=range(0, 401, 50),
        stop_loss=below,
    )
    first = int(np.argmax(free.loss[0] <= below))
    assert stopped.steps.tolist() == [50 * first]
    assert stopped.status.tolist() == [Status.CONVERGED]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "member"),
    [
        (TwoLayer("tanh"), draw(5)),
        (
            Mlp("tanh"),
            mlp_normal(
                [2, 4, 5, 1],
                seed=0,
                std=0.5,
            ),
        ),
    ],
)
def test_the_four_parts_are_sums_of_what_they_say(model, member):
    rate, key = 0.2, stream(jnp.array(1))
    x, y = (
        jnp.asarray(DATA[0]),
        jnp.asarray(DATA[1] if isinstance(model, TwoLayer) else DATA[1][:, None]),
    )
    member = jax.tree.map(jnp.asarray, member)

    def masked(p):
        width = (p["a"] if isinstance(model, TwoLayer) else p[-1][0]).shape[-1]
        by = dropout_factor(
            key, (5, width), keep=KEEP, mask="per_sample", layer=0, dtype=x.dtype
        )
        return 0.5 * jnp.mean((masked_output(model, p, x, [by]) - y) ** 2)

    def r2(p):
        return (
            rate
            / 4
            * sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(jax.grad(masked)(p)))
        )

    def plain(p):
        return 0.5 * jnp.mean((model(p, x) - y) ** 2)

    both = expected_dropout_loss(model, keep=KEEP)

    def r1(p):
        return both.value(both.pack(p), x, y) - plain(p)

    sums = {
        "L1": lambda p: plain(p) + r1(p),
        "L2": lambda p: plain(p) + r2(p),
        "L3": lambda p: masked(p) - r2(p),
        "L4": lambda p: masked(p) - r1(p),
    }
    for name in PARTS:
        part = dropout_part(model, name, keep=KEEP, rate=rate)
        packed = part.pack(member)
        loss, slope = (
            part.value_and_grad(packed, x, y)
            if name == "L1"
            else part.draw(packed, x, y, key)
        )
        expected, derived = jax.value_and_grad(sums[name])(member)
        assert float(loss) == pytest.approx(float(expected), rel=1e-12)
        for one, other in zip(
            jax.tree.leaves(part.unpack(slope)), jax.tree.leaves(derived), strict=True
        ):
            np.testing.assert_allclose(
                one,
                other,
                rtol=1e-9,
                atol=1e-13,
            )
        recorded = float(part.value(packed, x, y))
        assert recorded == pytest.approx(
            float(sums["L1"](member) if name == "L1" else plain(member)), rel=1e-13
        )


def test_recording_another_loss():
    layers = mlp_normal(
        [2, 6, 1],
        seed=0,
        std=0.5,
        output_bias=False,
    )
    data = DATA[0], DATA[1][:, None]
    both = expected_dropout_loss(Mlp("tanh"), keep=KEEP)
    objective = dropout_loss(Mlp("tanh"), keep=KEEP)
    result = descend(
        [layers],
        objective,
        *data,
        optimiser=SGD(0.1),
        steps=3,
        probes={"both": RecordLoss(both, *data)},
    )
    last = mean_over_masks(
        "tanh",
        result.parameters(0),
        *data,
        keep=KEEP,
        factor=0.5,
    )
    losses = result.probed["both"]["loss"]
    assert losses.shape == (4, 1)
    assert losses[-1, 0] == pytest.approx(last, rel=1e-12)
    two = expected_dropout_loss(TwoLayer("tanh"), keep=KEEP)
    result = descend(
        [draw(6), draw(4)],
        mean_square(TwoLayer("tanh")),
        *DATA,
        optimiser=SGD(0.1),
        steps=0,
        probes={"both": RecordLoss(two, *DATA)},
    )
    slow = mean_over_masks(
        "tanh", as_layers(draw(4)), DATA[0], DATA[1][:, None], keep=KEEP, factor=0.5
    )
    assert result.probed["both"]["loss"][0, 1] == pytest.approx(slow, rel=1e-12)


BAD = {
    "zero": (
        lambda: dropout_loss(TwoLayer(), keep=0.0),
        "keep: given 0.0; allowed: a keep probability 0 < p <= 1",
    ),
    "above one": (lambda: expected_dropout_loss(TwoLayer(), keep=1.5), "given 1.5"),
    "nan": (lambda: dropout_loss(TwoLayer(), keep=float("nan")), "given nan"),
    "one of two": (lambda: dropout_loss(Mlp(), keep=(0.9, -0.1)), "given -0.1"),
    "none": (lambda: dropout_loss(Mlp(), keep=()), r"keep: given \[\]"),
    "too many": (
        lambda: dropout_loss(TwoLayer(), keep=(0.9, 0.9)),
        r"given \[0.9, 0.9\]",
    ),
    "mask": (
        lambda: dropout_loss(TwoLayer(), keep=0.9, mask="rows"),
        "mask: given rows; allowed: per_sample or sh",
    ),
    "part": (
        lambda: dropout_part(
            TwoLayer(),
            "L5",
            keep=0.9,
            rate=0.1,
        ),
        "part: given L5; allowed: L1, L2, L3, L4",
    ),
    "rate": (
        lambda: dropout_part(
            TwoLayer(),
            "L2",
            keep=0.9,
            rate=0.0,
        ),
        "rate: given 0.0",
    ),
    "masks": (
        lambda: dropout_noise(
            TwoLayer(),
            draw(2),
            *DATA,
            keep=0.9,
            rate=0.1,
            masks=1,
        ),
        "masks: given 1",
    ),
    "layers": (
        lambda: descend(
            [
                mlp_normal(
                    [2, 3, 1],
                    seed=0,
                    std=0.5,
                )
            ],
            dropout_loss(Mlp(), keep=(0.9, 0.9)),
            DATA[0],
            DATA[1][:, None],
            optimiser=SGD(0.1),
            steps=1,
        ),
        "keep: given 2 probabilities; allowed: at most 1",
    ),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_bad_input(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
