"""The figures of initial condensation, of the parts that are run."""

from __future__ import annotations

from collections.abc import Iterator

from condensery.charts import (
    Axis,
    Bars,
    Chart,
    Legend,
    Lines,
    Look,
    Matrix,
    Panel,
    cosine_map,
    figure,
    in_rows,
    square_panels,
)
from condensery.experiments.initial_condensation._config import (
    DEEP,
    Config,
    multiplicity,
)
from condensery.experiments.initial_condensation._tables import ADAM, DESCENT
from condensery.records import FigureSpec

TITLES = {"xtanh": "x tanh x", "x2tanh": "x² tanh x", "relu": "ReLU"}
"""How a title writes the name of an activation."""
PAGE = 7.0


def figures(config: Config) -> list[FigureSpec]:
    """The figures of the chosen parts."""
    makers = {
        "line": (_direction_field, _early_outputs),
        "five": (_cosines_five, _line_counts),
        "deep": (_cosines_deep,),
        "demo-b": (_cosines_demo_b, _alignment),
    }
    return [make(config) for part in config.parts for make in makers[part]]


def _direction_field(config: Config) -> FigureSpec:
    return FigureSpec(
        name="direction-field",
        plot="condensery.plots.direction_field",
        caption="One-dimensional input, step 100 of Adam: neurons (w, b) with the "
        "direction in which each moves, the field that moves them, and the lines that "
        "theory predicts (dashed). One line for multiplicity 1, two for x tanh x, "
        "three "
        "for x² tanh x; ReLU has no multiplicity and no prediction.",
    )


def _early_outputs(config: Config) -> FigureSpec:
    count = len(config.activations)
    across = min(4, count)
    panels = []
    for number, name in enumerate(config.activations):
        degree = multiplicity(name) or 1
        early = {"activation": name, "step": config.line_steps[1]}
        target = Lines(
            table="output",
            x="x",
            y="target",
            only=early,
            look=Look(colour="#777777", dashes=":", width=1.0),
            label="target",
        )
        model = Lines(
            table="output",
            x="x",
            y="model",
            only={"activation": name},
            by="step",
            shades="ordered",
            look=Look(width=1.8),
            label="step {}",
        )
        polynomial = Lines(
            table="output",
            x="x",
            y="polynomial",
            only={"activation": name},
            each="step",
            look=Look(colour="ink", dashes=(0, (4, 3)), width=0.8),
            label="closest polynomial",
        )
        panel = Panel(
            marks=(target, model, polynomial),
            title=f"{TITLES.get(name, name)}, degree {degree}",
            x=Axis(label="$x$" if number >= count - across else "", count=4),
            y=Axis(label="output" if number % across == 0 else "", count=4),
        )
        panels.append(panel)
    rows = in_rows(panels, across)
    width = max(3.4, PAGE * across / 4)
    return figure(
        "early-outputs",
        "What the networks have learned by steps 200 and 1000 (lines), and the closest "
        "polynomial of the degree of the multiplicity (dashed; of degree 1 for ReLU, "
        "which has none): at first they coincide. Dotted: the target.",
        Chart(
            panels=rows,
            width=width,
            height=1.75 * len(rows) + 0.4,
            legend=Legend(place="outside upper center", columns=4),
        ),
    )


# Cosines


def _across(count: int) -> int:
    """Maps per row: at most five, in rows of about equal length."""
    return min(count if count <= 5 else -(-count // 2), 5)


def _cosines_five(config: Config) -> FigureSpec:
    last = {"part": "five", "optimiser": ADAM, "step": config.five_steps}
    panels = [
        cosine_map(TITLES.get(name, name), activation=name, **last)
        for name in config.activations
    ]
    return figure(
        "cosines-five",
        "Five-dimensional input, step 100 of Adam: cosines between the neurons, "
        "sorted. "
        "Red blocks with blue between them are one line.",
        square_panels(panels, _across(len(panels))),
    )


def _cosines_demo_b(config: Config) -> FigureSpec:
    last = config.demo_b_steps
    panels = []
    for step in sorted({0, 1, last}):
        title = f"Adam, step {step}" if step else "start"
        panels.append(cosine_map(title, part="demo-b", optimiser=ADAM, step=step))
    if config.control:
        end = cosine_map("descent, at its end", part="demo-b", optimiser=DESCENT)
        panels.append(end)
    return figure(
        "cosines-demo-b",
        "The notebook's network from m⁻⁴: at the start, after Adam's first step, at "
        "its "
        "end, and under plain gradient descent.",
        square_panels(panels, _across(len(panels))),
    )


def _cosines_deep(config: Config) -> FigureSpec:
    draws = range(min(4, config.deep_draws))
    panels = [
        _layer_cosines(config, draw, layer, residual=True)
        for draw in draws
        for layer in range(len(DEEP))
    ]
    last = draws[-1]
    panels += [
        _layer_cosines(config, last, layer, residual=False)
        for layer in range(len(DEEP))
    ]
    return figure(
        "cosines-deep",
        "Cosines of the five hidden layers of a network of six, each with its own "
        "activation, with residual connections: a row per draw, the first "
        f"{len(draws)} of {config.deep_draws}. Below: the last of these draws without "
        "residual connections.",
        square_panels(panels, len(DEEP)).model_copy(
            update={"height": 0.65 + 0.93 * (len(draws) + 1)}
        ),
    )


def _layer_cosines(config: Config, draw: int, layer: int, *, residual: bool) -> Panel:
    name = DEEP[layer]
    is_top = residual and draw == 0
    title = f"{TITLES.get(name, name)},\nstep {config.deep_steps[layer]}"
    panel = cosine_map(
        title if is_top else "",
        table="deep",
        draw=draw,
        residual=residual,
        layer=layer + 1,
    )
    row = f"draw {draw + 1}" if residual else f"draw {draw + 1},\nno residuals"
    side = panel.y.model_copy(update={"label": "" if layer else row})
    return panel.model_copy(update={"y": side})


# Lines and alignment


def _line_counts(config: Config) -> FigureSpec:
    counts = Matrix(
        table="line_counts",
        x="lines",
        y="activation",
        value="draws",
        limits=(0, 1.2 * config.draws),
        colours="Blues",
        numbers=".0f",
        names_y=TITLES,
    )
    moved = Bars(
        table="moved",
        category="activation",
        value="moved",
        by="optimiser",
        across=True,
        names=TITLES,
        label="{}",
        looks={ADAM: Look(colour="#CCCCCC"), DESCENT: Look(colour="1")},
    )
    left = Panel(
        marks=(counts,),
        title=f"draws, of {config.draws}",
        x=Axis(label="number of lines"),
        y=Axis(inverted=True),
    )
    right = Panel(
        marks=(moved,),
        x=Axis(label="share of neurons that have moved (on a line)", limits=(0, 1.02)),
        legend=Legend(place="lower left", anchor=(0, 1.0), columns=2),
    )
    with_line = "line" in config.parts
    return figure(
        "line-counts",
        "Left: in how many draws how many lines are found in five dimensions. With "
        "multiplicity 1 mostly one; without a theorem (p > 1, ReLU) the number depends "
        "on the draw. Right: on a line, the share of the neurons that have moved, by "
        "Adam and by gradient descent.",
        Chart(
            panels=((left, right) if with_line else (left,),),
            width=PAGE if with_line else 3.6,
        ),
    )


def _alignment(config: Config) -> FigureSpec:
    panels = tuple(_course_panels(config))
    return figure(
        "alignment",
        "Median alignment of the neurons with the theorem's line ±z, z = Σ y_i x_i, "
        "and "
        "with sign(z). Adam's first step already lines all neurons up, but along the "
        "signs; gradient descent comes to z.",
        Chart(panels=(panels,), width=PAGE if len(panels) > 1 else 3.6, height=2.3),
    )


def _course_panels(config: Config) -> Iterator[Panel]:
    for optimiser in (ADAM, DESCENT) if config.control else (ADAM,):
        is_adam = optimiser == ADAM
        only = {"optimiser": optimiser}
        with_line = Lines(
            table="courses",
            x="step",
            y="aligned",
            low="low",
            high="high",
            only=only,
            label="with $z$ (range of draws)",
        )
        with_signs = Lines(
            table="courses",
            x="step",
            y="sign_aligned",
            only=only,
            look=Look(colour="1", dashes=(0, (4, 2))),
            label="with sign($z$)",
        )
        x = Axis(label="step")
        if is_adam and config.demo_b_steps < 1000:
            limits = (0, config.demo_b_steps)
            x = Axis(label="step", scale="symlog", limits=limits)
        yield Panel(
            marks=(with_line, with_signs),
            title=optimiser,
            x=x,
            y=Axis(label="median |cosine|" if is_adam else "", limits=(0, 1.03)),
            legend="lower right" if is_adam else None,
        )
