"""How condensed a layer is: effective neurons, condensed groups and their shares of the
amplitude.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.metrics._cover import Cover, Nearness, greedy_cover, linkage_labels
from condensery.metrics._entropy import effective_orientations
from condensery.metrics._groups import describe_groups
from condensery.metrics._rows import Rows

# The pairs of 5,000 units take 100 MB, of which the linkage makes a copy.
_LINKAGE_LIMIT = 5_000


@dataclass(frozen=True, eq=False)
class Condensation:
    """What `condensation` found in one layer; the settings it used come last.

    Attributes:
        units: m, all units of the layer.
        active_units: Units whose amplitude is above the cut.
        zero_units: Units with a zero row (w, b), which have no direction.
        borderline_units: Units whose amplitude is within the relative guard of the cut,
            so that they might count or not.
        effective_neurons: m_eff, directions that cover all active units.
        effective_neurons_range: Least and largest m_eff of the same cover with the
            angle of the threshold moved by ∓ `guard`. Equal to each other if there are
            no ties.
        effective_ratio: m_eff/m, over all units of the layer.
        ties: Active units that were covered, or not covered, by less than `guard`.
            Without ties no change of the directions that moves each angle by less than
            `guard` changes m_eff.
        representatives: Index of the units of the cover, by falling amplitude.
        groups: Number of each unit's condensed group; 0 has the largest amplitude, -1
            is an inactive unit.
        group_sizes: Units of each group.
        group_shares: Share of each group in the amplitude of all active units.
        group_directions: Unit vector of each group: the amplitude-weighted mean of its
            directions; with `antipodal` they are first turned to the side of the
            heaviest unit.
        group_spreads: Root mean square angle of each group's units to its direction, in
            radians.
        effective_orientations: exp of the entropy of `group_shares`.
        grouping: How the groups were formed: ``linkage`` (complete linkage) or
            ``cover`` (nearest representative).
        amplitude: ``product`` for |a|·‖(w, b)‖, ``input`` for ‖(w, b)‖.
        threshold: Cosine from which two directions count as one.
        active: Cut, as a share of the largest amplitude.
        antipodal: Whether opposite directions count as one.
        guard: Tie guard in radians.
    """

    units: int
    active_units: int
    zero_units: int
    borderline_units: int
    effective_neurons: int
    effective_neurons_range: tuple[int, int]
    effective_ratio: float
    ties: int
    representatives: np.ndarray
    groups: np.ndarray
    group_sizes: np.ndarray
    group_shares: np.ndarray
    group_directions: np.ndarray
    group_spreads: np.ndarray
    effective_orientations: float
    grouping: Literal["linkage", "cover"]
    amplitude: Literal["product", "input"]
    threshold: float
    active: float
    antipodal: bool
    guard: float


def condensation(
    weights: Float[np.ndarray, "unit feature"],
    output_weights: Float[np.ndarray, " unit"] | None = None,
    *,
    bias: Float[np.ndarray, " unit"] | None = None,
    threshold: float = 0.99,
    active: float = 0.05,
    antipodal: bool = False,
    amplitude: Literal["product", "input"] | None = None,
    grouping: Literal["auto", "linkage", "cover"] = "auto",
    guard: float | None = None,
    block: int = 512,
) -> Condensation:
    r"""Measure the condensation of one layer.

    Formula:
        A unit is active if A > `active`·max A. **Effective neurons**: of the active
        units not covered yet, take the one of largest amplitude and cover all units
        whose cosine with it is at least `threshold`; repeat until all are covered;
        m_eff is the number taken. (The least number of covering directions is NP-hard
        to find; this cover is deterministic. Of equal amplitudes the earlier unit comes
        first.) **Groups**: complete linkage, cut where every pair within a group has a
        cosine of at least `threshold`. A group is thus at most as wide as the threshold
        and a unit's cover is up to twice as wide, so that the two numbers may differ in
        a layer that is not condensed.

    Args:
        weights: Rows w, or (w, b) with the bias as a column. ReLU units that are dead
            on the data are not told apart here: leave their rows out first where the
            data is known.
        output_weights: a of every unit; for several outputs the norm over them. None:
            amplitude ``input``.
        bias: Bias of every unit; becomes the last column.
        threshold: Cosine in (0, 1]. 0.99 is the count by which the number of
            orientations of the standard one-dimensional demonstration grows with time.
            Luo et al. give none. Zhang & Xu count at 0.95 with *all* units
            (`active=0`); 0.9 and 0.7 are in use for network reduction and for
            transformers. `condensery.torch.inspect` has 0.95, for layers of many
            inputs; here rows may have two entries, and of two random directions in
            the plane 10 % are closer than 0.95.
        active: Cut in [0, 1). Luo et al. speak of "significant amplitude" without a
            number; 0.05 leaves exactly the two clusters of their Fig. 2 (γ = 1.75). 0
            keeps every unit of positive amplitude.
        antipodal: Whether opposite directions count as one (signed cosines are the
            convention of the papers).
        amplitude: ``product`` |a|·‖(w, b)‖ (Luo et al.) or ``input`` ‖(w, b)‖ (growth
            of the number of orientations in Xu et al.). None: ``product`` if there are
            output weights, otherwise ``input``.
        grouping: ``linkage``, ``cover``, or ``auto``: linkage up to 5,000 active units,
            above that the nearest representative of the cover taken before the unit.
            The result says which was used.
        guard: Tie guard in radians. None: 1e-9, or 8 spacings of the coarsest dtype if
            that is more (1e-6 in float32).
        block: Units compared at once. Time is O(active × m_eff); memory beyond a few
            numbers per unit is O(block²) and the representatives, so that a million
            units in few directions take a few seconds.

    Returns:
        The numbers, the groups and the settings. Cosines are compared by 1 − cosine,
        and by the chord ‖u − v‖²/2 for thresholds within 1e-4 of 1, so that angles are
        resolved to better than 1e-9 rad at any threshold. Zero rows and zero amplitudes
        are never active. If no unit is active, m_eff, its ratio and the effective
        orientations are 0 and there are no groups. Everything is invariant under a
        common positive scale of (w, b) or of a, under rotations, and, with distinct
        amplitudes and no ties, under permutations.

    Raises:
        InvalidInputError: The shapes do not fit, an entry is not finite, or an option
            is outside its range.

    Source:
        Zhang & Xu 2024, IEEE TPAMI 46(6):4206, arXiv 2207.05952 (effective ratio,
        greedy cover); Luo et al. 2021, arXiv 2007.07497, Fig. 2 (amplitude,
        orientation); Xu et al. 2025, arXiv 2504.09484 (number of orientations).

    Example:
        >>> import numpy as np
        >>> w = np.array(
        ...     [[2.0, 0.0], [1.0, 0.001], [0.0, 3.0], [0.0, 0.0], [0.01, -0.01]]
        ... )
        >>> found = condensation(w, np.ones(5))
        >>> (
        ...     found.effective_neurons,
        ...     found.groups.tolist(),
        ...     found.active_units,
        ...     found.zero_units,
        ... )
        (2, [0, 0, 1, -1, -1], 3, 1)
        >>> [round(float(share), 3) for share in found.group_shares]
        [0.5, 0.5]
        >>> round(found.effective_orientations, 5)
        2.0
    """
    rows = Rows.of(weights, bias)
    _check_options(threshold, active, grouping, guard, block)
    relative, zeros, kind = _relative_amplitudes(rows, output_weights, amplitude)
    guard = max(1e-9, 8 * rows.resolution) if guard is None else guard
    order = np.flatnonzero(relative > active)
    order = order[np.argsort(-relative[order], kind="stable")]
    nearness = Nearness(1.0 - threshold, antipodal)
    cover = greedy_cover(rows, order, nearness, block=block)
    ties, bounds = _ties(rows, order, nearness, cover, guard=guard, block=block)
    by_linkage = _by_linkage(grouping, len(order))
    labels = (
        linkage_labels(rows.directions(order), nearness)
        if by_linkage and len(order)
        else cover.nearest
    )
    groups = describe_groups(rows, order, labels, relative[order], antipodal=antipodal)
    numbers = np.full(len(relative), -1, dtype=np.intp)
    numbers[order] = groups.labels
    return Condensation(
        units=len(relative),
        active_units=len(order),
        zero_units=zeros,
        borderline_units=int(
            np.count_nonzero((relative > 0) & (np.abs(relative - active) <= guard))
        ),
        effective_neurons=len(cover.representatives),
        effective_neurons_range=bounds,
        effective_ratio=len(cover.representatives) / len(relative),
        ties=ties,
        representatives=cover.representatives,
        groups=numbers,
        group_sizes=groups.sizes,
        group_shares=groups.shares,
        group_directions=groups.directions,
        group_spreads=groups.spreads,
        effective_orientations=effective_orientations(groups.shares),
        grouping="linkage" if by_linkage else "cover",
        amplitude=kind,
        threshold=threshold,
        active=active,
        antipodal=antipodal,
        guard=guard,
    )


def _check_options(
    threshold: float, active: float, grouping: str, guard: float | None, block: int
) -> None:
    if not 0 < threshold <= 1:
        raise InvalidInputError(
            "threshold",
            given=threshold,
            allowed="a cosine in (0, 1]",
            remedy="0.99 is the default, 0.95 is common",
        )
    if not 0 <= active < 1:
        raise InvalidInputError(
            "active",
            given=active,
            allowed="a share in [0, 1)",
            remedy="use 0 to count every unit that is not zero",
        )
    if grouping not in ("auto", "linkage", "cover"):
        raise InvalidInputError(
            "grouping",
            given=grouping,
            allowed="'auto', 'linkage' or 'cover'",
            remedy="leave it out for 'auto'",
        )
    if guard is not None and not (np.isfinite(guard) and guard >= 0):
        raise InvalidInputError(
            "guard",
            given=guard,
            allowed="an angle >= 0 in radians",
            remedy="leave it out",
        )
    if block < 1:
        raise InvalidInputError(
            "block", given=block, allowed="a whole number >= 1", remedy="leave it out"
        )


def _by_linkage(grouping: str, count: int) -> bool:
    if grouping == "linkage" and count > _LINKAGE_LIMIT:
        raise InvalidInputError(
            "grouping",
            given=f"'linkage' for {count} active units",
            allowed=f"'linkage' up to {_LINKAGE_LIMIT} active units",
            remedy="use grouping='cover' or a larger cut `active`",
        )
    return grouping == "linkage" or (grouping == "auto" and count <= _LINKAGE_LIMIT)


def _relative_amplitudes(
    rows: Rows,
    output_weights: np.ndarray | None,
    kind: Literal["product", "input"] | None,
) -> tuple[np.ndarray, int, Literal["product", "input"]]:
    """Amplitudes over the largest one, number of zero rows, and the kind of amplitude
    that was used.

    Raises:
        InvalidInputError: The output weights are missing, do not fit or are not finite.
    """
    if kind not in (None, "product", "input") or (
        kind == "product" and output_weights is None
    ):
        raise InvalidInputError(
            "amplitude",
            given=f"{kind!r} {'without' if output_weights is None else 'with'} "
            "output weights",
            allowed="'product' with output weights, or 'input'",
            remedy="pass output_weights, or amplitude='input'",
        )
    lengths = rows.lengths()
    zeros = int(np.count_nonzero(lengths == 0))
    relative = _over_largest(lengths)
    if output_weights is None or kind == "input":
        return relative, zeros, "input"
    outputs = np.abs(np.asarray(output_weights, dtype=np.float64))
    if outputs.shape != lengths.shape or not np.all(np.isfinite(outputs)):
        raise InvalidInputError(
            "output_weights",
            given=f"shape {outputs.shape}, "
            f"{np.count_nonzero(~np.isfinite(outputs))} entries nan or inf",
            allowed=f"shape {lengths.shape}, one finite entry per unit",
            remedy="for several outputs pass the norm over the outputs",
        )
    return _over_largest(_over_largest(outputs) * relative), zeros, "product"


def _over_largest(values: np.ndarray) -> np.ndarray:
    largest = values.max()
    return values / largest if largest > 0 else values


def _ties(
    rows: Rows,
    order: np.ndarray,
    nearness: Nearness,
    cover: Cover,
    *,
    guard: float,
    block: int,
) -> tuple[int, tuple[int, int]]:
    """Units decided by less than the guard, and the range of the count with the
    threshold moved by it.
    """
    count = len(cover.representatives)
    narrow, wide = nearness.shifted(-guard), nearness.shifted(guard)
    ties = int(
        np.count_nonzero(
            (cover.decisive >= narrow.limit) & (cover.decisive <= wide.limit)
        )
    )
    if not ties:
        return 0, (count, count)
    moved = [
        len(greedy_cover(rows, order, rule, block=block).representatives)
        for rule in (narrow, wide)
    ]
    return ties, (min(count, *moved), max(count, *moved))
