"""The store: a SQLite ledger and immutable safetensors shards.

It alone writes below a runs folder.
"""

from __future__ import annotations

from condensery._doors import guard
from condensery.store._recordings import TABLE, Recording
from condensery.store._shards import ShardRow
from condensery.store._store import LocalStore, open_store

__all__ = ["TABLE", "LocalStore", "Recording", "ShardRow", "open_store"]

guard(globals(), __all__)
