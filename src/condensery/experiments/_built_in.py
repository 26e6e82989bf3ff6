"""Where the experiments that come with condensery are defined."""

from __future__ import annotations

BUILT_IN: dict[str, str] = {
    "phase-diagram": "condensery.experiments.phase_diagram:phase_diagram",
    "demo-a": "condensery.experiments.demo_a:demo_a",
    "demo-c": "condensery.experiments.demo_c:demo_c",
    "initial-condensation": "condensery.experiments.initial_condensation:initial_condensation",
    "initial-phase-diagram": "condensery.experiments.initial_phase_diagram:initial_phase_diagram",
    "initial-condensation-cnn": "condensery.experiments.initial_condensation_cnn:initial_condensation_cnn",
    "embedding-width": "condensery.experiments.embedding_width:embedding_width",
    "critical-census": "condensery.experiments.critical_census:critical_census",
    "generalisation": "condensery.experiments.generalisation:generalisation",
    "optimistic-sizes": "condensery.experiments.optimistic_sizes:optimistic_sizes",
    "width-similarity": "condensery.experiments.width_similarity:width_similarity",
    "dropout-regulariser": "condensery.experiments.dropout_regulariser:dropout_regulariser",
    "dropout-features": "condensery.experiments.dropout_features:dropout_features",
    "dropout-images": "condensery.experiments.dropout_images:dropout_images",
    "dropout-stall": "condensery.experiments.dropout_stall:dropout_stall",
    "phase-diagram-three-layer": "condensery.experiments.three_layer:three_layer",
    "condensation-dynamics": "condensery.experiments.condensation_dynamics:condensation_dynamics",
    "architectures": "condensery.experiments.architectures:architectures",
    "diagnose-calibration": "condensery.experiments.diagnose_calibration:diagnose_calibration",
    "reduce-benchmark": "condensery.experiments.reduce_benchmark:reduce_benchmark",
    "monitor-demo": "condensery.experiments.monitor_demo:monitor_demo",
    "embedding-depth": "condensery.experiments.embedding_depth:embedding_depth",
    "manifold-dimension": "condensery.experiments.manifold_dimension:manifold_dimension",
    "reduction": "condensery.experiments.reduction:reduction",
    "real-networks": "condensery.experiments.real_networks:real_networks",
}
"""The name that a user types, and the reference of the experiment: plain text, so that
nothing is imported.
"""

ENTRY_POINTS = "condensery.experiments"
"""The entry point group under which other packages supply theirs."""
