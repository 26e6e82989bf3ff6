"""The experiment: its work, its tables, its figure, and the value that declares it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from condensery.charts import (
    Axis,
    Chart,
    Matrix,
    Panel,
    Texts,
    figure,
)
from condensery.data import load
from condensery.declare import Blocks, Declared, Results, Tables, Work, table
from condensery.experiments.architectures._claims import judges
from condensery.experiments.architectures._config import LAYERS, Config
from condensery.experiments.architectures._work import train
from condensery.records import FigureSpec

COSTS = {"mlp": 1.0, "residual": 1.5, "transformer": 5.0, "cnn": 6.0}
RUN = ("exponent", "decay", "seed", "loss", "accuracy", "status")
SETTING = ("exponent", "decay", "seed")
MANY = 24
"""Above this number of settings cells have no room for numbers."""


def work(config: Config) -> Iterator[Work]:
    """One training per architecture and keep probability: what is compiled once."""
    for kind in config.kinds:
        for keep in config.keeps:
            label = f"{kind}, p = {keep:g}"
            yield train.work(label, COSTS[kind], kind=kind, keep=keep)


@table()
def members(config: Config, results: Results) -> Blocks:
    """One row per run."""
    for arguments, run in results.of(train):
        yield {**arguments, **{name: run[name] for name in RUN}}


@table(
    ratio_70="directions that cover the active units at cosine 0.7, over their number",
    null_70="the same with every row's entries shuffled",
    active="share of units that are",
)
def layers(config: Config, results: Results) -> Blocks:
    """One row per run and layer."""
    for arguments, run in results.of(train):
        names = np.array(LAYERS[arguments["kind"]])
        number = run["layer_run"].astype(int)
        block = {**arguments, **{name: run[name][number] for name in SETTING}}
        block["layer"] = names[run["layer_code"].astype(int)]
        for name in run:
            if name.startswith("layer_") and name not in {"layer_run", "layer_code"}:
                block[name.removeprefix("layer_")] = run[name]
        yield block


@table(
    ratio="mean over the seeds; nan in rows of accuracies",
    text="the ratio, after a bar that of shuffled rows where below .95; "
    "accuracy in per cent",
)
def cells(config: Config, tables: Tables) -> Blocks:
    """What the figure shows: mean ratio of every layer at every setting, and what
    stands in the cell.
    """
    ratios, runs = tables["layers"], tables["members"]
    for row, (kind, layer) in enumerate(_rows(config)):
        for column, (exponent, keep, decay) in enumerate(config.settings):
            setting = {"kind": kind, "exponent": exponent, "keep": keep, "decay": decay}
            if layer:
                cell = ratios.select(**setting, layer=layer)
                ratio = float(np.mean(cell["ratio_70"]))
                null = float(np.mean(cell["null_70"]))
                has_room = len(config.settings) <= MANY
                text = _ratio_text(ratio, null) if has_room else ""
            else:
                cell = runs.select(**setting)
                ratio = float("nan")
                text = f"{100 * float(np.mean(cell['accuracy'])):.0f}"
            yield {"row": row, "column": column, "ratio": ratio, "text": text}


def _rows(config: Config) -> list[tuple[str, str]]:
    """Architecture and layer of every row; the empty layer is for the accuracy."""
    return [(kind, layer) for kind in config.kinds for layer in (*LAYERS[kind], "")]


def _ratio_text(ratio: float, null: float) -> str:
    text = _short(ratio)
    return f"{text}|{_short(null)}" if null < 0.95 else text


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


def draws(config: Config) -> Sequence[FigureSpec]:
    """Ratios and accuracies over all settings."""
    listed = _rows(config)
    names = [f"{kind}: {layer}" if layer else "accuracy (%)" for kind, layer in listed]
    settings = [
        f"e {exponent:g}\np {keep:g}\nλ {decay:g}"
        for exponent, keep, decay in config.settings
    ]
    ratios = Matrix(
        table="cells",
        x="column",
        y="row",
        value="ratio",
        limits=(0.0, 1.0),
        colours="YlGnBu_r",
        bar="effective ratio",
        names_x={str(k): name for k, name in enumerate(settings)},
        names_y={str(k): name for k, name in enumerate(names)},
    )
    texts = Texts(table="cells", x="column", y="row", text="text")
    panel = Panel(
        marks=(ratios, texts),
        x=Axis(turned=len(settings) > MANY),
        y=Axis(inverted=True),
    )
    height = float(np.clip(1.2 + 0.2 * len(names), 2.6, 7.0))
    chart = Chart(panels=((panel,),), height=height)
    return [figure("architecture-ratios", CAPTION, chart)]


CAPTION = (
    "Effective ratio of every layer (rows) at every setting "
    "(columns): dark is condensed, 1 is "
    "as many directions as units (after a bar: of shuffled rows, where "
    "below .95). e: exponent of the "
    "initial scale; p: keep probability; λ: weight decay."
)


def reads(config: Config) -> str:
    """Digest of the digits."""
    return load("digits").digest


architectures = Declared(
    name="architectures",
    title="Do other structures condense?",
    summary="A dense network, a convolutional one, a residual one and a small "
    "transformer learn digits from "
    "initialisations of several sizes, with and without dropout and weight "
    "decay. How many directions do the units "
    "of each layer share, compared with rows whose entries are shuffled, and "
    "what does it do to the accuracy?",
    papers=("xu2025overview", "condensery"),
    task_version="2",
    Config=Config,
    presets={
        "quick": {},
        "paper": {
            "exponents": [0.5, 0.75, 1.0, 1.25],
            "keeps": [1.0, 0.9, 0.7],
            "decays": [0.0, 0.1, 0.3, 1.0],
            "seeds": 3,
            "samples": 1200,
            "steps": 6000,
        },
        "full": {
            "exponents": [0.5],
            "keeps": [1.0, 0.5],
            "decays": [0.0],
            "seeds": 3,
            "steps": 20_000,
        },
    },
    work=work,
    makes={"members": members, "layers": layers},
    derives={"cells": cells},
    judges=judges,
    draws=draws,
    reads=reads,
)
