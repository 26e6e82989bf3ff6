"""Reduction against its peers: condensed and ordinary classifiers, cut down to equal
sizes in every way there is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isqrt
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from condensery.protocols import Advance, Arrays, Task
from condensery.records import Claim, DataPath, FigureSpec, Statement, Table

OURS = ("direction", "direction-lstsq")
CONTROL = "from-scratch"
WITH_DATA = ("folding-repair",)
NETWORKS = ("mlp", "cnn")
STARTS = ("condensed", "ordinary")
LOST = 0.005
"""Accuracy that may be lost: half a point."""


class Config(BaseModel):
    """What reduce-benchmark can be told.

    Attributes:
        data: digits, mnist-1d (for the mlp), mnist or fashion-mnist, or the path of a
            file or folder as `condensery.data.load` takes it.
        samples: Keep only the first so many of the data; 0 for all of them.
        test: How many of them are held out, drawn at random by the seed.
        cnn_train: Keep only so many training samples for the cnn, which is slower; 0
            for all of them.
        networks: mlp (one hidden layer) and cnn (two convolutions and one hidden
            layer).
        mlp_width: Hidden units of the mlp.
        cnn_widths: Channels, channels and hidden units of the cnn.
        gamma: The condensed mlp starts from N(0, std²) with std = width^−gamma, as
            `condensery.torch.condense` does it.
        cnn_gamma: The same for the cnn, layer by layer. It is smaller: with four small
            layers in a row the gradients of the first ones vanish for the whole
            training.
        weight_decay: Decoupled, of the condensed networks alone.
        tau: Cosine of the merging that is told no width.
        fitted: Training samples that are given to the repair of folding and to least
            squares.
        ratios: Shares of every width to keep.
        epochs: Of training, and of the control that is trained at the small size from
            scratch.
        finetune: Epochs of fine-tuning after the cut.
        batch: Samples of a step.
        rate: Learning rate of Adam at the beginning; it falls to zero along a half
            cosine.
        seeds: How many runs, with seeds 0, 1, ….
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Annotated[str, DataPath()] = "digits"
    samples: int = Field(default=0, ge=0)
    test: int = Field(default=600, ge=10)
    cnn_train: int = Field(default=0, ge=0)
    networks: tuple[Literal["mlp", "cnn"], ...] = NETWORKS
    mlp_width: int = Field(default=256, ge=4, le=100_000)
    cnn_widths: tuple[int, int, int] = (64, 64, 128)
    gamma: float = Field(default=1.5, ge=0.0, le=5.0)
    cnn_gamma: float = Field(default=1.0, ge=0.0, le=5.0)
    weight_decay: float = Field(default=0.6, ge=0.0, le=100.0)
    tau: float = Field(default=0.7, gt=0.0, le=1.0)
    fitted: int = Field(default=500, ge=32)
    ratios: tuple[float, ...] = (0.25, 0.125, 0.0625)
    epochs: int = Field(default=30, ge=1)
    finetune: int = Field(default=6, ge=0)
    batch: int = Field(default=32, ge=1)
    rate: float = Field(default=4e-3, gt=0.0, allow_inf_nan=False)
    seeds: int = Field(default=3, ge=1, le=1000)


def compare(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train one network, cut it down by every method to every size, and measure its
    accuracy.

    Args:
        parameters: The configuration, with network and start.
        seed: Of the network, the batches and the split into training and test data.
        advance: Told how far it is.

    Returns:
        Columns of the table ``accuracy``, and the accuracy of the whole network.
    """
    from condensery.data import load
    from condensery.torch.studies import Training, compare_reductions

    given: dict[str, Any] = dict(parameters)
    config = Config.model_validate(
        {key: value for key, value in given.items() if key not in {"network", "start"}}
    )
    data = load(config.data, samples=config.samples or None)
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(data.x))
    held, used = order[: config.test], order[config.test :]
    kind, start = given["network"], given["start"]
    used = used[: config.cnn_train or None] if kind == "cnn" else used
    widths = [config.mlp_width] if kind == "mlp" else list(config.cnn_widths)
    training = Training(config.epochs, config.finetune, config.rate, config.batch)
    if start == "condensed":
        gamma = config.gamma if kind == "mlp" else config.cnn_gamma
        training = replace(training, exponent=gamma, weight_decay=config.weight_decay)
    found = compare_reductions(
        (data.x[used], data.y[used]),
        (data.x[held], data.y[held]),
        kind=kind,
        widths=widths,
        training=training,
        ratios=config.ratios,
        tau=config.tau,
        fitted=config.fitted,
        seed=seed,
        progress=advance,
    )
    method, ratio, units, size, before, after = zip(*found.rows, strict=True)
    layer, width, effective = zip(*found.layers, strict=True)
    own = {"seed": seed, "network": kind, "start": start, "whole": found.whole}
    return {
        "method": np.asarray(method),
        "ratio": np.asarray(ratio),
        "units": np.asarray(units),
        "parameters": np.asarray(size),
        "before": np.asarray(before),
        "after": np.asarray(after),
        **{name: np.full(len(method), value) for name, value in own.items()},
        "layer": np.asarray(layer),
        "layer_units": np.asarray(width),
        "effective": np.asarray(effective),
        "threshold": np.asarray(found.threshold),
    }


def _statement(name: str, relation: Literal["<=", ">="], statement: str) -> Statement:
    return Statement(
        id=name,
        paper="chen2024reduction",
        statement=statement,
        relation=relation,
        source="claim of this package, after the paper's merging by direction",
    )


STATEMENTS = (
    *(
        one
        for network, unit in (("mlp", "hidden units"), ("cnn", "channels and units"))
        for one in (
            _statement(
                f"{network}-four-times",
                "<=",
                f"The condensed {network} with 4 times fewer {unit} loses at most "
                "half a point without fine-tuning.",
            ),
            _statement(
                f"{network}-eight-times",
                "<=",
                f"The condensed {network} with 8 times fewer {unit} loses at most "
                "half a point after fine-tuning.",
            ),
            _statement(
                f"{network}-ahead",
                ">=",
                f"On the condensed {network} merging by direction is ahead of every "
                "peer at every size, before fine-tuning "
                "(the least lead, mean over seeds).",
            ),
        )
    ),
    _statement(
        "mlp-threshold-units",
        "<=",
        "Merging by direction at the cosine tau alone leaves at most a quarter of "
        "the condensed mlp's hidden units.",
    ),
    _statement(
        "mlp-threshold-loss",
        "<=",
        "Merging by direction at the cosine tau alone costs the condensed mlp at "
        "most half a point.",
    ),
)


class ReduceBenchmark:
    """Merging by direction against pruning, neuron merging and folding, at equal
    numbers of units.
    """

    name: ClassVar[str] = "reduce-benchmark"
    title: ClassVar[str] = (
        "Cutting networks down: merging by direction against its peers"
    )
    summary: ClassVar[str] = (
        "A multilayer and a convolutional classifier are trained from a small "
        "initialisation with weight decay, by "
        "which they condense, and from torch's own without. Each is cut down to the "
        "same widths by merging by "
        "direction (with and without least squares on data), magnitude pruning, "
        "neuron merging, k-means folding with "
        "and without repair, and Torch-Pruning where it is installed; accuracy is "
        "measured before and after the same "
        "short fine-tuning. A network of the small size trained from scratch is the "
        "control."
    )
    papers: ClassVar[tuple[str, ...]] = ("chen2024reduction", "zhang2022embedding")
    task_version: ClassVar[str] = "2"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {},
        "paper": {
            "data": "fashion-mnist",
            "samples": 26_000,
            "test": 6000,
            "mlp_width": 512,
            "cnn_train": 8000,
            "cnn_gamma": 1.25,
            "ratios": [0.5, 0.25, 0.125],
            "epochs": 12,
            "batch": 64,
            "rate": 2e-3,
            "weight_decay": 1.0,
            "finetune": 2,
        },
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """Digest of the images.

        Raises:
            InvalidInputError: A cnn is asked for, and the data are no square images of
                4 x 4 pixels or more.
        """
        from condensery._errors import InvalidInputError
        from condensery.data import load

        known = Config.model_validate(config.model_dump())
        data = load(known.data, samples=known.samples or None)
        pixels = data.x.shape[1]
        if "cnn" in known.networks and (isqrt(pixels) ** 2 != pixels or pixels < 16):
            raise InvalidInputError(
                "data",
                given=f"{data.name} with {pixels} values per sample for the cnn",
                remedy="set networks=mlp",
                allowed="square images of at least 4 x 4 pixels",
            )
        return data.digest

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One network each."""
        known = Config.model_validate(config.model_dump())
        return [
            Task(
                function="condensery.experiments.reduce_benchmark:compare",
                parameters={
                    **known.model_dump(mode="json"),
                    "network": network,
                    "start": start,
                },
                seed=seed,
                version=self.task_version,
                cost=float(known.epochs) * (4.0 if network == "cnn" else 1.0),
                label=f"{start} {network}, seed {seed}",
            )
            for seed in range(known.seeds)
            for network in known.networks
            for start in STARTS
        ]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Every accuracy, their means over seeds, how far the layers are condensed, and
        merging at tau alone.
        """
        names = (
            "network",
            "start",
            "method",
            "ratio",
            "seed",
            "units",
            "parameters",
            "whole",
            "before",
            "after",
        )
        columns = {
            name: np.concatenate([np.asarray(shard[name]) for shard in shards])
            for name in names
        }
        table = Table(
            columns=columns,
            units={
                "before": "share right, before fine-tuning",
                "ratio": "of each width kept",
            },
        )
        return {
            "accuracy": table,
            "means": _means(table),
            "layers": _layers(shards),
            "threshold": _threshold(shards),
        }

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """Losses and leads on the condensed networks; the better of the two ways to
        merge is named.
        """
        means = tables["means"]
        claims = []
        for network, statements in zip(
            NETWORKS, (self.statements[:3], self.statements[3:6]), strict=True
        ):
            own = means.select(network=network, start="condensed")
            for statement, ratio, column in zip(
                statements, (0.25, 0.125), ("before", "after"), strict=False
            ):
                claims.append(
                    _loss(
                        statement,
                        own,
                        means.select(network=network, start="ordinary"),
                        ratio,
                        column,
                    )
                )
            claims.append(_lead(statements[2], own))
        return [*claims, *_at_tau(self.statements[6:], tables["threshold"])]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Accuracy against size."""
        return [
            FigureSpec(
                name="accuracy-against-size",
                plot="condensery.plots.accuracy_against_size",
                caption=(
                    "Test accuracy against the share of every width that is kept, "
                    "before (top) and after (bottom) the "
                    "same fine-tuning; means over seeds with their range. The grey "
                    "line is the whole network; from "
                    "scratch is a network of the small size trained as long as the "
                    "large one."
                ),
            )
        ]


def _means(table: Table) -> Table:
    keys = sorted(
        set(
            zip(
                *(
                    table[name].tolist()
                    for name in ("network", "start", "method", "ratio")
                ),
                strict=True,
            )
        )
    )
    rows = [table.select(network=n, start=s, method=m, ratio=r) for n, s, m, r in keys]
    network, start, method, ratio = zip(*keys, strict=True)
    found: dict[str, Any] = {
        "network": network,
        "start": start,
        "method": method,
        "ratio": ratio,
    }
    for name in ("units", "parameters", "whole", "before", "after"):
        found[name] = [float(np.mean(row[name])) for row in rows]
    for name in ("before", "after"):
        found[f"{name}_least"] = [float(np.min(row[name])) for row in rows]
        found[f"{name}_most"] = [float(np.max(row[name])) for row in rows]
    return Table(columns={name: np.asarray(column) for name, column in found.items()})


def _layers(shards: Sequence[Arrays]) -> Table:
    """Effective neurons (cosine 0.9) of every hidden layer of every network before it
    is cut.
    """
    found: dict[str, Any] = {
        name: []
        for name in ("network", "start", "seed", "layer", "layer_units", "effective")
    }
    for shard in shards:
        for name, column in found.items():
            one = name in {"network", "start", "seed"}
            column.append(
                np.repeat(shard[name][:1], len(shard["layer"]))
                if one
                else np.asarray(shard[name])
            )
    return Table(
        columns={name: np.concatenate(column) for name, column in found.items()}
    )


def _threshold(shards: Sequence[Arrays]) -> Table:
    found: dict[str, Any] = {
        name: [shard[name][0] for shard in shards]
        for name in ("network", "start", "seed")
    }
    found["units"] = [int(np.sum(shard["layer_units"])) for shard in shards]
    found["left"] = [int(shard["threshold"][0]) for shard in shards]
    found["whole"] = [float(shard["whole"][0]) for shard in shards]
    found["before"] = [float(shard["threshold"][1]) for shard in shards]
    return Table(columns={name: np.asarray(column) for name, column in found.items()})


def _at_tau(statements: Sequence[Statement], table: Table) -> list[Claim]:
    own, other = (table.select(network="mlp", start=start) for start in STARTS)
    if not len(own):
        return [statement.check(None, None, note="not run") for statement in statements]
    left, lost = (
        float(np.mean(own["left"] / own["units"])),
        float(np.mean(own["whole"] - own["before"])),
    )
    note = f"of {own['units'][0]} units {np.mean(own['left']):.0f} are left"
    if len(other):
        note += (
            f", of the ordinary network's {np.mean(other['left']):.0f}, which loses "
            f"{100 * np.mean(other['whole'] - other['before']):.1f} points"
        )
    return [
        statements[0].check(left, 0.25, note=note),
        statements[1].check(lost, LOST, note=note),
    ]


def _loss(
    statement: Statement, own: Table, ordinary: Table, ratio: float, column: str
) -> Claim:
    """Points lost by the better of our two ways; the ordinary network in the note."""
    if not len(own) or not np.any(np.isclose(own["ratio"], ratio)):
        return statement.check(None, None, note="not run at this size")
    lost, way = _least_loss(own, ratio, column)
    other = _least_loss(ordinary, ratio, column)[0] if len(ordinary) else float("nan")
    note = f"{way}; the ordinary network loses {100 * other:.1f} points"
    return statement.check(lost, LOST, note=note)


def _least_loss(table: Table, ratio: float, column: str) -> tuple[float, str]:
    rows = [table.select(method=method, ratio=ratio) for method in OURS]
    return min(
        (float(row["whole"][0] - row[column][0]), str(row["method"][0])) for row in rows
    )


def _lead(statement: Statement, own: Table) -> Claim:
    """The least lead over any peer at any size, of the better of our two ways; like
    with like in the note.
    """
    if not len(own):
        return statement.check(None, None, note="not run")
    worst, where = _least_lead(own, OURS, lambda method: True)
    plain, _ = _least_lead(own, OURS[:1], lambda method: method not in WITH_DATA)
    fitted, _ = _least_lead(own, OURS[1:], lambda method: method in WITH_DATA)
    note = (
        f"nearest: {where}; without data against peers without {100 * plain:+.1f} "
        "points, with data against peers "
        f"with {100 * fitted:+.1f}; merging leaves at most {_more(own)} units more "
        "than the peers"
    )
    return statement.check(worst, 0.0, note=note)


def _least_lead(
    own: Table, ours: Sequence[str], counts: Callable[[str], bool]
) -> tuple[float, str]:
    worst, where = np.inf, ""
    for ratio in np.unique(own["ratio"]).tolist():
        best = max(
            float(own.select(method=method, ratio=ratio)["before"][0])
            for method in ours
        )
        for row in np.flatnonzero(np.isclose(own["ratio"], ratio)).tolist():
            method, lead = str(own["method"][row]), best - float(own["before"][row])
            if method not in (*OURS, CONTROL) and counts(method) and lead < worst:
                worst, where = lead, f"{method} at {ratio:.3g} of the width"
    return float(worst), where


def _more(own: Table) -> str:
    """Units that are left above those of the control: clusters that cancel are not
    merged, and stay.
    """
    rows = [own.select(ratio=ratio) for ratio in np.unique(own["ratio"]).tolist()]
    least = [float(row.select(method=CONTROL)["units"][0]) for row in rows]
    ours = [
        max(float(row.select(method=method)["units"][0]) for method in OURS)
        for row in rows
    ]
    return f"{max(a - b for a, b in zip(ours, least, strict=True)):.3g}"
