"""The configurations of the runs: what a run's id is the hash of."""

from __future__ import annotations

from condensery._errors import InvalidInputError
from condensery.records import RunConfig
from condensery.store._access import Access
from condensery.store._formats import read_config
from condensery.store._manifest import Manifest
from condensery.store._reading import LARGEST_DOCUMENT, DamagedError, read_file

CONFIG = "config.json"


class Configs:
    """Configurations by the full id of their run.

    Args:
        access: To the runs folder.
        manifest: Of its files.
    """

    def __init__(self, access: Access, manifest: Manifest) -> None:
        self._access = access
        self._manifest = manifest

    def read(self, run: str, entered: str | bytes | None) -> RunConfig:
        """The configuration as entered in the ledger, or else that of the folder.

        Args:
            run: The full id.
            entered: Text in the ledger.

        Raises:
            InvalidInputError: If neither is the one that the id is the hash of, or the
                folder is of a newer format.
        """
        self.check_format(run)
        config = self._sound(entered, run) or self._sound(self.file(run), run)
        if config is None:
            raise InvalidInputError(
                f"configuration of run {run}",
                given="another than that which the run's id is the hash of",
                allowed="the one that the run began with",
                remedy=f"it is damaged or forged: move {self._access.root / run} away",
            )
        return config

    def check_format(self, run: str) -> None:
        """Refuse a folder of a newer format, also where the ledger was lost.

        Raises:
            InvalidInputError: If the folder is of a newer format.
        """
        content = self.file(run)
        try:
            read_config(content or b"", run=run, root=self._access.root)
        except (ValueError, TypeError, RecursionError):
            return  # missing or altered: the ledger has the configuration

    def keep(self, run: str, config: RunConfig) -> None:
        """Write the configuration where there is none that is sound."""
        stored = self._intact(run)
        if stored is None or self._sound(stored, run) is None:
            document = config.model_dump_json(indent=2)
            self._manifest.write(run, CONFIG, document.encode())
        elif CONFIG not in self._manifest.rows(run):
            self._manifest.enter(run, CONFIG, stored)

    def _intact(self, run: str) -> bytes | None:
        """The folder's copy as it was written; a damaged one is set aside."""
        try:
            return self._manifest.read(run, CONFIG, most=LARGEST_DOCUMENT)
        except FileNotFoundError:
            return None
        except DamagedError as error:
            path = self._access.root / run / CONFIG
            self._access.set_aside(run, path, f"{CONFIG}: {error}")
            return None

    def _sound(self, text: str | bytes | None, run: str) -> RunConfig | None:
        """The configuration, if it is the one that the run's id is the hash of."""
        if text is None:
            return None
        try:
            config = read_config(text, run=run, root=self._access.root)
            return config if config.run_id == run else None
        except (ValueError, TypeError, RecursionError):
            return None

    def file(self, run: str) -> bytes | None:
        """What the folder has; None where that cannot be read."""
        name = f"{run}/{CONFIG}"
        try:
            return read_file(self._access.root, name, most=LARGEST_DOCUMENT)
        except (DamagedError, OSError):
            return None
