"""What `inspect` does: layers read from models and files, measured, and judged."""
