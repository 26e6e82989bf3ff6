"""What Zhou et al. (2022) state about three-layer networks, and how it is judged."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from condensery.experiments.three_layer._config import Config
from condensery.metrics import boundary_local_crossing
from condensery.records import Claim, Relation, Statement, Table

PAPER = "zhou2022three"
OURS = "our choice: points, orientation of γ₂, stopping rule, seeds (not in the paper)"


def _s(name: str, relation: Relation, source: str, statement: str) -> Statement:
    return Statement(
        id=name, paper=PAPER, statement=statement, relation=relation, source=source
    )


STATEMENTS = (
    _s(
        "first-linear",
        "<=",
        "Fig. 4",
        "Left of γ₃ = 3/2 the first layer is linear: S_W1 < 0 at γ₂ = 0, γ₃ = 1.2.",
    ),
    _s(
        "first-condensed",
        ">=",
        "Fig. 4",
        "Right of γ₃ = 3/2 the first layer condenses: S_W1 > 0 at γ₂ = 0, γ₃ = 1.8.",
    ),
    _s(
        "first-crossing",
        "between",
        "Fig. 4",
        "At γ₂ = 0 the slope S_W1 passes through zero near γ₃ = 3/2.",
    ),
    _s(
        "second-linear",
        "<=",
        "phase diagram of W2",
        "At γ₂ = 0 the second layer is linear where the first condenses already: "
        "S_W2 < 0 at all γ₃ ≤ 2.1 (largest).",
    ),
    _s(
        "grows",
        ">=",
        "Fig. 4",
        "The slope of RD(W1) grows with γ₃ = 0.9, 1.5, 2.1 (smaller of the two "
        "increases).",
    ),
    _s(
        "mixed",
        ">=",
        "abstract",
        "Different layers can lie in different regimes in one training (largest "
        "min(S_W1, −S_W2) over the map).",
    ),
    _s(
        "four-regimes",
        "equal",
        "phase diagram",
        "The plane is parted into four regimes (sign pairs of the slopes).",
    ),
    _s(
        "condenses",
        "<=",
        "Fig. 2",
        "At γ₃ = 2 the active neurons stand at a few orientations (ratio of their "
        "number to that at γ₃ = 1).",
    ),
    _s(
        "method",
        "<=",
        "normalised flow",
        "The flow is the solution of its equations (RD of W1 by the exponential "
        "step against the plain one).",
    ),
    _s(
        "exponents",
        "<=",
        "scaling argument",
        "The slopes are those of a balance of the layers (root mean square "
        "difference over the map, both layers).",
    ),
)
BY_ID = {statement.id: statement for statement in STATEMENTS}


def judge(config: Config, tables: Mapping[str, Table]) -> list[Claim]:
    """A claim for every statement; those that this configuration cannot judge have no
    value.
    """
    claims = {
        claim.id: claim
        for claim in (*_row(tables["slopes"]), *_map(tables["slopes"]), *_shown(tables))
    }
    return [
        claims.get(s.id) or s.check(None, None, note="needs the cells of the presets")
        for s in STATEMENTS
    ]


def _row(slopes: Table) -> list[Claim]:
    row = slopes.select(gamma2=0.0)
    order = np.argsort(row["gamma3"])
    gammas = row["gamma3"][order]
    first, second = row["first"][order], row["second"][order]
    error = dict(zip(gammas.round(9), row["first_se"][order], strict=True))
    at = dict(zip(gammas.round(9), first, strict=True))
    claims = []
    for name, gamma3 in (("first-linear", 1.2), ("first-condensed", 1.8)):
        if gamma3 in at:
            claims.append(
                BY_ID[name].check(
                    float(at[gamma3]), 0.0, note=f"± {error[gamma3]:.3f}; {OURS}"
                )
            )
    if len(gammas) > 1 and gammas[0] <= 1.2 and gammas[-1] >= 1.8:
        crossing = boundary_local_crossing(gammas, first)
        claims.append(
            BY_ID["first-crossing"].check(
                crossing, (1.4, 1.65), note=f"between neighbouring cells; {OURS}"
            )
        )
    low = second[gammas <= 2.1 + 1e-9]
    if low.size and gammas[-1] >= 2.1:
        claims.append(BY_ID["second-linear"].check(float(low.max()), 0.0, note=OURS))
    if {0.9, 1.5, 2.1} <= set(at):
        steps = np.diff([at[gamma3] for gamma3 in (0.9, 1.5, 2.1)])
        claims.append(
            BY_ID["grows"].check(
                float(steps.min()),
                0.0,
                note=f"increases {steps[0]:.2f}, {steps[1]:.2f}",
            )
        )
    return claims


def _map(slopes: Table) -> list[Claim]:
    first, second = slopes["first"], slopes["second"]
    sure = (np.abs(first) > 2 * slopes["first_se"]) & (
        np.abs(second) > 2 * slopes["second_se"]
    )
    if not sure.any():
        return []
    pairs = {
        (bool(a), bool(b))
        for a, b in zip(first[sure] > 0, second[sure] > 0, strict=True)
    }
    known = np.isfinite(first) & np.isfinite(second)
    mixed = np.minimum(first, -second)[known]
    best = np.flatnonzero(known)[int(np.argmax(mixed))]
    gaps = np.concatenate(
        [
            (first - slopes["theory_first"])[known],
            (second - slopes["theory_second"])[known],
        ]
    )
    place = f"at γ₂ = {slopes['gamma2'][best]:g}, γ₃ = {slopes['gamma3'][best]:g}"
    whole = (
        len(np.unique(slopes["gamma2"])) > 2 and len(np.unique(slopes["gamma3"])) > 4
    )
    counted = (
        f"{int(sure.sum())} of {len(first)} cells are told apart from 0 by "
        f"two standard errors; {OURS}"
    )
    return [
        BY_ID["mixed"].check(float(mixed.max()), 0.0, note=place),
        BY_ID["four-regimes"].check(
            float(len(pairs)), 4.0 if whole else None, note=counted
        ),
        BY_ID["exponents"].check(
            float(np.sqrt(np.mean(gaps**2))),
            None,
            note="an argument of this library, not of the paper: no tolerance",
        ),
    ]


def _shown(tables: Mapping[str, Table]) -> list[Claim]:
    neurons, methods = tables["neurons"], tables["methods"]
    count = {
        float(gamma): int(k)
        for gamma, k in zip(neurons["gamma3"], neurons["orientations"], strict=True)
    }
    gap = np.abs(methods["exponential_1"] / methods["gram_1"] - 1)
    return [
        BY_ID["condenses"].check(
            count[2.0] / count[1.0],
            0.5,
            note=f"{count[1.0]} at γ₃ = 1, {count[1.5]} at 1.5, {count[2.0]} at 2, "
            "of the longest tenth of "
            "the neurons; our measure, taken after a first one (all above a fifth "
            "of the longest) gave 30, 20",
        ),
        BY_ID["method"].check(
            float(gap.max()),
            0.03,
            note=f"m ≤ 100; greatest at γ₃ = {_at(methods, gap):g}",
        ),
    ]


def _at(methods: Table, gap: np.ndarray) -> float:
    return float(methods["gamma3"][int(np.argmax(gap))])
