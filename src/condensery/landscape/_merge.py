"""Merging parallel units: exact by the table of the activation, or approximate and said
to be so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from condensery._errors import InvalidInputError
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    elementwise,
    features,
)
from condensery.landscape._receipt import (
    Moved,
    admitted,
    check_hidden,
    check_unit,
    write_receipt,
)
from condensery.models import activation
from condensery.theory import MergeRule, activation_facts, merge_rule

PARALLEL = 1e-12
"""Rows are exactly parallel if what is left after projection is below this part of
them: rounding of sums of copies.
"""

CANCELLING = 0.1
"""Below this |Σ a‖w‖| / Σ|a|‖w‖ a group that is not exactly parallel is a difference,
not a sum.
"""

INFINITY = (
    "the units are on the way to channels to infinity: nearly parallel, with "
    "outgoing weights that cancel"
)


@dataclass(eq=False)
class _Work:
    """One layer while it is being merged.

    Attributes:
        rows: Input weights and, if there is one, bias of each unit.
        outgoing: Its weights in the next layer.
        next_bias: The next layer's bias.
        name: Of the activation.
        constant: σ(b) of the units whose input weights are zero, nan for the others.
        alive: Units that are left.
        moved_bias: What was added to the next bias.
        notes: What was left apart, and why.
    """

    rows: Float[np.ndarray, "unit input"]
    outgoing: Float[np.ndarray, "unit next"]
    next_bias: Float[np.ndarray, " next"] | None
    name: str
    constant: np.ndarray
    alive: np.ndarray
    moved_bias: np.ndarray
    notes: list[str] = field(default_factory=list)

    def amplitudes(self) -> Float[np.ndarray, " unit"]:
        return np.linalg.norm(self.rows, axis=1) * np.linalg.norm(self.outgoing, axis=1)


def merge(
    parameters: Sequence[Layer],
    problem: Problem,
    *,
    layer: int | None = None,
    units: Sequence[int] | None = None,
    cosine: float | None = None,
    drop_below: float = 0.0,
    dead: bool = False,
    spectrum: bool = True,
) -> Moved:
    r"""Merge parallel units: a_j ← Σ a_k·factor_k and b ← b + Σ a_k·constant_k for w_k
    = c_k·w_j (the merge table).

    Units are compared by their input weights with bias, layer after layer from the
    input, since a merge sums columns of the next layer and can make rows of it
    parallel. Units without outgoing weights, and units that are a constant because
    their input weights are zero, are removed. All this is exact: the inverse of
    `split`, `split_many`, `null` and `global_three`, and criticality is kept, too.

    With `cosine`, units that are nearly parallel are merged as well: groups by complete
    linkage, so that *every* pair of a group has at least this cosine; for activations
    that are not homogeneous the shorter of two rows also has at least this part of the
    length of the longer. The representative has the direction of the amplitude-weighted
    mean and takes Σ a_k‖w_k‖ (Σ a_k where lengths cannot be traded). The output
    changes; the receipt says by how much.

    A group that is not exactly parallel and has \|Σ a_k‖w_k‖\| < 0.1 Σ \|a_k\|‖w_k‖ is
    on the way to *channels to infinity* and is refused: its function is the derivative
    of a unit, not a unit. Exactly parallel copies merge whatever their signs.

    Args:
        parameters: ``(W, b)`` per layer; they are left as they are.
        problem: Data, activation and loss.
        layer: The hidden layer, from 1; None for all.
        units: Of `layer`: exactly these units are made one, the first being the
            representative; what cannot be merged is refused. None merges what can be
            merged and notes what was left.
        cosine: In (0, 1): see above; None merges exactly parallel units only.
        drop_below: Units with an amplitude ‖a‖‖(w, b)‖ below this part of the layer's
            largest are removed first.
        dead: Whether to remove units that are constant on the data, too. This depends
            on the data.
        spectrum: Whether the receipt measures inertia.

    Returns:
        The new parameters and the receipt.

    Raises:
        InvalidInputError: No such layer or unit; with `units`: what the table forbids,
            a constant that the next layer has no bias for, or channels to infinity.

    Source:
        Zhang et al. 2021 (NeurIPS, arXiv 2105.14573), Fig. 5, cosine 0.9 and low
        amplitudes removed; complete linkage and the mean direction are this program's.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import Problem, merge
        >>> net = [
        ...     (np.array([[1.0], [-1.0]]), np.array([0.5, -0.5])),
        ...     (np.array([[2.0, 3.0]]), None),
        ... ]
        >>> narrow, receipt = merge(
        ...     net, Problem(np.array([[0.5], [1.0]]), np.zeros(2), "tanh")
        ... )
        >>> narrow[1][0].tolist(), receipt.widths[1]
        ([[-1.0]], (1, 1, 1))
    """
    layers = admitted(parameters, problem)
    if cosine is not None and not 0 < cosine < 1:
        raise InvalidInputError(
            "cosine",
            given=cosine,
            allowed="0 < cosine < 1",
            remedy="use for example 0.9",
        )
    if not 0 <= drop_below < 1:
        raise InvalidInputError(
            "drop_below",
            given=drop_below,
            allowed="0 <= drop_below < 1",
            remedy="use 0",
        )
    if layer is not None:
        check_hidden(layers, layer)
    elif units is not None:
        raise InvalidInputError(
            "layer",
            given="None with units",
            allowed="a hidden layer",
            remedy="name the layer",
        )
    merged, notes = list(layers), []
    for level in range(1, len(layers)) if layer is None else [layer]:
        work = _open(merged, level, problem.activation)
        if units is not None:
            for unit in units:
                check_unit(layers, level, unit)
            _merge_named(work, list(dict.fromkeys(units)), cosine)
        else:
            constant = _constant_on(merged, problem, level) if dead else None
            _merge_all(work, cosine, drop_below, constant)
        notes += [f"layer {level}: {note}" for note in work.notes]
        _close(merged, level, work)
    return merged, write_receipt(
        "merge", layers, merged, problem, spectrum=spectrum, notes=notes
    )


def _open(layers: Parameters, level: int, name: str) -> _Work:
    (W, b), (V, bias) = layers[level - 1], layers[level]
    rows = W.copy() if b is None else np.column_stack([W, b])
    sigma = elementwise(activation(name).sigma, np.zeros(len(W)) if b is None else b)
    constant = np.where(W.any(axis=1), np.nan, sigma)
    return _Work(
        rows,
        V.T.copy(),
        bias,
        name,
        constant,
        np.ones(len(rows), dtype=bool),
        np.zeros(len(V)),
    )


def _close(layers: Parameters, level: int, work: _Work) -> None:
    into, biased = layers[level - 1][0].shape[1], layers[level - 1][1] is not None
    rows = work.rows[work.alive]
    layers[level - 1] = (rows[:, :into], rows[:, -1] if biased else None)
    bias = None if work.next_bias is None else work.next_bias + work.moved_bias
    layers[level] = (work.outgoing[work.alive].T, bias)


def _constant_on(layers: Parameters, problem: Problem, level: int) -> np.ndarray:
    """The value of units that are constant on the data, nan for the others."""
    f = features(layers, problem.x, problem.activation)[level]
    return np.where(np.ptp(f, axis=0) > 0, np.nan, f[0])


def _merge_all(
    work: _Work, cosine: float | None, drop_below: float, constant: np.ndarray | None
) -> None:
    amplitudes = work.amplitudes()
    strongest = int(np.argmax(amplitudes))
    fixed = (
        work.constant
        if constant is None
        else np.where(np.isnan(constant), work.constant, constant)
    )
    for unit in range(len(work.rows)):
        silent = (
            not work.outgoing[unit].any()
            or amplitudes[unit] < drop_below * amplitudes[strongest]
        )
        if silent or (
            not np.isnan(fixed[unit])
            and _absorb(work, fixed[unit] * work.outgoing[unit])
        ):
            work.alive[unit] = False
    if not work.alive.any():  # a layer has at least one unit
        work.alive[strongest] = True
        work.outgoing[strongest] = 0.0
    _merge_exact(work)
    if cosine is not None:
        for members in _groups(work, cosine):
            if _cancelling(work, members):
                work.notes.append(f"units {members} left apart: {INFINITY}")
            else:
                _merge_near(work, members)


def _absorb(work: _Work, shift: np.ndarray) -> bool:
    """Put a constant into the next layer's bias, if it needs and has one."""
    if work.next_bias is None:
        return not shift.any()
    work.moved_bias += shift
    return True


def _merge_exact(work: _Work) -> None:
    for first in range(len(work.rows)):
        if not work.alive[first] or not work.rows[first].any():
            continue
        ratios, exact = _ratios(work, first)
        for unit in np.flatnonzero(exact & work.alive):
            if unit > first:
                rule = merge_rule(work.name, float(ratios[unit]))
                if (
                    rule is not None
                    and rule.exact
                    and _absorb(work, rule.constant * work.outgoing[unit])
                ):
                    _add(work, first, int(unit), rule)


def _ratios(work: _Work, first: int) -> tuple[np.ndarray, np.ndarray]:
    """C of w_k = c·w_first, and where that is exact."""
    base = work.rows[first]
    ratios = work.rows @ base / (base @ base)
    left = np.linalg.norm(work.rows - ratios[:, None] * base, axis=1)
    return ratios, (left <= PARALLEL * np.linalg.norm(work.rows, axis=1)) & (
        ratios != 0
    )


def _add(work: _Work, first: int, unit: int, rule: MergeRule) -> None:
    work.outgoing[first] += rule.factor * work.outgoing[unit]
    work.alive[unit] = False


def _merge_named(work: _Work, units: list[int], cosine: float | None) -> None:
    """Make these units one, or refuse.

    Raises:
        InvalidInputError: See `merge`.
    """
    first, *absorbed = units
    if not absorbed:
        raise InvalidInputError(
            "units",
            given=f"{units}",
            allowed="at least two units",
            remedy="name another one",
        )
    if not work.rows[units].any(axis=1).all():
        unit = next(unit for unit in units if not work.rows[unit].any())
        raise InvalidInputError(
            f"unit {unit}",
            given="no input weights: it is a constant",
            allowed="units with input weights",
            remedy="merge the layer without naming units to have it removed",
        )
    ratios, exact = _ratios(work, first)
    if exact[absorbed].all():
        for unit in absorbed:
            rule = _rule_or_refusal(work, first, unit, float(ratios[unit]))
            _add(work, first, unit, rule)
        return
    if _cancelling(work, units) and _least_cosine(work, units) > 0.9:
        raise InvalidInputError(
            f"units {units}",
            given=INFINITY,
            allowed="exactly parallel units, or outgoing weights that add up",
            remedy="leave them apart",
        )
    least = _least_cosine(work, units)
    if cosine is None or least < cosine:
        raise InvalidInputError(
            f"units {units}",
            given=f"rows with a least cosine of {least:.9f}",
            allowed="exactly parallel rows"
            if cosine is None
            else f"a cosine of at least {cosine}",
            remedy="give a lower cosine for an approximate merge, or leave them apart",
        )
    _merge_near(work, units)


def _rule_or_refusal(work: _Work, first: int, unit: int, ratio: float) -> MergeRule:
    rule = merge_rule(work.name, ratio)
    if rule is None or not rule.exact:
        why = (
            "no identity"
            if rule is None
            else "an identity that needs a linear path past the activation"
        )
        raise InvalidInputError(
            f"units {first} and {unit}",
            given=f"rows with the ratio {ratio:.6g}, for which {work.name} has {why}",
            allowed="ratios of the merge table (condensery.theory.merge_rule)",
            remedy="leave them apart",
        )
    if not _absorb(work, rule.constant * work.outgoing[unit]):
        raise InvalidInputError(
            f"units {first} and {unit}",
            given="a merge that moves a constant to the next layer",
            allowed="a next layer with a bias",
            remedy="give it a bias of zeros",
        )
    return rule


def _homogeneous(work: _Work) -> bool:
    return activation_facts(work.name).homogeneity == 1


def _least_cosine(work: _Work, units: Sequence[int]) -> float:
    rows = work.rows[units]
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return float((unit @ unit.T).min())


def _cancelling(work: _Work, units: Sequence[int]) -> bool:
    sizes = np.linalg.norm(work.rows[units], axis=1)
    outgoing = work.outgoing[units]
    total = np.linalg.norm((outgoing * sizes[:, None]).sum(axis=0))
    return bool(total < CANCELLING * (np.linalg.norm(outgoing, axis=1) * sizes).sum())


def _groups(work: _Work, cosine: float) -> list[list[int]]:
    """Units of which every pair is parallel enough, by complete linkage; only groups of
    several.
    """
    units = np.flatnonzero(work.alive & work.rows.any(axis=1))
    if len(units) < 2:
        return []
    sizes = np.linalg.norm(work.rows[units], axis=1)
    unit = work.rows[units] / sizes[:, None]
    alike = unit @ unit.T
    if not _homogeneous(work):
        alike = np.minimum(
            alike, np.minimum.outer(sizes, sizes) / np.maximum.outer(sizes, sizes)
        )
    distance = np.maximum(1 - alike, 0.0)
    np.fill_diagonal(distance, 0.0)
    labels = fcluster(
        linkage(squareform(distance, checks=False), method="complete"),
        1 - cosine,
        criterion="distance",
    )
    groups = [units[labels == label].tolist() for label in np.unique(labels)]
    return [members for members in groups if len(members) > 1]


def _merge_near(work: _Work, members: Sequence[int]) -> None:
    """One unit in the place of nearly parallel ones: the mean direction, weighted by
    amplitude.
    """
    rows, outgoing = work.rows[members], work.outgoing[members]
    sizes = np.linalg.norm(rows, axis=1)
    weights = sizes * np.linalg.norm(outgoing, axis=1)
    weights = (
        weights / weights.sum()
        if weights.any()
        else np.full(len(members), 1 / len(members))
    )
    first = members[0]
    if _homogeneous(work):
        mean = weights @ (rows / sizes[:, None])
        length = float(weights @ sizes)
        work.rows[first] = mean / np.linalg.norm(mean) * length
        work.outgoing[first] = (outgoing * sizes[:, None]).sum(axis=0) / length
    else:
        work.rows[first] = weights @ rows
        work.outgoing[first] = outgoing.sum(axis=0)
    work.alive[list(members[1:])] = False
