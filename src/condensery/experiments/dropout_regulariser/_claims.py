"""What Zhang and Xu (2024) state about the mean of dropout, on what measures it."""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import (
    Measured,
    Tables,
    at_least,
    at_most,
    claim,
    needs,
    within,
)
from condensery.experiments.dropout_regulariser._config import Config
from condensery.experiments.dropout_regulariser._tasks import SPLIT

published = partial(claim, paper="zhang2024dropout")
of_lemma = partial(published, source="Lemma 1")
of_theorem = partial(published, source="Theorem 2")
of_flow = partial(published, source="modified flow")

# ----------------------------------------------------------------------- identities


@of_lemma(
    "lemma-1",
    "The mean of R_drop over all masks is R_S + R1 (largest difference).",
    at_most(1e-12),
    kind="identity",
)
def lemma_1(config: Config, tables: Tables) -> Measured:
    """Largest difference."""
    nets = tables["nets"]
    gap = np.abs(nets["r1"] - nets["excess"])
    return Measured(float(np.max(gap)), f"{len(nets)} nets and p")


@of_lemma(
    "monte-carlo",
    "Averages over drawn masks agree with R_S + R1 for masks per sample and for "
    "shared masks (in standard errors, the largest of all p).",
    at_most(4.0),
    kind="identity",
)
def monte_carlo(config: Config, tables: Tables) -> Measured:
    """Largest difference in standard errors."""
    drawn = tables["drawn"]
    scores = np.abs(drawn["excess"] - drawn["r1"]) / drawn["excess_error"]
    return Measured(float(scores.max()), f"{len(drawn)} averages")


@of_lemma(
    "odds",
    "R1 is proportional to (1 − p)/p (largest relative deviation).",
    at_most(1e-12),
    kind="identity",
)
def odds(config: Config, tables: Tables) -> Measured:
    """Largest spread over p of one net, over its mean."""
    nets = tables["nets"]
    keep = nets["keep"]
    per_odds = nets["r1"] / ((1 - keep) / keep)
    names = ("seed", "layers", "outputs", "tanh")
    order = np.lexsort((keep, *(nets[name] for name in names)))
    groups = per_odds[order].reshape(-1, len(np.unique(keep)))
    spread = np.ptp(groups, axis=1) / groups.mean(axis=1)
    return Measured(float(np.max(spread)))


@published(
    "bound",
    "R1 is at least (1 − p)/(2npm) Σ‖f − b‖² (least ratio of the two).",
    at_least(1.0),
    kind="identity",
    source="toy model, for any width",
)
def bound(config: Config, tables: Tables) -> Measured:
    """Least ratio."""
    nets = tables["nets"]
    return Measured(float(np.min(nets["r1"] / nets["bound"])))


@of_theorem(
    "flatter",
    "At a zero of R_S the flow of R1 lowers (1/n) Σ‖∇f‖², the trace of the Hessian "
    "(largest rate).",
    at_most(0.0),
    kind="identity",
)
def flatter(config: Config, tables: Tables) -> Measured:
    """Largest rate."""
    flat = tables["flattening"]
    return Measured(float(flat["measured"].max()), f"{len(flat)} nets, p = 0.8")


@of_theorem(
    "flatter-by",
    "The rate is the closed form (largest relative difference).",
    at_most(1e-8),
    kind="identity",
)
def flatter_by(config: Config, tables: Tables) -> Measured:
    """Largest relative difference."""
    flat = tables["flattening"]
    gap = np.abs(flat["closed"] - flat["measured"]) / np.abs(flat["closed"])
    return Measured(float(gap.max()))


# --------------------------------------------------------------------- modified flow


def _order(tables: Tables, column: str) -> float:
    """Slope over the smaller half of the step sizes: the orders are those of the
    limit.
    """
    orders = tables["orders"]
    size, gap = np.log(orders["step_size"]), np.log(orders[column][3:])
    return float(np.polyfit(size[3:], gap, 1)[0])


def _masks_note(config: Config) -> str:
    return "" if config.keep < 1 else "p = 1: there are no masks"


@of_flow(
    "order-plain",
    "One step of size ε is ε² away from the flow of R_drop.",
    within(2.0, 0.1),
    kind="identity",
)
def order_plain(config: Config, tables: Tables) -> Measured:
    """Order of the distance from the plain flow."""
    return Measured(_order(tables, "plain"), _masks_note(config))


@of_flow(
    "order-modified",
    "It is ε³ away from the flow of R_drop + (ε/4)‖∇R_drop‖².",
    within(3.0, 0.1),
    kind="identity",
)
def order_modified(config: Config, tables: Tables) -> Measured:
    """Order of the distance from the modified flow."""
    return Measured(_order(tables, "modified"), _masks_note(config))


@of_flow(
    "order-mean", "So are the means over 64 masks.", within(3.0, 0.1), kind="identity"
)
def order_mean(config: Config, tables: Tables) -> Measured:
    """Order of the distance of the means."""
    note = f"of the plain flow {_order(tables, 'plain_mean'):.2f}"
    return Measured(_order(tables, "modified_mean"), note)


@published(
    "r2-sharing",
    "R2, unlike R1, depends on whether samples share a mask: it is larger where they "
    "do (least ratio).",
    at_least(1.0),
    kind="identity",
    source="R2",
)
def r2_sharing(config: Config, tables: Tables) -> Measured:
    """Least ratio over p."""
    drawn = tables["drawn"]
    ratio = drawn.select(shared=True)["r2"] / drawn.select(shared=False)["r2"]
    return Measured(float(ratio.min()))


# ----------------------------------------------------------------- two contributions


ARRIVES = needs("keep<1", lambda config: config.keep < 1) & needs(
    "picture_steps * picture_rate >= 500",
    lambda config: config.picture_steps * config.picture_rate >= 500,
)
"""There is dropout, and time enough for the pictures to end."""


def _ends(tables: Tables, loss: str) -> np.ndarray:
    """Both contributions at the end, (unit, sample)."""
    table = tables["vectors"].select(loss=loss)
    return np.column_stack([table["end_x"], table["end_y"]])


of_pair = partial(published, source="toy model, m = 2", when=ARRIVES)


@of_pair(
    "parallel",
    "Of two contributions with a given sum, R_S + R1 makes parallel ones (cosine at "
    "the end).",
    at_least(0.999),
    kind="identity",
)
def parallel(config: Config, tables: Tables) -> Measured:
    """Cosine of the two."""
    first, second = _ends(tables, "expected")
    lengths = np.linalg.norm(first) * np.linalg.norm(second)
    return Measured(float(first @ second / lengths))


@of_pair(
    "equal",
    "and equal ones, each half of o*/(1 + (1 − p)/(2p)) (largest distance over ‖o*‖).",
    at_most(0.01),
    kind="identity",
)
def equal(config: Config, tables: Tables) -> Measured:
    """Largest distance from the half."""
    half = SPLIT / (2 + (1 - config.keep) / config.keep)
    gap = np.linalg.norm(_ends(tables, "expected") - half, axis=1)
    size = float(np.linalg.norm(SPLIT))
    return Measured(float(np.max(gap)) / size)


@of_pair(
    "plain-stays",
    "R_S alone leaves them apart (distance of the two over ‖o*‖ at the end).",
    at_least(0.3),
    kind="identity",
)
def plain_stays(config: Config, tables: Tables) -> Measured:
    """Distance of the two."""
    first, second = _ends(tables, "plain")
    size = float(np.linalg.norm(SPLIT))
    apart = float(np.linalg.norm(first - second)) / size
    return Measured(apart)


CLAIMS = (
    *(lemma_1, monte_carlo, odds, bound, flatter, flatter_by),
    *(order_plain, order_modified, order_mean, r2_sharing),
    *(parallel, equal, plain_stays),
)
