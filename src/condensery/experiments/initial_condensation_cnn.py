"""Initial condensation of convolution kernels: along a direction known beforehand, and
in a small CNN on images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from condensery.protocols import Advance, Arrays, Task
from condensery.records import Claim, DataPath, FigureSpec, Relation, Statement, Table

IMAGES, SIDE, SMOOTH = 30, 10, 2.0
KERNELS, SIZE, DROP = 16, 3, 0.03
STDS = (1e-5, 1e-3, 1e-2)
CLASSES, DENSE, CNN_KERNELS = 10, 64, 32
PER_DECADE = 8
TAU, UNTRAINED = 0.95, 0.2
"""Two kernels are condensed from this cosine on; a network is untrained up to this
accuracy.
"""
SMALL, LARGE = 1e-3, 1e-1
"""Standard deviations of the CNN: condensing, and a control of the usual size."""
_HERE = "condensery.experiments.initial_condensation_cnn"


class Config(BaseModel):
    """What initial-condensation-cnn can be told.

    Attributes:
        draws: Sets of images and weights of the two-layer network.
        data: What the CNN learns: ``digits``, ``fashion-mnist``, ``mnist``, or the path
            of IDX files.
        data_path: Where the IDX files of fashion-mnist or mnist are: a folder, or the
            image file.
        samples: How many images.
        activations: Of the CNN, names of the registry; the first is also run from the
            large initialisation.
        rate: Adam's rate.
        steps: Adam's steps, full batch.
        seeds: Runs of each CNN.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    draws: int = Field(default=12, ge=1, le=10_000)
    data: Annotated[str, DataPath()] = "digits"
    data_path: Annotated[str | None, DataPath()] = None
    samples: int = Field(default=500, ge=2)
    activations: tuple[str, ...] = Field(
        default=("tanh", "xtanh", "relu"), min_length=1
    )
    rate: float = Field(default=1e-4, gt=0.0)
    steps: int = Field(default=500, ge=1)
    seeds: int = Field(default=1, ge=1, le=100)

    @field_validator("activations")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        from condensery.theory import ACTIVATION_NAMES

        if any(name not in ACTIVATION_NAMES for name in names):
            raise ValueError(f"names out of {', '.join(ACTIVATION_NAMES)}")
        if len(set(names)) < len(names):
            raise ValueError("names that differ from one another")
        return names


def smooth_images(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Thirty images of 10 × 10, white noise smoothed over two pixels and of variance 1,
    with labels ±1 by chance.
    """
    from scipy.ndimage import gaussian_filter

    generator = np.random.Generator(np.random.Philox(key=[seed, 13]))
    noise = generator.standard_normal((IMAGES, SIDE, SIDE))
    smoothed = np.stack(
        [gaussian_filter(image, SMOOTH, mode="wrap") for image in noise]
    )
    return smoothed / smoothed.std(), generator.choice([-1.0, 1.0], IMAGES)


def _rows(w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(kernel, entry) with the bias last."""
    return np.column_stack([w.reshape(len(w), -1), b])


def train_two_layer(
    parameters: dict[str, JsonValue], seed: int, advance: Advance
) -> Arrays:
    """Train the two-layer network on every draw and from every scale by gradient
    descent, to a drop of 3 %.

    Args:
        parameters: draws.
        seed: The first draw.
        advance: Told how far it is.

    Returns:
        Per member std, draw, status, growth (s₁T in e-folds), rd; per member and kernel
        cosine with the first singular vector and cosine_linear, what the linearised
        flow gives for it; shares, the norm along that vector.
    """
    from condensery.engine import SGD, PerMember, descend, mean_square, per_member
    from condensery.models import TwoLayerConv, two_layer_conv_normal
    from condensery.theory import patch_direction

    count, shape = int(parameters["draws"]), (1, SIDE, SIDE)  # pyrefly: ignore[bad-argument-type]
    drawn = [smooth_images(seed + k) for k in range(count)]
    x, y = (
        np.stack([images.reshape(IMAGES, -1) for images, _ in drawn]),
        np.stack([labels for _, labels in drawn]),
    )
    found = [
        patch_direction(images[:, None], labels, size=SIZE) for images, labels in drawn
    ]
    rows = [(std, k) for std in STDS for k in range(count)]
    networks = [
        two_layer_conv_normal(KERNELS, shape=shape, size=SIZE, seed=seed + k, std=std)
        for std, k in rows
    ]
    objective = mean_square(TwoLayerConv("tanh", shape), factor=0.5)
    draws, rates = [k for _, k in rows], [0.01 / float(found[k][1][0]) for _, k in rows]
    start = descend(
        per_member(networks, draws=draws),
        PerMember(objective),
        (x, y),
        optimiser=SGD(1.0),
        steps=0,
    )
    advance("descending", 0.2)
    result = descend(
        per_member(networks, draws=draws, units=start.loss[:, 0].tolist(), paces=rates),
        PerMember(objective),
        (x, y),
        optimiser=SGD(1.0),
        steps=20_000,
        schedule=[0],
        stop_loss=1 - DROP,
    )
    cosine, linear, share, rd = [], [], [], []
    for net, tree, (_, k), steps in zip(
        networks, result.parameters, rows, result.steps, strict=True
    ):
        before, after = (
            _rows(net["w"], net["b"]),
            _rows(tree["net"]["w"], tree["net"]["b"]),
        )
        expected = _linear_flow(drawn[k], net, int(steps))
        direction = found[k][0]
        cosine.append(np.abs(after @ direction) / np.linalg.norm(after, axis=1))
        linear.append(np.abs(expected @ direction) / np.linalg.norm(expected, axis=1))
        share.append(np.linalg.norm(after @ direction) / np.linalg.norm(after))
        rd.append(np.linalg.norm(after - before) / np.linalg.norm(before))
    return {
        "std": np.array([std for std, _ in rows]),
        "draw": seed + np.array([k for _, k in rows]),
        "status": result.status,
        "growth": result.steps * np.log1p(0.01),
        "rd": np.array(rd),
        "gap": np.array([found[k][1][1] / found[k][1][0] for _, k in rows]),
        "share": np.array(share),
        "cosine": np.array(cosine),
        "cosine_linear": np.array(linear),
    }


def _linear_flow(
    drawn: tuple[np.ndarray, np.ndarray], net: Mapping[str, np.ndarray], steps: int
) -> np.ndarray:
    """Kernels after so many steps of the linearised descent Ẇ = Za, ȧ = ZᵀW, mode by
    mode.
    """
    images, labels = drawn
    mean = np.tensordot(labels, images, axes=(0, 0)) / len(labels)
    patches = np.lib.stride_tricks.sliding_window_view(mean, (SIZE, SIZE))
    columns = patches.reshape(-1, SIZE * SIZE).T
    z = np.vstack([columns, np.full((1, columns.shape[1]), labels.mean())])
    left, values, right = np.linalg.svd(z, full_matrices=True)
    w, a = (
        _rows(net["w"], net["b"]) @ left,
        net["a"].reshape(KERNELS, -1) @ right[: len(values)].T,
    )
    grown, shrunk = (
        (1 + 0.01 * values / values[0]) ** steps,
        (1 - 0.01 * values / values[0]) ** steps,
    )
    return ((grown * (w + a) + shrunk * (w - a)) / 2) @ left.T


def train_cnn(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train the CNN on images by Adam and follow its kernels.

    Args:
        parameters: data (what `load` takes), activation, std, rate, steps, seeds.
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        step, loss (seed, step), accuracy (step, seed), kernels (step, seed, kernel,
        entry) with the bias last.
    """
    from condensery.data import load
    from condensery.engine import (
        Adam,
        RecordOutput,
        RecordParameters,
        descend,
        log_steps,
        mean_square,
    )
    from condensery.models import Cnn, cnn_normal

    given: dict[str, Any] = dict(parameters)
    data = load(
        **{key: value for key, value in given["data"].items() if value is not None}
    )
    labels, side = data.y.astype(np.int64), round(data.x.shape[1] ** 0.5)
    model, steps = Cnn(given["activation"], (1, side, side)), int(given["steps"])
    networks = [
        cnn_normal(
            CNN_KERNELS,
            shape=model.shape,
            size=SIZE,
            dense=[DENSE, CLASSES],
            seed=seed + k,
            std=given["std"],
        )
        for k in range(int(given["seeds"]))
    ]
    result = descend(
        networks,
        mean_square(model),
        (data.x, np.eye(CLASSES)[labels]),
        optimiser=Adam(given["rate"]),
        steps=steps,
        schedule=log_steps(steps, per_decade=PER_DECADE).tolist(),
        probes=[RecordParameters(), RecordOutput(_named(model), data.x)],
        on_step=lambda step: advance(f"step {step} of {steps}", step / steps),
    )
    w, b = result.probed["0.0"], result.probed["0.1"]
    return {
        "step": result.recorded,
        "loss": result.loss,
        "accuracy": (result.probed["output"].argmax(axis=3) == labels).mean(axis=2),
        "kernels": np.concatenate([w.reshape(*w.shape[:3], -1), b[..., None]], axis=3),
    }


def _named(model: Any) -> Any:
    """The model with parameters by leaf name, as a snapshot has them."""
    from functools import partial

    return partial(_output, model)


def _output(model: Any, parameters: Mapping[str, Any], x: Any) -> Any:
    layers = range(len(parameters) // 2)
    return model(
        [(parameters[f"{layer}.0"], parameters[f"{layer}.1"]) for layer in layers], x
    )


_THEORY, _IMAGES = "two-layer CNN, initial stage", "CNN on 500 images"


def _statement(
    name: str, relation: Relation, statement: str, source: str = _THEORY
) -> Statement:
    return Statement(
        id=name,
        paper="zhou2023cnn",
        statement=statement,
        relation=relation,
        source=source,
    )


STATEMENTS = (
    _statement(
        "share",
        ">=",
        "From 1e-5 the kernels end along v₁: least ‖θ_W·v₁‖/‖θ_W‖ of all draws.",
    ),
    _statement(
        "median",
        ">=",
        "From 1e-5 the median kernel is along v₁ (least of the draws' median "
        "|cosine|).",
    ),
    _statement("kernels", ">=", "From 1e-5: share of all kernels with |cosine| > .95."),
    _statement(
        "every",
        "between",
        "From 1e-5: draws in which every kernel has |cosine| > .95 (share).",
    ),
    _statement("rd-small", ">=", "From 1e-5 the kernels have moved far: least RD."),
    _statement(
        "partial", "between", "From 1e-3 they condense in part: median |cosine|."
    ),
    _statement("none", "<=", "From 1e-2 they do not: median |cosine|."),
    _statement(
        "linear",
        "<=",
        "Kernels from 1e-5 point where the linearised flow has them (largest gap of "
        "|cosine|).",
    ),
    _statement(
        "cnn-before",
        "<=",
        "CNN: before training hardly any kernels are aligned (share of pairs).",
        _IMAGES,
    ),
    _statement(
        "cnn-tanh",
        ">=",
        "tanh: kernels condense while the accuracy is below 20 % (share of pairs).",
        _IMAGES,
    ),
    _statement("cnn-xtanh", ">=", "x tanh x: the same.", _IMAGES),
    _statement("cnn-relu", ">=", "ReLU: the same.", _IMAGES),
    _statement(
        "cnn-large",
        "<=",
        "From 1e-1 there is no such stage (largest share of pairs at any step).",
        _IMAGES,
    ),
)


class InitialCondensationCnn:
    """Kernels of a convolution that line up before the network has learned anything."""

    name: ClassVar[str] = "initial-condensation-cnn"
    title: ClassVar[str] = "Initial condensation of convolution kernels"
    summary: ClassVar[str] = (
        "The kernels of one convolution layer condense as neurons do. In a "
        "two-layer network the direction is known "
        "beforehand: the first singular vector of a matrix of mean patches of the "
        "labelled images. In a small CNN on "
        "images the kernels become parallel while its accuracy is that of guessing."
    )
    papers: ClassVar[tuple[str, ...]] = ("zhou2023cnn",)
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {},
        "paper": {"draws": 96, "seeds": 4, "steps": 2000},
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """Digest of the images.

        Raises:
            InvalidInputError: They are not square, or their labels are not of ten
                classes.
        """
        from condensery._errors import InvalidInputError
        from condensery.data import load

        source = {
            key: value
            for key, value in _source(_known(config)).items()
            if value is not None
        }
        data = load(**source)  # pyrefly: ignore[bad-argument-type]
        side, labels = round(data.x.shape[1] ** 0.5), np.asarray(data.y)
        whole = labels.ndim == 1 and bool(np.isin(labels, np.arange(CLASSES)).all())
        if side * side != data.x.shape[1] or side < SIZE or not whole:
            raise InvalidInputError(
                "data",
                given=f"{data.name} with {data.x.shape[1]} features",
                remedy="use digits or fashion-mnist",
                allowed=f"square images of at least {SIZE} x {SIZE} pixels with "
                f"labels 0 to {CLASSES - 1}",
            )
        return data.digest

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """The two-layer network, and one CNN per activation and scale."""
        known = _known(config)
        tasks = [
            self._task(
                "train_two_layer",
                {"draws": known.draws},
                1e2 * known.draws,
                "two-layer network",
            )
        ]
        settings = [(name, SMALL) for name in known.activations] + [
            (known.activations[0], LARGE)
        ]
        for name, std in settings:
            parameters: dict[str, JsonValue] = {
                "data": _source(known),
                "activation": name,
                "std": std,
                "rate": known.rate,
                "steps": known.steps,
                "seeds": known.seeds,
            }
            cost = float(known.samples * known.steps * known.seeds)
            tasks.append(
                self._task("train_cnn", parameters, cost, f"CNN, {name}, std {std:g}")
            )
        return tasks

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Kernels of the two-layer network with the closed form; the CNNs step by step;
        cosines of the first seed.
        """
        known = _known(config)
        first = {name: np.asarray(array) for name, array in shards[0].items()}
        per_kernel = {name: first.pop(name) for name in ("cosine", "cosine_linear")}
        repeated = {name: np.repeat(first[name], KERNELS) for name in ("std", "draw")}
        followed, cosines = [], []
        for task, shard in zip(self.tasks(known)[1:], shards[1:], strict=True):
            followed += list(_followed(task, shard))
            cosines.append(list(_cosines(task, shard)))
        stages = [row for stage in zip(*cosines, strict=True) for row in stage]
        return {
            "members": Table(
                columns={**first, "median": np.median(per_kernel["cosine"], axis=1)},
                units={
                    "growth": "e-folds of the first mode",
                    "gap": "second over first singular value",
                    "share": "‖W·v₁‖/‖W‖",
                    "median": "|cosine| of the median kernel",
                },
            ),
            "kernels": Table(
                columns={
                    **repeated,
                    **{name: array.ravel() for name, array in per_kernel.items()},
                }
            ),
            "followed": Table(
                columns={
                    name: np.array([row[name] for row in followed])
                    for name in followed[0]
                },
                units={"pairs": "share of pairs of kernels with |cosine| > .95"},
            ),
            "cosines": Table(
                columns={
                    name: np.array([row[name] for row in stages]) for name in stages[0]
                }
            ),
        }

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """A claim per statement; what was not run or has no reference is null."""
        return judge(_known(config), tables)

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Alignment of the kernels, the CNN while it learns, and its cosine
        matrices.
        """
        return [
            FigureSpec(
                name="kernel-alignment",
                plot="condensery.plots.kernel_alignment",
                caption="|cosine| of every kernel of the two-layer network with the "
                "first singular vector, sorted, "
                "from three scales of initialisation. Dashed: the linearised flow.",
            ),
            FigureSpec(
                name="kernels-while-learning",
                plot="condensery.plots.kernels_while_learning",
                caption="The CNN while it learns: share of pairs of kernels with "
                "|cosine| > .95, and its accuracy.",
            ),
            FigureSpec(
                name="kernel-cosines",
                plot="condensery.plots.cosine_maps",
                options={"part": "cnn", "across": len(_known(config).activations) + 1},
                caption="Cosines between the kernels of the CNN, sorted: before "
                "training, at the last step with an "
                "accuracy below 20 %, and at the end. The last column is from a "
                "large initialisation.",
            ),
        ]

    def _task(
        self, function: str, parameters: dict[str, JsonValue], cost: float, label: str
    ) -> Task:
        return Task(
            function=f"{_HERE}:{function}",
            parameters=parameters,
            version=self.task_version,
            cost=cost,
            label=label,
        )


def _known(config: BaseModel) -> Config:
    return (
        config
        if isinstance(config, Config)
        else Config.model_validate(config.model_dump())
    )


def _source(config: Config) -> dict[str, JsonValue]:
    return {"name": config.data, "path": config.data_path, "samples": config.samples}


def _pairs(kernels: np.ndarray) -> float:
    unit = kernels / np.maximum(np.linalg.norm(kernels, axis=1, keepdims=True), 1e-300)
    upper = np.triu_indices(len(unit), 1)
    return float((np.abs(unit @ unit.T)[upper] > TAU).mean())


def _followed(task: Task, shard: Arrays) -> Iterator[dict[str, Any]]:
    for at, step in enumerate(np.asarray(shard["step"])):
        for seed, kernels in enumerate(np.asarray(shard["kernels"])[at]):
            yield {
                "activation": task.parameters["activation"],
                "std": task.parameters["std"],
                "seed": seed,
                "step": int(step),
                "loss": float(shard["loss"][seed, at]),
                "accuracy": float(shard["accuracy"][at, seed]),
                "pairs": _pairs(kernels),
            }


def _cosines(task: Task, shard: Arrays) -> Iterator[dict[str, Any]]:
    from condensery.metrics import cosine_matrix

    name, std, step = (
        task.parameters["activation"],
        task.parameters["std"],
        np.asarray(shard["step"]),
    )
    accuracy = np.asarray(shard["accuracy"])[:, 0]
    untrained = (
        int(np.flatnonzero(accuracy <= UNTRAINED)[-1])
        if (accuracy <= UNTRAINED).any()
        else 0
    )
    for at in (0, untrained, len(step) - 1):
        start = (
            f"{name}, std {std:g}"
            if at == 0
            else f"step {step[at]}, {accuracy[at]:.0%} right"
        )
        yield {
            "part": "cnn",
            "activation": name,
            "optimiser": "Adam",
            "step": int(step[at]),
            "title": start,
            "cosine": cosine_matrix(np.asarray(shard["kernels"])[at, 0]).matrix,
        }


def judge(config: Config, tables: Mapping[str, Table]) -> list[Claim]:
    """One claim per statement."""
    values = {**_judged_theory(tables), **_judged_cnn(config, tables)}
    absent = (None, None, "not run: this activation is not among those chosen")
    found = [(statement, *values.get(statement.id, absent)) for statement in STATEMENTS]
    return [
        statement.check(value, expected, note=note)
        for statement, value, expected, note in found
    ]


def _judged_theory(
    tables: Mapping[str, Table],
) -> dict[str, tuple[float | None, Any, str]]:
    members, kernels = tables["members"], tables["kernels"]
    small, middle, large = (members.select(std=std) for std in STDS)
    gap = kernels.select(std=STDS[0])
    cosine = gap["cosine"].reshape(len(small), KERNELS)
    gaps = np.abs(gap["cosine"] - gap["cosine_linear"])
    worst = gap["cosine"][int(np.argmax(gaps))]
    apart = (
        f"99 % of the kernels within {np.quantile(gaps, 0.99):.2g}; the worst "
        f"ends at |cosine| {worst:.2f}"
    )
    every = (cosine > TAU).all(axis=1)
    draws, second = f"{len(small)} draws", small["gap"][int(np.argmin(small["share"]))]
    close = (
        f"{draws}; in the worst the second singular value is {second:.2f} of the first"
    )
    lost = (
        ""
        if every.all()
        else "; the others hold kernels that began across v₁, least |cosine| "
        f"{cosine.min():.2f}"
    )
    return {
        "share": (float(small["share"].min()), 0.99, close),
        "median": (float(small["median"].min()), 0.99, close),
        "kernels": (float((cosine > TAU).mean()), 0.95, f"{cosine.size} kernels"),
        "every": (
            float(every.mean()),
            None,
            "not asserted: the theorem is about the norm; " + draws + lost,
        ),
        "rd-small": (float(small["rd"].min()), 100.0, draws),
        "partial": (float(np.median(middle["median"])), (0.7, 0.99), draws),
        "none": (
            float(np.median(large["median"])),
            0.7,
            f"RD {np.median(large['rd']):.2g}",
        ),
        "linear": (float(gaps.max()), 0.05, apart),
    }


def _judged_cnn(
    config: Config, tables: Mapping[str, Table]
) -> dict[str, tuple[float | None, Any, str]]:
    followed = tables["followed"]
    starts = followed.select(step=0, std=SMALL)["pairs"]
    values: dict[str, tuple[float | None, Any, str]] = {
        "cnn-before": (float(starts.max()), 0.05, "")
    }
    for name in config.activations:
        own = followed.select(activation=name, std=SMALL)
        early, end = own["accuracy"] <= UNTRAINED, own["step"] == own["step"].max()
        if not early.any():
            continue
        best = float(own["pairs"][early].max())
        note = (
            f"at the end {np.mean(own['pairs'][end]):.2f} with "
            f"{np.mean(own['accuracy'][end]):.0%} right"
        )
        # one line cannot be expected of p > 1 or without p: there is no theorem for
        # them here
        expected = 0.8 if name == "tanh" else None
        values[f"cnn-{name}"] = (
            best,
            expected,
            note if expected else f"no prediction; {note}",
        )
    large = followed.select(std=LARGE)
    values["cnn-large"] = (
        float(large["pairs"].max()),
        0.2,
        f"{float(large['accuracy'].max()):.0%} right at best",
    )
    return values
