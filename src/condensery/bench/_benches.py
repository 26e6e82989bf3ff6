"""The registry of benches."""

BENCHES = {
    "demo-a": "condensery.bench.demo_a:run",
    "monitor": "condensery.bench.monitor:run",
    "inertia": "condensery.bench.inertia:run",
    "ensemble": "condensery.bench.ensemble:run",
    "phase-diagram": "condensery.bench.phase_diagram:run",
}
"""Name of each bench and where its ``run(report_progress)`` is defined."""
