"""Merging parallel units: exact by the table of the activation, or approximate and said
to be so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condensery._errors import InvalidInputError
from condensery.landscape._merged_layer import (
    INFINITY,
    LayerWork,
    absorb,
    cancelling,
    close_layer,
    merge_exact,
    merge_named,
    merge_near,
    open_layer,
    parallel_groups,
)
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    features,
)
from condensery.landscape._receipt import (
    Moved,
    admitted,
    check_hidden,
    check_unit,
    write_receipt,
)


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
        work = open_layer(merged, level, problem.activation)
        if units is not None:
            for unit in units:
                check_unit(layers, level, unit)
            merge_named(work, list(dict.fromkeys(units)), cosine)
        else:
            constant = _constant_on(merged, problem, level) if dead else None
            _merge_all(work, cosine, drop_below, constant)
        notes += [f"layer {level}: {note}" for note in work.notes]
        close_layer(merged, level, work)
    return merged, write_receipt(
        "merge", layers, merged, problem, spectrum=spectrum, notes=notes
    )


def _constant_on(layers: Parameters, problem: Problem, level: int) -> np.ndarray:
    """The value of units that are constant on the data, nan for the others."""
    f = features(layers, problem.x, problem.activation)[level]
    return np.where(np.ptp(f, axis=0) > 0, np.nan, f[0])


def _merge_all(
    work: LayerWork,
    cosine: float | None,
    drop_below: float,
    constant: np.ndarray | None,
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
            and absorb(work, fixed[unit] * work.outgoing[unit])
        ):
            work.alive[unit] = False
    if not work.alive.any():  # a layer has at least one unit
        work.alive[strongest] = True
        work.outgoing[strongest] = 0.0
    merge_exact(work)
    if cosine is not None:
        for members in parallel_groups(work, cosine):
            if cancelling(work, members):
                work.notes.append(f"units {members} left apart: {INFINITY}")
            else:
                merge_near(work, members)
