"""The gradient flow by a general solver of differential equations: what both methods of
`flow` are checked against.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from condensery._errors import InvalidInputError, MissingExtraError
from condensery.engine._ensemble import Ensemble
from condensery.engine._start import full_start
from condensery.models import Activation, activation
from condensery.theory import activation_facts

_FIRST_STEP = 1e-4
"""An adaptive solver's first step, in units of the fixed ones."""
_MOST_STEPS = 10_000_000


class Parameters(NamedTuple):
    """The parameters of one network; `w` is feature-major, the bias last."""

    a: Float[Array, " unit"]
    w: Float[Array, "feature unit"]


class _Problem(NamedTuple):
    X: Float[Array, "sample feature"]
    y: Float[Array, " sample"]
    kappa: Float[Array, ""]
    kappa_prime: Float[Array, ""]
    target: Float[Array, ""]


@dataclass(frozen=True)
class ReferenceResult:
    """Where the members of an ensemble stand according to diffrax; arrays have the
    ensemble's member axis.

    Attributes:
        rd: Relative distance of the input weights (with ASI: of copy 1).
        loss: Mean square of the residual.
        time: Flow time reached, in the normalised units of `flow`.
        steps: Steps tried.
        parameters: Of each member ``a`` (unit,) and ``w`` (unit, feature), the bias
            last, with ASI of both copies.
    """

    rd: Float[np.ndarray, " member"]
    loss: Float[np.ndarray, " member"]
    time: Float[np.ndarray, " member"]
    steps: Int[np.ndarray, " member"]
    parameters: tuple[dict[str, np.ndarray], ...]


def reference_flow(
    ensemble: Ensemble,
    x: Float[np.ndarray, "sample feature"],
    y: Float[np.ndarray, " sample"],
    *,
    max_time: float | Float[np.ndarray, " member"],
    activation_name: str = "relu",
    asi: bool = True,
    target_loss: float = 0.0,
    steps: int = 20_000,
    rtol: float = 1e-8,
) -> ReferenceResult:
    """The same flow as `flow`, member by member, by a solver that knows nothing of it.

    The right-hand side is `jax.grad` of the loss on the full features: neither the Gram
    matrix, nor the derivatives of the registry, nor the reduction to the samples' span
    enters. It needs thousands of steps where `flow` needs a hundred; it is made for
    checks.

    Activations with kinks are solved by Heun's rule with `steps` steps of one length.
    No adaptive rule gets far there: as the network condenses, units slide along the
    kinks of the samples, where the right-hand side jumps; the error estimate is then of
    first order in the step whatever the rule's order is, and the step falls without
    end. For the same reason a rule of higher order gains nothing (Tsit5 needs four
    times the work and errs more). At m = 1000 on the paper's four points, 20,000 steps
    take about 2.5 s on one core; RD is that of `flow` at eta = 0.005 within 7e-4 in the
    eight cells (0.6, 0), (1, 0), (1.4, 0), (1.75, 0), (0.6, −0.4), (1, −0.4), (1, 0.4),
    (1.4, 0.4), and within 2.3e-3 at (γ, γ') = (1.4, −0.4); with 80,000 steps it moves
    by less than 3e-4. Judge `steps` by halving them: they must also keep λ_max(G) ·
    max_time/steps below 2, or the rule is unstable. Smooth activations are solved by
    Tsit5 with an adaptive step.

    Args:
        ensemble: The members.
        x: Inputs without the bias column.
        y: Targets.
        max_time: Where to stop, one for all or one per member; `FlowResult.time`
            compares RD at equal times.
        activation_name: A name of `condensery.models.ACTIVATIONS`.
        asi: Antisymmetric initialisation.
        target_loss: Stop after the first step that ends below this mean square; by
            default none does.
        steps: Number of steps of equal length (activations with kinks).
        rtol: Relative and absolute tolerance per step (smooth activations).

    Returns:
        Where each member stands.

    Raises:
        InvalidInputError: A time that is not positive and finite, or a number of steps
            below 1.
        MissingExtraError: diffrax is not installed.

    Source:
        The flow: Luo et al. 2021, arXiv 2007.07497, Eqs. 9-12. The solvers: Kidger
        2021, arXiv 2202.02435 (diffrax).

    Example:
        >>> import numpy as np
        >>> from condensery.engine import Ensemble, flow
        >>> from condensery.engine._reference import reference_flow
        >>> x, ensemble = (
        ...     np.linspace(-0.5, 0.5, 4)[:, None],
        ...     Ensemble.grid(widths=[50], gammas=[0.6]),
        ... )
        >>> result = flow(ensemble, x, x[:, 0] ** 2, eta=0.01)
        >>> reference = reference_flow(
        ...     ensemble, x, x[:, 0] ** 2, max_time=result.time, steps=2000
        ... )
        >>> bool(abs(result.rd[0] / reference.rd[0] - 1) < 0.005)
        True
    """
    times = np.broadcast_to(np.asarray(max_time, float), (len(ensemble),))
    if not (np.all(times > 0) and np.all(np.isfinite(times))):
        raise InvalidInputError(
            "max_time",
            given=max_time,
            allowed="finite numbers > 0",
            remedy="take result.time",
        )
    if steps < 1:
        raise InvalidInputError(
            "steps", given=steps, allowed=">= 1", remedy="leave it out for the default"
        )
    facts = activation_facts(activation_name)
    solve = _solver(
        activation(activation_name),
        kinks=bool(facts.affine_pieces) and activation_name != "linear",
    )
    X, target = (
        jnp.asarray(np.column_stack([x, np.ones(len(x))])),
        jnp.asarray(target_loss, float),
    )
    rows, ends = [], []
    for k, time in enumerate(times):
        start, width = _start(ensemble, k, X.shape[1], asi=asi), int(ensemble.widths[k])
        problem = _Problem(
            X,
            jnp.asarray(y, float),
            jnp.asarray(ensemble.kappa[k]),
            jnp.asarray(ensemble.kappa_prime[k]),
            target,
        )
        end, reached, tried, loss = solve(
            start,
            problem,
            jnp.asarray(time),
            jnp.asarray(time / steps),
            jnp.asarray(rtol),
        )
        w0, w1 = np.asarray(start.w)[:, :width], np.asarray(end.w)[:, :width]
        rows.append(
            (
                np.linalg.norm(w1 - w0) / np.linalg.norm(w0),
                float(loss),
                float(reached),
                int(tried),
            )
        )
        ends.append({"a": np.asarray(end.a), "w": np.asarray(end.w).T.copy()})
    rd, loss, reached, tried = (np.array(column) for column in zip(*rows, strict=True))
    return ReferenceResult(rd, loss, reached, tried, tuple(ends))


def _start(ensemble: Ensemble, member: int, dimension: int, *, asi: bool) -> Parameters:
    a, w = full_start(*ensemble.identity(member), dimension)
    if asi:
        a, w = np.concatenate([a, -a]), np.concatenate([w, w])
    return Parameters(jnp.asarray(a), jnp.asarray(np.ascontiguousarray(w.T)))


def _half_square(
    act: Activation, parameters: Parameters, problem: _Problem
) -> Float[Array, ""]:
    output = problem.kappa * (act.sigma(problem.X @ parameters.w) @ parameters.a)
    return 0.5 * jnp.mean((output - problem.y) ** 2)


def _diffrax() -> Any:
    try:
        import diffrax
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "diffrax", extra="bench", purpose="the reference of the gradient flow"
        ) from error
    return diffrax


@cache
def _solver(act: Activation, *, kinks: bool) -> Any:
    """The compiled solver of one activation, so that members of one width share a
    program.
    """
    diffrax = _diffrax()

    def slope(_: Array, parameters: Parameters, problem: _Problem) -> Parameters:
        pull = jax.grad(lambda p: _half_square(act, p, problem))(parameters)
        return Parameters(-pull.a / problem.kappa_prime, -problem.kappa_prime * pull.w)

    def below(_: Array, parameters: Parameters, problem: _Problem, **__: Any) -> Array:
        return 2 * _half_square(act, parameters, problem) < problem.target

    @jax.jit
    def solve(
        start: Parameters, problem: _Problem, time: Array, step: Array, rtol: Array
    ) -> tuple:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(slope),
            diffrax.Heun() if kinks else diffrax.Tsit5(),
            0.0,
            time,
            step if kinks else _FIRST_STEP * step,
            start,
            args=problem,
            stepsize_controller=diffrax.ConstantStepSize()
            if kinks
            else diffrax.PIDController(rtol=rtol, atol=rtol),
            saveat=diffrax.SaveAt(t1=True),
            event=diffrax.Event(below),
            adjoint=diffrax.ForwardMode(),
            max_steps=_MOST_STEPS,
        )
        end = jax.tree.map(lambda leaf: leaf[0], solution.ys)
        loss = 2 * _half_square(act, end, problem)
        return end, solution.ts[0], solution.stats["num_steps"], loss

    return solve
