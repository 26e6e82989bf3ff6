"""The battery `types`: a test file with every annotation of the package checked."""

from __future__ import annotations

import os
import subprocess  # ruff: ignore[suspicious-subprocess-import]
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 3600
"""Seconds after which a test file has failed."""
ARMED = "--jaxtyping-packages=condensery,annotations.checked"
TEXTS = "it compares the text of a refusal, and the annotation refuses before"

EXCLUDED: dict[str, tuple[str, str]] = {
    "tests/data/test_load.py": ("test_bad_requests[line-", TEXTS),
    "tests/engine/test_descend.py": ("test_refusals[", TEXTS),
}
"""By file: how the names of the tests begin that are left out, and why."""


def items() -> list[str]:
    """Every test file that is not about batteries themselves."""
    paths = (ROOT / "tests").rglob("test_*.py")
    names = (path.relative_to(ROOT).as_posix() for path in paths)
    return sorted(name for name in names if not name.startswith("tests/battery/"))


def attempt(file: str) -> tuple[bool, str]:
    """Run a test file with every annotation of the package checked at every call."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests" / "battery")])
    options = ["-p", "annotations", "-p", "no:cacheprovider", "--tb=line", ARMED]
    left_out, reason = EXCLUDED.get(file, ("", ""))
    if left_out:
        options += ["--deselect", f"{file}::{left_out}"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", file, *options],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return False, f"not finished after {PATIENCE} s"
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    summary = lines[-1] if lines else done.stderr.strip()[-200:]
    notes = [summarised(summary)]
    failures = failed_tests(lines, file)
    if failures:
        more = [", …"] if len(failures) > 3 else []
        notes.append(": " + ", ".join(failures[:3]) + "".join(more))
    if left_out:
        notes.append(f"; left out `{left_out}…`: {reason}")
    return done.returncode == 0, "".join(notes)


def summarised(line: str) -> str:
    """What pytest counted, and the whole seconds that it took."""
    counts, _, rest = line.strip("= ").rpartition(" in ")
    seconds = rest.partition("s")[0]
    try:
        return f"{counts} in {float(seconds):.0f} s"
    except ValueError:
        return line


def failed_tests(lines: list[str], file: str) -> list[str]:
    """The names of the tests that failed or could not begin."""
    return [
        line.removeprefix("FAILED ")
        .removeprefix("ERROR ")
        .removeprefix(f"{file}::")
        .split(" - ")[0]
        for line in lines
        if line.startswith(("FAILED", "ERROR "))
    ]
