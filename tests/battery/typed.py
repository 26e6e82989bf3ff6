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

RANDOM = "the checker draws from the generator of Python that it compares"

EXCLUDED: dict[str, dict[str, str]] = {
    "tests/data/test_load.py": {
        "test_bad_requests[line-options13-words13]": TEXTS,
    },
    "tests/engine/test_descend.py": {
        "test_refusals[probes: given list]": TEXTS,
        "test_refusals[ensemble: given no member]": TEXTS,
    },
    "tests/landscape/test_critical.py": {
        "test_refusals[<lambda>-snapshots]": TEXTS,
        "test_refusals[<lambda>-method]": TEXTS,
    },
    "tests/landscape/test_inertia.py": {
        "test_refusals[<lambda>-hessian3]": TEXTS,
    },
    "tests/torch/test_diagnose.py": {
        "test_bad_input_is_one_line[a number]": TEXTS,
        "test_bad_input_is_one_line[a stop of steps]": TEXTS,
        "test_the_generators_are_put_back_also_after_an_error": RANDOM,
    },
    "tests/torch/test_export.py": {
        "test_bad_input_is_one_line_and_status_2[words3-mode: given fast]": TEXTS,
    },
    "tests/torch/test_inspect.py": {
        "test_refusals[3-options0-model: given int]": TEXTS,
        "test_refusals[model2-options2-model: given dict]": TEXTS,
    },
    "tests/torch/test_measures.py": {
        "test_bad_input_is_refused_before_the_training": TEXTS,
    },
    "tests/torch/test_regularizer.py": {
        "test_refusals": TEXTS,
    },
}
"""By file: the tests that are left out, and why."""


def items() -> list[str]:
    """Every test file that is not about batteries themselves."""
    paths = (ROOT / "tests").rglob("test_*.py")
    names = (path.relative_to(ROOT).as_posix() for path in paths)
    return sorted(name for name in names if not name.startswith("tests/battery/"))


def attempt(file: str) -> tuple[bool, str]:
    """Run a test file with every annotation of the package checked at every call."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests" / "battery")])
    options = ["-p", "annotations", "-p", "no:cacheprovider", "--tb=line", ARMED]
    excluded = EXCLUDED.get(file, {})
    for test in excluded:
        options += ["--deselect", f"{file}::{test}"]
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
    notes += [f"; left out `{test}`: {reason}" for test, reason in excluded.items()]
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
