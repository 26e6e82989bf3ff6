"""The figure of smoothness: changes of convexity, variation, and orientations."""

from __future__ import annotations

from condensery.charts import (
    Axis,
    Chart,
    Guide,
    Legend,
    Lines,
    Look,
    Panel,
    Points,
    figure,
)
from condensery.experiments.dropout_features._config import Config, Kind
from condensery.experiments.dropout_features._smoothness import PLACES
from condensery.records import FigureSpec

LOOKS: dict[Kind, Look] = {
    "plain": Look(label="without dropout", colour="4", marker="o", hollow=True),
    "dropout": Look(label="with dropout", colour="1", marker="s"),
}
TITLES = {"tanh": "tanh", "relu": "ReLU"}
SETTINGS = Axis(
    ticks={
        f"{TITLES[name]}\n{layers} layers": place
        for (name, layers), place in PLACES.items()
    },
    limits=(-0.5, 3.5),
)


def smoothness_figure(config: Config) -> FigureSpec:
    """Changes of convexity and variation per setting; changes over orientations."""
    target = Lines(
        table="smooth_targets",
        x="place",
        y="changes",
        each="setting",
        label="target",
        look=Look(colour="ink", dashes=":", width=1.2),
    )
    changes = Panel(
        marks=(target, *_nets("place", "changes")),
        title="changes of convexity",
        x=SETTINGS,
        y=Axis(scale="symlog", limits=(-0.3, 400.0)),
    )
    same = Guide(
        y=(1.0,),
        look=Look(colour="ink", dashes=":", width=1.2),
    )
    variation = Panel(
        marks=(same, *_nets("place", "variation")),
        title="variation / target's",
        x=SETTINGS,
        y=Axis(scale="log"),
    )
    both = Panel(
        marks=tuple(_nets("orientations", "changes")),
        title="all nets",
        x=Axis(label="effective orientations", scale="log"),
        y=Axis(label="changes of convexity", scale="symlog", limits=(-0.3, 400.0)),
    )
    return figure(
        "dropout-smoothness",
        "How smooth outputs are. How often they change from convex to concave and back "
        "between the outermost samples, moves of less than 0.1 in slope left out; how "
        "far they go up and down, over the target; and the first against the number "
        f"of effective orientations. A mark per seed ({config.seeds}); dotted: the "
        "target.",
        Chart(
            panels=((changes, variation, both),),
            height=2.9,
            legend=Legend(place="outside upper center", columns=3),
        ),
    )


def _nets(x: str, y: str) -> list[Points]:
    """A mark per net, without and with dropout."""
    return [
        Points(
            table="smooth",
            x=x,
            y=y,
            only={"kind": kind},
            label=look.label or "",
            look=look.model_copy(update={"size": 3.6}),
        )
        for kind, look in LOOKS.items()
    ]
