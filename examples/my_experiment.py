"""All neurons of a tanh network soon lie on one line: an experiment of one's own."""

import numpy as np

from condensery import charts, declare, metrics


class Config(declare.Settings):
    width: declare.Count = 200
    """Number of neurons."""


@declare.task(Config)
def train(config, seed, advance):
    random = np.random.default_rng(seed)
    x = random.uniform(-2, 2, (20, 5))
    y = np.sin(x).sum(axis=1, keepdims=True)
    w, a = np.split(1e-4 * random.standard_normal((config.width, 6)), [5], axis=1)
    for step in range(1, 101):
        hidden = np.tanh(x @ w.T)
        error = 0.005 * (hidden @ a - y)
        pull = (error * (1 - hidden**2)).T @ x
        w, a = w - a * pull, a - hidden.T @ error
        advance(f"step {step}", step / 100)
    cosines = w @ x.T @ y.ravel() / np.linalg.norm(w, axis=1) / np.linalg.norm(x.T @ y)
    count = metrics.condensation(w).effective_neurons
    return {"cosine": np.sort(cosines), "count": count}


def cosines(config, results):
    axes = {"share": np.linspace(0, 1, config.width)}
    return declare.stack(declare.rows(axes, **run) for _, run in results.of(train))


@declare.claim(
    "two-orientations",
    "Early on there are at most two orientations: the line of Σ y x, both ways.",
    declare.at_most(2),
    kind="reproduction",
    paper="zhou2022initial",
    source="Abstract",
)
def most_orientations(config, tables):
    return declare.Measured(float(tables["cosines"]["count"].max()))


points = charts.Points(table="cosines", x="share", y="cosine")
chart = charts.Chart(panels=((charts.Panel(marks=(points,)),),))
one_line = declare.Declared(
    name="one-line",
    title="Initial condensation of tanh on one line",
    summary="From a small start all input weights of a tanh network turn to ±Σ y x.",
    papers=("zhou2022initial",),
    Config=Config,
    presets={"quick": {}, "paper": {"width": 2000}},
    work=lambda config: [train.work(f"seed {s}", 1, s) for s in range(4)],
    makes={"cosines": cosines},
    judges=(most_orientations,),
    draws=[charts.figure("one-line", "Cosines with Σ y x, in their order.", chart)],
)
