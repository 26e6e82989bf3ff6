"""What `diagnose` does: short trainings at several widths, slopes, and a verdict."""
