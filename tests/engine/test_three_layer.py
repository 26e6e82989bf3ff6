"""The three-layer flow against loops, an independent integrator, and what is known of
it in closed form.
"""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from condensery._errors import InvalidInputError
from condensery.engine import ThreeLayerEnsemble, three_layer_flow
from condensery.records import Status

# All tests of small networks share one shape, so that each activation is compiled once.
X = np.linspace(-0.5, 0.5, 4)[:, None]
Y = X[:, 0] ** 2
M = 8
TIME = 60.0
GAMMA2S, GAMMA3S = np.array([0.0, -0.3, 0.4]), np.array([1.0, 1.6, 2.0])
SCALAR = {
    "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
    "tanh": (math.tanh, lambda z: 1 - math.tanh(z) ** 2),
}
FAST = {
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: (z > 0).astype(float)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
}


def ensemble():
    return ThreeLayerEnsemble(
        np.full(3, M),
        np.arange(3),
        GAMMA2S,
        GAMMA3S,
    )


def slow_slope(
    a,
    v,
    w,
    kappa,
    mobility,
    pair,
):
    """The right-hand side for one copy of the network, one unit and one sample at a
    time.
    """
    da, dv, dw = (np.zeros_like(part) for part in (a, v, w))
    m = len(a)
    for i in range(len(X)):
        sample = [X[i, 0], 1.0]
        z1 = [sum(w[j][d] * sample[d] for d in range(2)) for j in range(m)]
        h = [*(pair[0](z) for z in z1), 1.0]
        z2 = [sum(v[k][j] * h[j] for j in range(m + 1)) for k in range(m)]
        error = kappa * sum(a[k] * pair[0](z2[k]) for k in range(m)) - Y[i]
        pull = -kappa * error / len(X)
        for k in range(m):
            da[k] += mobility[2] * pull * pair[0](z2[k])
            for j in range(m + 1):
                dv[k][j] += mobility[1] * pull * a[k] * pair[1](z2[k]) * h[j]
            for j in range(m):
                for d in range(2):
                    dw[j][d] += (
                        mobility[0]
                        * pull
                        * a[k]
                        * pair[1](z2[k])
                        * v[k][j]
                        * pair[1](z1[j])
                        * sample[d]
                    )
    return da, dv, dw


def unpacked(theta, copies):
    sizes = [(copies, M), (copies, M, M + 1), (copies, M, 2)]
    parts, first = [], 0
    for size in sizes:
        parts.append(theta[first : first + math.prod(size)].reshape(size))
        first += math.prod(size)
    return parts


def slope(theta, kappa, mobility, pair, copies):
    """The same over whole arrays and all copies; `test_the_reference_is_what_it_says`
    holds the two together.
    """
    a, v, w = unpacked(theta, copies)
    full = np.column_stack([X, np.ones(len(X))])
    z1 = np.einsum("sd,cjd->csj", full, w)
    h = np.concatenate([pair[0](z1), np.ones((copies, len(X), 1))], axis=2)
    z2 = np.einsum("csj,ckj->csk", h, v)
    e = kappa * np.einsum("csk,ck->s", pair[0](z2), a) - Y
    b = a[:, None] * pair[1](z2)
    c = np.einsum("csk,ckj->csj", b, v[:, :, :-1]) * pair[1](z1)
    pull = -kappa / len(X) * e
    moves = (
        mobility[2] * np.einsum("s,csk->ck", pull, pair[0](z2)),
        mobility[1] * np.einsum("s,csk,csj->ckj", pull, b, h),
        mobility[0] * np.einsum("s,csj,sd->cjd", pull, c, full),
    )
    return np.concatenate([move.ravel() for move in moves])


def started(members, k, *, asi):
    start = members.draw(k, 2)
    copies = 2 if asi else 1
    a = np.stack([start["a"], -start["a"]][:copies])
    return np.concatenate(
        [a.ravel(), *(np.stack([start[name]] * copies).ravel() for name in ("v", "w"))]
    )


def integrated(
    members,
    k,
    name,
    *,
    asi=True,
    time=TIME,
    rtol=1e-9,
):
    copies = 2 if asi else 1
    arguments = (members.kappa[k], members.mobility[k], FAST[name], copies)
    solved = solve_ivp(
        lambda _, theta: slope(theta, *arguments),
        (0, time),
        started(members, k, asi=asi),
        method="DOP853",
        rtol=rtol,
        atol=1e-10,
        max_step=np.inf if name == "tanh" else time / 2000,
    )
    return unpacked(solved.y[:, -1], copies)


@pytest.mark.parametrize("name", SCALAR)
def test_the_reference_is_what_it_says(name):
    members = ensemble()
    for k in range(3):
        theta = started(members, k, asi=False)
        a, v, w = unpacked(theta, 1)
        slow = slow_slope(
            a[0], v[0], w[0], members.kappa[k], members.mobility[k], SCALAR[name]
        )
        fast = unpacked(
            slope(
                theta,
                members.kappa[k],
                members.mobility[k],
                FAST[name],
                1,
            ),
            1,
        )
        for one, other in zip(slow, fast, strict=True):
            np.testing.assert_allclose(
                other[0],
                one,
                rtol=1e-11,
                atol=1e-14,
            )


@pytest.mark.slow
@pytest.mark.parametrize("asi", [True, False])
def test_smooth_networks_follow_an_adaptive_integrator(asi):
    members = ensemble()
    result = three_layer_flow(
        members,
        X,
        Y,
        activation_name="tanh",
        asi=asi,
        eta=0.005,
        max_time=TIME,
        target_loss=1e-12,
        keep=range(3),
    )
    assert np.all(result.status == Status.OUT_OF_TIME)
    for k in range(3):
        for name, expected in zip(
            "avw", integrated(members, k, "tanh", asi=asi), strict=True
        ):
            np.testing.assert_allclose(result.parameters(k)[name], expected, atol=2e-4)


def test_smooth_networks_converge_at_second_order():
    members, gaps = ensemble(), []
    ends = [integrated(members, k, "tanh") for k in range(3)]
    for eta in (0.04, 0.01):
        result = three_layer_flow(
            members,
            X,
            Y,
            activation_name="tanh",
            eta=eta,
            max_time=TIME,
            target_loss=1e-12,
            keep=range(3),
        )
        gaps.append(
            [np.abs(result.parameters(k)["v"] - ends[k][1]).max() for k in range(3)]
        )
    assert np.all(np.array(gaps[0]) > 8 * np.array(gaps[1])), (
        gaps
    )  # second order: 16; first: 4


@pytest.mark.slow
def test_relu_networks_follow_the_integrator_in_what_sums_over_units():
    members = ensemble()
    result = three_layer_flow(
        members, X, Y, eta=0.005, max_time=TIME, target_loss=1e-12
    )
    for k in range(3):
        a, v, w = integrated(members, k, "relu", rtol=1e-4)
        start = members.draw(k, 2)
        for found, end, initial in (
            (result.rd1, w, "w"),
            (result.rd2, v, "v"),
            (result.rd_a, a, "a"),
        ):
            distance = np.linalg.norm(end[0] - start[initial]) / np.linalg.norm(
                start[initial]
            )
            assert found[k] == pytest.approx(
                distance,
                rel=0.02,
                abs=1e-6,
            )


@pytest.fixture(scope="module")
def wide():
    return ThreeLayerEnsemble.grid(
        widths=[100], gamma2s=[-0.3, 0.0, 0.5], gamma3s=[1.0, 1.5, 2.1]
    )


@pytest.fixture(scope="module")
def trained(wide):
    return three_layer_flow(
        wide,
        X,
        Y,
        eta=0.02,
        keep=range(9),
    )


@pytest.mark.slow
def test_the_exponential_step_and_the_gram_step_agree(wide):
    """Where the first layer is fast (γ₂ < 0) the plain step must be fine: at 0.1 one
    network in four is 12 % off.
    """
    trained = three_layer_flow(wide, X, Y, eta=0.005)
    gram = three_layer_flow(
        wide,
        X,
        Y,
        method="gram",
        eta=0.03,
        max_steps=50_000,
    )
    assert np.all(trained.status == Status.CONVERGED)
    assert np.all(gram.status == Status.CONVERGED)
    np.testing.assert_allclose(trained.rd1, gram.rd1, rtol=0.01)
    np.testing.assert_allclose(trained.rd2, gram.rd2, rtol=0.01)
    assert np.all(gram.steps > 5 * trained.steps)


def test_lazy_networks_move_as_the_frozen_jacobian_says():
    """Δθ = −D Jᵀ(J D Jᵀ)⁻¹ e₀, with the Jacobian at the start, layer by layer."""
    lazy = ThreeLayerEnsemble(
        np.full(3, M), np.arange(3), GAMMA2S, np.full(3, -3.0)
    )  # κ₃ = 512 in place of many units
    trained = three_layer_flow(
        lazy,
        X,
        Y,
        activation_name="tanh",
        eta=0.02,
        target_loss=1e-10,
        max_steps=20_000,
        keep=range(3),
    )
    for k in range(3):
        p, kappa, mobility = (
            trained.parameters(k, initial=True),
            lazy.kappa[k],
            lazy.mobility[k],
        )
        rows = []
        for i in range(4):
            sample = np.array([X[i, 0], 1.0])
            layers = []
            for c in range(2):
                z1 = p["w"][c] @ sample
                h = np.append(np.tanh(z1), 1.0)
                z2 = p["v"][c] @ h
                b = p["a"][c] / np.cosh(z2) ** 2
                back = (b @ p["v"][c][:, :-1]) / np.cosh(z1) ** 2
                layers.append([np.outer(back, sample), np.outer(b, h), np.tanh(z2)])
            rows.append(
                [np.stack(parts).ravel() * kappa for parts in zip(*layers, strict=True)]
            )
        kernel = sum(
            mobility[at] * np.array([[r[at] @ s[at] for s in rows] for r in rows])
            for at in range(3)
        )
        left = np.linalg.solve(kernel, Y)
        for at, (name, found) in enumerate(
            (("w", trained.rd1), ("v", trained.rd2), ("a", trained.rd_a))
        ):
            move = mobility[at] * sum(
                weight * row[at] for weight, row in zip(left, rows, strict=True)
            )
            distance = np.linalg.norm(move[: move.size // 2]) / np.linalg.norm(
                p[name][0]
            )
            assert found[k] == pytest.approx(distance, rel=0.005), (k, name)


def test_what_relu_conserves_is_conserved_as_the_step_falls(wide):
    """Per outer unit a²/M₃ − ‖v row‖²/M₂, per inner unit Σ v²/M₂ − ‖w‖²/M₁."""

    def drift(eta):
        result = three_layer_flow(
            wide,
            X,
            Y,
            eta=eta,
            keep=range(9),
        )
        found = []
        for k in range(9):
            M1, M2, M3 = wide.mobility[k]
            ends = [result.parameters(k, initial=initial) for initial in (True, False)]
            outer = [p["a"] ** 2 / M3 - np.sum(p["v"] ** 2, axis=2) / M2 for p in ends]
            inner = [
                np.sum(p["v"][:, :, :-1] ** 2, axis=1) / M2
                - np.sum(p["w"] ** 2, axis=2) / M1
                for p in ends
            ]
            moved = sum(
                np.sum((ends[1][name] - ends[0][name]) ** 2) / mobility
                for name, mobility in (("w", M1), ("v", M2), ("a", M3))
            )
            found.append(
                (np.abs(outer[1] - outer[0]).sum() + np.abs(inner[1] - inner[0]).sum())
                / moved
            )
        return np.array(found)

    coarse, fine = drift(0.08), drift(0.01)
    assert np.all(fine < coarse / 4), (coarse, fine)
    assert np.all(fine < 0.05), fine


@pytest.mark.slow
def test_a_members_numbers_do_not_depend_on_its_companions(wide, trained):
    few = ThreeLayerEnsemble(
        wide.widths[[4, 7]],
        wide.seeds[[4, 7]],
        wide.gamma2s[[4, 7]],
        wide.gamma3s[[4, 7]],
    )
    alone = three_layer_flow(few, X, Y, eta=0.02)
    for name in ("rd1", "rd2", "rd_a", "loss", "time", "steps"):
        assert getattr(alone, name).tolist() == getattr(trained, name)[[4, 7]].tolist()


def test_predictions_are_the_loss_and_the_copies_cancel_at_first(trained):
    for k in (0, 4, 8):
        assert np.mean((trained.predict(k, X) - Y) ** 2) == pytest.approx(
            trained.loss[k], rel=1e-6
        )
        assert np.abs(trained.predict(k, X, initial=True)).max() < 1e-10


def test_statuses():
    options = {"activation_name": "tanh"}
    assert np.all(
        three_layer_flow(
            ensemble(),
            X,
            Y,
            max_steps=3,
            **options,
        ).status
        == Status.OUT_OF_STEPS
    )
    there = three_layer_flow(
        ensemble(),
        X,
        Y,
        target_loss=1.0,
        **options,
    )
    assert there.status.tolist() == [Status.CONVERGED] * 3
    assert there.steps.tolist() == [0] * 3
    steps = {
        "method": "gram",
        "max_steps": 50,
        "eta": np.array([1.0, 1e300, 1.0]),
    }
    assert three_layer_flow(ensemble(), X, Y, **steps).status.tolist() == [
        2,
        Status.DIVERGED,
        2,
    ]


WRONG = {
    "method": {"method": "euler"},
    "eta": {"eta": 0.0},
    "target": {"target_loss": -1.0},
    "time": {"max_time": 0.0},
    "steps": {"max_steps": 0},
    "activation": {"activation_name": "rleu"},
}


@pytest.mark.parametrize("options", WRONG.values(), ids=WRONG)
def test_wrong_options_are_refused(options):
    with pytest.raises(InvalidInputError, match=r"given .*; allowed: "):
        three_layer_flow(ensemble(), X, Y, **options)


def test_wrong_data_and_members_are_refused(trained):
    for data in (
        (X[:, 0], Y),
        (X, Y[:3]),
        (X[:1], Y[:1]),
        (X, np.array([0.0, np.nan, 0.0, 0.0])),
    ):
        with pytest.raises(InvalidInputError, match="x, y"):
            three_layer_flow(ensemble(), *data)
    with pytest.raises(InvalidInputError, match="member: given 20"):
        trained.parameters(20)
    wrong = [
        ([0], [0], [0.0], [1.0]),
        ([3], [-1], [0.0], [1.0]),
        ([3], [0], [np.nan], [1.0]),
        ([3], [0], [0.0], [1, 2]),
    ]
    for columns in wrong:
        with pytest.raises(InvalidInputError, match=r"given .*; allowed: "):
            ThreeLayerEnsemble(*map(np.asarray, columns))
    with pytest.raises(InvalidInputError, match="ensemble"):
        ThreeLayerEnsemble.grid(
            widths=[],
            gamma3s=[1.0],
        )
