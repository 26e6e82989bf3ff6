"""Gradient flow of ensembles of normalised two-layer networks, without a learning
rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from condensery.engine._ensemble import Ensemble
from condensery.engine._flow_kernel import METHODS, TwoLayerFlow, advance
from condensery.engine._flow_network import Member
from condensery.engine._flow_options import (
    FlowRecorder,
    Limits,
    checked_data,
    report_stopped,
    running_steps,
)
from condensery.engine._flow_state import (
    FlowResult,
    FlowState,
    begin,
    reopened,
    result_of,
)
from condensery.engine._recorder import OnProgress, Probes
from condensery.engine._start import span_of
from condensery.models import activation
from condensery.protocols import Arrays
from condensery.records import Status

_WORK_PER_CHUNK = 2e9


def flow(  # ruff: ignore[too-many-arguments] all but the data are options with defaults
    ensemble: Ensemble,
    x: Float[np.ndarray, "sample feature"],
    y: Float[np.ndarray, " sample"],
    *,
    activation_name: str = "relu",
    asi: bool = True,
    eta: float | Float[np.ndarray, " member"] | None = None,
    target_loss: float | Float[np.ndarray, " member"] = 1e-6,
    max_time: float = np.inf,
    max_steps: int = 20_000,
    method: str = "exponential",
    probes: Probes | None = None,
    schedule: Sequence[int] | None = None,
    state: FlowState | None = None,
    on_progress: OnProgress | None = None,
) -> FlowResult:
    """Gradient flow of the normalised two-layer model, for all members of an ensemble;
    there is no learning rate.

    f(x) = κ Σ_k a_k σ(w_k·(x, 1)) with κ = m^−γ, mobilities 1/κ' on a and κ' on w, κ' =
    m^−γ', a and w standard normal; the flow descends (1/2n)Σ(f − y)² (Luo et al. 2021,
    arXiv 2007.07497, Eqs. 9-12). With ASI the hidden layer is doubled with opposite a,
    so that f(0) = 0, and both copies train.

    The exponential step (`condensery.engine._flow_kernel`) is limited by `eta` alone:
    no step moves a or W by more than eta times their norm, nor by more than eta times
    their whole way so far and to come. Halving eta until RD stands still is
    `calibrate_eta`. Members are run one after the other inside compiled code, so that a
    member's result does not depend on its companions: it is the same bit for bit
    whatever the ensemble, on one machine with one thread.

    Args:
        ensemble: Widths, seeds, gammas and gamma_primes.
        x: Inputs (sample, feature), without the constant feature: each w has one column
            more than x has features, its last column is the bias.
        y: Targets (sample,).
        activation_name: A name of `condensery.models.ACTIVATIONS`.
        asi: Antisymmetric initialisation.
        eta: Step parameter, one for all or one per member; default 0.05 (0.005 to 0.1
            are sensible). For the method ``gram`` a factor on its step, default 1.
        target_loss: Members stop below this mean square (Status.CONVERGED); one for all
            or one per member.
        max_time: Members stop at this flow time (Status.OUT_OF_TIME).
        max_steps: Members stop after this many steps (Status.OUT_OF_STEPS).
        method: ``exponential``, or ``gram``: the plain explicit step h =
            min(1/λ_max(G), 0.2/(κ‖Xᵀe/n‖)).
        probes: Named measures, called as ``probe(step, snapshot)`` with host copies
            ``{"a": (member, unit), "w": (member, unit, feature)}``; for them the
            ensemble must have one width.
        schedule: Steps at which probes are called, counted from the very beginning;
            `log_steps` by default.
        state: The `state` of an earlier result: go on from there (x, y and the ensemble
            must be the same).
        on_progress: Progress callback, ``(text, fraction)``, after every compiled
            chunk.

    Returns:
        Where each member stands, with its status. Its loss never rises with the method
        ``exponential``. A member that comes to a critical point, such as the best fit
        of data that no net fits, ends as Status.AT_REST, with its `gradient` and the
        `noise` floor of it; `message(member)` says what to do.

    Raises:
        InvalidInputError: An argument that cannot be used.

    Example:
        >>> import numpy as np
        >>> from condensery.engine import Ensemble, flow
        >>> x = np.linspace(-0.5, 0.5, 4)[:, None]
        >>> result = flow(
        ...     Ensemble.grid(widths=[200], gammas=[0.5, 1.75]), x, x[:, 0] ** 2
        ... )
        >>> bool(result.rd[0] < 0.1 < 1 < result.rd[1])
        True
    """
    x, y = checked_data(
        x,
        y,
        method=method,
        methods=METHODS,
        max_time=max_time,
        max_steps=max_steps,
    )
    act, span = activation(activation_name), span_of(x)
    network = TwoLayerFlow(act)
    limits = Limits.of(
        len(ensemble),
        eta=eta,
        target_loss=target_loss,
        max_time=max_time,
        max_steps=max_steps,
        method=method,
    )
    X, labels = jnp.asarray(span.x), jnp.asarray(y)
    # weakly typed numbers would be compiled for once more
    last = jnp.asarray(max_steps, np.int64)
    copies = 2 if asi else 1
    if state is None:
        state = begin(ensemble, span, copies, limits)
    else:
        state = reopened(state, ensemble, copies, limits)
    buckets = list(state.buckets)
    recorder = FlowRecorder(probes, schedule, max_steps=max_steps, buckets=len(buckets))
    count = len(state.members[0])
    for index, bucket in enumerate(buckets):
        recorder.see(bucket, partial(_snapshot, bucket, count))
        while (steps := running_steps(bucket)) is not None:
            until = np.int64(recorder.limit(steps + _chunk(bucket)))
            bucket = advance(
                network,
                method,
                X,
                labels,
                bucket,
                state.constants[index],
                jnp.asarray(until),
                last,
            )
            recorder.see(bucket, partial(_snapshot, bucket, count))
            buckets[index] = bucket
            report_stopped(on_progress, _stopped(state, buckets), len(ensemble))
    state = replace(state, buckets=tuple(buckets))
    return result_of(ensemble, state, span, copies, act, recorder.recorder)


def _chunk(bucket: Member) -> int:
    """Steps per compiled call: long enough to amortise the call, short enough for
    progress and Ctrl-C.
    """
    members, features, units = bucket.weights.w.shape
    samples = bucket.e.shape[1]
    work = members * units * samples * (samples + features)
    return int(np.clip(_WORK_PER_CHUNK / work, 8, 4096))


def _snapshot(bucket: Member, count: int) -> Arrays:
    """Of the first `count` members; behind them are the copies that fill the bucket."""
    w = np.asarray(bucket.weights.w)[:count]
    return {"a": np.asarray(bucket.weights.a)[:count], "w": w.swapaxes(1, 2)}


def _stopped(state: FlowState, buckets: Sequence[Member]) -> int:
    """Number of members that have stopped, without the copies that fill the buckets."""
    stopped = 0
    for members, bucket in zip(state.members, buckets, strict=True):
        status = np.asarray(bucket.status)[: len(members)]
        stopped += int(np.sum(status != Status.RUNNING))
    return stopped
