"""Do other structures condense?

MLP, CNN, residual net and transformer over initial scale, dropout and weight decay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from condensery.protocols import Advance, Arrays, Task
from condensery.records import Claim, FigureSpec, Relation, Statement, Table

KINDS = ("mlp", "cnn", "residual", "transformer")
THRESHOLDS = (0.7, 0.95)
"""Cosines at which directions count as one: of the papers on transformers, and of those
on dropout.
"""
ACTIVE = 0.05
SHUFFLES = 5
OPEN = "an open question: reported, not judged"


class Config(BaseModel):
    """What architectures can be told.

    Attributes:
        kinds: Which networks.
        gammas: Every weight starts from N(0, d^−2γ), d the number of its inputs; γ = ½
            is LeCun's scale.
        keeps: Keep probabilities of dropout on every hidden layer; 1 is none.
        decays: Decoupled weight decay of Adam.
        seeds: Runs per setting.
        samples: Digits to train on; the others are for testing.
        steps: Steps of Adam.
        batch_size: Digits per step.
        rate: Learning rate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kinds: tuple[Literal["mlp", "cnn", "residual", "transformer"], ...] = Field(
        default=KINDS, min_length=1
    )
    gammas: tuple[float, ...] = Field(default=(0.5, 0.75, 1.0), min_length=1)
    keeps: tuple[float, ...] = Field(default=(1.0, 0.8), min_length=1)
    decays: tuple[float, ...] = Field(default=(0.0, 0.3), min_length=1)
    seeds: int = Field(default=1, ge=1, le=1000)
    samples: int = Field(default=800, ge=10, le=1700)
    steps: int = Field(default=1000, ge=1)
    batch_size: int = Field(default=64, ge=1)
    rate: float = Field(default=2e-3, gt=0)

    @model_validator(mode="after")
    def _sensible(self) -> Config:
        for name in ("kinds", "gammas", "keeps", "decays"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name} must differ from one another")
        if not all(0 < keep <= 1 for keep in self.keeps):
            raise ValueError("keeps must be probabilities 0 < p <= 1")
        if not all(0 <= decay < 100 for decay in self.decays):
            raise ValueError("decays must lie within 0 and 100")
        if not all(abs(gamma) <= 5 for gamma in self.gammas):
            raise ValueError("gammas must lie within -5 and 5")
        if self.batch_size > self.samples:
            raise ValueError("batch_size must not exceed samples")
        return self


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train one architecture at one keep probability, at all scales, decays and seeds.

    Args:
        parameters: The configuration with kind and keep in place of kinds and keeps.
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        Per run (gamma, decay, seed, loss, accuracy, status), and per run and layer
        (layer_name, layer_run, units, active, and for each threshold ratio, ratio_null,
        ratio_initial as ``ratio_70`` and so on).
    """
    from condensery.data import load
    from condensery.engine import AdamW, cross_entropy, descend, init_descent
    from condensery.models import ImageNet

    given: dict[str, Any] = dict(parameters)
    net, data = ImageNet(given["kind"]), load("digits")
    order = np.random.Generator(np.random.Philox(key=[0, 77])).permutation(len(data.x))
    own, others = order[: given["samples"]], order[given["samples"] :]
    members = [
        (gamma, seed + k) for gamma in given["gammas"] for k in range(given["seeds"])
    ]
    starts = [net.draw(seed=own_seed, gamma=gamma) for gamma, own_seed in members]
    runs: dict[str, list[Any]] = {
        name: [] for name in ("gamma", "decay", "seed", "loss", "accuracy", "status")
    }
    layers: dict[str, list[Any]] = {}
    for place, decay in enumerate(given["decays"]):
        optimiser = AdamW(given["rate"], decay=decay)
        state = init_descent(
            starts, optimiser=optimiser, seeds=[s for _, s in members], dtype="float32"
        )
        result = descend(
            state,
            cross_entropy(net, keep=given["keep"]),
            (data.x[own], data.y[own]),
            optimiser=optimiser,
            steps=given["steps"],
            batch_size=given["batch_size"],
            schedule=[given["steps"]],
        )
        for k, ((gamma, own_seed), trained) in enumerate(
            zip(members, result.parameters, strict=True)
        ):
            said = np.argmax(
                np.asarray(net(trained, data.x[others].astype(np.float32))), axis=1
            )
            row = (
                gamma,
                decay,
                own_seed,
                result.loss[k, -1],
                np.mean(said == data.y[others]),
                result.status[k],
            )
            for name, value in zip(runs, row, strict=True):
                runs[name].append(value)
            for name, rows in net.rows(trained).items():
                measured = _measured(rows, net.rows(starts[k])[name], own_seed)
                for key, value in {
                    "name": name,
                    "run": len(runs["loss"]) - 1,
                    **measured,
                }.items():
                    layers.setdefault(f"layer_{key}", []).append(value)
        advance(f"weight decay {decay:g}", (place + 1) / len(given["decays"]))
    names = list(dict.fromkeys(layers["layer_name"]))
    codes = [names.index(name) for name in layers.pop("layer_name")]
    return {
        **{name: np.asarray(column) for name, column in {**runs, **layers}.items()},
        "layer_code": np.asarray(codes),
    }


def _measured(rows: np.ndarray, initial: np.ndarray, seed: int) -> dict[str, float]:
    """Effective ratios over the active units: of the layer, of its rows with shuffled
    entries, and of its start.
    """
    from condensery.metrics import condensation

    rng = np.random.Generator(np.random.Philox(key=[seed, 78]))

    def ratio(of: np.ndarray, threshold: float) -> tuple[float, float]:
        found = condensation(of, threshold=threshold, active=ACTIVE)
        return found.effective_neurons / max(
            found.active_units, 1
        ), found.active_units / len(of)

    measured: dict[str, float] = {
        "units": len(rows),
        "active": ratio(rows, THRESHOLDS[0])[1],
    }
    shuffled = [rng.permuted(rows, axis=1) for _ in range(SHUFFLES)]
    for threshold in THRESHOLDS:
        end = round(100 * threshold)
        measured[f"ratio_{end}"] = ratio(rows, threshold)[0]
        measured[f"null_{end}"] = float(
            np.mean([ratio(one, threshold)[0] for one in shuffled])
        )
        measured[f"initial_{end}"] = ratio(initial, threshold)[0]
    return measured


LAYERS: dict[str, tuple[str, ...]] = {
    "mlp": ("first", "second"),
    "cnn": ("kernels_1", "kernels_2", "dense"),
    "residual": ("embed", "block_1", "block_2"),
    "transformer": ("queries", "keys", "values", "rows", "heads"),
}
"""The layers that `condensery.models.ImageNet.rows` gives, in its order."""


def _s(name: str, relation: Relation, statement: str) -> Statement:
    source = (
        "condensation is independent of the architecture; small initialisation "
        "or dropout facilitate it"
    )
    return Statement(
        id=name,
        paper="xu2025overview",
        statement=statement,
        relation=relation,
        source=source,
    )


class Architectures:
    """Effective ratio of every layer of four architectures, with their test
    accuracy.
    """

    name: ClassVar[str] = "architectures"
    title: ClassVar[str] = "Do other structures condense?"
    summary: ClassVar[str] = (
        "A dense network, a convolutional one, a residual one and a small "
        "transformer learn digits from "
        "initialisations of several sizes, with and without dropout and weight "
        "decay. How many directions do the units "
        "of each layer share, compared with rows whose entries are shuffled, and "
        "what does it do to the accuracy?"
    )
    papers: ClassVar[tuple[str, ...]] = ("xu2025overview",)
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {},
        "paper": {
            "gammas": [0.5, 0.75, 1.0, 1.25],
            "keeps": [1.0, 0.9, 0.7],
            "decays": [0.0, 0.1, 0.3, 1.0],
            "seeds": 3,
            "samples": 1200,
            "steps": 6000,
        },
    }
    statements: ClassVar[tuple[Statement, ...]] = (
        _s(
            "small-scale",
            ">=",
            "A small initial scale condenses every architecture (fall of the mean "
            "effective ratio "
            "of its layers at cosine 0.7 from the largest to the smallest scale; "
            "smallest over the architectures).",
        ),
        _s(
            "dropout",
            ">=",
            "Dropout condenses every architecture (fall of that ratio from none to "
            "the strongest "
            "dropout at the largest scale; smallest over the architectures).",
        ),
        _s(
            "decay",
            ">=",
            "Weight decay condenses every architecture (fall of that ratio from "
            "none to the strongest "
            "decay at the largest scale; smallest over the architectures).",
        ),
        _s(
            "layers",
            ">=",
            "Every layer condenses at the smallest scale (share of layers whose "
            "ratio is below 0.9 of "
            "that of their shuffled rows).",
        ),
        _s(
            "heads",
            "<=",
            "Attention heads condense too (their effective ratio at the smallest "
            "scale).",
        ),
        _s(
            "accuracy",
            ">=",
            "Condensed networks classify as well (test accuracy at the smallest "
            "scale minus that at "
            "the largest; smallest over the architectures).",
        ),
    )

    def data_digest(self, config: BaseModel) -> str:
        """Digest of the digits."""
        from condensery.data import load

        return load("digits").digest

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One per architecture and keep probability: what is compiled once."""
        known = _known(config)
        shared = known.model_dump(mode="json", exclude={"kinds", "keeps"})
        dear = {"mlp": 1.0, "residual": 1.5, "transformer": 5.0, "cnn": 6.0}
        return [
            Task(
                function="condensery.experiments.architectures:train",
                version=self.task_version,
                parameters={**shared, "kind": kind, "keep": keep},
                cost=dear[kind],
                label=f"{kind}, p = {keep:g}",
            )
            for kind in known.kinds
            for keep in known.keeps
        ]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """One row per run, and one per run and layer."""
        known = _known(config)
        cells = [(kind, keep) for kind in known.kinds for keep in known.keeps]
        runs: dict[str, list[np.ndarray]] = {}
        layers: dict[str, list[np.ndarray]] = {}
        for (kind, keep), shard in zip(cells, shards, strict=True):
            count, run = len(shard["loss"]), np.asarray(shard["layer_run"], dtype=int)
            own = {
                name: np.asarray(shard[name])
                for name in ("gamma", "decay", "seed", "loss", "accuracy", "status")
            }
            _extend(
                runs,
                {"kind": np.full(count, kind), "keep": np.full(count, keep), **own},
            )
            where = {"kind": np.full(len(run), kind), "keep": np.full(len(run), keep)}
            where |= {name: own[name][run] for name in ("gamma", "decay", "seed")}
            where["layer"] = np.array(LAYERS[kind])[
                np.asarray(shard["layer_code"], dtype=int)
            ]
            rest = {
                name.removeprefix("layer_"): np.asarray(column)
                for name, column in shard.items()
                if name.startswith("layer_") and name not in {"layer_run", "layer_code"}
            }
            _extend(layers, {**where, **rest})
        return {
            "members": Table(
                columns={name: np.concatenate(parts) for name, parts in runs.items()}
            ),
            "layers": Table(
                columns={name: np.concatenate(parts) for name, parts in layers.items()},
                units={
                    "ratio_70": "directions that cover the active units at cosine "
                    "0.7, over their number",
                    "null_70": "the same with every row's entries shuffled",
                    "active": "share of units that are",
                },
            ),
        }

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """What the overview states of small scales and dropout is judged, the rest
        reported.
        """
        known = _known(config)
        large, small = min(known.gammas), max(known.gammas)
        plain = {"keep": max(known.keeps), "decay": min(known.decays)}
        start = {**plain, "gamma": large}

        def ratio(kind: str, **at: float) -> float:
            return float(np.mean(tables["layers"].select(kind=kind, **at)["ratio_70"]))

        def fall(**changed: float) -> dict[str, float]:
            return {
                kind: ratio(kind, **start) - ratio(kind, **{**start, **changed})
                for kind in known.kinds
            }

        def said(values: Mapping[str, float]) -> str:
            return ", ".join(f"{kind} {value:+.2f}" for kind, value in values.items())

        scale, dropped = fall(gamma=small), fall(keep=min(known.keeps))
        decayed = fall(decay=max(known.decays))
        layers = tables["layers"].select(**plain, gamma=small)
        below = layers["ratio_70"] < 0.9 * layers["null_70"]
        heads = layers["layer"] == "heads"
        gain: dict[str, float] = {
            kind: self._accuracy(tables, kind, **plain, gamma=small)
            - self._accuracy(tables, kind, **start)
            for kind in known.kinds
        }
        first, second, third, fourth, fifth, sixth = self.statements
        more = len(known.gammas) > 1, len(known.keeps) > 1
        return [
            first.check(
                min(scale.values()),
                0.0 if more[0] else None,
                note=f"γ = {large:g} to {small:g}: {said(scale)}",
            ),
            second.check(
                min(dropped.values()), 0.0 if more[1] else None, note=said(dropped)
            ),
            third.check(min(decayed.values()), None, note=f"{OPEN}; {said(decayed)}"),
            fourth.check(
                float(below.mean()),
                None,
                note=f"{OPEN}; {int(below.sum())} of {len(below)}",
            ),
            fifth.check(
                float(layers["ratio_70"][heads].mean()) if heads.any() else None,
                None,
                note=OPEN,
            ),
            sixth.check(min(gain.values()), None, note=f"{OPEN}; {said(gain)}"),
        ]

    @staticmethod
    def _accuracy(tables: Mapping[str, Table], kind: str, **at: float) -> float:
        return float(np.mean(tables["members"].select(kind=kind, **at)["accuracy"]))

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Ratios and accuracies over all settings."""
        return [
            FigureSpec(
                name="architecture-ratios",
                plot="condensery.plots.architecture_ratios",
                caption="Effective ratio of every layer (rows) at every setting "
                "(columns): dark is condensed, 1 is "
                "as many directions as units (after a bar: of shuffled rows, where "
                "below .95). γ: exponent of the "
                "initial scale; p: keep probability; λ: weight decay.",
            )
        ]


def _extend(
    columns: dict[str, list[np.ndarray]], rows: Mapping[str, np.ndarray]
) -> None:
    for name, values in rows.items():
        columns.setdefault(name, []).append(values)


def _known(config: BaseModel) -> Config:
    return (
        config
        if isinstance(config, Config)
        else Config.model_validate(config.model_dump())
    )
