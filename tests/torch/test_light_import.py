"""The torch side: light to import, and at work where there is no JAX."""

import ast
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to test processes
import sys

import pytest

import condensery.torch
from condensery.torch import studies

BLOCKED = "import sys; sys.modules.update({name: None for name in %r})\n"
"""A None in sys.modules makes every import of that name fail."""
WITHOUT_JAX = BLOCKED % (["jax", "jaxlib"],)


OWN = [
    name
    for name in condensery.torch.__all__
    if name not in {"LightningCallback", "TransformersCallback"}
]
"""The two others import the trainer that they are for, which takes its own time."""


def run(program):
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


def test_the_package_alone_loads_neither_torch_nor_jax():
    done = run(
        "import condensery.torch, sys; print(sorted({'torch', 'jax', 'scipy', "
        "'numpy'} & set(sys.modules)))"
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.slow
def test_every_name_works_without_jax():
    done = run(
        f"{WITHOUT_JAX}import condensery.torch as c\nprint([getattr(c, name) for "
        f"name in {OWN!r}])"
    )
    assert "CondensationMonitor" in done.stdout, done.stderr


@pytest.mark.slow
def test_every_study_works_without_jax_and_is_loaded_on_use():
    program = (
        "import sys; from condensery.torch import studies as s\n"
        "print('torch' in sys.modules, sorted(s.__all__) == dir(s))\n"
        f"print([getattr(s, name) for name in {studies.__all__!r}])"
    )
    done = run(WITHOUT_JAX + program)
    assert done.stdout.startswith("False True\n"), done.stderr
    assert "compare_reductions" in done.stdout, done.stderr
    with pytest.raises(AttributeError, match="shirnk"):
        getattr(studies, "shirnk")  # ruff: ignore[get-attr-with-constant] - not there


def test_the_block_on_jax_can_fail():
    done = run(f"{WITHOUT_JAX}import condensery.engine; condensery.engine.flow")
    assert "jax" in done.stderr
    assert done.returncode


def test_without_torch_the_extra_is_named():
    done = run(
        f"{BLOCKED % (['torch'],)}import condensery.torch; "
        "condensery.torch.load_weights"
    )
    assert "pip install 'condensery[torch]'" in done.stderr
    done = run(
        f"{BLOCKED % (['torch'],)}from condensery.torch import studies; studies.shrink"
    )
    assert "pip install 'condensery[torch]'" in done.stderr
    assert condensery.torch.__all__ == sorted(dir(condensery.torch))
    with pytest.raises(AttributeError, match="load_wieghts"):
        getattr(condensery.torch, "load_wieghts")  # ruff: ignore[get-attr-with-constant] - a name that is not there


@pytest.mark.slow
def test_what_the_user_meets_adds_no_heavy_package_to_torch():
    program = (
        "import sys, torch; before = set(sys.modules); import condensery.torch as c\n"
        f"for name in {OWN!r}: getattr(c, name)\n"
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = run(program)
    assert "condensery" in done.stdout, done.stderr
    heavy = {
        "jax",
        "lightning",
        "matplotlib",
        "pandas",
        "pyarrow",
        "sklearn",
        "transformers",
        "xarray",
    }
    assert heavy & set(ast.literal_eval(done.stdout)) == set()
