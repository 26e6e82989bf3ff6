"""Gradient flow of ensembles of normalised three-layer networks, without a learning
rate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from condensery.engine._flow_network import Member
from condensery.engine._flow_options import (
    RECORDED,
    FlowRecorder,
    Limits,
    checked_data,
    report_stopped,
    running_steps,
)
from condensery.engine._recorder import OnProgress, Probes
from condensery.engine._three_layer_ensemble import ThreeLayerEnsemble
from condensery.engine._three_layer_kernel import (
    METHODS,
    ThreeLayerFlow,
    advance,
    unstarted,
)
from condensery.engine._three_layer_member import Constants
from condensery.engine._three_layer_state import (
    ThreeLayerResult,
    ThreeLayerState,
    bucketed,
    collect,
    constants_of,
    reopened,
    weights_of,
)
from condensery.models import Activation, activation
from condensery.protocols import Arrays
from condensery.records import Status

_WORK_PER_CHUNK = 4e9


def three_layer_flow(  # ruff: ignore[too-many-arguments] all but the data are options with defaults
    ensemble: ThreeLayerEnsemble,
    x: Float[np.ndarray, "sample feature"],
    y: Float[np.ndarray, " sample"],
    *,
    activation_name: str = "relu",
    asi: bool = True,
    eta: float | Float[np.ndarray, " member"] | None = None,
    target_loss: float | Float[np.ndarray, " member"] = 1e-6,
    max_time: float = np.inf,
    max_steps: int = 5_000,
    method: str = "exponential",
    keep: Sequence[int] | None = None,
    probes: Probes | None = None,
    schedule: Sequence[int] | None = None,
    state: ThreeLayerState | None = None,
    on_progress: OnProgress | None = None,
) -> ThreeLayerResult:
    """Gradient flow of the normalised three-layer model, for all members of an
    ensemble; there is no learning rate.

    f(x) = κ₃ Σ_k a_k σ(Σ_j v_kj σ(w_j·(x, 1)) + v_k,bias) with all parameters standard
    normal and the mobilities of `ThreeLayerEnsemble`; the flow descends (1/2n)Σ(f −
    y)². With ASI the network is doubled with opposite a, so that f(0) = 0, and both
    copies train. The step is that of `flow` with three groups of parameters in place of
    two; changes of v enter as products of rank n
    (`condensery.engine._three_layer_kernel`).

    Args:
        ensemble: Widths, seeds, gamma2s and gamma3s.
        x: Inputs (sample, feature), without the constant feature: each w has one column
            more than x has features, its last column is the bias.
        y: Targets (sample,).
        activation_name: A name of `condensery.models.ACTIVATIONS`.
        asi: Antisymmetric initialisation.
        eta: Step parameter, one for all or one per member; default 0.05. For the method
            ``gram`` a factor on its step, default 1.
        target_loss: Members stop below this mean square (Status.CONVERGED); one for all
            or one per member.
        max_time: Members stop at this flow time (Status.OUT_OF_TIME).
        max_steps: Members stop after this many steps (Status.OUT_OF_STEPS).
        method: ``exponential``, or ``gram``: the plain explicit step.
        keep: Members whose parameters the result keeps (2m² numbers each), so that a
            large ensemble needs the memory of one bucket. None keeps all members and
            the state; otherwise the result has no state and cannot be resumed.
        probes: Named measures, called as ``probe(step, snapshot)`` with host copies
            ``{"a": (member, copy, outer), "v": (member, copy, outer, inner and bias),
            "w": (member, copy, inner, feature)}``; for them the ensemble must have one
            width.
        schedule: Steps at which probes are called, counted from the very beginning;
            `log_steps` by default.
        state: The `state` of an earlier result: go on from there (x, y and the ensemble
            must be the same).
        on_progress: Progress callback, ``(text, fraction)``, after every compiled
            chunk.

    Returns:
        Where each member stands. A member's numbers do not depend on its companions.
        Its loss never rises with the method ``exponential``; a member that comes to a
        critical point ends as Status.AT_REST, and `message(member)` says what to do.

    Raises:
        InvalidInputError: An argument that cannot be used.

    Source:
        The flow: Zhou et al. 2022, arXiv 2205.12101, whose two-layer form is Luo et al.
        2021, arXiv 2007.07497.

    Example:
        >>> import numpy as np
        >>> from condensery.engine import ThreeLayerEnsemble, three_layer_flow
        >>> x = np.linspace(-0.5, 0.5, 4)[:, None]
        >>> result = three_layer_flow(
        ...     ThreeLayerEnsemble.grid(widths=[40], gamma3s=[1.0, 2.0]),
        ...     x,
        ...     x[:, 0] ** 2,
        ... )
        >>> (
        ...     bool(result.rd1[0] < 0.2 < result.rd1[1]),
        ...     bool(result.rd2[1] < result.rd1[1]),
        ... )
        (True, True)
    """
    x, y = checked_data(
        x,
        y,
        method=method,
        methods=METHODS,
        max_time=max_time,
        max_steps=max_steps,
    )
    act, copies = activation(activation_name), 2 if asi else 1
    limits = Limits.of(
        len(ensemble),
        eta=eta,
        target_loss=target_loss,
        max_time=max_time,
        max_steps=max_steps,
        method=method,
    )
    members = bucketed(ensemble, copies)
    if state is not None:
        state = reopened(state, ensemble, members, copies, limits)
    run = _Run(
        act=act,
        method=method,
        x=jnp.asarray(np.column_stack([x, np.ones(len(x))])),
        y=jnp.asarray(y),
        copies=copies,
        limits=limits,
        recorder=FlowRecorder(
            probes, schedule, max_steps=max_steps, buckets=len(members)
        ),
    )
    names = ("rd1", "rd2", "rd_a", *RECORDED)
    columns = {name: np.zeros(len(ensemble)) for name in names}
    kept: dict[int, dict[str, np.ndarray]] = {}
    ends: list[tuple[Member, Constants]] = []
    for index, chosen in enumerate(members):
        earlier = int(sum(map(len, members[:index])))

        def tell(stopped: int, earlier: int = earlier) -> None:
            report_stopped(on_progress, earlier + stopped, len(ensemble))

        bucket, c = run.started(ensemble, chosen, state, index)
        bucket = run.to_end(bucket, c, count=len(chosen), tell=tell)
        collect(columns, chosen, bucket, c)
        if keep is None:
            ends.append((bucket, c))
        else:
            for row in np.flatnonzero(np.isin(chosen, list(keep))):
                kept[int(chosen[row])] = weights_of(bucket, int(row))
    return ThreeLayerResult(
        ensemble,
        **columns | {name: columns[name].astype(int) for name in ("steps", "status")},
        recorded=run.recorder.recorder.recorded,
        probed=run.recorder.recorder.probed,
        state=_state(members, ends) if keep is None else None,
        _kept=kept,
        _activation=act,
        _copies=copies,
    )


def _state(
    members: Sequence[np.ndarray], ends: Sequence[tuple[Member, Constants]]
) -> ThreeLayerState:
    buckets, constants = zip(*ends, strict=True)
    return ThreeLayerState(tuple(members), buckets, constants)


@dataclass(frozen=True, eq=False)
class _Run:
    """What is the same for all buckets of one call."""

    act: Activation
    method: str
    x: Float[Array, "sample feature"]
    y: Float[Array, " sample"]
    copies: int
    limits: Limits
    recorder: FlowRecorder

    def started(
        self,
        ensemble: ThreeLayerEnsemble,
        members: np.ndarray,
        state: ThreeLayerState | None,
        index: int,
    ) -> tuple[Member, Constants]:
        if state is not None:
            return state.buckets[index], state.constants[index]
        c = constants_of(ensemble, members, self.x.shape[1], self.limits)
        return unstarted(c, copies=self.copies, samples=len(self.y)), c

    def to_end(
        self, bucket: Member, c: Constants, *, count: int, tell: Callable[[int], None]
    ) -> Member:
        last = jnp.asarray(self.limits.max_steps, np.int64)
        self.recorder.see(bucket, partial(_snapshot, bucket, count))
        while (steps := running_steps(bucket)) is not None:
            stop = self.recorder.limit(steps + _chunk(bucket))
            until = jnp.asarray(stop, np.int64)
            bucket = advance(
                ThreeLayerFlow(self.act),
                self.method,
                self.x,
                self.y,
                bucket,
                c,
                until,
                last,
            )
            self.recorder.see(bucket, partial(_snapshot, bucket, count))
            status = np.asarray(bucket.status)[:count]
            tell(int(np.sum(status != Status.RUNNING)))
        return bucket


def _chunk(bucket: Member) -> int:
    """Steps per compiled call: long enough to amortise the call, short enough for
    progress and Ctrl-C.
    """
    members, copies, outer, inner = bucket.weights.v.shape
    work = 10 * members * copies * outer * inner * bucket.e.shape[1]
    return int(np.clip(_WORK_PER_CHUNK / work, 8, 2048))


def _snapshot(bucket: Member, count: int) -> Arrays:
    """Of the first `count` members; behind them are the copies that fill the bucket."""
    w = np.asarray(bucket.weights.w)[:count]
    return {
        "a": np.asarray(bucket.weights.a)[:count],
        "v": np.asarray(bucket.weights.v)[:count],
        "w": w.swapaxes(2, 3),
    }
