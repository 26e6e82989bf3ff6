"""Small tables for the figures of dropout: inputs of the tests, not results."""

import numpy as np
from tests.plots.declared import options_of

from condensery import plots
from condensery.experiments.dropout_features import dropout_features
from condensery.experiments.dropout_images import dropout_images
from condensery.experiments.dropout_images._tables import (
    PAIRS,
    means,
    parts,
    path_medians,
    starts,
)
from condensery.experiments.dropout_stall import dropout_stall
from condensery.records import Table


def named(**columns):
    return Table(columns=columns)


def feature_tables():
    pairs = [(layers, kind) for layers in (2, 3) for kind in ("plain", "dropout")]
    lines = [
        (layers, kind, x, x + layers, 2 * x)
        for layers, kind in pairs
        for x in (-1.0, 0.0, 1.0)
    ]
    units = [
        (layers, kind, when, 0.5 + when, 0.25 * layers)
        for layers, kind in pairs
        for when in (0, 1)
        for _ in range(2)
    ]
    names = (
        ("layers", "kind", "x", "final", "wanted"),
        ("layers", "kind", "when", "orientation", "amplitude"),
    )
    tables = [
        {
            name: np.array(column)
            for name, column in zip(keys, zip(*rows, strict=True), strict=True)
        }
        for keys, rows in zip(names, (lines, units), strict=True)
    ]
    outputs, features = (
        named(
            target=np.full(len(columns["kind"]), "relu"),
            **columns,
        )
        for columns in tables
    )
    return {
        "outputs": outputs,
        "features": features,
        "data": named(
            target=["relu", "relu"],
            x=[-1.0, 1.0],
            y=[0.5, 0.5],
        ),
        "predicted": named(target=["relu"], orientation=[-0.32]),
    }


BRANCHES = ("plain", "dropout", "expected")


def switch_tables():
    branches = [
        ("first", 0),
        ("first", 10),
        *(
            (name, step)
            for name in ("plain", "dropout", "expected")
            for step in (10, 20)
        ),
    ]
    step = np.array([step for _, step in branches])
    return {
        "switch": named(
            branch=[name for name, _ in branches],
            step=step,
            seed=np.zeros(8, dtype=int),
            loss=1.0 / (1 + step),
            r1=np.full(8, 0.1),
            effective_orientations=np.linspace(60, 5, 8),
        ),
        "switch_outputs": named(
            branch=np.repeat(["plain", "dropout", "expected"], 2),
            seed=np.zeros(6, dtype=int),
            x=np.tile([0.0, 1.0], 3),
            final=np.arange(6.0),
            wanted=np.zeros(6),
        ),
    }


def control_tables():
    kinds = np.repeat(["plain", "batches", "dropout"], 2)
    return {
        "growth": named(
            target=np.full(6, "tanh"),
            layers=np.full(6, 2),
            kind=kinds,
            step=np.tile([10, 0], 3),
            effective_orientations=np.arange(6.0) + 1,
        ),
        "profiles": named(
            target=np.full(4, "tanh"),
            layers=np.full(4, 2),
            kind=np.repeat(["plain", "dropout"], 2),
            distance=[0.5, 0.0, 0.5, 0.0],
            loss=[9.0, 1e-3, 1.0, 1e-2],
        ),
    }


def regulariser_tables():
    loss = np.repeat(["plain", "expected", "dropped"], 2)
    return {
        "nets": named(r1=[1.0, 2.0], excess=[1.0, 2.0]),
        "drawn": named(
            keep=[0.9, 0.9, 0.5, 0.5],
            shared=[True, False, True, False],
            r1=[1.0, 1.0, 9.0, 9.0],
            r2=[0.3, 0.1, 3.0, 1.0],
            excess=[1.1, 0.9, 9.1, 8.9],
        ),
        "orders": named(
            step_size=[0.2, 0.1], plain=[0.04, 0.01], modified=[0.008, 0.001]
        ),
        "vectors": named(
            loss=loss,
            unit=np.tile([0, 1], 3),
            start_x=np.tile([0.9, -0.2], 3),
            start_y=np.tile([-0.3, 0.5], 3),
            end_x=[1.1, -0.1, 0.47, 0.47, 0.4, 0.5],
            end_y=[-0.2, 0.6, 0.19, 0.19, 0.2, 0.2],
        ),
    }


def contour_tables():
    side = np.linspace(0, 1, 5)
    first, second = (part.ravel() for part in np.meshgrid(side, side))
    loss = np.repeat(["plain", "expected", "dropped"], 2)
    return {
        "landscape": named(
            first=first,
            second=second,
            plain=(first + second - 1) ** 2,
            r1=first**2 + second**2,
        ),
        "paths": named(
            loss=loss,
            start=np.zeros(6, dtype=int),
            step=np.tile([5, 0], 3),
            first=np.tile([0.5, 0.1], 3),
            second=np.tile([0.5, 0.2], 3),
        ),
    }


def stall_options():
    """The chart that the experiment declares."""
    config = dropout_stall.Config()
    (figure,) = dropout_stall.figures(config)
    return figure.options


def stall_tables():
    ways = np.repeat(["descent", "adam", "dropout"], 2)
    lines = named(
        way=ways, x=np.tile([0.0, 1.0], 3), early=np.zeros(6), late=np.ones(6)
    )
    curves = named(
        way=ways,
        seed=np.zeros(6, dtype=int),
        step=np.tile([10, 0], 3),
        loss=np.tile([0.1, 1.0], 3),
        orientations=np.tile([4.0, 60.0], 3),
    )
    return {
        "curves": curves,
        "outputs": lines,
        "data": named(x=[0.0, 1.0], y=[0.0, 2.0]),
    }


def image_tables():
    rows = [
        ("plain", 1.0, 0.7),
        ("dropout", 0.9, 0.85),
        ("expected", 0.9, 0.84),
        ("dropout", 0.6, 0.86),
        ("expected", 0.6, 0.855),
        ("small-plain", 1.0, 0.9),
        ("small-dropout", 0.6, 0.91),
        ("small-expected", 0.6, 0.92),
        ("descent", 1.0, 0.72),
        ("L1", 0.8, 0.85),
        ("L2", 0.8, 0.71),
        ("L3", 0.8, 0.84),
        ("L4", 0.8, 0.72),
    ]
    # two seeds, 2 points apart
    spread = [
        (kind, keep, mean + d) for d in (-0.01, 0.01) for kind, keep, mean in rows
    ]
    kind, keep, accuracy = map(np.array, zip(*spread, strict=True))
    runs = named(
        kind=kind,
        keep=keep,
        accuracy=accuracy,
        loss=np.full(len(kind), 1e-3),
        r1=np.full(len(kind), 1e-2),
    )
    config, tables = image_config(), {"runs": runs}
    tables["means"] = means(config, tables)
    return {
        "means": tables["means"],
        "starts": starts(config, tables),
        "parts": parts(config, tables),
    }


def image_config():
    return dropout_images.Config()


def path_config():
    return dropout_images.Config(part_keeps=(0.8, 0.5))


def path_tables():
    rows = [
        (first, second, keep, seed, place, 0.1 + seed + place if keep > 0.6 else 1.0)
        for first, second in PAIRS
        for keep in (0.5, 0.8)
        for seed in (0, 1)
        for place in (1.5, 0.0, -0.5, 1.0)
    ]
    names = ("first", "second", "keep", "seed", "place", "loss")
    columns = dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))
    paths = named(**columns)
    return {"path_medians": path_medians(path_config(), {"paths": paths})}


def cosine_tables():
    matrix = np.eye(3)
    return {
        "cosines": named(
            part=["vectors"] * 2,
            title=["$p = 1$", "$p = 0.5$"],
            activation=["tanh"] * 2,
            optimiser=["Adam"] * 2,
            step=[9, 9],
            cosine=np.stack([matrix, -matrix]),
        )
    }


def feature_options(name, **settings):
    """Of a figure of dropout-features."""
    return options_of(dropout_features, name, **settings)


def image_options(name):
    """Of a figure of dropout-images."""
    return options_of(dropout_images, name, part_keeps=(0.8, 0.5))


def switch_options():
    return feature_options("dropout-switch", switch_steps=(10, 10))


CASES = {
    "dropout, features": lambda: (
        plots.chart,
        feature_tables(),
        feature_options("dropout-features-relu"),
        8,
    ),
    "dropout, switch": lambda: (plots.chart, switch_tables(), switch_options(), 4),
    "dropout, controls": lambda: (
        plots.chart,
        control_tables(),
        feature_options("dropout-controls", targets=("tanh",)),
        2,
    ),
    "dropout, cosines": lambda: (
        plots.chart,
        cosine_tables(),
        feature_options("dropout-cosines"),
        2,
    ),
    "dropout, regulariser": lambda: (
        plots.dropout_regulariser,
        regulariser_tables(),
        {},
        4,
    ),
    "dropout, contours": lambda: (plots.dropout_contours, contour_tables(), {}, 3),
    "dropout, stall": lambda: (plots.chart, stall_tables(), stall_options(), 3),
    "dropout, images": lambda: (
        plots.chart,
        image_tables(),
        image_options("dropout-images"),
        4,
    ),
    "dropout, paths": lambda: (
        plots.chart,
        path_tables(),
        image_options("dropout-paths"),
        2,
    ),
}
