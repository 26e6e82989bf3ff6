"""The tables of the runs: files that carry their checksum and stand in the
manifest.
"""

from __future__ import annotations

from pydantic import ValidationError

from condensery._errors import InvalidInputError
from condensery.records import Table
from condensery.store._access import Access
from condensery.store._arrays import decode, encode
from condensery.store._manifest import Manifest
from condensery.store._reading import LARGEST_ARRAYS, DamagedError

_ENDING = ".safetensors"


class Tables:
    """Tables by the full id of their run and their name.

    Args:
        access: To the runs folder.
        manifest: Of its files.
    """

    def __init__(self, access: Access, manifest: Manifest) -> None:
        self._access = access
        self._manifest = manifest

    def put(self, run: str, name: str, table: Table) -> None:
        """Store one table in place of an earlier one of the name."""
        identity = _identity(run, name)
        content = encode(table.columns, identity=identity, units=table.units)
        self._manifest.write(run, _file(name), content)

    def read(self, run: str) -> dict[str, Table]:
        """All tables of a run; a writer sets damaged ones aside.

        Raises:
            InvalidInputError: If a table is damaged and the store only reads, or all
                together are too large.
        """
        tables, size = {}, 0
        for name in self.names(run):
            try:
                tables[name] = self.table(run, name)
            except FileNotFoundError:
                continue  # set aside by a writer just now
            except DamagedError as error:
                self._damaged(run, name, error)
                continue
            size += sum(array.nbytes for array in tables[name].columns.values())
            if size > LARGEST_ARRAYS:
                raise InvalidInputError(
                    f"tables of run {run}",
                    given=f"more than {LARGEST_ARRAYS} bytes",
                    allowed=f"at most {LARGEST_ARRAYS} bytes together",
                    remedy=f"see what {self._access.root / run} holds",
                )
        return tables

    def names(self, run: str) -> list[str]:
        """Names of the tables that are there or should be."""
        folder = self._access.root / run / "tables"
        files = {f"tables/{path.name}" for path in folder.glob(f"*{_ENDING}")}
        rows = self._manifest.rows(run).items()
        files |= {name for name, known in rows if any(row.placed for row in known)}
        names = [
            file.removeprefix("tables/").removesuffix(_ENDING)
            for file in sorted(files)
            if file.startswith("tables/") and file.endswith(_ENDING)
        ]
        return [name for name in names if "/" not in name]

    def table(self, run: str, name: str) -> Table:
        most = LARGEST_ARRAYS
        content = self._manifest.read(run, _file(name), most=most)
        columns, units = decode(content, identity=_identity(run, name))
        try:
            return Table(columns=columns, units=units)
        except ValidationError as error:
            raise DamagedError("is no table (its columns do not agree)") from error

    def _damaged(self, run: str, name: str, error: DamagedError) -> None:
        """Set it aside if this store writes.

        Raises:
            InvalidInputError: If it only reads.
        """
        path = self._access.root / run / _file(name)
        self._access.set_aside(run, path, f"table {name} of run {run} {error}")
        if not self._access.may_mend(run):
            raise InvalidInputError(
                f"table {name} of run {run}",
                given=f"a file that {error}",
                allowed="the file as it was written",
                remedy=f"condensery resume {run} computes it again",
            ) from error
        self._manifest.forget(run, _file(name))


def _identity(run: str, name: str) -> str:
    return f"table {run}/{name}"


def _file(name: str) -> str:
    return f"tables/{name}{_ENDING}"
