"""Where a flow of three layers stands: its state, what a caller sees of it, and how it
starts and goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError
from condensery.engine._flow_network import Member
from condensery.engine._flow_options import (
    RECORDED,
    Limits,
    message_of,
    reopened_status,
)
from condensery.engine._recorder import Probed
from condensery.engine._three_layer_ensemble import ThreeLayerEnsemble
from condensery.engine._three_layer_member import Constants
from condensery.models import Activation

_NUMBERS_AT_ONCE = 1 << 25
_COMMON = 8
_NARROW = 200
"""Widths up to this are filled up to a common number of members."""


@dataclass(
    frozen=True,
    eq=False,
)
class ThreeLayerState:
    """All that `three_layer_flow` needs to go on: buckets of stacked members of one
    width.
    """

    members: tuple[Int[np.ndarray, " member"], ...]
    buckets: tuple[Member, ...]
    constants: tuple[Constants, ...]


@dataclass(
    frozen=True,
    eq=False,
)
class ThreeLayerResult:
    """Where each member of an ensemble stands; arrays have the ensemble's member axis.

    Attributes:
        ensemble: The members.
        rd1: Relative distance ‖W₁ − W₁(0)‖/‖W₁(0)‖, rows with their bias (with ASI: of
            copy 1).
        rd2: The same for W₂.
        rd_a: The same for the output weights.
        loss: Mean square of the residual.
        time: Flow time in the normalised units.
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
        state: Pass it back to `three_layer_flow` to go on; None if only some members
            were kept.
    """

    ensemble: ThreeLayerEnsemble
    rd1: Float[np.ndarray, " member"]
    rd2: Float[np.ndarray, " member"]
    rd_a: Float[np.ndarray, " member"]
    loss: Float[np.ndarray, " member"]
    time: Float[np.ndarray, " member"]
    steps: Int[np.ndarray, " member"]
    status: Int[np.ndarray, " member"]
    gradient: Float[np.ndarray, " member"]
    noise: Float[np.ndarray, " member"]
    rough: Float[np.ndarray, " member"]
    recorded: Int[np.ndarray, " step"]
    probed: Probed
    state: ThreeLayerState | None
    _kept: dict[int, dict[str, np.ndarray]] = field(repr=False)
    _activation: Activation = field(repr=False)
    _copies: int = field(repr=False)

    def parameters(
        self, member: int, *, initial: bool = False
    ) -> dict[str, np.ndarray]:
        """Of a kept member ``a`` (copy, outer), ``v`` (copy, outer, inner and bias),
        ``w`` (copy, inner, feature).

        Raises:
            InvalidInputError: The call did not keep it, or there is no such member.
        """
        now = self._now(member)
        if not initial:
            return now
        start = self.ensemble.draw(member, now["w"].shape[2])
        copies = {name: np.stack([leaf] * self._copies) for name, leaf in start.items()}
        return {
            **copies,
            "a": np.stack([start["a"], -start["a"]][: self._copies]),
        }

    def message(self, member: int) -> str:
        """How a member ended, and what to change: one line."""
        return message_of(self, member)

    def all_parameters(self, *, initial: bool = False) -> list[dict[str, np.ndarray]]:
        """The parameters of every member, in the order of the ensemble.

        Raises:
            InvalidInputError: The call did not keep all of them.
        """
        members = range(len(self.ensemble))
        return [self.parameters(member, initial=initial) for member in members]

    def _now(self, member: int) -> dict[str, np.ndarray]:
        if self.state is None and member in self._kept:
            return self._kept[member]
        if self.state is not None:
            for members, bucket in zip(
                self.state.members, self.state.buckets, strict=True
            ):
                rows = np.flatnonzero(members == member)
                if rows.size:
                    return weights_of(bucket, int(rows[0]))
        kept = range(len(self.ensemble)) if self.state else sorted(self._kept)
        raise InvalidInputError(
            "member",
            given=member,
            allowed=f"one of {list(kept)}",
            remedy="name it in keep= of the call",
        )

    def predict(
        self,
        member: int,
        x: Float[np.ndarray, "sample feature"],
        *,
        initial: bool = False,
    ) -> Float[np.ndarray, " sample"]:
        """Outputs of a kept member at new inputs."""
        weights = self.parameters(member, initial=initial)
        sigma = self._activation.sigma
        full = np.column_stack([np.asarray(x, float), np.ones(len(x))])
        inner = np.einsum("sd,cjd->csj", full, weights["w"])
        hidden = np.asarray(sigma(jnp.asarray(inner)))
        v, bias = weights["v"][:, :, :-1], weights["v"][:, None, :, -1]
        outer = np.einsum("csj,ckj->csk", hidden, v) + bias
        top = np.asarray(sigma(jnp.asarray(outer)))
        output = np.einsum("csk,ck->s", top, weights["a"])
        return self.ensemble.kappa[member] * output


def weights_of(bucket: Member, row: int) -> dict[str, np.ndarray]:
    """The weights of one member of a bucket, on the host."""
    return {
        "a": np.asarray(bucket.weights.a[row]),
        "v": np.asarray(bucket.weights.v[row]),
        "w": np.asarray(bucket.weights.w[row]).swapaxes(1, 2),
    }


def bucketed(ensemble: ThreeLayerEnsemble, copies: int) -> list[np.ndarray]:
    """Members of one width together, as many as fit.

    Args:
        ensemble: The members.
        copies: 2 with ASI, 1 without.
    """
    buckets = []
    for width in np.unique(ensemble.widths):
        of_width = np.flatnonzero(ensemble.widths == width)
        at_once = max(1, _NUMBERS_AT_ONCE // ((copies + 1) * int(width) ** 2))
        for first in range(0, len(of_width), at_once):
            buckets.append(of_width[first : first + at_once])
    return buckets


def constants_of(
    ensemble: ThreeLayerEnsemble, members: np.ndarray, features: int, limits: Limits
) -> Constants:
    """The members' constants, filled up with copies of the first that stop at once, so
    that few shapes are compiled.

    Args:
        ensemble: The members.
        members: Those of one bucket.
        features: Input features, the constant one included.
        limits: Where the members stop.
    """
    narrow = len(members) > 1 and ensemble.widths[members[0]] <= _NARROW
    spare = -len(members) % _COMMON if narrow else 0
    rows = np.concatenate([members, np.full(spare, members[0])])
    starts = [ensemble.draw(int(k), features) for k in members]
    starts += [starts[0]] * spare
    fixed = (
        np.stack([start["a"] for start in starts]),
        np.stack([start["v"] for start in starts]),
        np.stack([start["w"].T for start in starts]),
        ensemble.kappa[rows],
        ensemble.mobility[rows],
        limits.eta[rows],
        _targets(limits, rows, len(members)),
        np.full(len(rows), limits.max_time),
    )
    return Constants(*map(jnp.asarray, fixed))


def _targets(limits: Limits, rows: np.ndarray, count: int) -> np.ndarray:
    """Target losses; the copies behind the first `count` rows stop at once."""
    return np.where(
        np.arange(len(rows)) < count,
        limits.target[rows],
        np.inf,
    )


def reopened(
    state: ThreeLayerState,
    ensemble: ThreeLayerEnsemble,
    members: Sequence[np.ndarray],
    copies: int,
    limits: Limits,
) -> ThreeLayerState:
    """The state with the limits of this call, its members running again where these
    leave them room. Its arrays are copies: the compiled loop uses up what it is given.

    Args:
        state: Of an earlier result.
        ensemble: The members.
        members: The members of each bucket.
        copies: 2 with ASI, 1 without.
        limits: Where the members stop.

    Raises:
        InvalidInputError: The state is that of another ensemble.
    """
    expected = [(list(rows), copies, ensemble.widths[rows[0]]) for rows in members]
    stored = [
        (list(rows), *bucket.weights.a.shape[1:])
        for rows, bucket in zip(
            state.members,
            state.buckets,
            strict=True,
        )
    ]
    if stored != expected:
        raise InvalidInputError(
            "state",
            given="a state of another ensemble, or of another asi",
            allowed="the state of an earlier result of this ensemble",
            remedy="start without a state",
        )
    buckets, constants = [], []
    for rows, bucket, c in zip(
        state.members, state.buckets, state.constants, strict=True
    ):
        spare = np.repeat(rows[:1], len(bucket.loss) - len(rows))
        filled = np.concatenate([rows, spare])
        target = _targets(limits, filled, len(rows))
        status = reopened_status(
            bucket,
            target=target,
            max_time=limits.max_time,
            max_steps=limits.max_steps,
        )
        copied = jax.tree.map(jnp.copy, bucket)
        buckets.append(copied._replace(status=jnp.asarray(status, jnp.int64)))
        moved = c._replace(
            eta=jnp.asarray(limits.eta[filled]),
            target=jnp.asarray(target),
            max_time=jnp.asarray(np.full(len(filled), limits.max_time)),
        )
        constants.append(moved)
    return ThreeLayerState(
        state.members,
        tuple(buckets),
        tuple(constants),
    )


@np.errstate(
    over="ignore",
    invalid="ignore",
)  # the numbers of a member that diverged
def collect(
    columns: dict[str, np.ndarray], members: np.ndarray, bucket: Member, c: Constants
) -> None:
    """Write where the members of a bucket stand into the columns of the ensemble.

    Args:
        columns: By name, (member,) each; changed.
        members: The members of the bucket.
        bucket: Where they stand.
        c: Their constants.
    """
    layers = (
        ("rd1", bucket.weights.w, c.w0),
        ("rd2", bucket.weights.v, c.v0),
        ("rd_a", bucket.weights.a, c.a0),
    )
    for name, now, initial in layers:
        for row, member in enumerate(members):
            first, start = np.asarray(now[row, 0]), np.asarray(initial[row])
            moved = np.sum((first - start) ** 2) / np.sum(start**2)
            columns[name][member] = np.sqrt(moved)
    for name in RECORDED:
        values = np.asarray(getattr(bucket, name))
        columns[name][members] = values[: len(members)]
