"""Random numbers of a diagnosis: two streams that do not touch each other, and the
user's put back at the end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from condensery._errors import InvalidInputError

_PAIRS = "an iterable of batches (inputs, targets)"


def _states() -> tuple[Any, ...]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    return torch.get_rng_state(), cuda, np.random.get_state(), random.getstate()  # ruff: ignore[numpy-legacy-random]


def _put(states: tuple[Any, ...]) -> None:
    on_cpu, on_cuda, of_numpy, of_python = states
    torch.set_rng_state(on_cpu)
    if on_cuda is not None:
        torch.cuda.set_rng_state_all(on_cuda)
    np.random.set_state(of_numpy)
    random.setstate(of_python)


def seed_all(*key: int) -> None:
    """Seed the global generators of torch, NumPy and Python from a key; other keys give
    independent streams.
    """
    value = int(np.random.SeedSequence(key).generate_state(1, np.uint32)[0])
    torch.manual_seed(value)
    np.random.seed(value)
    random.seed(value)


@contextmanager
def kept(loader: Any) -> Generator[None]:
    """Put back, at the end, the state of every global generator and of those that the
    loader owns.
    """
    states = _states()
    owned = [(generator, generator.get_state()) for generator in _generators(loader)]
    try:
        yield
    finally:
        _put(states)
        for generator, state in owned:
            generator.set_state(state)


def _generators(loader: Any) -> list[Any]:
    sampler = getattr(loader, "sampler", None)
    owners = (
        loader,
        sampler,
        getattr(getattr(loader, "batch_sampler", None), "sampler", None),
    )
    attributes = [getattr(owner, "generator", None) for owner in owners]
    generators = [value for value in attributes if isinstance(value, torch.Generator)]
    return list({id(generator): generator for generator in generators}.values())


def batches(loader: Iterable[Any], *key: int) -> Generator[Any]:
    """The loader's batches, epoch after epoch, drawn from a stream of their own.

    The order depends on the key alone, not on the random numbers that the model uses in
    between.

    Raises:
        InvalidInputError: An epoch is empty, or the loader fails.
    """
    outside = _states()
    seed_all(*key)
    for generator in _generators(loader):
        generator.manual_seed(
            int(np.random.SeedSequence(key).generate_state(1, np.uint32)[0])
        )
    inside = _states()
    _put(outside)
    plain = isinstance(loader, list | tuple)  # draws nothing
    while True:
        empty = True
        source: Iterator[Any] | None = None
        while True:
            if not plain:
                outside = _states()
                _put(inside)
            try:
                if source is None:
                    source = iter(loader)
                batch = next(source)
            except StopIteration:
                break
            except Exception as error:
                raise InvalidInputError(
                    "loader",
                    given="an iterable that fails",
                    allowed=_PAIRS,
                    remedy=_mend(error),
                ) from error
            finally:
                if not plain:
                    inside = _states()
                    _put(outside)
            empty = False
            yield batch
        if empty:
            raise InvalidInputError(
                "loader",
                given="no batch",
                allowed=_PAIRS,
                remedy="check the length of the data set and drop_last",
            )


def _mend(error: Exception) -> str:
    return f"fix: {type(error).__name__}: {error}"


def reusable(loader: Iterable[Any] | Callable[[], Iterable[Any]]) -> Iterable[Any]:
    """The loader, or what it returns if it is a function.

    Raises:
        InvalidInputError: It can be iterated once only, or not at all.
    """
    source = loader
    if callable(loader) and not hasattr(loader, "__iter__"):
        try:
            source = loader()
        except Exception as error:
            raise InvalidInputError(
                "loader",
                given="a function that fails",
                allowed=_PAIRS,
                remedy=_mend(error),
            ) from error
    remedy = (
        "give a DataLoader, a list of batches, or a function that returns one of them"
    )
    is_iterator = hasattr(source, "__next__")
    if not hasattr(source, "__iter__") or is_iterator:
        kind = type(source).__name__
        if is_iterator:
            kind = "an iterator, which ends after one epoch"
        raise InvalidInputError(
            "loader",
            given=kind,
            allowed="an iterable of batches that can be iterated again",
            remedy=remedy,
        )
    return source  # pyrefly: ignore[bad-return]
