"""The monitor of condensation, its sinks and its callbacks."""
