"""The random data sets of the batteries of the flows, and how one of them is judged."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from condensery._reference import load
from condensery.engine import Ensemble, ThreeLayerEnsemble, flow, three_layer_flow
from condensery.models import ACTIVATIONS
from condensery.records import Status

REFERENCE = Path(__file__).with_name("flow_reference.py")
DEEP_REFERENCE = Path(__file__).with_name("three_layer_reference.py")
ACTIVATED = Path(__file__).with_name("reference_activations.py")
KINDS = ("smooth", "noisy", "duplicated", "collinear", "outliers")
DEFINITE = (Status.CONVERGED, Status.AT_REST)
LADDER = (10, 30, 100, 300, 1_000, 3_000, 20_000)
SETS = 220
DEEP_SETS = 44
RD_TOLERANCE = 0.01
SELF_TOLERANCE = 0.003
ROUNDING = 1e-12
TARGET = 1e-6
"""Loss at which both stop, in units of the mean of y²."""
WORK = 3e7
"""Steps of the reference times units times samples."""


@dataclass(frozen=True)
class Case:
    """One random data set and the network that is to learn it.

    Attributes:
        number: Which one; all else follows from it.
        kind: Of `KINDS`.
        x: Inputs.
        y: Targets.
        activation: A name of the registry.
        width: Units.
        gamma: γ, or γ₃ of three layers.
        gamma_prime: γ', or γ₂.
        asi: Antisymmetric initialisation.
    """

    number: int
    kind: str
    x: np.ndarray
    y: np.ndarray
    activation: str
    width: int
    gamma: float
    gamma_prime: float
    asi: bool

    def __str__(self) -> str:
        samples, features = self.x.shape
        return (
            f"{self.kind}, {self.activation}, n={samples}, d={features}, "
            f"m={self.width}, γ={self.gamma:.2f}, γ'={self.gamma_prime:.2f}"
            f"{', asi' if self.asi else ''}"
        )

    @property
    def target(self) -> float:
        """Loss at which engine and reference stop."""
        return TARGET * float(np.mean(self.y**2))


def case(number: int, *, layers: int = 2) -> Case:
    """The data set and network of a number."""
    rng = np.random.default_rng([layers, number])
    deep = layers == 3
    samples = int(np.exp(rng.uniform(np.log(2), np.log(17 if deep else 65))))
    features = int(np.exp(rng.uniform(0.0, np.log(21))))
    kind = KINDS[number % len(KINDS)]
    x, y = _data(rng, kind, max(samples, 2), features)
    width = np.exp(rng.uniform(np.log(10), np.log(60 if deep else 1000)))
    return Case(
        number=number,
        kind=kind,
        x=x,
        y=y,
        activation=ACTIVATIONS[number % len(ACTIVATIONS)],
        width=int(width),
        gamma=float(rng.uniform(0.8, 2.2) if deep else rng.uniform(0.3, 2.5)),
        gamma_prime=float(rng.choice([0.0, 0.0, -0.2, 0.2])),
        asi=bool(rng.random() < 0.5),
    )


def _data(
    rng: np.random.Generator, kind: str, samples: int, features: int
) -> tuple[np.ndarray, np.ndarray]:
    x = rng.uniform(-1.0, 1.0, (samples, features))
    if kind == "collinear":
        x = np.outer(rng.uniform(-1.0, 1.0, samples), rng.standard_normal(features))
    if kind == "duplicated":
        x = x[rng.integers(0, max(samples // 2, 1), samples)]
    direction = rng.standard_normal(features) / np.sqrt(features)
    y = np.sin(3.0 * x @ direction) + 0.5 * (x @ direction) ** 2
    if kind == "noisy":
        y = y + rng.standard_normal(samples)
    if kind == "outliers":
        row = rng.integers(samples)
        x[row] *= 5.0
        y[rng.integers(samples)] += 5.0
    return x, y


def cheapest_first(count: int, *, layers: int = 2) -> list[int]:
    """The numbers of the cases, in the order of their work."""

    def work(number: int) -> float:
        drawn = case(number, layers=layers)
        return drawn.width ** (layers - 1) * len(drawn.x) ** 2

    return sorted(range(count), key=work)


@dataclass(frozen=True)
class Judged:
    """What came of a case.

    Attributes:
        definite: Whether the flow converged or is at rest.
        monotone: Whether its loss never rose.
        trusted: Whether the reference agrees with itself at half its step.
        gap: Relative distance of RD from the reference's, at one time.
        note: All that in words.
    """

    definite: bool
    monotone: bool
    trusted: bool
    gap: float
    note: str

    @property
    def passed(self) -> bool:
        """Monotone, and right and definite where there is something to compare."""
        right = self.definite and self.gap <= RD_TOLERANCE
        return self.monotone and (right or not self.trusted)


def judge(drawn: Case) -> Judged:
    """Two layers: the engine against the reference."""
    result, monotone = _laddered(_two_layers, drawn)
    ends = _references(drawn, float(result.time[0]))
    at = _two_layers(
        drawn,
        max_time=ends[-1].time,
        max_steps=LADDER[-1],
    )
    rd = [end.rd for end in ends]
    return _judged(drawn, (result, monotone), float(at.rd[0]), rd, ends[-1].time)


def judge_deep(drawn: Case) -> Judged:
    """Three layers: RD of the first two."""
    result, monotone = _laddered(_three_layers, drawn)
    rows, time = _deep_references(drawn, float(result.time[0]))
    at = _three_layers(
        drawn,
        max_time=time,
        max_steps=LADDER[-1],
    )
    layers = [
        _judged(drawn, (result, monotone), float(rd[0]), pair, time)
        for rd, pair in zip((at.rd1, at.rd2), rows, strict=True)
    ]
    return max(layers, key=lambda layer: (layer.trusted, layer.gap))


def _two_layers(drawn: Case, **options):
    ensemble = Ensemble.grid(
        widths=[drawn.width],
        gammas=[drawn.gamma],
        gamma_primes=[drawn.gamma_prime],
        seeds=[drawn.number],
    )
    return flow(
        ensemble,
        drawn.x,
        drawn.y,
        activation_name=drawn.activation,
        asi=drawn.asi,
        target_loss=drawn.target,
        **options,
    )


def _three_layers(drawn: Case, **options):
    ensemble = ThreeLayerEnsemble.grid(
        widths=[drawn.width],
        gamma3s=[drawn.gamma],
        gamma2s=[drawn.gamma_prime],
        seeds=[drawn.number],
    )
    return three_layer_flow(
        ensemble,
        drawn.x,
        drawn.y,
        activation_name=drawn.activation,
        asi=drawn.asi,
        target_loss=drawn.target,
        **options,
    )


def _laddered(run, drawn: Case):
    """The flow's end, and whether its loss fell from rung to rung of the ladder."""
    state, losses = None, [np.inf]
    for steps in LADDER:
        result = run(
            drawn,
            max_steps=steps,
            state=state,
        )
        state = result.state
        losses.append(float(result.loss[0]))
        if result.status[0] != Status.OUT_OF_STEPS:
            break
    falls = all(b <= a * (1 + ROUNDING) for a, b in itertools.pairwise(losses))
    return result, falls


def _steps(drawn: Case, power: int = 1) -> int:
    units = drawn.width**power * (2 if drawn.asi else 1)
    return int(np.clip(WORK / (units * len(drawn.x)), 400, 6000))


def _references(drawn: Case, time: float) -> list:
    """The reference with two steps, to one time."""
    reference = load(f"{REFERENCE}:Flow")
    start = _two_layers(drawn, max_steps=1).parameters(0, initial=True)
    sigma, prime = load(f"{ACTIVATED}:PAIRS")[drawn.activation]
    slopes = load(f"{ACTIVATED}:SLOPES").get(drawn.activation)
    ends = []
    for fine in (0.5, 0.25) if slopes else (1.0, 0.5):
        follower = reference(
            a=start["a"].copy(),
            w=start["w"].copy(),
            X=np.column_stack([drawn.x, np.ones(len(drawn.x))]),
            y=drawn.y,
            kappa=drawn.width**-drawn.gamma,
            kappa_prime=drawn.width**-drawn.gamma_prime,
            sigma=sigma,
            prime=prime,
            slopes=slopes,
            asi=drawn.asi,
        )
        end = follower.to_end(
            fine=fine,
            max_time=time,
            target=0.0,
            max_steps=_steps(drawn) if not ends else 20 * _steps(drawn),
        )
        time = min(time, end.time)
        ends.append(end)
    return ends


def _deep_references(drawn: Case, time: float):
    """RD of the first two layers with two steps, and the time they reach."""
    follow = load(f"{DEEP_REFERENCE}:DeepFlow")
    sigma, prime = load(f"{ACTIVATED}:PAIRS")[drawn.activation]
    run = _three_layers(drawn, max_steps=1)
    start = run.parameters(0, initial=True)
    X = np.column_stack([drawn.x, np.ones(len(drawn.x))])
    ends, steps = [], _steps(drawn, 2)
    for fine in (0.5, 0.25):
        follower = follow(
            weights=tuple(start[name].copy() for name in "avw"),
            X=X,
            y=drawn.y,
            kappa=float(run.ensemble.kappa[0]),
            mobility=run.ensemble.mobility[0],
            sigma=sigma,
            prime=prime,
        )
        end = follower.to_end(
            fine=fine,
            max_time=time,
            max_steps=steps,
        )
        steps, time = 20 * steps, min(time, end[2])
        ends.append(end)
    first, second, _ = zip(*ends, strict=True)
    return (first, second), time


def _first(result) -> float:
    """RD of the input weights."""
    return float(getattr(result, "rd", getattr(result, "rd1", None))[0])


def _judged(drawn: Case, run: tuple, rd: float, ends, time: float) -> Judged:
    """The engine's answer beside that of the reference at two steps."""
    (result, monotone), (coarse, fine) = run, ends
    own = abs(coarse / fine - 1.0) if fine > 0 else np.inf
    gap = abs(rd / fine - 1.0) if fine > 0 else np.inf
    status = Status(int(result.status[0]))
    words = status.name.lower().replace("_", " ")
    note = (
        f"{drawn}: {words} after {int(result.steps[0])} steps, "
        f"loss {float(result.loss[0]):.2g}, RD {_first(result):.4g}; "
        f"at {time / float(result.time[0]):.0%} of its time RD is {gap:.2%} off the "
        f"reference, that {own:.2%} off itself at half its step"
    )
    return Judged(status in DEFINITE, monotone, own <= SELF_TOLERANCE, gap, note)
