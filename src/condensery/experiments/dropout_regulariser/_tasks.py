"""The work: R1 by all masks, the order of the modified flow, and two units that follow
R_S, R_S + R1 or R_drop.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from pydantic import JsonValue

from condensery.protocols import Advance, Arrays

UNITS, SAMPLES = 8, 5
NETS = tuple(product(("relu", "tanh"), (2, 3), (1, 3)))
"""Activation, layers and outputs of the nets whose masks are enumerated."""
STEP_SIZES = 0.32 / 2.0 ** np.arange(7)
AVERAGED_MASKS = 64
SPLIT = np.array([1.0, 0.4])
"""o*: what two contributions add up to on two samples."""
STARTS = ((0.05, 1.25), (1.35, 0.3), (0.04, 0.3), (0.45, 0.02))
"""Contributions (o1, o2) from which the nets of the contour figure start."""
DRAWS = 64


def _sigma(name: str, z: np.ndarray) -> np.ndarray:
    return np.maximum(z, 0) if name == "relu" else np.tanh(z)


def _net(
    name: str, layers: int, outputs: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features of the last hidden layer, W_L, b_L and targets of a random net of eight
    units per hidden layer.
    """
    from condensery.models import mlp_normal

    sizes = [2, *[UNITS] * (layers - 1), outputs]
    *hidden, (top, bias) = mlp_normal(sizes, seed=seed, std=0.7)
    rng = np.random.default_rng([seed, layers, outputs])
    f, y = rng.standard_normal((SAMPLES, 2)), rng.standard_normal((SAMPLES, outputs))
    for weight, offset in hidden:
        f = _sigma(name, f @ weight.T + (0.0 if offset is None else offset))
    return f, top, bias if bias is not None else np.zeros(outputs), y


def _mean_over_masks(
    f: np.ndarray, top: np.ndarray, bias: np.ndarray, y: np.ndarray, keep: float
) -> tuple[float, float]:
    """E R_drop over all masks shared by the samples, and R_S."""
    kept = np.array(list(product((0.0, 1.0), repeat=f.shape[1])))
    chance = np.prod(np.where(kept > 0, keep, 1 - keep), axis=1)
    output = np.einsum("nu,ku,ou->kno", f, kept / keep, top) + bias
    losses = np.sum((output - y) ** 2, axis=(1, 2)) / (2 * len(f))
    return float(chance @ losses), float(
        np.sum((f @ top.T + bias - y) ** 2) / (2 * len(f))
    )


def identities(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """R1 of random nets against all of their masks, its scaling and bound, Theorem 2,
    and averages over drawn masks.

    Args:
        parameters: keeps, nets (seeds per kind of net), masks (drawn for the averages),
            rate (ε of R2).
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        Per net and p: layers, outputs, tanh, keep, r1, excess (E R_drop − R_S over all
        masks), bound; per p: r1, r2 and mean loss of drawn masks with errors for both
        kinds of masks; flattening per net: closed and measured.
    """
    from condensery.theory import dropout_r1, dropout_r1_bound

    keeps: list[float] = list(parameters["keeps"])  # pyrefly: ignore
    rows = []
    for number in range(int(parameters["nets"])):  # pyrefly: ignore[bad-argument-type]
        for name, layers, outputs in NETS:
            f, top, bias, y = _net(name, layers, outputs, seed + number)
            for keep in keeps:
                mean, plain = _mean_over_masks(f, top, bias, y, keep)
                r1 = dropout_r1(f, top, keep=keep)
                bound = dropout_r1_bound(f, top, keep=keep)
                rows.append(
                    (
                        seed + number,
                        layers,
                        outputs,
                        name == "tanh",
                        keep,
                        r1,
                        mean - plain,
                        bound,
                    )
                )
    names = ("seed", "layers", "outputs", "tanh", "keep", "r1", "excess", "bound")
    columns = {
        f"net_{name}": np.array(column)
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }
    advance("drawn masks", 0.3)
    drawn = _drawn(keeps, parameters, seed)
    advance("Theorem 2", 0.8)
    return {**columns, **drawn, **_flattening(seed, int(parameters["nets"]))}  # pyrefly: ignore[bad-argument-type]


def _drawn(
    keeps: list[float], parameters: dict[str, JsonValue], seed: int
) -> dict[str, np.ndarray]:
    """Averages over drawn masks for one two-layer tanh net of 50 units."""
    from condensery.engine import dropout_noise
    from condensery.models import TwoLayer, two_layer_normal, with_bias
    from condensery.theory import dropout_r1

    member = two_layer_normal(50, features=2, seed=seed, std_a=0.4, std_w=1.0)
    x = np.asarray(with_bias(np.linspace(-1, 1, 8)))
    y = np.sin(3 * x[:, 0])
    hidden = np.tanh(x @ member["w"].T)
    plain = float(np.mean((hidden @ member["a"] - y) ** 2) / 2)
    rows = []
    for keep in keeps:
        options = {
            "rate": parameters["rate"],
            "masks": parameters["masks"],
            "seed": seed,
        }
        for shared in (False, True):
            mask = "shared" if shared else "per_sample"
            found = dropout_noise(
                # pyrefly: ignore[bad-argument-type]
                TwoLayer("tanh"),
                member,
                (x, y),
                keep=keep,
                mask=mask,
                # pyrefly: ignore[bad-argument-type]
                **options,
            )
            r1 = dropout_r1(hidden, member["a"], keep=keep)
            rows.append(
                (
                    keep,
                    shared,
                    r1,
                    found.r2,
                    found.r2_error,
                    found.loss - plain,
                    found.loss_error,
                )
            )
    names = ("keep", "shared", "r1", "r2", "r2_error", "excess", "excess_error")
    return {
        f"drawn_{name}": np.array(column)
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def _flattening(seed: int, nets: int) -> dict[str, np.ndarray]:
    """d/dt of (1/n) Σ ‖∇f‖² along −∇R1 at nets that fit their own data, closed and by a
    symmetric difference.

    Along a straight line and within one activation pattern the trace is a quadratic,
    whose symmetric difference has no error but rounding. ∇R1 is the difference of the
    engine's two gradients, which share no code with the closed form.
    """
    from condensery.engine import expected_dropout_loss, mean_square
    from condensery.models import TwoLayer, two_layer_normal
    from condensery.theory import dropout_flattening

    keep, found = 0.8, []
    both, plain = (
        expected_dropout_loss(TwoLayer("relu"), keep=keep),
        mean_square(TwoLayer("relu"), factor=0.5),
    )
    for number in range(4 * nets):
        member = two_layer_normal(
            12, features=3, seed=seed + number, std_a=0.7, std_w=0.7
        )
        x = np.random.default_rng([seed, number]).standard_normal((6, 3))
        y = np.maximum(x @ member["w"].T, 0) @ member["a"]
        packed = {"a": member["a"], "w": member["w"].T}
        slopes = [one.value_and_grad(packed, x, y)[1] for one in (both, plain)]  # pyrefly: ignore[bad-argument-type]
        grad_a, grad_w = (
            np.asarray(slopes[0][key]) - np.asarray(slopes[1][key])
            for key in ("a", "w")
        )
        stride = 1e-4
        ahead, behind = (
            _trace(member["a"] - step * grad_a, member["w"] - step * grad_w.T, x)
            for step in (stride, -stride)
        )
        closed = float(
            dropout_flattening(member["a"], member["w"], x, keep=keep).sum()
        ) / len(x)
        found.append((closed, (ahead - behind) / (2 * stride)))
    return {
        "flat_closed": np.array([one[0] for one in found]),
        "flat_measured": np.array([one[1] for one in found]),
    }


def _trace(a: np.ndarray, w: np.ndarray, x: np.ndarray) -> float:
    z = np.maximum(x @ w.T, 0)
    return float(
        np.sum(z**2) + np.sum((z > 0) * a**2 * np.sum(x**2, axis=1)[:, None])
    ) / len(x)


def orders(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """How far one step of gradient descent is from the flow of R_drop and of R_drop +
    (ε/4)‖∇R_drop‖², masks fixed.

    Args:
        parameters: keep.
        seed: Of the net and its masks.
        advance: Told how far it is.

    Returns:
        step_size; distance to the plain and the modified flow for one mask, and of the
        means over 64 masks.
    """
    keep = float(parameters["keep"])  # pyrefly: ignore[bad-argument-type]
    rng = np.random.default_rng(seed)
    theta, x, y = (
        0.8 * rng.standard_normal((6, 3)),
        rng.standard_normal((4, 2)),
        rng.standard_normal(4),
    )
    masks = (rng.random((AVERAGED_MASKS, 4, 6)) < keep) / keep
    gaps = np.zeros((2, len(STEP_SIZES), AVERAGED_MASKS, theta.size))
    for place, size in enumerate(STEP_SIZES):
        for number, mask in enumerate(masks):
            stepped = theta - size * _slope(theta, x, y, mask)
            for kind, modified in enumerate((False, True)):
                gaps[kind, place, number] = (
                    _flow(theta, x, y, mask, size, modified=modified) - stepped
                ).ravel()
        advance("orders", (place + 1) / len(STEP_SIZES))
    single, mean = (
        np.linalg.norm(gaps[:, :, 0], axis=-1),
        np.linalg.norm(gaps.mean(axis=2), axis=-1),
    )
    return {
        "step_size": STEP_SIZES,
        "plain": single[0],
        "modified": single[1],
        "plain_mean": mean[0],
        "modified_mean": mean[1],
    }


def _slope(
    theta: np.ndarray, x: np.ndarray, y: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    """∇R_drop of f = Σ a_k tanh(w_k·x), theta = rows (a, w); analytic, so that it takes
    complex numbers.
    """
    a, w = theta[:, 0], theta[:, 1:]
    hidden = np.tanh(x @ w.T)
    error = ((mask * hidden) @ a - y) / len(y)
    pull = error[:, None] * mask * a * (1 - hidden**2)
    return np.column_stack([(mask * hidden).T @ error, pull.T @ x])


def _flow(
    theta: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    mask: np.ndarray,
    size: float,
    *,
    modified: bool,
) -> np.ndarray:
    """The flow for a time `size`, by the classical Runge-Kutta rule in 20 steps."""

    def velocity(at: np.ndarray) -> np.ndarray:
        slope = _slope(at, x, y, mask)
        if not modified:
            return -slope
        # a complex step gives the derivative along ∇R to the last digit: ∇(ε/4)‖∇R‖² =
        # (ε/2) H ∇R
        return -slope - size / 2 * _slope(at + 1e-30j * slope, x, y, mask).imag / 1e-30

    h = size / 20
    for _ in range(20):
        k1 = velocity(theta)
        k2 = velocity(theta + h / 2 * k1)
        k3 = velocity(theta + h / 2 * k2)
        k4 = velocity(theta + h * k3)
        theta = theta + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return theta


def pictures(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Two units: their contributions while R_S, R_S + R1 or R_drop is minimised.

    Units are linear, so that a contribution is o_k = a_k w_k: a number on one sample, a
    vector on two.

    Args:
        parameters: keep, rate, steps.
        seed: Of the masks; 64 runs of R_drop are averaged.
        advance: Told how far it is.

    Returns:
        path_{loss} (start, step, unit) on one sample, vector_{loss} (step, unit,
        sample) on two.
    """
    from condensery.engine import (
        SGD,
        RecordParameters,
        descend,
        dropout_loss,
        expected_dropout_loss,
        init_descent,
        log_steps,
        mean_square,
    )
    from condensery.models import TwoLayer

    keep, rate, steps = (
        # pyrefly: ignore[bad-argument-type]
        float(parameters[key])
        for key in ("keep", "picture_rate", "picture_steps")
    )
    model, rule, count = TwoLayer("linear"), SGD(rate), int(steps)
    objectives = {
        "plain": mean_square(model, factor=0.5),
        "expected": expected_dropout_loss(model, keep=keep),
        "dropped": dropout_loss(model, keep=keep),
    }
    found = {"path_step": log_steps(count, per_decade=20)}
    for place, (name, objective) in enumerate(objectives.items()):
        draws = DRAWS if name == "dropped" else 1
        for what, data, starts in (  # one sample, two samples
            (
                "path",
                (np.ones((1, 1)), np.ones(1)),
                [np.array(start)[:, None] for start in STARTS],
            ),
            ("vector", (np.eye(2), SPLIT), [np.array([[0.9, -0.3], [-0.2, 0.5]])]),
        ):
            members = [
                _balanced(contribution) for contribution in starts for _ in range(draws)
            ]
            state = init_descent(
                members, optimiser=rule, seeds=[seed + k for k in range(len(members))]
            )
            result = descend(
                state,
                objective,
                data,
                optimiser=rule,
                steps=count,
                schedule=found["path_step"].tolist(),
                probes=[RecordParameters()],
            )
            contribution = result.probed["a"][..., None] * result.probed["w"]
            mean = contribution.reshape(
                len(found["path_step"]), len(starts), draws, 2, -1
            ).mean(axis=2)
            found[f"{what}_{name}"] = np.moveaxis(mean, 0, 1)
        advance("two units", (place + 1) / len(objectives))
    return found


def _balanced(contribution: np.ndarray) -> dict[str, np.ndarray]:
    """Parameters with |a_k| = ‖w_k‖ whose contributions a_k w_k are the given rows."""
    size = np.sqrt(np.linalg.norm(contribution, axis=1))
    return {"a": size, "w": contribution / size[:, None]}
