"""The experiment: what it declares to the workbench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel, JsonValue

from condensery.experiments.initial_condensation._claims import STATEMENTS
from condensery.experiments.initial_condensation._config import Config, multiplicity
from condensery.protocols import Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table

_HERE = "condensery.experiments.initial_condensation._tasks"
_PLACES = {"line": "on a line", "five": "in five dimensions", "demo-b": "the notebook"}
_FOLLOWED = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70)
"""Steps of Adam at which the notebook's network is looked at, besides the last."""


class InitialCondensation:
    """The number of lines on which neurons gather first, for activations of different
    multiplicity.
    """

    name: ClassVar[str] = "initial-condensation"
    title: ClassVar[str] = "Initial condensation and multiplicity"
    summary: ClassVar[str] = (
        "Networks that start small condense before they learn: their neurons gather "
        "on a few lines through 0. For an "
        "activation whose first p − 1 derivatives vanish at 0 and inputs of one "
        "dimension there are at most p of them, "
        "and they can be predicted from the data. Shown on a line, in five "
        "dimensions and in the layers of a deep "
        "network, under Adam as in the paper and under the plain gradient descent "
        "that its theorem is about."
    )
    papers: ClassVar[tuple[str, ...]] = ("zhou2022initial", "xu2025overview")
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"draws": 12, "deep_draws": 4},
        "paper": {"draws": 96, "deep_draws": 24},
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """The data are made, not read."""
        return ""

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One task per part and activation, two for the deep network."""
        known = _known(config)
        tasks = []
        for part in known.parts:
            if part == "deep":
                tasks += [_deep(known, residual=residual) for residual in (True, False)]
            else:
                names = ("tanh",) if part == "demo-b" else known.activations
                tasks += [_shallow(known, part, name) for name in names]
        return tasks

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Measures of every draw, neurons and field on the line, outputs, cosines,
        layers of the deep network.
        """
        from condensery.experiments.initial_condensation._tables import build_tables

        return build_tables(_known(config), self.tasks(config), shards)

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """A claim for every statement; without a theorem there is no prediction."""
        from condensery.experiments.initial_condensation._claims import judge

        return judge(_known(config), tables)

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """The figures of the chosen parts."""
        known = _known(config)
        return [spec for part in known.parts for spec in _FIGURES[part]]


def _known(config: BaseModel) -> Config:
    return (
        config
        if isinstance(config, Config)
        else Config.model_validate(config.model_dump())
    )


def _shallow(config: Config, part: str, name: str) -> Task:
    last = {
        "line": config.line_steps[2],
        "five": config.five_steps,
        "demo-b": config.demo_b_steps,
    }[part]
    between = {
        "line": [0, *config.line_steps[:2]],
        "five": [0],
        "demo-b": [k for k in _FOLLOWED if k < last],
    }[part]
    # in five dimensions and without a theorem the control would show nothing that the
    # line does not
    controlled = config.control and (part != "five" or multiplicity(name) == 1)
    parameters: dict[str, JsonValue] = {
        "part": part,
        "activation": name,
        "draws": config.draws,
        "steps": [*between, last],
        "control_steps": config.control_steps if controlled else 0,
    }
    cost = config.draws * (last + (0.1 * config.control_steps if controlled else 0))
    label = f"{name}, {_PLACES[part]}"
    return _task("train", parameters, cost=cost, label=label)


def _deep(config: Config, *, residual: bool) -> Task:
    steps: list[JsonValue] = [0, *sorted(set(config.deep_steps))]
    parameters: dict[str, JsonValue] = {
        "residual": residual,
        "draws": config.deep_draws,
        "steps": steps,
    }
    label = f"six layers {'with' if residual else 'without'} residuals"
    return _task(
        "train_deep",
        parameters,
        cost=3.0 * config.deep_draws * max(config.deep_steps),
        label=label,
    )


def _task(
    function: str, parameters: dict[str, JsonValue], *, cost: float, label: str
) -> Task:
    return Task(
        function=f"{_HERE}:{function}",
        parameters=parameters,
        version=InitialCondensation.task_version,
        cost=cost,
        label=label,
    )


_FIGURES: dict[str, tuple[FigureSpec, ...]] = {
    "line": (
        FigureSpec(
            name="direction-field",
            plot="condensery.plots.direction_field",
            caption="One-dimensional input, step 100 of Adam: neurons (w, b) with "
            "the direction in which each moves, "
            "the field that moves them, and the lines that theory predicts "
            "(dashed). One line for multiplicity 1, two "
            "for x tanh x, three for x² tanh x; ReLU has no multiplicity and no "
            "prediction.",
        ),
        FigureSpec(
            name="early-outputs",
            plot="condensery.plots.early_outputs",
            caption="What the networks have learned by steps 200 and 1000: a "
            "polynomial of the degree of the "
            "multiplicity (dotted), at first exactly. ReLU has kinks.",
        ),
    ),
    "five": (
        FigureSpec(
            name="cosines-five",
            plot="condensery.plots.cosine_maps",
            options={"part": "five"},
            caption="Five-dimensional input, step 100 of Adam: cosines between the "
            "neurons, sorted. Red blocks with "
            "blue between them are one line.",
        ),
        FigureSpec(
            name="line-counts",
            plot="condensery.plots.line_counts",
            caption="Left: in how many draws how many lines are found in five "
            "dimensions. With multiplicity 1 mostly "
            "one; without a theorem (p > 1, ReLU) the number depends on the draw. "
            "Right: on a line, the share of the "
            "neurons that have moved, by Adam and by gradient descent.",
        ),
    ),
    "deep": (
        FigureSpec(
            name="cosines-deep",
            plot="condensery.plots.cosine_maps",
            options={"part": "deep"},
            caption="Cosines of the five hidden layers of a network of six, each "
            "with its own activation, with "
            "residual connections (above) and without (below).",
        ),
    ),
    "demo-b": (
        FigureSpec(
            name="cosines-demo-b",
            plot="condensery.plots.cosine_maps",
            options={"part": "demo-b"},
            caption="The notebook's network from m⁻⁴: at the start, after Adam's "
            "first step, at its end, and under "
            "plain gradient descent.",
        ),
        FigureSpec(
            name="alignment",
            plot="condensery.plots.alignment",
            caption="Median alignment of the neurons with the theorem's line ±z, z "
            "= Σ y_i x_i, and with sign(z). "
            "Adam's first step already lines all neurons up, but along the signs; "
            "gradient descent comes to z.",
        ),
    ),
}
