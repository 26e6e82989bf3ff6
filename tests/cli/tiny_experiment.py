"""A complete experiment in pure NumPy: squares of numbers.

Small and fast enough to be interrupted and killed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from condensery._errors import InvalidInputError
from condensery.protocols import Advance, Arrays, Task
from condensery.records import (
    Claim,
    DataPath,
    FigureSpec,
    Statement,
    Status,
    Table,
    digest,
)

HERE = str(Path(__file__).resolve())


class Config(BaseModel):
    """Parameters of the tiny experiment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: tuple[float, ...] = Field(default=(1.0, 2.0, 3.0), min_length=1)
    seeds: int = Field(default=2, ge=1)
    pause: float = Field(default=0.0, ge=0.0)
    broken: int = -1
    off: float = 0.0
    mood: str = "calm"
    drawn: bool = True
    animated: bool = False
    loud: bool = False
    data: Annotated[str, DataPath()] = ""

    @field_validator("mood")
    @classmethod
    def _known_mood(cls, mood: str) -> str:
        if mood not in {"calm", "open"}:
            raise ValueError("Input should be calm or open")
        return mood


def square(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """The square of a number plus noise of the seed; says in a log that it was
    called.
    """
    log = os.environ.get("TINY_LOG")
    if log:
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{parameters['value']} {seed}\n")
    advance("half", 0.5, shown={"value": np.array(parameters["value"])})
    time.sleep(parameters["pause"])
    if parameters["loud"]:
        for _ in range(2000):
            print("a task may print ✓", flush=True)
    if parameters["broken"]:
        raise ValueError("this task is broken on purpose")
    noise = np.random.default_rng(seed).normal(size=1000)
    return {"square": np.array(parameters["value"] ** 2), "noise": noise}


class Tiny:
    """Squares, three claims and one figure."""

    name = "tiny"
    title = 'Squares <of> numbers & "noise"'
    summary = "A number's square does not depend on the seed."
    papers = ("luo2021phase", "xu2025overview")
    task_version = "1"
    Config = Config
    presets: Mapping[str, Mapping[str, JsonValue]] = {
        "quick": {},
        "paper": {"seeds": 3},
    }
    statements = (
        Statement(
            id="square",
            paper="luo2021phase",
            statement="Two squared is four.",
            relation="within",
            source="Fig. 1",
            kind="reproduction",
        ),
        Statement(
            id="noise",
            paper="xu2025overview",
            statement="Noise has mean zero.",
            relation="<=",
            source="Sec. 2",
            kind="identity",
        ),
        Statement(
            id="mood",
            paper="xu2025overview",
            statement="The mood is <b>calm</b>.",
            relation="equal",
            source="Tab. 1",
            kind="observation",
        ),
    )

    def data_digest(self, config: Config) -> str:
        if not config.data:
            return ""
        try:
            return digest(Path(config.data).read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidInputError(
                "data",
                given=config.data,
                allowed="a file that can be read",
                remedy=f"name another ({error.strerror})",
            ) from error

    def tasks(self, config: Config) -> Sequence[Task]:
        pairs = [
            (value, seed) for value in config.values for seed in range(config.seeds)
        ]
        return [
            Task(
                function=f"{HERE}:square",
                parameters={
                    "value": value,
                    "pause": config.pause,
                    "loud": config.loud,
                    "broken": index == config.broken,
                },
                seed=seed,
                version=self.task_version,
                label=f"{value} squared, seed {seed}",
            )
            for index, (value, seed) in enumerate(pairs)
        ]

    def tables(self, config: Config, shards: Sequence[Arrays]) -> Mapping[str, Table]:
        value, seed = np.meshgrid(config.values, range(config.seeds), indexing="ij")
        squares = np.stack([shard["square"] for shard in shards])
        noise = np.stack([shard["noise"] for shard in shards])
        status = np.full(squares.shape, int(Status.CONVERGED))
        status[-1] = Status.OUT_OF_STEPS
        columns = {"kappa": value.ravel(), "seed": seed.ravel()}
        return {
            "squares": Table(
                columns={**columns, "square": squares, "first": noise[:, :2]},
                units={"square": "1"},
            ),
            "noise": Table(columns={"mean": noise.mean(axis=1)}),
            "members": Table(columns={**columns, "status": status}),
        }

    def claims(self, config: Config, tables: Mapping[str, Table]) -> Sequence[Claim]:
        square, noise, mood = self.statements
        squares = tables["squares"].select(kappa=2.0)["square"]
        judged = [
            noise.check(
                float(abs(tables["noise"]["mean"]).max()), 0.2, note="of 1000 numbers"
            ),
            square.check(
                float(squares.mean()) + config.off if squares.size else float("nan"),
                4.0,
                tolerance=1e-9,
            ),
        ]
        return judged if config.mood == "open" else [*judged, mood.check(1.0, 1.0)]

    def figures(self, config: Config) -> Sequence[FigureSpec]:
        spec = FigureSpec(
            name="squares",
            plot=f"{HERE}:plot",
            caption="Squares <grow>.",
            options={"power": 1},
            animated=config.animated,
        )
        return [spec] if config.drawn else []


def _figure_data(tables: Mapping[str, Table], *, power: int) -> np.ndarray:
    return tables["squares"]["square"] ** power


def _draw(data: np.ndarray, axes: object = None) -> object:
    from matplotlib.figure import Figure

    if axes is None:
        axes = Figure(figsize=(2, 1.5)).subplots()
        axes.set_axis_off()  # text is what takes time to draw
    axes.plot(data)
    return axes.get_figure()


def _animate(data: np.ndarray, path: Path) -> None:
    from PIL import Image

    frames = [Image.new("L", (8, 8), shade) for shade in (0, 128)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


plot = SimpleNamespace(figure_data=_figure_data, draw=_draw, animate=_animate)
