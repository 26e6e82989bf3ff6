"""Small tables from simple formulas: inputs of the tests, not results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.plots import (
    tables_dropout,
    tables_initial,
    tables_landscape,
    tables_layers,
    tables_torch,
)
from tests.plots.declared import options_of

from condensery import plots
from condensery.experiments.architectures import architectures
from condensery.experiments.condensation_dynamics import condensation_dynamics
from condensery.experiments.demo_a import demo_a
from condensery.records import Table

Tables = dict[str, Table]


def plane(gammas: list[float], primes: list[float], *, hole: bool = False) -> Tables:
    """The slope γ − max(1, 1 + γ′) on a grid, its boundary, and the initialisations of
    the paper's Table 1.
    """
    rows = [(g, p) for p in primes for g in gammas][int(hole) :]
    gamma, prime = np.array(rows).T
    theory = np.maximum(1.0, 1.0 + np.array(primes))
    return {
        "slopes": Table(
            columns={
                "gamma": gamma,
                "gamma_prime": prime,
                "slope": gamma - np.maximum(1, 1 + prime),
                "slope_se": np.full(gamma.size, 0.01),
                "slope_theta": gamma - 1,
            }
        ),
        "boundary": Table(
            columns={
                "gamma_prime": primes,
                "row_fit": theory + 0.02,
                "row_fit_se": np.full(theory.size, 0.005),
                "local_crossing": np.where(
                    np.arange(theory.size) == 0, np.nan, theory - 0.03
                ),
                "theory": theory,
            }
        ),
        "initialisations": Table(
            columns={
                "name": ["lecun", "he", "NTK", "xavier", "mean-field", "e-et-al"],
                "gamma": [0.5, 0.5, 0.5, 1.0, 1.0, np.nan],
                "gamma_prime": [0.5, 0.5, 0.0, 0.0, 0.0, np.nan],
                "regime": ["linear"] * 3 + ["critical"] * 3,
            }
        ),
    }


def members(*, widths: tuple[int, ...] = (100, 1000, 10000), seeds: int = 2) -> Tables:
    """RD = 0.3 · m^(γ − 1) · 2^seed at four γ and γ′ ∈ {0, 0.5}."""
    grid = [
        (g, p, m, s)
        for p in (0.0, 0.5)
        for g in (0.5, 1.0, 1.5, 2.0)
        for m in widths
        for s in range(seeds)
    ]
    gamma, prime, width, seed = np.array(grid).T
    return {
        "members": Table(
            columns={
                "gamma": gamma,
                "gamma_prime": prime,
                "width": width.astype(int),
                "seed": seed.astype(int),
                "rd": 0.3 * width ** (gamma - 1) * 2.0**seed,
                "status": np.ones(gamma.size, dtype=int),
            }
        ),
        "slopes": Table(
            columns={
                "gamma": [0.5, 1.0, 1.5, 2.0],
                "gamma_prime": [0.0] * 4,
                "slope": [-0.5, 0.0, 0.5, 1.0],
                "slope_se": [0.01] * 4,
            }
        ),
    }


def neurons(
    width: int = 60, *, gammas: tuple[float, ...] = (0.5, 1.0, 1.75), seed: int = 3
) -> Tables:
    """Scatters whose amplitudes are spread evenly; outputs x² scaled by γ."""
    rng = np.random.default_rng(seed)
    orientation = rng.uniform(-np.pi, np.pi, (len(gammas), 2, width))
    amplitude = np.broadcast_to(np.linspace(0.0, 1.0, width), orientation.shape)
    gamma = np.broadcast_to(np.array(gammas)[:, None, None], orientation.shape)
    when = np.broadcast_to(np.arange(2)[None, :, None], orientation.shape)
    x = np.linspace(-0.5, 0.5, 21)[::-1]
    lines = {
        "gamma": np.repeat(gammas, x.size),
        "gamma_prime": np.zeros(x.size * len(gammas)),
        "width": np.full(x.size * len(gammas), width),
        "seed": np.zeros(x.size * len(gammas), dtype=int),
        "x": np.tile(x, len(gammas)),
        "initial": np.zeros(x.size * len(gammas)),
        "final": np.concatenate([g * x**2 for g in gammas]),
        "reference": np.tile(np.abs(x) / 2, len(gammas)),
    }
    return {
        "scatter": Table(
            columns={
                "gamma": gamma.ravel(),
                "gamma_prime": np.zeros(gamma.size),
                "width": np.full(gamma.size, width),
                "seed": np.zeros(gamma.size, dtype=int),
                "when": when.ravel(),
                "orientation": orientation.ravel(),
                "amplitude": amplitude.ravel(),
            }
        ),
        "outputs": Table(columns=lines),
        "data": Table(
            columns={
                "x": np.linspace(-0.5, 0.5, 4)[:, None],
                "y": np.linspace(-0.5, 0.5, 4) ** 2,
            }
        ),
    }


def cells(
    *, shape: tuple[int, int] = (40, 20), widths: tuple[int, ...] = (10, 100, 1000)
) -> Tables:
    """Counts with one occupied orientation per width; 2 × 3 cells, two of them on the
    boundary.
    """
    grid = [(g, p, m) for p in (0.0, 0.2) for g in (1.0, 1.1, 1.2) for m in widths]
    counts = np.zeros((len(grid), *shape), dtype=int)
    for k, (_, _, width) in enumerate(grid):
        counts[k, widths.index(width) + 5, :4] = width // 10
    gamma, prime, width = np.array(grid).T
    edges = np.concatenate(
        [np.linspace(-np.pi, np.pi, shape[0] + 1), np.linspace(0, 1, shape[1] + 1)]
    )
    axis = ["orientation"] * (shape[0] + 1) + ["amplitude"] * (shape[1] + 1)
    return {
        "scatter_grid": Table(
            columns={
                "gamma": gamma,
                "gamma_prime": prime,
                "width": width,
                "counts": counts,
            }
        ),
        "scatter_bins": Table(columns={"axis": axis, "edge": edges}),
        "boundary": Table(columns={"gamma_prime": [0.0, 0.2], "theory": [1.0, 1.2]}),
    }


def small_network() -> Tables:
    """The tables of demo A: two seeds, a loss that falls like 1/step."""
    step = np.array([0, 1, 10, 100])
    x = np.linspace(-1, 1, 11)[::-1]
    return {
        "loss": Table(
            columns={
                "step": np.tile(step, 2),
                "loss": 1 / (1.0 + np.tile(step, 2)),
                "seed": np.repeat([0, 1], 4),
            }
        ),
        "output": Table(
            columns={
                "x": x,
                "target": np.abs(x),
                "initial": 0 * x,
                "final": 0.9 * np.abs(x),
            }
        ),
        "scatter": Table(
            columns={
                "when": np.repeat([0, 1], 30),
                "orientation": np.tile(np.linspace(-3, 3, 30), 2),
                "amplitude": np.concatenate([np.full(30, 0.01), np.linspace(0, 1, 30)]),
            }
        ),
        "data": Table(columns={"x": np.linspace(-1, 1, 4)[:, None], "y": np.ones(4)}),
        "predicted": Table(columns={"orientation": [-0.32175, -2.81984]}),
    }


def growing(
    *,
    frames: int = 0,
    units: int = 12,
    steps: tuple[int, ...] = (100, 1000, 5000, 100000),
) -> Tables:
    """A network whose k-th snapshot has k + 1 groups at angles 0, 0.5, …; unit 0 is
    never active.
    """
    x = np.linspace(-1, 1, 9)

    def network(groups: int) -> tuple[np.ndarray, ...]:
        group = np.arange(units) % groups
        amplitude = np.linspace(1.0, 2.0, units)
        return (
            np.where(np.arange(units) == 0, -1, group),
            (0.5 * group + np.pi) % (2 * np.pi) - np.pi,
            amplitude,
        )

    rows = [(step, *network(k + 1)) for k, step in enumerate(steps)]
    tables = {
        "growth": Table(
            columns={
                "step": steps,
                "orientations": np.arange(len(steps)) + 1,
                "orientations_product": [1] * len(steps),
            }
        ),
        "snapshots": Table(
            columns={
                "step": np.repeat(steps, units),
                "group": np.concatenate([row[1] for row in rows]),
                "orientation": np.concatenate([row[2] for row in rows]),
                "amplitude": np.concatenate([row[3] for row in rows]),
            }
        ),
        "output": Table(
            columns={
                "step": np.repeat(steps, x.size),
                "x": np.tile(x, len(steps)),
                "target": np.tile(x**2, len(steps)),
                "model": np.concatenate([x**2 / (k + 1) for k in range(len(steps))]),
            }
        ),
        "data": Table(columns={"x": x[:, None], "y": x**2}),
    }
    if frames:
        drawn = [network(1 + k * 3 // frames) for k in range(frames)]
        tables["frames"] = Table(
            columns={
                "step": 10 * np.arange(frames),
                "group": np.stack([units[0] for units in drawn]),
                "orientation": np.stack([units[1] for units in drawn]),
                "amplitude": np.stack([units[2] for units in drawn]),
                "x": np.tile(x, (frames, 1)),
                "target": np.tile(x**2, (frames, 1)),
                "model": np.stack([x**2 * k / frames for k in range(frames)]),
            }
        )
    return tables


def groups_over_time() -> Tables:
    """Two targets; a group that turns, a second born out of it that merges back, and
    one that emerges.
    """
    step = np.array([1, 10, 100, 1000])
    curves = {
        "step": np.tile(step, 2),
        "loss": np.tile(1.0 / step, 2),
        "groups": np.tile([1, 2, 3, 2], 2),
    }
    paths = {
        "lineage": [0, 0, 0, 0, 1, 1, 2, 2],
        "step": [1, 10, 100, 1000, 10, 100, 100, 1000],
        "angle": [0.0, 0.2, 0.3, 0.3, 0.5, 0.4, 3.1, -3.1],
        "share": [1, 0.8, 0.7, 0.8, 0.2, 0.2, 0.1, 0.2],
    }
    tree = {
        "lineage": [0, 1, 2],
        "parent": [-1, 0, -1],
        "merged": [-1, 0, -1],
        "after_collapse": [False, True, True],
    }
    both = {
        name: {key: np.tile(column, 2) for key, column in columns.items()}
        for name, columns in (("paths", paths), ("tree", tree))
    }
    names = np.array(["first", "second"])
    events = Table(
        columns={
            "target": ["first"] * 3 + ["second"] * 2,
            "kind": ["split", "emerged", "merge", "split", "split"],
            "cosine": [0.9, 1.0, np.nan, -0.2, 0.4],
            "parent_cosine": [0.1, np.nan, np.nan, 0.0, 0.3],
            "rank": [0.1, 0.01, np.nan, 0.7, 0.2],
        }
    )
    births = condensation_dynamics.derives["births"]
    return {
        "curves": Table(
            columns={
                "target": np.repeat(names, 4),
                **curves,
                "falls": np.tile([0, 1, 1, 0], 2) > 0,
            }
        ),
        **{
            name: Table(
                columns={
                    "target": np.repeat(names, len(next(iter(columns.values()))) // 2),
                    **columns,
                }
            )
            for name, columns in both.items()
        },
        "targets": Table(
            columns={"target": names, "title": np.array(["the first", "the second"])}
        ),
        "births": births(condensation_dynamics.Config(), {"events": events}),
    }


def two_architectures() -> Tables:
    """Ratios 1 − γ/2 of two layers and three, accuracy 1 − γ/10."""
    blocks = []
    for row in range(7):
        is_accuracy = row in {2, 6}
        for column, gamma in enumerate((0.5, 0.5, 1.0, 1.0)):
            ratio = np.nan if is_accuracy else 1 - gamma / 2
            null = "|.90" if row > 2 else ""
            text = f"{100 - 10 * gamma:.0f}" if is_accuracy else f"{ratio:.2f}{null}"
            blocks.append((row, column, ratio, text.removeprefix("0")))
    names = ("row", "column", "ratio", "text")
    columns = dict(zip(names, zip(*blocks, strict=True), strict=True))
    return {"cells": Table(columns=columns)}


def architecture_options():
    """The chart of two architectures at four settings."""
    return options_of(
        architectures,
        "architecture-ratios",
        kinds=("mlp", "cnn"),
        exponents=(0.5, 1.0),
        decays=(0.0,),
    )


def verdicts() -> Tables:
    """All four verdicts on two rows of cells, one of them wrong."""
    words = ["linear", "undetermined", "critical", "condensed"]
    gamma, prime = (
        np.tile([0.5, 0.9, 1.0, 1.5], 4),
        np.repeat([-0.2, -0.2, 0.3, 0.3], 4),
    )
    return {
        "verdicts": Table(
            columns={
                "layer": np.tile(np.repeat(["hidden", "output"], 4), 2),
                "gamma": gamma,
                "gamma_prime": prime,
                "verdict": np.tile(words, 4),
                "right": np.arange(16) != 3,
            }
        )
    }


def two_found_one_not() -> Tables:
    """Four layers and a head of one network, thirty of another, and a third that is not
    installed.
    """
    either = np.array([0.25, 0.0, 0.02, 0.0, 1.0])
    columns = {
        "network": np.repeat(["a", "b"], [5, 30]),
        "layer": np.array([f"layer.{k}" for k in range(35)]),
        "either_share": np.concatenate([either, np.zeros(30)]),
        "bare_share": np.concatenate([either[::-1], np.zeros(30)]),
        "chance_share": np.full(35, 0.01),
        "two_way": np.arange(35) == 4,
    }
    names = {
        "network": ["a", "b", "c"],
        "title": ["A", "B", "C"],
        "package": ["a-net", "b-net", "c-net"],
    }
    return {
        "networks": Table(
            columns={**names, "status": ["found", "found", "not installed"]}
        ),
        "layers": Table(columns=columns),
    }


Case = tuple[ModuleType, Mapping[str, Table], dict, int]
SELECTED = ("slope map of theta", "rd, one width")

CASES: dict[str, Callable[[], Case]] = {
    "slope map, uneven": lambda: (
        plots.slope_map,
        plane(
            [0.6, 0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.1, 1.4],
            [-0.4, -0.2, 0.0, 0.2, 0.4],
        ),
        {},
        1,
    ),
    "slope map, few cells": lambda: (
        plots.slope_map,
        plane([0.8, 1.2, 1.75], [-0.2, 0.0, 0.2], hole=True),
        {},
        1,
    ),
    "slope map, one cell": lambda: (plots.slope_map, plane([1.0], [0.0]), {}, 1),
    "slope map of theta": lambda: (
        plots.slope_map,
        plane([0.5, 1.5], [0.0, 0.1]),
        {"quantity": "slope_theta", "boundary": None},
        1,
    ),
    "phase plane": lambda: (plots.phase_plane, plane([1.0], [0.0]), {}, 1),
    "rd": lambda: (plots.rd_against_width, members(), {}, 1),
    "rd, one width": lambda: (
        plots.rd_against_width,
        members(widths=(500,), seeds=1),
        {},
        1,
    ),
    "regimes": lambda: (
        plots.regimes,
        neurons(),
        {"names": ["linear", "critical", "condensed"]},
        6,
    ),
    "regimes, binned": lambda: (plots.regimes, neurons(7000), {}, 6),
    "regimes of images": lambda: (
        plots.regimes,
        {"scatter": neurons()["scatter"]},
        {"orientation": "input", "cells": [[1.0, 0.0]]},
        1,
    ),
    "scatter grid": lambda: (plots.scatter_grid, cells(), {}, 6),
    "scatter grid of images": lambda: (
        plots.scatter_grid,
        cells(),
        {"orientation": "input", "widths": [10, 100]},
        6,
    ),
    "demo a": lambda: (plots.chart, small_network(), options_of(demo_a, "demo-a"), 3),
    "verdicts": lambda: (plots.verdicts, verdicts(), {}, 2),
    "partners": lambda: (plots.partners, two_found_one_not(), {}, 3),
    "growth": lambda: (plots.orientation_growth, growing(), {}, 9),
    "group tree": lambda: (plots.group_tree, groups_over_time(), {}, 6),
    "birth alignment": lambda: (
        plots.chart,
        groups_over_time(),
        options_of(condensation_dynamics, "birth-alignment"),
        2,
    ),
    "architectures": lambda: (
        plots.chart,
        two_architectures(),
        architecture_options(),
        1,
    ),
    "growth, many": lambda: (
        plots.orientation_growth,
        growing(steps=tuple(range(1, 41)), units=50),
        {},
        13,
    ),
    **tables_layers.CASES,
    **tables_initial.CASES,
    **tables_dropout.CASES,
    **tables_landscape.CASES,
    **tables_torch.CASES,
}

FIRST = ("slope map, few cells", "rd, one width", "regimes of images")
"""Of modules with several cases these are quick to draw; of the others the first is
taken.
"""


def one_per_module() -> list[str]:
    """One case of every module that has any."""
    made = {name: CASES[name]()[0].__name__ for name in (*FIRST, *CASES)}
    return [
        name
        for place, name in enumerate(made)
        if made[name] not in list(made.values())[:place]
    ]


@pytest.fixture(params=one_per_module())
def case(request: pytest.FixtureRequest) -> Case:
    """A plot module, its tables, options of `figure_data` and the number of panels."""
    return CASES[request.param]()


@pytest.fixture(params=SELECTED)
def selected(request: pytest.FixtureRequest) -> Case:
    """As `case`, a few of them."""
    return CASES[request.param]()


@pytest.fixture(scope="session", params=CASES)
def figure(request: pytest.FixtureRequest) -> Figure:
    """Every figure as it comes out of `draw`."""
    module, tables, options, _ = CASES[request.param]()
    return module.draw(module.figure_data(tables, **options))


@pytest.fixture
def cases() -> dict[str, Callable[[], Case]]:
    """All cases by name."""
    return CASES


@pytest.fixture
def tables() -> dict[str, Callable[..., Tables]]:
    """The makers of tables by name."""
    made = {"plane": plane, "members": members, "neurons": neurons, "cells": cells}
    return made | {
        "small_network": small_network,
        "growing": growing,
        "verdicts": verdicts,
        "groups": groups_over_time,
        "architectures": two_architectures,
        "partners": two_found_one_not,
    }
