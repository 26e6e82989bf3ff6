"""The smallest experiment: sums of random numbers.

`draw_toy` beside it draws its figure.
"""

from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from condensery.protocols import Task
from condensery.records import FigureSpec, Statement, Table


class Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sizes: tuple[int, ...] = (10, 20)
    seeds: int = 2


def mean(parameters, seed, advance):
    values = np.random.default_rng(seed).normal(size=int(parameters["size"]))
    advance("drawn", 1.0)
    return {"mean": np.array(values.mean())}


class Toy:
    name = "toy"
    title = "Means"
    summary = "The mean of more numbers is smaller."
    papers = ("bernoulli1713ars",)
    task_version = "3"
    Config = Config
    presets: ClassVar = {"quick": {}, "paper": {"sizes": [100, 1000], "seeds": 5}}
    statements = (
        Statement(
            id="small",
            paper="bernoulli1713ars",
            statement="Means are small.",
            relation="<=",
            source="Part IV",
            kind="identity",
        ),
    )
    plot = f"{__file__.replace('toy_experiment', 'draw_toy')}:Plot"

    def data_digest(self, config):
        return ""

    def tasks(self, config):
        return [
            Task(
                function=f"{__file__}:mean",
                parameters={"size": size},
                seed=seed,
                version=self.task_version,
                cost=size,
            )
            for size in config.sizes
            for seed in range(config.seeds)
        ]

    def tables(self, config, shards):
        sizes = np.repeat(config.sizes, config.seeds)
        return {
            "means": Table(
                columns={
                    "size": sizes,
                    "mean": [float(shard["mean"]) for shard in shards],
                }
            )
        }

    def claims(self, config, tables):
        return [
            self.statements[0].check(float(np.abs(tables["means"]["mean"]).max()), 3.0)
        ]

    def figures(self, config):
        return [
            FigureSpec(
                name="means",
                plot=self.plot,
                caption="Means against size.",
                options={"column": "mean"},
            )
        ]
