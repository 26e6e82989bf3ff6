"""A run as its user holds it: read from the store, never computed again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import closing
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condensery._errors import InvalidInputError
from condensery._reference import is_file, load
from condensery.records import (
    Claim,
    FigureSpec,
    RunConfig,
    RunStatus,
    RunSummary,
    Table,
    canonical_json,
)
from condensery.store import open_store
from condensery.workbench._configure import validated
from condensery.workbench._described import description_of
from condensery.workbench._registry import find
from condensery.workbench._trust import source_of

if TYPE_CHECKING:
    from xarray import DataTree

FIGURES = "figures"
REPORT = "report.html"
_PLOTS = "condensery.plots."
_ENDINGS = (".png", ".pdf", ".gif")


class Run:
    """One run in a runs folder.

    What it shows is what the store held when it was asked first; `condensery.open`
    again to see what has changed since.

    Args:
        id: The full run id.
        root: The runs folder.
        config: The run's configuration.
        summary: What the ledger knows of it.

    Attributes:
        id: Sixteen hex digits that name the run and its folder.
        config: Experiment, preset and complete parameters.
        summary: Status, seconds, tasks and counts of claims.
    """

    def __init__(
        self, id: str, root: Path, config: RunConfig, summary: RunSummary
    ) -> None:
        self.id, self.root, self.config, self.summary = id, root, config, summary

    def __repr__(self) -> str:
        return (
            f"<Run {self.id} of {self.config.experiment}, preset "
            f"{self.config.preset}: {self.status}>"
        )

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.root / self.id

    @property
    def status(self) -> RunStatus:
        """How the run stands."""
        return self.summary.status

    @property
    def seconds(self) -> float:
        """What the run has cost, over all its sittings."""
        return self.summary.seconds

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        """The stored tables by name; empty before the last task has ended."""
        with closing(open_store(self.root)) as store:
            return store.tables(self.id)

    @cached_property
    def claims(self) -> list[Claim]:
        """The claims with their measured values; empty before the last task has
        ended.
        """
        with closing(open_store(self.root)) as store:
            return store.claims(self.id)

    @property
    def figures(self) -> list[Path]:
        """Paths of the figures' files, by name."""
        folder = self.folder / FIGURES
        if folder.is_symlink() or not folder.is_dir():
            return []
        files = (path for path in folder.glob("*") if path.suffix in _ENDINGS)
        return sorted(path for path in files if is_plain(path))

    @property
    def report(self) -> Path | None:
        """Path of the report, None if there is none yet."""
        path = self.folder / REPORT
        return path if is_plain(path) else None

    def figure(self, name: str, axes: Any = None) -> Any:
        """Draw one figure of the experiment from the stored tables; returns the
        matplotlib figure.

        Args:
            name: Its name, the file stem in `figures`.
            axes: Matplotlib Axes to draw on (a list of them for a figure of several
                panels); by default a new figure.

        Raises:
            InvalidInputError: If the experiment has no such figure, or the run has no
                tables yet.
        """
        require_tables(self)
        specs = {spec.name: spec for spec in self.figure_specs()}
        if name not in specs:
            raise InvalidInputError(
                "figure",
                given=name,
                allowed=", ".join(specs) or "none",
                remedy="choose one of the run's figures",
            )
        spec = specs[name]
        module = self._plot_of(spec)
        return module.draw(module.figure_data(self.tables, **spec.options), axes)

    def figure_specs(self) -> list[FigureSpec]:
        """The figures as the run has stored them.

        Raises:
            InvalidInputError: If the run was written before runs stored them, and the
                experiment is one of a file.
        """
        description = description_of(self.id, self.root)
        if description is not None:
            return list(description.figures)
        if is_from_file(self.config.experiment):
            raise InvalidInputError(
                f"figures of run {self.id}",
                given="a run that has not stored them (an early format)",
                allowed="a run of format 4",
                remedy=f"condensery report {self.id} --judge stores them",
            )
        experiment = find(self.config.experiment).experiment
        return list(experiment.figures(validated(experiment, self.config)))

    def _plot_of(self, spec: FigureSpec) -> Any:
        """What draws a figure: never code that a stored text alone names."""
        if spec.plot.startswith(_PLOTS):
            return plot_of(spec)
        reference = self.config.experiment
        if not is_from_file(reference):
            experiment = find(reference).experiment
            declared = experiment.figures(validated(experiment, self.config))
            return plot_of(next(drawn for drawn in declared if drawn.name == spec.name))
        command = f"condensery report {self.id} --judge"
        text = source_of(self.config, self.root, trust=False, command=command)
        path = reference.rpartition(":")[0]
        name = spec.plot.rpartition(":")[2]
        return load(f"{path}:{name}", source=text)

    def to_xarray(self) -> DataTree:
        """The labelled view: one dataset per table.

        Where gamma, gamma_prime, width, seed and the like span a grid they become its
        axes; elsewhere the rows are kept and these columns label them. Without the
        extra ``export`` it says so (`MissingExtraError`), and a run without tables is
        refused (`InvalidInputError`).
        """
        from condensery.workbench._labelled import labelled

        require_tables(self)
        config = canonical_json(self.config.model_dump(mode="json"))
        return labelled(self.tables, about={"run": self.id, "config": config})

    def _repr_html_(self) -> str:
        from condensery.workbench._notebook import notebook_html

        pictures = {
            path.stem: path.read_bytes()
            for path in self.figures
            if path.suffix == ".png"
        }
        return notebook_html(self.summary, self.claims, pictures)


def reopen(run: str, runs: str | Path = "runs") -> Run:
    """Open a run that is there; one that is not is refused with `InvalidInputError`.

    Args:
        run: Its id, a unique beginning of it, or ``last``.
        runs: The folder that holds all runs.

    Example:
        >>> import condensery
        >>> condensery.open("0123", runs="nowhere")
        Traceback (most recent call last):
        ...
        condensery._errors.InvalidInputError: run: given 0123; allowed: a run that \
exists; there are no runs in nowhere yet
    """
    with closing(open_store(runs)) as store:
        full = store.resolve(run)
        return Run(full, store.root, store.config(full), store.summary(full))


def is_plain(path: Path) -> bool:
    """Whether a path is a regular file itself, no link to one."""
    return path.is_file() and not path.is_symlink()


def is_from_file(reference: str) -> bool:
    """Whether an experiment is one of a file, ``path/to/file.py:Name``."""
    path, _, _ = reference.rpartition(":")
    return is_file(path)


def require_tables(run: Run) -> None:
    """Refuse a run that has not come as far as its tables.

    Raises:
        InvalidInputError: If there are no tables.
    """
    if not run.tables:
        raise InvalidInputError(
            "run",
            given=f"{run.id}, which is {run.status} and has no tables yet",
            allowed="a run whose tasks have all ended",
            remedy=f"finish it first: {resume_command(run.id, run.root)}",
        )


def resume_command(run: str, root: Path) -> str:
    """What to type to go on with a run."""
    return f"condensery resume {run} --runs {shlex.quote(str(root))}"


def plot_of(spec: FigureSpec) -> Any:
    """The module (or, for ``module:Name`` and ``path.py:Name``, the object) that draws
    a figure.
    """
    return load(spec.plot) if ":" in spec.plot else import_module(spec.plot)
