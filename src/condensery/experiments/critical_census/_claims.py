"""What is stated of critical points, on what measures it."""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import (
    JudgedMeasure,
    Measured,
    Tables,
    at_least,
    claim,
    equal_to,
    no_less,
    within,
)
from condensery.experiments.critical_census._config import Config
from condensery.records import Table

LOSSES = {
    1: 0.10902,
    2: 0.06979,
    3: 0.0,
}
"""Width to its lowest critical loss."""
OPEN = (
    "this project, on an open question of Zhang et al. 2022: which critical points are "
    "no embedding?"
)


published = partial(claim, paper="zhang2021embedding", source="Fig. 4")


def _lowest_loss(width: int, config: Config, tables: Tables) -> Measured:
    losses = tables["classes"].select(width=width)["loss"]
    return Measured(float(losses.min()) if losses.size else None)


lowest_losses = tuple(
    published(
        f"loss-{width}",
        f"The lowest critical loss found at width {width} is {loss:g}.",
        within(loss, 1e-5),
        kind="reproduction",
    )(partial(_lowest_loss, width))
    for width, loss in LOSSES.items()
)


def _decided_pairs(tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    """Classes and their embeddings (rows of ``classes``), both of decided inertia."""
    edges, decided = tables["edges"], tables["classes"]["decided"]
    start = np.asarray(edges["class"], dtype=np.int64)
    end = np.asarray(edges["embedded"], dtype=np.int64)
    is_met = end >= 0
    start, end = start[is_met], end[is_met]
    both = decided[start].astype(bool) & decided[end].astype(bool)
    return start[both], end[both]


of_embedding = partial(claim, paper="zhang2022embedding")
of_minima = partial(claim, paper="zhang2021embedding")


@of_embedding(
    "never-fewer",
    "No embedded class has fewer negative eigenvalues than the class it comes from "
    "(smallest change).",
    at_least(0.0),
    kind="identity",
    source="Thm 6.2",
)
def never_fewer(config: Config, tables: Tables) -> Measured:
    """The smallest change of the number of negative eigenvalues."""
    negative = tables["classes"]["negative"]
    start, end = _decided_pairs(tables)
    change = negative[end] - negative[start]
    note = f"{len(change)} embedded classes with decided inertias"
    return Measured(float(change.min()) if len(change) else None, note)


@of_minima(
    "becomes-saddle",
    "Every local minimum with a loss above 0 that was found again in a wider net was "
    "found there as a strict saddle (share).",
    at_least(1.0),
    kind="reproduction",
    source="Sec. 4; Fig. 4",
)
def becomes_saddle(config: Config, tables: Tables) -> Measured:
    """The share of minima with a negative eigenvalue in the wider net."""
    classes = tables["classes"]
    start, end = _decided_pairs(tables)
    is_net = classes["width"][start] > 0
    is_minimum = classes["negative"][start] == 0
    is_above = classes["loss"][start] > 1e-9
    wider = end[is_net & is_minimum & is_above]
    is_saddle = classes["most_negative"][wider] > 0
    share = float(np.mean(is_saddle)) if len(wider) else None
    return Measured(share, f"{len(wider)} embedded minima")


count_claim = partial(claim, paper="condensery", kind="observation", source=OPEN)


@count_claim(
    "again",
    "Share of the classes of narrower nets that some start of a wider net led to.",
    at_least(None),
)
def again(config: Config, tables: Tables) -> Measured:
    """The share of edges whose end was found."""
    edges = tables["edges"]
    share = float(edges["found"].mean()) if len(edges) else None
    return Measured(share, f"{len(edges)} embeddings that exist by theorem")


def _new(classes: Table, width: int) -> np.ndarray:
    """Rows of the classes of a width that are no embedding."""
    return classes["new"] & (classes["width"] == width)


def _minima(classes: Table, width: int) -> np.ndarray:
    is_minimum = classes["negative"] == 0
    return _new(classes, width) & classes["decided"] & is_minimum


@count_claim(
    "new-minima-2",
    "Local minima of width 2 that are no embedding and are not the best one "
    "(published: none).",
    at_least(None),
)
def new_minima_2(config: Config, tables: Tables) -> Measured:
    """Their number."""
    classes = tables["classes"]
    is_worse = abs(classes["loss"] - LOSSES[2]) > 1e-5
    worse = _minima(classes, 2) & is_worse
    distinct = np.unique(classes["loss"][worse].round(7))
    losses = ", ".join(f"{loss:.5f}" for loss in distinct)
    return Measured(float(worse.sum()), f"losses {losses}" if losses else "")


@count_claim(
    "new-2",
    "Classes of width 2 that are no embedding.",
    at_least(None),
)
def new_2(config: Config, tables: Tables) -> Measured:
    """Their number."""
    return Measured(float(_new(tables["classes"], 2).sum()))


@count_claim(
    "new-3",
    "Classes of width 3 that are no embedding.",
    at_least(None),
)
def new_3(config: Config, tables: Tables) -> Measured:
    """Their number, and how many are minima."""
    classes = tables["classes"]
    minima = int(_minima(classes, 3).sum())
    number = float(_new(classes, 3).sum())
    return Measured(number, f"{minima} of them local minima")


@count_claim(
    "unknown",
    "Classes that are an embedding of a narrower net, where no start of that width led "
    "to it.",
    at_least(None),
)
def unknown(config: Config, tables: Tables) -> Measured:
    """The number of functions that were met in wider nets alone."""
    classes = tables["classes"]
    new = classes["new"].astype(bool)
    loss = classes["loss"].round(7)
    functions = set(zip(classes["units"], loss, strict=True))
    met = set(zip(classes["width"][new], loss[new], strict=True))
    return Measured(float(len(functions - met)))


of_project = partial(
    claim,
    paper="condensery",
    kind="observation",
    source="this project; starts of the diagram of Zhang et al. 2021, Fig. 4",
    when=no_less(train_seeds=1),
)
PUBLISHED = (5.14533, *LOSSES.values())
"""Losses of the published diagram, and of the constant output that it leaves out."""


UNTRAINED = Measured(None, needs="trainings, which earlier versions had not")


def _rests(tables: Tables) -> tuple[Table, np.ndarray, str]:
    """The rests at a class, the rows of their classes, and what was visited."""
    classes, every = tables["classes"], tables["rests"]
    at = every.select(rests=True)
    rows = np.asarray(at["at"], dtype=np.int64)
    listed = []
    for number in np.unique(rows).tolist():
        visits = tables["visits"].select(**{"class": number})
        visits = visits.take(visits["share"] > 0)
        shares = ", ".join(
            f"{share:.0%} of width {width}"
            for width, share in zip(visits["width"], visits["share"], strict=True)
        )
        listed.append(f"{classes['loss'][number]:.5f}: {shares}")
    note = f"{len(at)} of {len(every)} rests are at a class; nets that rested at "
    return at, rows, note + "; ".join(listed)


@of_project(
    "visited",
    "Nets trained from the published start rest at functions of the published diagram "
    "and at no others (share of the rests at a class).",
    at_least(1.0),
)
def visited(config: Config, tables: Tables) -> Measured:
    """Share of the rests that are at a loss of the diagram."""
    if "rests" not in tables:
        return UNTRAINED
    at, rows, note = _rests(tables)
    losses = tables["classes"]["loss"][rows]
    near = np.abs(losses[:, None] - np.array(PUBLISHED)) < 1e-5
    share = float(near.any(axis=1).mean()) if len(at) else None
    return Measured(share, note)


@of_project(
    "unmet-minima",
    "No net trained from the published start rests at a local minimum that the diagram "
    "does not have (rests).",
    equal_to(0.0),
)
def unmet_minima(config: Config, tables: Tables) -> Measured:
    """Rests at the further minima."""
    if "rests" not in tables:
        return UNTRAINED
    classes = tables["classes"]
    at, rows, _ = _rests(tables)
    is_minimum = classes["decided"].astype(bool) & (classes["negative"] == 0)
    away = np.abs(classes["loss"][:, None] - np.array(PUBLISHED)) > 1e-5
    further = is_minimum & classes["new"].astype(bool) & away.all(axis=1)
    note = f"{int(further.sum())} such minima were found by the search"
    return Measured(float(further[rows].sum()) if len(at) else None, note)


JUDGED: tuple[JudgedMeasure[Config], ...] = (
    *lowest_losses,
    never_fewer,
    becomes_saddle,
    again,
    new_minima_2,
    new_2,
    new_3,
    unknown,
    visited,
    unmet_minima,
)
