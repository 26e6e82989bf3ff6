"""Gradient flow of ensembles of normalised three-layer networks, without a learning
rate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError
from condensery.engine._three_layer_kernel import (
    METHODS,
    Constants,
    Member,
    advance,
    unstarted,
)
from condensery.models import Activation, activation
from condensery.records import Status

_DEFAULT_ETA = {"exponential": 0.05, "gram": 1.0}
_NUMBERS_AT_ONCE = 1 << 25
_WORK_PER_CHUNK = 4e9
_COMMON = 8


@dataclass(frozen=True, eq=False)
class ThreeLayerEnsemble:
    """Members of an ensemble of three-layer networks: one entry per member in every
    array.

    The raw model is f = (1/α) Σ a_k σ(W₂σ(W₁x)) with entries of W₁, W₂, a of standard
    deviations β₁, β₂, β₃. Divided by these, its flow depends on κ₃ = β₁β₂β₃/α = m^−γ₃
    and on the ratios of the β alone; here β₂ = β₃, which leaves κ₂ = β₂/β₁ = m^−γ₂. In
    the time t/(β₁β₂β₃)^(2/3) the mobilities of W₁, W₂, a are κ₂^(4/3), κ₂^(−2/3),
    κ₂^(−2/3). **The orientation of the ratio, and β₂ = β₃, are a choice of this
    library**, made so that γ₂ > 0 slows the first layer down as γ' > 0 does in two
    layers.

    Attributes:
        widths: Units of either hidden layer, m.
        seeds: What each member's random numbers are drawn from, at least 0.
        gamma2s: γ₂.
        gamma3s: γ₃.

    Source:
        Zhou et al. 2022, arXiv 2205.12101 (two independent quantities, coordinates γ₂
        and γ₃).

    Example:
        >>> from condensery.engine import ThreeLayerEnsemble
        >>> ensemble = ThreeLayerEnsemble.grid(widths=[50, 100], gamma3s=[1.0, 2.0])
        >>> len(ensemble), ensemble.kappa[1].round(6), ensemble.mobility[0].tolist()
        (4, np.float64(0.01), [1.0, 1.0, 1.0])
    """

    widths: Int[np.ndarray, " member"]
    seeds: Int[np.ndarray, " member"]
    gamma2s: Float[np.ndarray, " member"]
    gamma3s: Float[np.ndarray, " member"]

    def __post_init__(self) -> None:
        for name, kind in (
            ("widths", np.int64),
            ("seeds", np.int64),
            ("gamma2s", float),
            ("gamma3s", float),
        ):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))
        shapes = {
            column.shape
            for column in (self.widths, self.seeds, self.gamma2s, self.gamma3s)
        }
        if len(shapes) != 1 or len(next(iter(shapes))) != 1 or not len(self.widths):
            raise InvalidInputError(
                "ensemble",
                given=f"columns of shapes {sorted(shapes)}",
                allowed="one entry per member in each",
                remedy="use ThreeLayerEnsemble.grid for all combinations",
            )
        for name, least in (("widths", 1), ("seeds", 0)):
            if (getattr(self, name) < least).any():
                raise InvalidInputError(
                    name,
                    given=int(getattr(self, name).min()),
                    allowed=f"whole numbers >= {least}",
                    remedy="raise it",
                )
        if not (np.isfinite(self.gamma2s).all() and np.isfinite(self.gamma3s).all()):
            raise InvalidInputError(
                "gamma2s, gamma3s",
                given="nan or inf",
                allowed="finite",
                remedy="correct them",
            )

    @classmethod
    def grid(
        cls,
        *,
        widths: Sequence[int],
        gamma3s: Sequence[float],
        gamma2s: Sequence[float] = (0.0,),
        seeds: Sequence[int] = (0,),
    ) -> ThreeLayerEnsemble:
        """Every combination: gamma2s outermost, then gamma3s, widths and seeds."""
        rows = list(product(gamma2s, gamma3s, widths, seeds))
        columns = (
            [np.asarray(column) for column in zip(*rows, strict=True)]
            if rows
            else [np.zeros(0)] * 4
        )
        gamma2, gamma3, width, seed = columns
        return cls(width, seed, gamma2, gamma3)

    def __len__(self) -> int:
        return len(self.widths)

    @property
    def kappa(self) -> Float[np.ndarray, " member"]:
        """κ₃ = m^−γ₃ of each member."""
        return self.widths.astype(float) ** -self.gamma3s

    @property
    def mobility(self) -> Float[np.ndarray, "member layer"]:
        """Mobilities of W₁, W₂ and a of each member."""
        ratio = self.widths.astype(float) ** -self.gamma2s
        return np.stack(
            [ratio ** (4 / 3), ratio ** (-2 / 3), ratio ** (-2 / 3)], axis=1
        )

    def columns(self) -> dict[str, np.ndarray]:
        """The members as columns of a table: width, seed, gamma2, gamma3."""
        return {
            "width": self.widths,
            "seed": self.seeds,
            "gamma2": self.gamma2s,
            "gamma3": self.gamma3s,
        }

    def draw(self, member: int, features: int) -> dict[str, np.ndarray]:
        """Standard-normal ``a`` (outer,), ``v`` (outer, inner and bias), ``w`` (inner,
        feature) of one member.

        A draw depends on width, seed and coordinates of its member alone, not on its
        companions.

        Args:
            member: Its position.
            features: Input features, the constant one included.
        """
        m = int(self.widths[member])
        place = (self.gamma2s[member], self.gamma3s[member])
        key = [
            int(self.seeds[member]),
            m,
            3,
            *(round((float(g) + 100) * 1e6) for g in place),
        ]
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))
        return {
            "a": rng.standard_normal(m),
            "w": rng.standard_normal((m, features)),
            "v": rng.standard_normal((m, m + 1)),
        }


@dataclass(frozen=True, eq=False)
class ThreeLayerResult:
    """Where each member of an ensemble stands; arrays have the ensemble's member axis.

    Attributes:
        ensemble: The members.
        rd1: Relative distance ‖W₁ − W₁(0)‖/‖W₁(0)‖, rows with their bias (with ASI: of
            copy 1).
        rd2: The same of W₂.
        rd_a: The same of the output weights.
        loss: Mean square of the residual.
        time: Flow time in the normalised units.
        steps: Steps taken.
        status: `condensery.records.Status` as integers.
        kept: Parameters of the members asked for: see `parameters`.
    """

    ensemble: ThreeLayerEnsemble
    rd1: Float[np.ndarray, " member"]
    rd2: Float[np.ndarray, " member"]
    rd_a: Float[np.ndarray, " member"]
    loss: Float[np.ndarray, " member"]
    time: Float[np.ndarray, " member"]
    steps: Int[np.ndarray, " member"]
    status: Int[np.ndarray, " member"]
    kept: dict[int, dict[str, np.ndarray]] = field(repr=False)
    _activation: Activation = field(repr=False)
    _copies: int = field(repr=False)

    def parameters(
        self, member: int, *, initial: bool = False
    ) -> dict[str, np.ndarray]:
        """Of a kept member ``a`` (copy, outer), ``v`` (copy, outer, inner and bias),
        ``w`` (copy, inner, feature).

        Raises:
            InvalidInputError: The call was not told to keep it.
        """
        if member not in self.kept:
            raise InvalidInputError(
                "member",
                given=member,
                allowed=f"one of {sorted(self.kept)}",
                remedy="name it in keep= of the call",
            )
        if not initial:
            return self.kept[member]
        start = self.ensemble.draw(member, self.kept[member]["w"].shape[2])
        copies = {name: np.stack([part] * self._copies) for name, part in start.items()}
        return {**copies, "a": np.stack([start["a"], -start["a"]][: self._copies])}

    def predict(
        self,
        member: int,
        x: Float[np.ndarray, "sample feature"],
        *,
        initial: bool = False,
    ) -> Float[np.ndarray, " sample"]:
        """Outputs of a kept member at new inputs."""
        p, sigma = self.parameters(member, initial=initial), self._activation.sigma
        full = np.column_stack([np.asarray(x, float), np.ones(len(x))])
        hidden = np.asarray(sigma(jnp.asarray(np.einsum("sd,cjd->csj", full, p["w"]))))
        outer = (
            np.einsum("csj,ckj->csk", hidden, p["v"][:, :, :-1])
            + p["v"][:, None, :, -1]
        )
        return self.ensemble.kappa[member] * np.einsum(
            "csk,ck->s", np.asarray(sigma(jnp.asarray(outer))), p["a"]
        )


def three_layer_flow(  # ruff: ignore[too-many-arguments] all but the data are options with defaults
    ensemble: ThreeLayerEnsemble,
    x: Float[np.ndarray, "sample feature"],
    y: Float[np.ndarray, " sample"],
    *,
    activation_name: str = "relu",
    asi: bool = True,
    eta: float | Float[np.ndarray, " member"] | None = None,
    target_loss: float = 1e-6,
    max_time: float = np.inf,
    max_steps: int = 5_000,
    method: str = "exponential",
    keep: Sequence[int] = (),
    on_progress: Callable[[float], None] | None = None,
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
        x: Inputs without the bias column.
        y: Targets.
        activation_name: A name of `condensery.models.ACTIVATIONS`.
        asi: Antisymmetric initialisation.
        eta: Step parameter, one for all or one per member; default 0.05. For the method
            ``gram`` a factor on its step, default 1.
        target_loss: Members stop below this mean square (Status.CONVERGED).
        max_time: Members stop at this flow time (Status.OUT_OF_TIME).
        max_steps: Members stop after this many steps (Status.OUT_OF_STEPS).
        method: ``exponential``, or ``gram``: the plain explicit step.
        keep: Members whose parameters the result keeps (2m² numbers each).
        on_progress: Called between compiled chunks with the fraction of members that
            have stopped.

    Returns:
        Where each member stands. A member's numbers do not depend on its companions.

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
    x, y = _checked(x, y, method, max_time, max_steps, target_loss)
    act, copies = activation(activation_name), 2 if asi else 1
    etas = np.broadcast_to(
        np.asarray(_DEFAULT_ETA[method] if eta is None else eta, float),
        (len(ensemble),),
    )
    if not np.all(etas > 0):
        raise InvalidInputError(
            "eta",
            given=eta,
            allowed="numbers > 0",
            remedy="leave it out for the default",
        )
    X, labels = jnp.asarray(np.column_stack([x, np.ones(len(x))])), jnp.asarray(y)
    limit = jnp.asarray(max_steps, np.int64)
    rows = {
        name: np.zeros(len(ensemble))
        for name in ("rd1", "rd2", "rd_a", "loss", "time", "steps", "status")
    }
    kept: dict[int, dict[str, np.ndarray]] = {}
    stopped = 0
    for members in _buckets(ensemble, copies):
        c = _constants(ensemble, members, X.shape[1], etas, target_loss, max_time)
        bucket = unstarted(c, copies=copies, samples=len(y))
        while np.any((status := np.asarray(bucket.status)) == Status.RUNNING):
            least = int(np.min(np.asarray(bucket.steps)[status == Status.RUNNING]))
            until = jnp.asarray(least + _chunk(bucket), np.int64)
            bucket = advance(act, method, X, labels, bucket, c, until, limit)
            if on_progress is not None:
                done = np.sum(
                    np.asarray(bucket.status)[: len(members)] != Status.RUNNING
                )
                on_progress((stopped + float(done)) / len(ensemble))
        stopped += len(members)
        _collect(rows, kept, members, bucket, c, set(keep))
    steps, status = rows.pop("steps").astype(int), rows.pop("status").astype(int)
    return ThreeLayerResult(
        ensemble,
        **rows,
        steps=steps,
        status=status,
        kept=kept,
        _activation=act,
        _copies=copies,
    )


def _checked(
    x: np.ndarray,
    y: np.ndarray,
    method: str,
    max_time: float,
    max_steps: int,
    target: float,
) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, float), np.asarray(y, float)
    if (
        x.ndim != 2
        or y.shape != x.shape[:1]
        or len(x) < 2
        or not (np.isfinite(x).all() and np.isfinite(y).all())
    ):
        raise InvalidInputError(
            "x, y",
            given=f"shapes {x.shape}, {y.shape}",
            remedy="reshape and clean the data",
            allowed="finite numbers of shapes (sample, feature), (sample,) with >= "
            "2 samples",
        )
    if method not in METHODS:
        raise InvalidInputError(
            "method",
            given=method,
            allowed=", ".join(METHODS),
            remedy="choose one of them",
        )
    for name, value in (
        ("max_time", max_time),
        ("max_steps", max_steps),
        ("target_loss", target),
    ):
        if not value > 0:
            raise InvalidInputError(
                name,
                given=value,
                allowed="a number > 0",
                remedy="leave it out for the default",
            )
    return x, y


def _buckets(ensemble: ThreeLayerEnsemble, copies: int) -> list[np.ndarray]:
    """Members of one width together, as many as fit."""
    buckets = []
    for width in np.unique(ensemble.widths):
        of_width = np.flatnonzero(ensemble.widths == width)
        at_once = max(1, _NUMBERS_AT_ONCE // ((copies + 1) * int(width) ** 2))
        buckets += [
            of_width[first : first + at_once]
            for first in range(0, len(of_width), at_once)
        ]
    return buckets


def _constants(
    ensemble: ThreeLayerEnsemble,
    members: np.ndarray,
    features: int,
    etas: np.ndarray,
    target: float,
    max_time: float,
) -> Constants:
    """The members' constants, filled up with copies of the first that stop at once, so
    that few shapes are compiled.
    """
    spare = (
        -len(members) % _COMMON
        if len(members) > 1 and ensemble.widths[members[0]] <= 200
        else 0
    )
    rows = np.concatenate([members, np.full(spare, members[0])])
    starts = [ensemble.draw(int(k), features) for k in members]
    starts += [starts[0]] * spare
    fixed = (
        np.stack([s["a"] for s in starts]),
        np.stack([s["v"] for s in starts]),
        np.stack([s["w"].T for s in starts]),
        ensemble.kappa[rows],
        ensemble.mobility[rows],
        etas[rows],
        np.where(np.arange(len(rows)) < len(members), target, np.inf),
        np.full(len(rows), float(max_time)),
    )
    return Constants(*map(jnp.asarray, fixed))


def _chunk(bucket: Member) -> int:
    """Steps per compiled call: long enough to amortise the call, short enough for
    progress and Ctrl-C.
    """
    members, copies, outer, inner = bucket.v.shape
    return int(
        np.clip(
            _WORK_PER_CHUNK
            / (10 * members * copies * outer * inner * bucket.e.shape[1]),
            8,
            2048,
        )
    )


@np.errstate(over="ignore", invalid="ignore")  # the numbers of a member that diverged
def _collect(
    rows: dict[str, np.ndarray],
    kept: dict[int, dict[str, np.ndarray]],
    members: np.ndarray,
    bucket: Member,
    c: Constants,
    keep: set[int],
) -> None:
    own = slice(len(members))
    for name, now, initial in (
        ("rd1", bucket.w, c.w0),
        ("rd2", bucket.v, c.v0),
        ("rd_a", bucket.a, c.a0),
    ):
        for place, member in enumerate(members):
            first, start = np.asarray(now[place, 0]), np.asarray(initial[place])
            rows[name][member] = np.sqrt(
                np.sum((first - start) ** 2) / np.sum(start**2)
            )
    for name in ("loss", "time", "steps", "status"):
        rows[name][members] = np.asarray(getattr(bucket, name))[own]
    for place, member in enumerate(members):
        if int(member) in keep:
            kept[int(member)] = {
                "a": np.asarray(bucket.a[place]),
                "v": np.asarray(bucket.v[place]),
                "w": np.asarray(bucket.w[place]).swapaxes(1, 2),
            }
