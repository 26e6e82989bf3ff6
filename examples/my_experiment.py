"""An experiment of one's own: from a small start, all neurons of a tanh network soon
lie on one line.

Run it: condensery run examples/my_experiment.py:OneLine
"""

from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from condensery.protocols import Task
from condensery.records import FigureSpec, Statement, Table

HERE = str(Path(__file__).resolve())


class Config(BaseModel):
    """What --set reaches.

    Bounds are checked before anything runs, and a wrong value ends in one line that
    says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    width: int = Field(default=200, ge=2)
    std: float = Field(default=1e-4, gt=0, allow_inf_nan=False)
    steps: int = Field(default=100, ge=1)
    rate: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    seeds: int = Field(default=4, ge=1)


def train(parameters, seed, advance):
    """The task: gradient descent of f(x) = Σ a tanh(w·x) from a small start; the same
    arguments, the same bits.
    """
    config, rng = Config(**parameters), np.random.default_rng(seed)
    x = rng.uniform(-2, 2, (20, 5))
    y = np.sin(x).sum(axis=1)
    a, w = (
        config.std * rng.standard_normal(config.width),
        config.std * rng.standard_normal((config.width, 5)),
    )
    toward = y @ x / np.linalg.norm(y @ x)
    cosines = [w @ toward / np.linalg.norm(w, axis=1)]
    for step in range(config.steps):
        hidden = np.tanh(x @ w.T)
        error = hidden @ a - y
        a, w = (
            a - config.rate * error @ hidden / len(x),
            w
            - config.rate
            * a[:, None]
            * (((1 - hidden**2) * error[:, None]).T @ x)
            / len(x),
        )
        advance(f"step {step + 1}", (step + 1) / config.steps)
    cosines.append(w @ toward / np.linalg.norm(w, axis=1))
    return {"cosines": np.stack(cosines), "w": w}


class OneLine:
    """The experiment: what it is, what its tasks are, and what follows from their
    arrays.

    It runs nothing itself.
    """

    name, title, task_version, Config = (
        "one-line",
        "Initial condensation of tanh on one line",
        "1",
        Config,
    )
    summary = (
        "From a small start all input weights of a tanh network turn to ±Σ y "
        "x before the loss has moved."
    )
    papers = ("zhou2022initial",)
    presets: ClassVar = {"quick": {}, "paper": {"width": 2000, "seeds": 16}}
    statements = (
        Statement(
            id="two-orientations",
            paper="zhou2022initial",
            relation="<=",
            source="Abstract",
            statement="At the initial stage there are at most twice as many "
            "orientations as the activation's "
            "multiplicity, which is 1 for tanh.",
        ),
    )

    def data_digest(self, config):
        """The data are made, not read."""
        return ""

    def tasks(self, config):
        """One per seed: they run side by side, and each only once."""
        parameters = config.model_dump(mode="json")
        version = self.task_version
        return [
            Task(
                function=f"{HERE}:train",
                parameters=parameters,
                seed=seed,
                version=version,
                label=f"seed {seed}",
            )
            for seed in range(config.seeds)
        ]

    def tables(self, config, shards):
        """What is stored, and all that claims and figures see."""
        from condensery.metrics import condensation

        counts = [condensation(shard["w"]).effective_neurons for shard in shards]
        before, after = np.stack([shard["cosines"] for shard in shards], axis=1)
        members = Table(
            columns={"seed": np.arange(config.seeds), "orientations": counts}
        )
        return {
            "members": members,
            "cosines": Table(
                columns={"before": before.ravel(), "after": after.ravel()}
            ),
        }

    def claims(self, config, tables):
        """The statement with what was measured."""
        return [
            self.statements[0].check(
                float(tables["members"]["orientations"].max()),
                2.0,
                note="the most of all",
            )
        ]

    def figures(self, config):
        """An object, or a module, with `figure_data` and `draw`."""
        return [
            FigureSpec(
                name="cosines",
                plot=f"{HERE}:histogram",
                caption="Cosines between weights and Σ y x.",
            )
        ]


def _draw(data, axes=None):
    from matplotlib.figure import Figure

    axes = Figure(figsize=(5, 3)).subplots() if axes is None else axes
    axes.hist(data, bins=40, range=(-1, 1), label=("before", "after"))
    axes.set(xlabel="cosine with Σ y x", ylabel="neurons")
    axes.legend()
    return axes.get_figure()


histogram = SimpleNamespace(
    figure_data=lambda tables: [
        tables["cosines"]["before"],
        tables["cosines"]["after"],
    ],
    draw=_draw,
)
