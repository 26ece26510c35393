"""What a workspace, or one of its data sets, holds, as the file that documents about it cite."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bedside.core.errors import NotFound
from bedside.governance.documents.document import Cited, Line, Path, value_at

__all__ = ["Held"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The facts, and in which file they lie beside the documents."""

    file: str
    told: Mapping[str, Any]

    def found(self, *path: str | int) -> Any:
        """What stands there; None where nothing does."""
        try:
            return value_at(self.told, path)
        except NotFound:
            return None

    def line(self, label: str, text: str, *paths: Path) -> Line:
        """A statement, and where it stands."""
        cited = tuple(Cited(file=self.file, path=path) for path in paths)
        return Line(label=label, text=text, cited=cited)
