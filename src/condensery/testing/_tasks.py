"""Task functions for `RunnerContract`: module-level, so that every worker can import
them by reference.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pydantic import JsonValue

    from condensery.protocols import Advance, Arrays

    Parameters = dict[str, JsonValue]


def square(
    parameters: Parameters,
    seed: int,
    advance: Advance,
) -> Arrays:
    """The squares of `x`."""
    x = np.asarray(parameters["x"], dtype=np.float64)
    return {"y": x * x}


def spectrum(
    parameters: Parameters,
    seed: int,
    advance: Advance,
) -> Arrays:
    """Sums that are rounded differently when more than one thread takes part."""
    matrix = np.random.default_rng(seed).normal(size=(240, 240))
    gram = matrix @ matrix.T
    return {"gram": gram, "eigenvalues": np.linalg.eigvalsh(gram)}


def everything(
    parameters: Parameters,
    seed: int,
    advance: Advance,
) -> Arrays:
    """One array of every kind that a task may return."""
    return {
        "scalar": np.array(1.5),
        "empty": np.empty((0, 3)),
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "whole": np.arange(3, dtype=np.int32),
        "truth": np.array([True, False]),
        "text": np.array(["linear", "凝聚"]),
        "single": np.array([0.1], dtype=np.float32),
        "unusual": np.array([np.nan, np.inf, -0.0]),
    }


def count(
    parameters: Parameters,
    seed: int,
    advance: Advance,
) -> Arrays:
    """Reports its progress from 0 to 1."""
    for step in range(5):
        advance(f"step {step}", step / 4)
        time.sleep(0.01)
    return {"steps": np.array(5)}


def talk(
    parameters: Parameters,
    seed: int,
    advance: Advance,
) -> Arrays:
    """Prints, and finds its input empty."""
    print("a task may print")
    os.write(1, b"and so may a library\n")
    return {"read": np.array(len(os.read(0, 1)))}


def fail(
    parameters: Parameters,
    seed: int,
    advance: Advance,
) -> Arrays:
    """Raises.

    Raises:
        ArithmeticError: Always.
    """
    raise ArithmeticError(f"no result for {parameters['x']}")


def leave(
    parameters: Parameters,
    seed: int,
    advance: Advance,
) -> Arrays:
    """Asks the interpreter to exit."""
    sys.exit(0)


def die(
    parameters: Parameters,
    seed: int,
    advance: Advance,
) -> Arrays:
    """Is killed as by the system when memory runs out."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    time.sleep(60)
    return {}


def vanish(
    parameters: Parameters,
    seed: int,
    advance: Advance,
) -> Arrays:
    """Ends its process as a crash in a library would."""
    os._exit(7)
    return {}


def nothing(
    parameters: Parameters,
    seed: int,
    advance: Advance,
) -> None:
    """Forgets to return."""


def objects(
    parameters: Parameters,
    seed: int,
    advance: Advance,
) -> Arrays:
    """Returns what cannot be stored."""
    return {"y": np.array([{}], dtype=object)}


def order(
    parameters: Parameters,
    seed: int,
    advance: Advance,
) -> Arrays:
    """The order of a set of texts, which follows the interpreter's hash seed."""
    return {"order": np.array(list({f"name {number}" for number in range(20)}))}


def show(
    parameters: Parameters,
    seed: int,
    advance: Advance,
) -> Arrays:
    """Shows arrays of every kind, what cannot be shown, and more than is allowed."""
    arrays = everything(parameters, seed, advance)
    advance("everything", 0.1, shown=arrays)
    time.sleep(0.15)  # reports that come sooner are dropped
    advance("objects", 0.2, shown={"y": np.array([{}], dtype=object)})
    time.sleep(0.15)
    advance("too much", 0.3, shown={"y": np.zeros(10_000)})
    time.sleep(0.15)
    advance("the last", 1.0, shown={"y": np.ones(8192)})
    return {"y": np.random.default_rng(seed).normal(size=3)}


def linger(
    parameters: Parameters,
    seed: int,
    advance: Advance,
) -> Arrays:
    """Leaves its process id in a folder and takes a minute."""
    from pathlib import Path

    Path(str(parameters["folder"]), str(os.getpid())).touch()
    time.sleep(60)
    return {}
