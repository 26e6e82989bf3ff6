"""Where a flow stands: its state, what a caller sees of it, and how it starts and goes
on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError
from condensery.engine._ensemble import Ensemble
from condensery.engine._flow_kernel import unstarted
from condensery.engine._flow_member import Constants
from condensery.engine._flow_network import Member
from condensery.engine._flow_options import (
    RECORDED,
    Limits,
    message_of,
    reopened_status,
)
from condensery.engine._recorder import Probed, Recorder
from condensery.engine._start import Span, draw_start, full_start
from condensery.models import Activation

_ROWS_AT_ONCE = 1 << 22
_COMMON = 16


@dataclass(
    frozen=True,
    eq=False,
)
class FlowState:
    """All that `flow` needs to go on: one bucket of stacked members per width."""

    members: tuple[Int[np.ndarray, " _member"], ...]
    buckets: tuple[Member, ...]
    constants: tuple[Constants, ...]
    frozen_squares: tuple[Float[np.ndarray, " _member"], ...]


@dataclass(
    frozen=True,
    eq=False,
)
class FlowResult:
    """Where each member of an ensemble stands; arrays have the ensemble's member axis.

    Attributes:
        ensemble: The members.
        rd: Relative distance of the input weights, ‖θ_w − θ_w(0)‖/‖θ_w(0)‖ (with ASI:
            of copy 1).
        rd_a: The same for the output weights.
        rd_theta: The same for all parameters in the normalised coordinates.
        loss: Mean square of the residual.
        time: Flow time in the normalised units t/(β₁β₂).
        steps: Steps taken.
        status: `condensery.records.Status` as integers; `message` says it in words.
        gradient: Norm ‖D^½ ∇‖ of the gradient of half the loss, D the mobilities, with
            the mean Jacobian of the last step tried; 0 before the first.
        noise: The noise floor of it: what the Gram matrix does not resolve.
        rough: Steps taken whose error is not under control.
        recorded: Steps at which the probes were called; a member that stopped earlier
            has taken fewer.
        probed: What the probes measured, by the name of the probe and then of the
            measure: (recorded step, member, …).
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
    gradient: Float[np.ndarray, " member"]
    noise: Float[np.ndarray, " member"]
    rough: Float[np.ndarray, " member"]
    recorded: Int[np.ndarray, " step"]
    probed: Probed
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
        a, w = (constants.a0, constants.w0) if initial else now.weights
        inside = np.asarray(w[row]).T
        if self._span.basis is None:
            return {
                "a": np.asarray(a[row]),
                "w": inside.copy(),
            }
        full = self._full_start(member)
        moved = inside - np.asarray(constants.w0[row]).T
        return {
            "a": np.asarray(a[row]),
            "w": full + moved @ self._span.basis.T,
        }

    def message(self, member: int) -> str:
        """How a member ended, and what to change: one line."""
        return message_of(self, member)

    def all_parameters(self, *, initial: bool = False) -> list[dict[str, np.ndarray]]:
        """The parameters of every member, in the order of the ensemble."""
        members = range(len(self.ensemble))
        return [self.parameters(member, initial=initial) for member in members]

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
        for bucket, members in enumerate(self.state.members):
            row = np.flatnonzero(members == member)
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


def begin(ensemble: Ensemble, span: Span, copies: int, limits: Limits) -> FlowState:
    """The state before the first step: members of one width together, as many as fit.

    Args:
        ensemble: The members.
        span: The samples.
        copies: 2 with ASI, 1 without.
        limits: Where the members stop.
    """
    members, buckets, constants, frozen = [], [], [], []
    for width in np.unique(ensemble.widths):
        of_width = np.flatnonzero(ensemble.widths == width)
        at_once = max(1, _ROWS_AT_ONCE // (copies * int(width) * span.x.shape[1]))
        for first in range(
            0,
            len(of_width),
            at_once,
        ):
            chosen = of_width[first : first + at_once]
            c, squares = _drawn(ensemble, chosen, span, copies, limits)
            members.append(chosen)
            buckets.append(
                unstarted(
                    c.a0,
                    c.w0,
                    len(span.x),
                )
            )
            constants.append(c)
            frozen.append(squares)
    return FlowState(
        tuple(members),
        tuple(buckets),
        tuple(constants),
        tuple(frozen),
    )


def _drawn(
    ensemble: Ensemble,
    members: np.ndarray,
    span: Span,
    copies: int,
    limits: Limits,
) -> tuple[Constants, np.ndarray]:
    """Constants of some members, and what of their square lengths lies across the span.

    The bucket is filled up with copies of the first member, which have a target that
    they meet at the start.
    """
    starts = [draw_start(*ensemble.identity(int(k)), span) for k in members]
    a = np.stack([np.concatenate([s.a, -s.a][:copies]) for s in starts])
    w = np.stack([np.concatenate([s.w] * copies, axis=1) for s in starts])
    rows = _filled(members, copies * int(ensemble.widths[members[0]]))
    index = np.searchsorted(members, rows)
    fixed = (
        a[index],
        w[index],
        ensemble.kappa[rows],
        ensemble.kappa_prime[rows],
        limits.eta[rows],
        _targets(limits, rows, len(members)),
        np.full(len(rows), limits.max_time),
    )
    squares = np.array([start.frozen_square for start in starts])
    return Constants(*map(jnp.asarray, fixed)), squares


def _targets(limits: Limits, rows: np.ndarray, count: int) -> np.ndarray:
    """Target losses; the copies behind the first `count` rows stop at once."""
    return np.where(
        np.arange(len(rows)) < count,
        limits.target[rows],
        np.inf,
    )


def _filled(members: np.ndarray, units: int) -> np.ndarray:
    """The members, filled up with copies of the first to a common number, so that few
    shapes are compiled.

    Copies cost memory only, which is why wide members are not filled up.
    """
    if len(members) == 1 or units * _COMMON > _ROWS_AT_ONCE:
        return members
    return np.concatenate([members, np.full(-len(members) % _COMMON, members[0])])


def reopened(
    state: FlowState, ensemble: Ensemble, copies: int, limits: Limits
) -> FlowState:
    """The state with the limits of this call, its members running again where these
    leave them room.

    Args:
        state: Of an earlier result.
        ensemble: The members.
        copies: 2 with ASI, 1 without.
        limits: Where the members stop.

    Raises:
        InvalidInputError: The state is that of another ensemble.
    """
    buckets, constants = [], []
    for members, bucket, c in zip(
        state.members, state.buckets, state.constants, strict=True
    ):
        units = bucket.weights.a.shape[1]
        exists = members.max() < len(ensemble)
        if not exists or np.any(copies * ensemble.widths[members] != units):
            raise InvalidInputError(
                "state",
                given="a state of another ensemble, or of another asi",
                allowed="the state of an earlier result of this ensemble",
                remedy="start without a state",
            )
        spare = np.repeat(members[:1], len(bucket.loss) - len(members))
        rows = np.concatenate([members, spare])
        target = _targets(limits, rows, len(members))
        status = reopened_status(
            bucket,
            target=target,
            max_time=limits.max_time,
            max_steps=limits.max_steps,
        )
        buckets.append(bucket._replace(status=jnp.asarray(status, jnp.int64)))
        moved = c._replace(
            eta=jnp.asarray(limits.eta[rows]),
            target=jnp.asarray(target),
            max_time=jnp.asarray(np.full(len(rows), limits.max_time)),
        )
        constants.append(moved)
    return replace(
        state,
        buckets=tuple(buckets),
        constants=tuple(constants),
    )


@np.errstate(
    over="ignore",
    invalid="ignore",
)  # the numbers of a member that diverged
def result_of(
    ensemble: Ensemble,
    state: FlowState,
    span: Span,
    copies: int,
    act: Activation,
    recorder: Recorder,
) -> FlowResult:
    """Where the members of a state stand.

    Args:
        ensemble: The members.
        state: Of all of them.
        span: The samples.
        copies: 2 with ASI, 1 without.
        act: The activation.
        recorder: What the probes measured.
    """
    names = ("rd", "rd_a", "rd_theta", *RECORDED)
    columns = {name: np.zeros(len(ensemble)) for name in names}
    buckets = zip(
        state.members,
        state.buckets,
        state.constants,
        state.frozen_squares,
        strict=True,
    )
    for members, bucket, c, frozen in buckets:
        half, rows = bucket.weights.a.shape[1] // copies, slice(len(members))
        moved_a = (np.asarray(bucket.weights.a) - np.asarray(c.a0))[rows, :half]
        moved_w = (np.asarray(bucket.weights.w) - np.asarray(c.w0))[rows, :, :half]
        move_a, move_w = np.sum(moved_a**2, axis=1), np.sum(moved_w**2, axis=(1, 2))
        size_a = np.sum(np.asarray(c.a0)[rows, :half] ** 2, axis=1)
        start_w = np.asarray(c.w0)[rows, :, :half]
        size_w = np.sum(start_w**2, axis=(1, 2)) + frozen
        columns["rd"][members] = np.sqrt(move_w / size_w)
        columns["rd_a"][members] = np.sqrt(move_a / size_a)
        columns["rd_theta"][members] = np.sqrt((move_a + move_w) / (size_a + size_w))
        for name in RECORDED:
            columns[name][members] = np.asarray(getattr(bucket, name))[rows]
    steps, status = columns.pop("steps").astype(int), columns.pop("status").astype(int)
    return FlowResult(
        ensemble,
        **columns,
        steps=steps,
        status=status,
        recorded=recorder.recorded,
        probed=recorder.probed,
        state=state,
        _span=span,
        _copies=copies,
        _activation=act,
    )
