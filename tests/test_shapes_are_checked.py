"""A canary per package: with the annotations armed, a wrong shape is an error.

`condensery.metrics` is armed in every session (``tests/metrics``). The other packages
are armed here, in a process of their own, and in full by the battery `types`: some of
their annotations are narrower than what tests hand in.
"""

from __future__ import annotations

import json
import os
import subprocess  # ruff: ignore[suspicious-subprocess-import]
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ONES = np.ones


def data(units: int) -> object:
    from condensery.data import Dataset

    labels = {"name": "ones", "digest": "", "description": ""}
    return Dataset(
        x=ONES((2, 1)),
        y=ONES(units),
        **labels,
    )


def theory(units: int) -> object:
    from condensery.theory import dropout_r1

    return dropout_r1(ONES((3, 2)), ONES(units), keep=0.5)


def models(units: int) -> object:
    import jax.numpy as jnp

    from condensery.models import TwoLayer

    parameters = {"a": jnp.ones(2), "w": jnp.ones((2, 2))}
    samples = jnp.ones((3, 2)) if units == 2 else jnp.ones(2)
    return TwoLayer("relu")(parameters, samples)


def engine(units: int) -> object:
    from condensery.engine._start import span_of

    return span_of(ONES((3, 2)) if units == 2 else ONES((3, 2, 1)))


def landscape(units: int) -> object:
    from condensery.landscape import jacobian_rank

    return jacobian_rank(np.eye(2) if units == 2 else ONES((2, 2, 2)))


def plots(units: int) -> object:
    from condensery.plots._cloud import gather

    return gather(ONES(2), ONES(units), span=(-1.0, 1.0))


def torch(units: int) -> object:
    from condensery.torch._inspection._nearest import nearest_cosines

    return nearest_cosines(ONES((2, 3)), None, ONES(units))


CANARIES: dict[str, Callable[[int], object]] = {
    canary.__name__: canary
    for canary in (data, theory, models, engine, landscape, plots, torch)
}
"""Package to a call that is right for two units and has a wrong shape for three."""

PROGRAM = """
import json, runpy, sys
path, hook = sys.argv[1:]
if hook == "armed":
    import jaxtyping
    jaxtyping.install_import_hook("condensery", "annotations.checked")
outcomes = {}
for name, call in runpy.run_path(path)["CANARIES"].items():
    for units in (2, 3):
        try:
            call(units)
            outcome = "accepted"
        except Exception as error:
            outcome = type(error).__name__
        outcomes.setdefault(name, []).append(outcome)
print(json.dumps(outcomes))
"""


def outcomes(hook: str) -> dict[str, list[str]]:
    folder = Path(__file__).parent / "battery"
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, __file__, hook],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def armed() -> dict[str, list[str]]:
    return outcomes("armed")


@pytest.mark.slow
@pytest.mark.parametrize("package", CANARIES)
def test_a_wrong_shape_is_an_error(package, armed):
    assert armed[package] == ["accepted", "TypeCheckError"]


@pytest.mark.slow
def test_only_the_hook_finds_it():
    assert "TypeCheckError" not in str(outcomes("idle"))


def test_every_package_with_annotated_arrays_has_a_canary():
    import condensery

    root = Path(condensery.__file__).parent
    annotated = {
        path.relative_to(root).parts[0]
        for path in root.rglob("*.py")
        if "from jaxtyping import" in path.read_text(encoding="utf-8")
    }
    assert annotated - {"metrics"} <= {*CANARIES, "experiments", "bench"}
