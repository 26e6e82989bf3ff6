"""The command line: parses, calls the workbench, prints."""

from __future__ import annotations

from condensery.cli._main import main

__all__ = ["main"]
