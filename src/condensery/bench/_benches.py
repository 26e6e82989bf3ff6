"""The registry of benches."""

BENCHES = {
    "demo-a": "condensery.bench.demo_a:run",
    "phase-diagram": "condensery.bench.phase_diagram:run",
}
"""Name of each bench and where its ``run(report_progress)`` is defined."""
