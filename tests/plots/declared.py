"""The charts that experiments declare."""

from __future__ import annotations

from typing import Any


def options_of(experiment: Any, name: str, **settings: Any) -> dict[str, Any]:
    """Options of a figure of an experiment, as they are stored with it."""
    config = experiment.Config(
        **settings,
    )
    figures = {figure.name: figure for figure in experiment.figures(config)}
    assert figures[name].plot == "condensery.plots.chart"
    return figures[name].options
