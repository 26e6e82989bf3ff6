"""Reduction against its peers: condensed and ordinary classifiers, cut down to equal sizes in every way there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from condensery.protocols import Advance, Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table

OURS = ("direction", "direction-lstsq")
CONTROL = "from-scratch"
NETWORKS = ("mlp", "cnn")
STARTS = ("condensed", "ordinary")
LOST = 0.005
"""Accuracy that may be lost: half a point."""


class Config(BaseModel):
    """What reduce-benchmark can be told.

    Attributes:
        data: digits, mnist or fashion-mnist, or the path of a file or folder as `condensery.data.load` takes it.
        samples: Keep only the first so many of the data; 0 for all of them.
        test: How many of them are held out, drawn at random by the seed.
        networks: mlp (one hidden layer) and cnn (two convolutions and one hidden layer).
        mlp_width: Hidden units of the mlp.
        cnn_widths: Channels, channels and hidden units of the cnn.
        gamma: Condensed networks start from N(0, std²) with std = width^−gamma for all parameters; for the cnn width is
            its first number of channels.
        ratios: Shares of every width to keep.
        epochs: Of training, and of the control that is trained at the small size from scratch.
        finetune: Epochs of fine-tuning after the cut.
        rate: Learning rate of Adam.
        seeds: How many runs, with seeds 0, 1, ….
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = "digits"
    samples: int = Field(default=0, ge=0)
    test: int = Field(default=500, ge=10)
    networks: tuple[Literal["mlp", "cnn"], ...] = NETWORKS
    mlp_width: int = Field(default=256, ge=4, le=100_000)
    cnn_widths: tuple[int, int, int] = (16, 16, 32)
    gamma: float = Field(default=1.5, ge=0.0, le=5.0)
    ratios: tuple[float, ...] = (0.5, 0.25, 0.125)
    epochs: int = Field(default=30, ge=1)
    finetune: int = Field(default=3, ge=0)
    rate: float = Field(default=2e-3, gt=0.0, allow_inf_nan=False)
    seeds: int = Field(default=3, ge=1, le=1000)


def compare(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train one network, cut it down by every method to every size, and measure its accuracy.

    Args:
        parameters: The configuration, with network and start.
        seed: Of the network, the batches and the split into training and test data.
        advance: Told how far it is.

    Returns:
        Columns of the table ``accuracy``, and the accuracy of the whole network.
    """
    from condensery.data import load
    from condensery.torch import compare_reductions

    given: dict[str, Any] = dict(parameters)
    config = Config.model_validate({key: value for key, value in given.items() if key not in {"network", "start"}})
    data = load(config.data, samples=config.samples or None)
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(data.x))
    held, used = order[: config.test], order[config.test :]
    kind = given["network"]
    widths = [config.mlp_width] if kind == "mlp" else list(config.cnn_widths)
    whole, rows = compare_reductions(
        (data.x[used], data.y[used]), (data.x[held], data.y[held]), kind=kind, widths=widths,
        std=float(widths[0]) ** -config.gamma if given["start"] == "condensed" else None, ratios=config.ratios,
        epochs=config.epochs, finetune=config.finetune, rate=config.rate, seed=seed, progress=advance,
    )  # fmt: skip
    method, ratio, units, size, before, after = zip(*rows, strict=True)
    return {
        "method": np.asarray(method), "ratio": np.asarray(ratio), "units": np.asarray(units),
        "parameters": np.asarray(size), "before": np.asarray(before), "after": np.asarray(after),
        "whole": np.full(len(rows), whole), "seed": np.full(len(rows), seed), "network": np.full(len(rows), kind),
        "start": np.full(len(rows), given["start"]),
    }  # fmt: skip


def _statement(name: str, relation: Literal["<=", ">="], statement: str) -> Statement:
    return Statement(
        id=name, paper="chen2024reduction", statement=statement, relation=relation,
        source="claim of this package, after the paper's merging by direction",
    )  # fmt: skip


STATEMENTS = tuple(
    one
    for network, unit in (("mlp", "hidden units"), ("cnn", "channels and units"))
    for one in (
        _statement(
            f"{network}-four-times", "<=",
            f"The condensed {network} with 4 times fewer {unit} loses at most half a point without fine-tuning.",
        ),
        _statement(
            f"{network}-eight-times", "<=",
            f"The condensed {network} with 8 times fewer {unit} loses at most half a point after fine-tuning.",
        ),
        _statement(
            f"{network}-ahead", ">=",
            f"On the condensed {network} merging by direction is ahead of every peer at every size, before fine-tuning "
            "(the least lead, mean over seeds).",
        ),
    )
)  # fmt: skip


class ReduceBenchmark:
    """Merging by direction against pruning, neuron merging and folding, at equal numbers of units."""

    name: ClassVar[str] = "reduce-benchmark"
    title: ClassVar[str] = "Cutting networks down: merging by direction against its peers"
    summary: ClassVar[str] = (
        "A multilayer and a convolutional classifier are trained from a small initialisation, from which they "
        "condense, and from torch's own. Each is cut down to the same widths by merging by direction (with and without "
        "least squares on data), magnitude pruning, neuron merging, k-means folding with and without repair, and "
        "Torch-Pruning where it is installed; accuracy is measured before and after the same short fine-tuning. A "
        "network of the small size trained from scratch is the control."
    )
    papers: ClassVar[tuple[str, ...]] = ("chen2024reduction", "zhang2022embedding")
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {},
        "paper": {
            "data": "fashion-mnist", "samples": 22_000, "test": 2000, "mlp_width": 512, "cnn_widths": [16, 32, 64],
            "epochs": 12, "rate": 1e-3, "finetune": 2,
        },
    }  # fmt: skip
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """Digest of the images."""
        from condensery.data import load

        known = Config.model_validate(config.model_dump())
        return load(known.data, samples=known.samples or None).digest

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One network each."""
        known = Config.model_validate(config.model_dump())
        return [
            Task(
                function="condensery.experiments.reduce_benchmark:compare",
                parameters={**known.model_dump(mode="json"), "network": network, "start": start},
                seed=seed, version=self.task_version, cost=float(known.epochs) * (4.0 if network == "cnn" else 1.0),
                label=f"{start} {network}, seed {seed}",
            )
            for seed in range(known.seeds)
            for network in known.networks
            for start in STARTS
        ]  # fmt: skip

    def tables(self, config: BaseModel, shards: Sequence[Arrays]) -> Mapping[str, Table]:
        """Every accuracy, and their means over seeds."""
        names = ("network", "start", "method", "ratio", "seed", "units", "parameters", "whole", "before", "after")
        columns = {name: np.concatenate([np.asarray(shard[name]) for shard in shards]) for name in names}
        table = Table(
            columns=columns, units={"before": "share right, before fine-tuning", "ratio": "of each width kept"}
        )
        return {"accuracy": table, "means": _means(table)}

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """Losses and leads on the condensed networks; the better of the two ways to merge is named."""
        means = tables["means"]
        claims = []
        for network, statements in zip(NETWORKS, (self.statements[:3], self.statements[3:]), strict=True):
            own = means.select(network=network, start="condensed")
            for statement, ratio, column in zip(statements, (0.25, 0.125), ("before", "after"), strict=False):
                claims.append(_loss(statement, own, means.select(network=network, start="ordinary"), ratio, column))
            claims.append(_lead(statements[2], own))
        return claims

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Accuracy against size."""
        return [
            FigureSpec(
                name="accuracy-against-size",
                plot="condensery.plots.accuracy_against_size",
                caption=(
                    "Test accuracy against the share of every width that is kept, before (top) and after (bottom) the "
                    "same fine-tuning; means over seeds with their range. The grey line is the whole network; from "
                    "scratch is a network of the small size trained as long as the large one."
                ),
            )
        ]


def _means(table: Table) -> Table:
    keys = sorted(set(zip(*(table[name].tolist() for name in ("network", "start", "method", "ratio")), strict=True)))
    rows = [table.select(network=n, start=s, method=m, ratio=r) for n, s, m, r in keys]
    network, start, method, ratio = zip(*keys, strict=True)
    found: dict[str, Any] = {"network": network, "start": start, "method": method, "ratio": ratio}
    for name in ("units", "parameters", "whole", "before", "after"):
        found[name] = [float(np.mean(row[name])) for row in rows]
    for name in ("before", "after"):
        found[f"{name}_least"] = [float(np.min(row[name])) for row in rows]
        found[f"{name}_most"] = [float(np.max(row[name])) for row in rows]
    return Table(columns={name: np.asarray(column) for name, column in found.items()})


def _loss(statement: Statement, own: Table, ordinary: Table, ratio: float, column: str) -> Claim:
    """Points lost by the better of our two ways; the ordinary network in the note."""
    if not len(own) or not np.any(np.isclose(own["ratio"], ratio)):
        return statement.check(None, None, note="not run at this size")
    lost, way = _least_loss(own, ratio, column)
    other = _least_loss(ordinary, ratio, column)[0] if len(ordinary) else float("nan")
    note = f"{way}; the ordinary network loses {100 * other:.1f} points"
    return statement.check(lost, LOST, note=note)


def _least_loss(table: Table, ratio: float, column: str) -> tuple[float, str]:
    rows = [table.select(method=method, ratio=ratio) for method in OURS]
    return min((float(row["whole"][0] - row[column][0]), str(row["method"][0])) for row in rows)


def _lead(statement: Statement, own: Table) -> Claim:
    """The least lead over the best peer at any size, of merging without data over peers without, and with over with."""
    if not len(own):
        return statement.check(None, None, note="not run")
    worst, where = np.inf, ""
    for ratio in np.unique(own["ratio"]).tolist():
        ours = max(float(own.select(method=method, ratio=ratio)["before"][0]) for method in OURS)
        for row in range(len(own)):
            method = str(own["method"][row])
            if method in (*OURS, CONTROL) or not np.isclose(own["ratio"][row], ratio):
                continue
            lead = ours - float(own["before"][row])
            if lead < worst:
                worst, where = lead, f"{method} at {ratio:.3g} of the width"
    return statement.check(float(worst), 0.0, note=f"nearest: {where}")
