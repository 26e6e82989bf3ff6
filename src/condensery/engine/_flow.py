"""Gradient flow of ensembles of normalised two-layer networks, without a learning
rate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError
from condensery.engine._ensemble import Ensemble
from condensery.engine._flow_kernel import (
    METHODS,
    Constants,
    Member,
    advance,
    unstarted,
)
from condensery.engine._schedule import log_steps
from condensery.engine._start import Span, draw_start, full_start, span_of
from condensery.models import Activation, activation
from condensery.protocols import Arrays, Probe
from condensery.records import Status

DEFAULT_ETA = {"exponential": 0.05, "gram": 1.0}
_ROWS_AT_ONCE = 1 << 22
_WORK_PER_CHUNK = 2e9
_COMMON = 16


@dataclass(frozen=True)
class FlowState:
    """All that `flow` needs to go on: one bucket of stacked members per width."""

    places: tuple[Int[np.ndarray, " member"], ...]
    buckets: tuple[Member, ...]
    constants: tuple[Constants, ...]
    frozen_squares: tuple[Float[np.ndarray, " member"], ...]


@dataclass(frozen=True)
class FlowResult:
    """Where each member of an ensemble stands; arrays have the ensemble's member axis.

    Attributes:
        ensemble: The members.
        rd: Relative distance of the input weights, ‖θ_w − θ_w(0)‖/‖θ_w(0)‖ (with ASI:
            of copy 1).
        rd_a: The same of the output weights.
        rd_theta: The same of all parameters in the normalised coordinates.
        loss: Mean square of the residual.
        time: Flow time in the normalised units t/(β₁β₂).
        steps: Steps taken.
        status: `condensery.records.Status` as integers.
        probed: What the probes returned, by name: ``(probed step, member, ...)``; the
            key ``step`` holds the steps.
        state: Pass it back to `flow` to go on.
    """

    ensemble: Ensemble
    rd: Float[np.ndarray, " member"]
    rd_a: Float[np.ndarray, " member"]
    rd_theta: Float[np.ndarray, " member"]
    loss: Float[np.ndarray, " member"]
    time: Float[np.ndarray, " member"]
    steps: Int[np.ndarray, " member"]
    status: Int[np.ndarray, " member"]
    probed: dict[str, np.ndarray]
    state: FlowState
    _span: Span = field(repr=False)
    _copies: int = field(repr=False)
    _activation: Activation = field(repr=False)

    def parameters(
        self, member: int, *, initial: bool = False
    ) -> dict[str, np.ndarray]:
        """Of one member ``a`` (unit,) and ``w`` (unit, feature) with the bias last;
        with ASI those of both copies.
        """
        bucket, row = self._locate(member)
        constants, now = self.state.constants[bucket], self.state.buckets[bucket]
        a, w = (constants.a0, constants.w0) if initial else (now.a, now.w)
        inside = np.asarray(w[row]).T
        if self._span.basis is None:
            return {"a": np.asarray(a[row]), "w": inside.copy()}
        full = self._full_start(member)
        moved = inside - np.asarray(constants.w0[row]).T
        return {"a": np.asarray(a[row]), "w": full + moved @ self._span.basis.T}

    def predict(
        self,
        member: int,
        x: Float[np.ndarray, "sample feature"],
        *,
        initial: bool = False,
    ) -> Float[np.ndarray, " sample"]:
        """Outputs κ Σ a_k σ(w_k·(x, 1)) of one member at new inputs."""
        parameters = self.parameters(member, initial=initial)
        full = np.column_stack([np.asarray(x, float), np.ones(len(x))])
        hidden = self._activation.sigma(jnp.asarray(full) @ parameters["w"].T)
        return np.asarray(self.ensemble.kappa[member] * (hidden @ parameters["a"]))

    def _locate(self, member: int) -> tuple[int, int]:
        for bucket, places in enumerate(self.state.places):
            row = np.flatnonzero(places == member)
            if row.size:
                return bucket, int(row[0])
        raise InvalidInputError(
            "member",
            given=member,
            allowed=f"0 to {len(self.ensemble) - 1}",
            remedy="name a member of the ensemble",
        )

    def _full_start(self, member: int) -> Float[np.ndarray, "unit feature"]:
        _, w = full_start(*self.ensemble.identity(member), self._span.dimension)
        return np.concatenate([w] * self._copies)


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
    probes: Mapping[str, Probe] | None = None,
    schedule: Sequence[int] | None = None,
    state: FlowState | None = None,
    on_progress: Callable[[float], None] | None = None,
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
        x: Inputs without the bias column.
        y: Targets.
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
        probes: Named measures of host snapshots ``{"a": (member, unit), "w": (member,
            unit, feature)}`` of each bucket; for them the ensemble must have one width.
        schedule: Steps at which probes are called; log-spaced by default.
        state: The `state` of an earlier result: go on from there (x, y and the ensemble
            must be the same).
        on_progress: Called between compiled chunks with the fraction of members that
            have stopped.

    Returns:
        Where each member stands.

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
    x, y = _checked(x, y, method, max_time, max_steps)
    act, span = activation(activation_name), span_of(x)
    etas = _per_member("eta", DEFAULT_ETA[method] if eta is None else eta, ensemble)
    targets = _per_member("target_loss", target_loss, ensemble)
    X, labels = jnp.asarray(span.x), jnp.asarray(y)
    limit = jnp.asarray(
        max_steps, np.int64
    )  # weakly typed numbers would be compiled for once more
    copies = 2 if asi else 1
    if state is None:
        state = _begin(ensemble, span, copies, etas, targets, max_time)
    else:
        state = _reopened(state, ensemble, copies, etas, targets, max_time, max_steps)
    recorder = _Recorder(probes or {}, schedule, max_steps, state)
    buckets = list(state.buckets)
    for place, bucket in enumerate(buckets):
        bucket = recorder.see(bucket)
        while np.any(np.asarray(bucket.status) == Status.RUNNING):
            until = np.int64(
                recorder.until(int(np.min(_running_steps(bucket))) + _chunk(bucket))
            )
            bucket = advance(
                act,
                method,
                X,
                labels,
                bucket,
                state.constants[place],
                jnp.asarray(until),
                limit,
            )
            bucket = recorder.see(bucket)
            buckets[place] = bucket
            if on_progress is not None:
                on_progress(_stopped_share(buckets))
    state = replace(state, buckets=tuple(buckets))
    return _result(ensemble, state, span, copies, act, recorder.probed())


def _per_member(name: str, value: float | np.ndarray, ensemble: Ensemble) -> np.ndarray:
    """One number for all members, or one for each.

    Raises:
        InvalidInputError: A number that is not positive, or not as many as there are
            members.
    """
    values = np.asarray(value, float)
    if values.shape not in {(), (len(ensemble),)} or not np.all(values > 0):
        raise InvalidInputError(
            name,
            given=value,
            allowed=f"a number > 0, or {len(ensemble)} of them",
            remedy="leave it out for the default",
        )
    return np.broadcast_to(values, (len(ensemble),))


def _checked(
    x: np.ndarray, y: np.ndarray, method: str, max_time: float, max_steps: int
) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.ndim != 2 or y.shape != x.shape[:1] or len(x) < 2:
        raise InvalidInputError(
            "x, y",
            given=f"shapes {x.shape}, {y.shape}",
            allowed="(sample, feature), (sample,) with >= 2 samples",
            remedy="reshape the data",
        )
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        raise InvalidInputError(
            "x, y",
            given="nan or inf",
            allowed="finite numbers",
            remedy="clean the data",
        )
    if method not in METHODS:
        raise InvalidInputError(
            "method",
            given=method,
            allowed=", ".join(METHODS),
            remedy="choose one of them",
        )
    if not max_time > 0:
        raise InvalidInputError(
            "max_time",
            given=max_time,
            allowed="a number > 0",
            remedy="leave it out for no limit",
        )
    if max_steps < 1:
        raise InvalidInputError(
            "max_steps",
            given=max_steps,
            allowed=">= 1",
            remedy="leave it out for the default",
        )
    return x, y


def _begin(
    ensemble: Ensemble,
    span: Span,
    copies: int,
    etas: np.ndarray,
    targets: np.ndarray,
    max_time: float,
) -> FlowState:
    places, buckets, constants, frozen = [], [], [], []
    for width in np.unique(ensemble.widths):
        of_width = np.flatnonzero(ensemble.widths == width)
        per_bucket = max(1, _ROWS_AT_ONCE // (copies * int(width) * span.x.shape[1]))
        for first in range(0, len(of_width), per_bucket):
            members = of_width[first : first + per_bucket]
            starts = [draw_start(*ensemble.identity(int(k)), span) for k in members]
            a = np.stack([np.concatenate([s.a, -s.a][:copies]) for s in starts])
            w = np.stack([np.concatenate([s.w] * copies, axis=1) for s in starts])
            rows = _filled(members, copies * int(width))
            target = np.where(
                np.arange(len(rows)) < len(members), targets[rows], np.inf
            )
            own = np.searchsorted(members, rows)
            kappas = ensemble.kappa[rows], ensemble.kappa_prime[rows]
            fixed = (
                a[own],
                w[own],
                *kappas,
                etas[rows],
                target,
                np.full(len(rows), max_time),
            )
            c = Constants(*map(jnp.asarray, fixed))
            places.append(members)
            buckets.append(unstarted(c.a0, c.w0, len(span.x)))
            constants.append(c)
            frozen.append(np.array([s.frozen_square for s in starts]))
    return FlowState(tuple(places), tuple(buckets), tuple(constants), tuple(frozen))


def _filled(members: np.ndarray, units: int) -> np.ndarray:
    """The members, filled up with copies of the first to a common number, so that few
    shapes are compiled.

    Copies have a target that they meet at the start; they cost memory only, which is
    why wide ones are not filled up.
    """
    if len(members) == 1 or units * _COMMON > _ROWS_AT_ONCE:
        return members
    return np.concatenate([members, np.full(-len(members) % _COMMON, members[0])])


def _reopened(
    state: FlowState,
    ensemble: Ensemble,
    copies: int,
    etas: np.ndarray,
    targets: np.ndarray,
    max_time: float,
    max_steps: int,
) -> FlowState:
    """The state with the limits of this call, its members running again where these
    leave them room.

    Raises:
        InvalidInputError: The state is that of another ensemble.
    """
    buckets, constants = [], []
    for members, bucket, c in zip(
        state.places, state.buckets, state.constants, strict=True
    ):
        if members.max() >= len(ensemble) or np.any(
            copies * ensemble.widths[members] != bucket.a.shape[1]
        ):
            raise InvalidInputError(
                "state",
                given="a state of another ensemble, or of another asi",
                allowed="the state of an earlier result of this ensemble",
                remedy="start without a state",
            )
        rows = np.concatenate(
            [members, np.repeat(members[:1], len(bucket.loss) - len(members))]
        )
        real = np.arange(len(rows)) < len(members)
        limit = np.where(real, targets[rows], np.inf)
        status = np.where(
            np.asarray(bucket.steps) >= max_steps, Status.OUT_OF_STEPS, Status.RUNNING
        )
        status = np.where(
            np.asarray(bucket.time) >= max_time, Status.OUT_OF_TIME, status
        )
        status = np.where(np.asarray(bucket.loss) < limit, Status.CONVERGED, status)
        status = np.where(np.isfinite(np.asarray(bucket.loss)), status, Status.DIVERGED)
        buckets.append(bucket._replace(status=jnp.asarray(status, jnp.int64)))
        limits = {
            "target": jnp.asarray(limit),
            "max_time": jnp.asarray(np.full(len(rows), float(max_time))),
        }
        constants.append(c._replace(eta=jnp.asarray(etas[rows]), **limits))
    return replace(state, buckets=tuple(buckets), constants=tuple(constants))


def _running_steps(bucket: Member) -> np.ndarray:
    return np.asarray(bucket.steps)[np.asarray(bucket.status) == Status.RUNNING]


def _chunk(bucket: Member) -> int:
    """Steps per compiled call: long enough to amortise the call, short enough for
    progress and Ctrl-C.
    """
    members, features, units = bucket.w.shape
    samples = bucket.e.shape[1]
    return int(
        np.clip(
            _WORK_PER_CHUNK / (members * units * samples * (samples + features)),
            8,
            4096,
        )
    )


def _stopped_share(buckets: Sequence[Member]) -> float:
    stopped = np.concatenate(
        [np.asarray(bucket.status) != Status.RUNNING for bucket in buckets]
    )
    return float(np.mean(stopped))


class _Recorder:
    """Calls the probes at the scheduled steps and keeps what they return."""

    def __init__(
        self,
        probes: Mapping[str, Probe],
        schedule: Sequence[int] | None,
        max_steps: int,
        state: FlowState,
    ) -> None:
        if probes and len(state.buckets) > 1:
            raise InvalidInputError(
                "probes",
                given="an ensemble of several widths",
                allowed="one width",
                remedy="run each width by itself",
            )
        self._probes = probes
        self._own = slice(
            len(state.places[0])
        )  # behind them are the copies that fill up the bucket
        self._schedule = (
            sorted(log_steps(max_steps) if schedule is None else set(schedule))
            if probes
            else []
        )
        self._rows: dict[str, list[np.ndarray]] = {}

    def until(self, steps: int) -> int:
        return min([steps, *self._schedule[:1]])

    def see(self, bucket: Member) -> Member:
        done = np.all(np.asarray(bucket.status) != Status.RUNNING)
        now = int(np.max(np.asarray(bucket.steps)))
        due = [step for step in self._schedule if step <= now]
        if self._probes and (due or done):
            self._schedule = self._schedule[len(due) :]
            a, w, steps = (
                np.asarray(part)[self._own]
                for part in (bucket.a, bucket.w, bucket.steps)
            )
            snapshot: Arrays = {"a": a, "w": w.swapaxes(1, 2)}
            self._rows.setdefault("step", []).append(steps)
            for name, probe in self._probes.items():
                for key, value in probe(now, snapshot).items():
                    self._rows.setdefault(f"{name}.{key}", []).append(np.asarray(value))
        return bucket

    def probed(self) -> dict[str, np.ndarray]:
        return {key: np.stack(rows) for key, rows in self._rows.items()}


@np.errstate(over="ignore", invalid="ignore")  # the numbers of a member that diverged
def _result(
    ensemble: Ensemble,
    state: FlowState,
    span: Span,
    copies: int,
    act: Activation,
    probed: dict[str, np.ndarray],
) -> FlowResult:
    columns = {
        name: np.zeros(len(ensemble))
        for name in ("rd", "rd_a", "rd_theta", "loss", "time", "steps", "status")
    }
    for members, bucket, c, frozen in zip(
        state.places, state.buckets, state.constants, state.frozen_squares, strict=True
    ):
        half, own = bucket.a.shape[1] // copies, slice(len(members))
        move_a = np.sum(
            (np.asarray(bucket.a) - np.asarray(c.a0))[own, :half] ** 2, axis=1
        )
        move_w = np.sum(
            (np.asarray(bucket.w) - np.asarray(c.w0))[own, :, :half] ** 2, axis=(1, 2)
        )
        size_a = np.sum(np.asarray(c.a0)[own, :half] ** 2, axis=1)
        size_w = np.sum(np.asarray(c.w0)[own, :, :half] ** 2, axis=(1, 2)) + frozen
        columns["rd"][members] = np.sqrt(move_w / size_w)
        columns["rd_a"][members] = np.sqrt(move_a / size_a)
        columns["rd_theta"][members] = np.sqrt((move_a + move_w) / (size_a + size_w))
        for name in ("loss", "time", "steps", "status"):
            columns[name][members] = np.asarray(getattr(bucket, name))[own]
    steps, status = columns.pop("steps").astype(int), columns.pop("status").astype(int)
    return FlowResult(
        ensemble,
        **columns,
        steps=steps,
        status=status,
        probed=probed,
        state=state,
        _span=span,
        _copies=copies,
        _activation=act,
    )
