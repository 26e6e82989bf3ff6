"""The tables of the runs: files that carry their own checksum and may be replaced."""

from __future__ import annotations

from condensery._errors import InvalidInputError
from condensery.records import Table
from condensery.store._access import Access
from condensery.store._arrays import DamagedError, decode, encode
from condensery.store._files import checked_name, write_whole

_ENDING = ".safetensors"


class Tables:
    """Tables by the full id of their run and their name.

    Args:
        access: To the runs folder.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    def put(self, run: str, name: str, table: Table) -> None:
        """Store one table; one of the same name is replaced."""
        name = checked_name(name)
        identity = _identity(run, name)
        content = encode(table.columns, identity=identity, units=table.units)
        with self._access.writing(run):
            path = self._access.root / run / "tables" / f"{name}{_ENDING}"
            write_whole(path, content)

    def read(self, run: str) -> dict[str, Table]:
        """All tables of a run, by name.

        A damaged table is named in a warning; a writer sets it aside and leaves it out,
        for it to be computed anew.

        Raises:
            InvalidInputError: If a table is damaged, in a store opened for reading.
        """
        tables = {}
        folder = self._access.root / run / "tables"
        for path in sorted(folder.glob(f"*{_ENDING}")):
            name = path.name.removesuffix(_ENDING)
            identity = _identity(run, name)
            try:
                columns, units = decode(path.read_bytes(), identity=identity)
            except FileNotFoundError:
                continue  # set aside by a writer just now
            except DamagedError as error:
                self._access.set_aside(run, path, f"table {name} of run {run} {error}")
                if self._access.may_mend(run):
                    continue
                raise InvalidInputError(
                    f"table {name} of run {run}",
                    given=f"a file that {error}",
                    allowed="the file as it was written",
                    remedy=f"condensery resume {run} computes it again",
                ) from error
            tables[name] = Table(columns=columns, units=units)
        return tables


def _identity(run: str, name: str) -> str:
    return f"table {run}/{name}"
