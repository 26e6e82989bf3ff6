"""Progress in Python: a bar on a terminal, a line in a notebook, else nothing."""

from __future__ import annotations

import io
import sys
from types import ModuleType, SimpleNamespace

import pytest

from condensery import workbench
from condensery._errors import InvalidInputError
from condensery.workbench import Progress, _display
from condensery.workbench._display import Clock, displaying

TINY = {"drawn": False}


class ZMQInteractiveShell:
    """Named as the shell of a notebook's kernel is."""


class Handle:
    def __init__(self):
        self.lines = []

    def display(self, bundle, *, raw, display_id):
        self.lines.append(bundle["text/plain"])
        return self

    def update(self, bundle, *, raw):
        self.lines.append(bundle["text/plain"])


@pytest.fixture
def notebook(monkeypatch):
    handle = Handle()
    module = ModuleType("IPython")
    module.get_ipython = ZMQInteractiveShell
    module.display = SimpleNamespace(display=handle.display)
    monkeypatch.setitem(sys.modules, "IPython", module)
    return handle


class Terminal(io.StringIO):
    def isatty(self):
        return True


def at(fraction, stage="tasks", label="width 10"):
    return Progress("run", stage, 1, 4, fraction, label)


def test_a_notebook_has_one_line_that_changes(notebook):
    with displaying("auto") as watch:
        watch(at(0.0))
        watch(at(0.5, stage="claims", label=""))
    first, tasks, claims = notebook.lines
    assert first == "begins"
    assert tasks.startswith("tasks 1/4  0%  ")
    assert tasks.endswith("  width 10")
    assert claims.startswith("claims  50%  ")
    assert claims.endswith(" left")


def test_a_line_changes_a_few_times_a_second(notebook, monkeypatch):
    monkeypatch.setattr(_display, "_INTERVAL", 60.0)
    with displaying("auto") as watch:
        for step in range(100):
            watch(at(step / 100))
    assert len(notebook.lines) == 2


def test_a_terminal_has_a_bar_and_a_log_has_nothing(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with displaying("auto") as watch:
        watch(at(0.25))
    assert "tasks 1/4" in terminal.getvalue()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with displaying("auto") as watch:
        assert watch is None


def test_the_time_that_is_left_leaves_out_what_was_there_before():
    ticks = iter([0.0, 1.0, 10.0, 20.0])
    clock = Clock(now=lambda: next(ticks))
    assert clock(0.5) == "1.0 s"
    assert clock(0.75) == "10.0 s, 10.0 s left"
    assert clock(1.0) == "20.0 s"


def test_a_watcher_is_called_and_anything_else_is_refused():
    seen = []
    with displaying(seen.append) as watch:
        watch(at(0.1))
    assert len(seen) == 1
    with (
        pytest.raises(InvalidInputError, match='given on; allowed: "auto", None'),
        displaying("on"),
    ):
        pass


def test_a_run_shows_itself_unless_told_otherwise(notebook, tmp_path, only_tiny):
    workbench.run(only_tiny, runs=tmp_path, **TINY)
    shown = len(notebook.lines)
    assert shown > 2
    workbench.run(only_tiny, runs=tmp_path / "quiet", progress=None, **TINY)
    assert len(notebook.lines) == shown
    with pytest.raises(InvalidInputError, match="progress: given yes"):
        workbench.run(only_tiny, runs=tmp_path / "none", progress="yes", **TINY)
    assert not (tmp_path / "none").exists()
