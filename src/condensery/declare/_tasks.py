"""Functions that workers compute, their calls, and what came of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import numpy as np
from pydantic import BaseModel

from condensery.protocols import Advance, Arrays

C = TypeVar("C", bound=BaseModel)
P = ParamSpec("P")


@dataclass(frozen=True)
class TaskFunction(Generic[C, P]):
    """A function that workers compute, made by `task`.

    Attributes:
        function: ``function(config, seed, advance, **arguments) -> arrays``.
        config: The configuration that it takes first.
    """

    function: Callable[Concatenate[C, int, Advance, P], Arrays]
    config: type[C]

    def __call__(
        self,
        parameters: Mapping[str, Any],
        seed: int,
        advance: Advance,
    ) -> Arrays:
        """What a runner calls: JSON in, arrays out."""
        config = self.config.model_validate(parameters["config"])
        arguments: Any = parameters["arguments"]
        # pyrefly: ignore[invalid-param-spec]
        return self.function(config, seed, advance, **arguments)

    def work(
        self,
        label: str,
        cost: float,
        seed: int = 0,
        /,
        *_: P.args,
        **arguments: P.kwargs,
    ) -> Work:
        """One call of the function, to be made later in a worker.

        Args:
            label: What a person sees while it runs.
            cost: Relative work; runners start the costly calls first.
            seed: The seed that the function receives.
            *_: Nothing: the parameters of a task are keywords.
            **arguments: The parameters, as JSON has them (numbers, texts, lists).
        """
        return Work(self, label, cost, arguments, seed)

    @property
    def reference(self) -> str:
        """How a worker process finds the function."""
        module = sys.modules[self.function.__module__]
        is_file = module.__name__.startswith("condensery_file_")
        home = module.__file__ if is_file else module.__name__
        return f"{home}:{self.function.__qualname__}"


def task(
    config: type[C],
) -> Callable[[Callable[Concatenate[C, int, Advance, P], Arrays]], TaskFunction[C, P]]:
    """Make a module-level function the function of tasks.

    Args:
        config: The configuration that the function takes first.

    Example:
        >>> import numpy as np
        >>> from condensery.declare import Settings, task
        >>> class Config(Settings):
        ...     steps: int = 3
        >>> @task(Config)
        ... def count(config, seed, advance, *, stride):
        ...     return {"step": np.arange(0, config.steps, stride)}
        >>> call = {"config": {"steps": 5}, "arguments": {"stride": 2}}
        >>> count(call, 0, None)["step"]
        array([0, 2, 4])
    """
    return lambda function: TaskFunction(function, config)


@dataclass(frozen=True)
class Work:
    """One call of a task function.

    Attributes:
        function: The function.
        label: What a person sees while it runs.
        cost: Relative work.
        arguments: What the function receives beside configuration, seed and progress.
        seed: The seed.
    """

    function: TaskFunction[Any, ...]
    label: str
    cost: float
    arguments: Mapping[str, Any]
    seed: int = 0


@dataclass(frozen=True)
class Results:
    """The arrays of all work of a run, asked for by the function that made them."""

    pairs: tuple[tuple[Work, Arrays], ...]

    def calls(self, function: TaskFunction[Any, ...]) -> Iterator[tuple[Work, Arrays]]:
        """Every call of a function, with its seed, and its arrays; in their order."""
        for work, arrays in self.pairs:
            if work.function is function:
                yield work, arrays

    def of(
        self, function: TaskFunction[Any, ...]
    ) -> Iterator[tuple[Mapping[str, Any], Arrays]]:
        """Arguments and arrays of every call of a function, in the order of the
        work.
        """
        for work, arrays in self.calls(function):
            yield work.arguments, arrays

    def only(self, function: TaskFunction[Any, ...]) -> Arrays:
        """The arrays of a function that is called once.

        Raises:
            ValueError: If the work calls it never or more than once.
        """
        ((_, arrays),) = self.of(function)
        return arrays

    def first(self, function: TaskFunction[Any, ...]) -> Arrays:
        """The arrays of the first call of a function."""
        _, arrays = next(self.of(function))
        return arrays

    def joined(
        self,
        function: TaskFunction[Any, ...],
        name: str,
        *,
        axis: int = 0,
    ) -> np.ndarray:
        """One array of all calls of a function, one call after the other.

        Args:
            function: The function.
            name: Name of the array.
            axis: Along which the calls are joined.
        """
        arrays = [run[name] for _, run in self.of(function)]
        return np.concatenate(arrays, axis=axis)
