"""The parameters of initial-condensation-cnn and its trainings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any

import numpy as np
from pydantic import Field, field_validator

from condensery._errors import InvalidInputError
from condensery.data import load
from condensery.declare import Count, Distinct, Positive, Settings, Work, task
from condensery.protocols import Advance, Arrays
from condensery.records import DataPath
from condensery.theory import (
    ACTIVATION_NAMES,
    linear_descent,
    patch_direction,
    patch_matrix,
)

IMAGES, SIDE, SMOOTH = 30, 10, 2.0
KERNELS, SIZE, DROP = 16, 3, 0.03
ENTRIES = SIZE**2 + 1
"""Weights and bias of a kernel on one channel."""
STDS = (1e-5, 1e-3, 1e-2)
CLASSES, DENSE, CNN_KERNELS = 10, 64, 32
PER_DECADE = 8
PACE = 0.01
"""e-folds of the first mode per step."""
SMALL, LARGE = 1e-3, 1e-1
"""Standard deviations of the CNN: condensing, and a control of the usual size."""


class Config(Settings):
    """Parameters of initial-condensation-cnn."""

    draws: int = Field(
        default=12,
        ge=1,
        le=10_000,
    )
    """Sets of images and weights of the two-layer network."""
    data: str = "digits"
    """What the CNN learns: ``digits``, ``fashion-mnist``, ``mnist``, or the path of IDX
    files."""
    data_path: Annotated[str | None, DataPath()] = None
    """Where the IDX files of fashion-mnist or mnist are: a folder, or the image
    file."""
    samples: int = Field(default=500, ge=2)
    """How many images."""
    activations: Annotated[tuple[str, ...], Field(min_length=1), Distinct] = (
        "tanh",
        "xtanh",
        "relu",
    )
    """Activations of the CNN; the first is also run from the large initialisation."""
    rate: Positive = 1e-4
    """Adam's rate."""
    steps: Count = 500
    """Adam's steps, full batch."""
    seeds: int = Field(
        default=1,
        ge=1,
        le=100,
    )
    """Runs of each CNN."""

    @field_validator("activations")
    @classmethod
    def _named(cls, names: tuple[str, ...]) -> tuple[str, ...]:

        if any(name not in ACTIVATION_NAMES for name in names):
            raise ValueError(f"names out of {', '.join(ACTIVATION_NAMES)}")
        return names

    @property
    def source(self) -> dict[str, Any]:
        """What `condensery.data.load` takes."""
        source = {
            "name": self.data,
            "path": self.data_path,
            "samples": self.samples,
        }
        return {key: value for key, value in source.items() if value is not None}

    @property
    def cnns(self) -> list[tuple[str, float]]:
        """Activation and standard deviation of every CNN."""
        small = [(name, SMALL) for name in self.activations]
        return [*small, (self.activations[0], LARGE)]


def smooth_images(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Thirty images of 10 × 10, white noise smoothed over two pixels and of variance 1,
    with labels ±1 by chance.
    """
    from scipy.ndimage import gaussian_filter

    generator = np.random.Generator(np.random.Philox(key=[seed, 13]))
    noise = generator.standard_normal((IMAGES, SIDE, SIDE))
    smoothed = [gaussian_filter(image, SMOOTH, mode="wrap") for image in noise]
    images = np.stack(smoothed)
    return images / images.std(), generator.choice([-1.0, 1.0], IMAGES)


def _kernel_rows(w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(kernel, entry) with the bias last."""
    return np.column_stack([w.reshape(len(w), -1), b])


@task(Config)
def train_two_layer(config: Config, seed: int, advance: Advance) -> Arrays:
    """Train the two-layer network on every draw and from every scale by gradient
    descent, to a drop of 3 %.

    Returns:
        Per member std, draw, status, growth (s₁T in e-folds), rd; per member and kernel
        cosine with the first singular vector and cosine_linear, what the linearised
        flow gives for it; shares, the norm along that vector.
    """
    from condensery.engine import SGD, PerMember, descend, mean_square, per_member
    from condensery.models import TwoLayerConv, two_layer_conv_normal

    shape = (1, SIDE, SIDE)
    drawn = [smooth_images(seed + draw) for draw in range(config.draws)]
    x = np.stack([images.reshape(IMAGES, -1) for images, _ in drawn])
    y = np.stack([labels for _, labels in drawn])
    directions, values = zip(
        *(
            patch_direction(images[:, None], labels, size=SIZE)
            for images, labels in drawn
        ),
        strict=True,
    )
    members = [(std, draw) for std in STDS for draw in range(config.draws)]
    draws = [draw for _, draw in members]
    normal = partial(
        two_layer_conv_normal,
        KERNELS,
        shape=shape,
        size=SIZE,
    )
    networks = [
        normal(
            seed=seed + draw,
            std=std,
        )
        for std, draw in members
    ]
    paces = [PACE / float(values[draw][0]) for draw in draws]
    objective = PerMember(mean_square(TwoLayerConv("tanh", shape), factor=0.5))
    start = descend(
        per_member(networks, draws=draws),
        objective,
        x,
        y,
        optimiser=SGD(1.0),
        steps=0,
    )
    advance("descending", 0.2)
    units = start.loss[:, 0].tolist()
    result = descend(
        per_member(
            networks,
            draws=draws,
            units=units,
            paces=paces,
        ),
        objective,
        x,
        y,
        optimiser=SGD(1.0),
        steps=20_000,
        schedule=[0],
        stop_loss=1 - DROP,
    )
    measured = []
    for index, draw in enumerate(draws):
        net, steps = networks[index], int(result.steps[index])
        trained = result.parameters(index)["net"]
        after = _kernel_rows(trained["w"], trained["b"])
        linear = linear_kernels(drawn[draw], net, steps)
        measured.append(_of_kernels(net, after, linear, directions[draw]))
    return {
        "std": np.array([std for std, _ in members]),
        "draw": seed + np.array(draws),
        "status": result.status,
        "growth": result.steps * np.log1p(PACE),
        "gap": np.array([values[draw][1] / values[draw][0] for draw in draws]),
        **{name: np.array([row[name] for row in measured]) for name in measured[0]},
    }


def _of_kernels(
    net: Mapping[str, np.ndarray],
    after: np.ndarray,
    linear: np.ndarray,
    direction: np.ndarray,
) -> dict[str, Any]:
    """How far the kernels went, and how far along the direction."""
    before = _kernel_rows(net["w"], net["b"])
    along = after @ direction
    lengths = np.linalg.norm(after, axis=1)
    linear_lengths = np.linalg.norm(linear, axis=1)
    moved = np.linalg.norm(after - before)
    return {
        "rd": moved / np.linalg.norm(before),
        "share": np.linalg.norm(along) / np.linalg.norm(after),
        "cosine": np.abs(along) / lengths,
        "cosine_linear": np.abs(linear @ direction) / linear_lengths,
    }


def linear_kernels(
    drawn: tuple[np.ndarray, np.ndarray],
    net: Mapping[str, np.ndarray],
    steps: int,
) -> np.ndarray:
    """Kernels after so many steps of the linearised descent Ẇ = Za, ȧ = ZᵀW."""
    images, labels = drawn
    z = patch_matrix(images[:, None], labels, size=SIZE)
    w = _kernel_rows(net["w"], net["b"])
    a = net["a"].reshape(KERNELS, -1)
    moved, _ = linear_descent(
        w,
        a,
        z,
        relative_rate=PACE,
        steps=steps,
    )
    return moved


@task(Config)
def train_cnn(
    config: Config,
    seed: int,
    advance: Advance,
    *,
    activation: str,
    std: float,
) -> Arrays:
    """Train the CNN on images by Adam and follow its kernels.

    Args:
        config: The configuration.
        seed: The first seed.
        advance: Progress callback, (text, fraction).
        activation: Its name.
        std: Standard deviation of the initial weights.

    Returns:
        step, loss (seed, step), accuracy (step, seed), kernels (step, seed, kernel,
        entry) with the bias last.
    """
    from condensery.engine import (
        Adam,
        RecordOutput,
        RecordParameters,
        descend,
        log_steps,
        mean_square,
    )
    from condensery.models import Cnn, cnn_normal

    data = load(**config.source)
    labels = data.y.astype(np.int64)
    side = round(data.x.shape[1] ** 0.5)
    model, steps = Cnn(activation, (1, side, side)), config.steps
    normal = partial(
        cnn_normal,
        CNN_KERNELS,
        shape=model.shape,
        size=SIZE,
        std=std,
    )
    networks = [
        normal(dense=[DENSE, CLASSES], seed=seed + number)
        for number in range(config.seeds)
    ]
    probes = {
        "parameters": RecordParameters(),
        "images": RecordOutput(model, data.x),
    }
    result = descend(
        networks,
        mean_square(model),
        data.x,
        np.eye(CLASSES)[labels],
        optimiser=Adam(config.rate),
        steps=steps,
        schedule=log_steps(steps, per_decade=PER_DECADE).tolist(),
        probes=probes,
        on_progress=advance,
    )
    leaves = result.probed["parameters"]
    w, b = leaves["W1"], leaves["b1"]
    weights = w.reshape(*w.shape[:3], -1)
    classes = result.probed["images"]["output"].argmax(axis=3)
    return {
        "step": result.recorded,
        "loss": result.loss,
        "accuracy": (classes == labels).mean(axis=2),
        "kernels": np.concatenate([weights, b[..., None]], axis=3),
    }


def work(config: Config) -> Iterator[Work]:
    """The two-layer network, and one CNN per activation and scale."""
    yield train_two_layer.work("two-layer network", 1e2 * config.draws)
    cost = float(config.samples * config.steps * config.seeds)
    for activation, std in config.cnns:
        label = f"CNN, {activation}, std {std:g}"
        yield train_cnn.work(
            label,
            cost,
            activation=activation,
            std=std,
        )


def digest(config: Config) -> str:
    """Digest of the images.

    Raises:
        InvalidInputError: They are not square, or their labels are not of ten classes.
    """
    data = load(**config.source)
    side, labels = round(data.x.shape[1] ** 0.5), np.asarray(data.y)
    are_classes = bool(np.isin(labels, np.arange(CLASSES)).all())
    has_classes = labels.ndim == 1 and are_classes
    if side * side != data.x.shape[1] or side < SIZE or not has_classes:
        raise InvalidInputError(
            "data",
            given=f"{data.name} with {data.x.shape[1]} features",
            remedy="use digits or fashion-mnist",
            allowed=f"square images of at least {SIZE} x {SIZE} pixels with labels "
            "0 to "
            f"{CLASSES - 1}",
        )
    return data.digest
