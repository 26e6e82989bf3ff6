"""The long description of the package: README.md with links that work anywhere.

In the repository its links and its figure are relative, so that they lead to the files
beside it; a reader of an installed package or of an index has no such files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

README = "README.md"
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)")


def absolute(text: str, repository: str, revision: str) -> str:
    """Replace relative links by addresses below the repository.

    Args:
        text: Markdown.
        repository: Address of the repository.
        revision: Branch or tag that has the files.
    """

    def replaced(link: re.Match[str]) -> str:
        mark, label, target = link.groups()
        view = "raw" if mark else "blob"
        return f"{mark}[{label}]({repository}/{view}/{revision}/{target})"

    return _LINK.sub(replaced, text)


class ReadmeHook(MetadataHookInterface):
    """Sets the long description when a wheel or a source archive is built."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the long description to the metadata."""
        path = Path(self.root, README)
        repository = metadata["urls"]["Source"]
        revision = self.config["revision"]
        text = path.read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute(text, repository, revision),
        }
