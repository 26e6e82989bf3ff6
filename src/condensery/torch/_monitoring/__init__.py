"""The monitor, its measures, its sinks and its callbacks."""
