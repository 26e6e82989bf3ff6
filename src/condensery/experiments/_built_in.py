"""Where the experiments that come with condensery are defined."""

from __future__ import annotations

BUILT_IN: dict[str, str] = {
    "phase-diagram": "condensery.experiments.phase_diagram:PhaseDiagram",
    "demo-a": "condensery.experiments.demo_a:DemoA",
    "demo-c": "condensery.experiments.demo_c:DemoC",
}
"""The name that a user types, and the reference of the experiment: plain text, so that nothing is imported."""

ENTRY_POINTS = "condensery.experiments"
"""The entry point group under which other packages supply theirs."""
