"""The work of the phase diagram: ensembles trained by gradient flow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from condensery.declare import Work, task
from condensery.experiments.phase_diagram._config import Config
from condensery.experiments.phase_diagram._flow import check_flow
from condensery.metrics import amplitude, orientation, projection_orientation
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.engine import Ensemble

ANGLE_BINS = 72
AMPLITUDE_BINS = 32

GRID_POINTS = 401
"""Where outputs are evaluated; the samples of `line` lie on this grid, from −1/2 to
1/2.
"""

ROW_GAMMAS = (0.5, 1.0, 1.75)
ROW_WIDTH = 1000

COARSE = 0.02
"""Tolerance on RD where members are trained for the picture of their neurons only."""

Cells = Sequence[Sequence[float]]
"""Pairs of γ and γ'."""

Neurons = tuple[np.ndarray, np.ndarray]
"""Orientation and amplitude."""


@task(Config)
def train_map(config: Config, seed: int, advance: Advance, *, cells: Cells) -> Arrays:
    """Train all widths and seeds of some cells of the map.

    Returns:
        Columns of the members' table, and ``counts`` of orientation and amplitude for
        the members ``counted``.
    """
    ensemble = _ensemble(config.widths, cells, seed, config.seeds)
    result, columns = _train(config, ensemble, config.tolerance, advance)
    return {**columns, **_counts(config, result, config.scatter_widths)}


@task(Config)
def train_wide(
    config: Config, seed: int, advance: Advance, *, cells: Cells, width: int
) -> Arrays:
    """Train one network per cell, of a width that is not on the map, for its neurons.

    Returns:
        As `train_map`.
    """
    # the narrowest width beside it is what the step parameter is chosen with
    ensemble = _ensemble([config.widths[0], width], cells, seed, 1)
    tolerance = max(config.tolerance, COARSE)
    result, columns = _train(config, ensemble, tolerance, advance)
    return {**columns, **_counts(config, result, [width])}


@task(Config)
def train_row(config: Config, seed: int, advance: Advance) -> Arrays:
    """Train the row of Figs. 2 and 3, with outputs and neurons of one width.

    Returns:
        Columns of the members' table; for the members ``detailed``, before and after
        training: ``orientation``, ``amplitude``, and ``outputs`` on ``grid``.
    """
    ensemble = _ensemble(row_widths(config), _row_cells(), seed, config.row_seeds)
    result, columns = _train(config, ensemble, config.tolerance, advance)
    counts = _counts(config, result, [])
    return {
        **columns,
        **counts,
        **_details(result),
    }


def row_widths(config: Config) -> list[int]:
    """Widths of the row of Figs. 2 and 3."""
    return sorted({ROW_WIDTH, *config.widths})


def _row_cells() -> list[list[float]]:
    return [[gamma, 0.0] for gamma in ROW_GAMMAS]


def _ensemble(widths: Sequence[int], cells: Cells, seed: int, seeds: int) -> Ensemble:
    from condensery.engine import Ensemble

    grid = product(widths, cells, range(seed, seed + seeds))
    rows = [
        (width, member_seed, gamma, gamma_prime)
        for width, (gamma, gamma_prime), member_seed in grid
    ]
    columns = map(np.array, zip(*rows, strict=True))
    return Ensemble(*columns)


def _train(
    config: Config, ensemble: Ensemble, tolerance: float, advance: Advance
) -> tuple[Any, Arrays]:
    from condensery.engine import calibrate_eta, flow

    data = config.load()
    options: dict[str, Any] = {
        "activation_name": config.activation,
        "asi": config.asi,
        "max_steps": config.max_steps,
        "target_loss": config.target_loss,
    }
    advance("choosing the step", 0.02)
    eta = calibrate_eta(
        ensemble,
        data.x,
        data.y,
        tolerance=tolerance,
        **options,
    )
    result = flow(
        ensemble,
        data.x,
        data.y,
        eta=eta,
        on_progress=lambda text, fraction: advance(text, 0.1 + 0.85 * fraction),
        **options,
    )
    columns = {
        **ensemble.columns(),
        "rd": result.rd,
        "rd_a": result.rd_a,
        "rd_theta": result.rd_theta,
        "loss": result.loss,
        "time": result.time,
        "steps": result.steps,
        "status": result.status,
        "eta": eta,
    }
    return result, columns


def _neurons(result: Any, member: int, *, flat: bool, initial: bool = False) -> Neurons:
    """Orientation and amplitude of a member's neurons (with ASI of copy 1): an angle on
    the line, else ŵ·p.
    """
    parameters = result.parameters(member, initial=initial)
    width = int(result.ensemble.widths[member])
    copy = slice(width)
    a = parameters["a"][copy]
    w = parameters["w"][copy]
    direction = orientation(w) if flat else projection_orientation(w)
    return direction, amplitude(a, w)


def bin_edges(*, flat: bool) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the orientation and amplitude bins of the grid of scatters."""
    reach = np.pi if flat else 1.0
    orientations = np.linspace(-reach, reach, ANGLE_BINS + 1)
    amplitudes = np.linspace(0.0, 1.0, AMPLITUDE_BINS + 1)
    return orientations, amplitudes


def _counts(config: Config, result: Any, widths: Sequence[int]) -> Arrays:
    """Counts of neurons by orientation and amplitude, of the members of some widths."""
    of_members = enumerate(result.ensemble.widths)
    counted = [member for member, width in of_members if width in widths]
    columns = {"counted": np.array(counted, dtype=np.int64)}
    if counted:
        flat = config.load().x.shape[1] == 1
        counts = [_count(result, member, flat=flat) for member in counted]
        columns["counts"] = np.stack(counts)
    return columns


def _count(result: Any, member: int, *, flat: bool) -> np.ndarray:
    orientation, amplitude = _neurons(result, member, flat=flat)
    relative = amplitude / max(float(amplitude.max()), 1e-300)
    edges = bin_edges(flat=flat)
    counts, _, _ = np.histogram2d(orientation, relative, bins=edges)
    return counts.astype(np.int32)


def _details(result: Any) -> Arrays:
    """Neurons and outputs, before and after, of the members of the shown width."""
    members = np.flatnonzero(result.ensemble.widths == ROW_WIDTH)
    grid = np.linspace(-0.5, 0.5, GRID_POINTS)
    inputs = grid[:, None]
    orientations = []
    amplitudes = []
    outputs = []
    for member in map(int, members):
        for initial in (True, False):
            orientation, amplitude = _neurons(
                result, member, flat=True, initial=initial
            )
            output = result.predict(member, inputs, initial=initial)
            orientations.append(orientation)
            amplitudes.append(amplitude)
            outputs.append(output)
    shape = (len(members), 2, -1)
    return {
        "detailed": members,
        "orientation": np.reshape(orientations, shape),
        "amplitude": np.reshape(amplitudes, shape),
        "grid": grid,
        "outputs": np.reshape(outputs, shape),
    }


def work(config: Config) -> Iterator[Work]:
    """Two calls per row of the map; on the line also the row of Figs. 2 and 3 and the
    checks of the flow.
    """
    # The row of the smallest γ' takes as long as the rest together: halves keep two
    # workers busy to the end.
    half = (len(config.gammas) + 1) // 2
    halves = config.gammas[:half], config.gammas[half:]
    for prime, gammas in product(config.gamma_primes, halves):
        if gammas:
            cells = _cells(gammas, prime)
            label = _label(cells, config.widths)
            cost = _cost(cells, config.seeds, config.widths)
            yield train_map.work(label, cost, cells=cells)
    yield from _wide_work(config)
    if config.kind == "line":
        cells = _row_cells()
        widths = row_widths(config)
        label = _label(cells, widths)
        cost = _cost(cells, config.row_seeds, widths)
        yield train_row.work(label, cost)
        yield check_flow.work("checks of the flow", 3e5)


def _wide_work(config: Config) -> Iterator[Work]:
    """One call per row of the grid of scatters and width that is not on the map."""
    gammas, primes = config.grid()
    wide = [width for width in config.scatter_widths if width not in config.widths]
    for width, prime in product(wide, primes):
        cells = _cells(gammas, prime)
        widths = [config.widths[0], width]
        label = _label(cells, widths)
        cost = _cost(cells, 1, widths)
        yield train_wide.work(
            label,
            cost,
            cells=cells,
            width=width,
        )


def _cells(gammas: Sequence[float], prime: float) -> list[list[float]]:
    return [[gamma, prime] for gamma in gammas]


def _label(cells: Cells, widths: Sequence[int]) -> str:
    gammas, primes = zip(*cells, strict=True)
    low = min(gammas)
    high = max(gammas)
    prime = primes[0]
    return f"γ = {low:g} to {high:g}, γ' = {prime:+.2g}, m to {max(widths)}"


def _cost(cells: Cells, seeds: int, widths: Sequence[int]) -> float:
    """Condensed cells with γ' < 0 take the smallest steps: they go first, so that no
    worker ends late.
    """
    steps = []
    for gamma, prime in cells:
        negative = max(0.0, -prime)
        steps.append(1.0 + 100.0 * negative**2 * gamma**4)
    return sum(steps) * seeds * sum(widths)
