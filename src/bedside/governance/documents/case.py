"""What a document is made from: a declaration and its evidence, and evaluations elsewhere."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bedside.core.errors import NotFound
from bedside.core.records.bundle import DECLARATION, EVIDENCE, REPORT
from bedside.core.records.declaration import Declaration
from bedside.governance.documents.document import Cited, Line, Path, value_at
from bedside.interop.declaration import declaration_to_json

__all__ = ["Case"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One version's declaration and evidence as JSON.

    Args:
        declared: As in `declaration.json`.
        evidence: As in `evidence.json`.
        elsewhere: Evidence on other patients, by the name of its file; in a bundle there is none.
        version: What the workspace knows of the version, as in its `version` file; empty in a
            bundle, which cannot know it.
    """

    declared: Mapping[str, Any]
    evidence: Mapping[str, Any]
    elsewhere: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    version: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        declaration: Declaration,
        evidence: Mapping[str, Any],
        elsewhere: Mapping[str, Mapping[str, Any]] | None = None,
        version: Mapping[str, Any] | None = None,
    ) -> "Case":
        """The case of a declaration."""
        return cls(
            declared=json.loads(declaration_to_json(declaration)),
            evidence=evidence,
            elsewhere=elsewhere or {},
            version=version or {},
        )

    @property
    def version_file(self) -> str:
        """In which file that stands which the workspace knows of the version."""
        return f"version-{str(self.version.get('bundle', ''))[:12]}.json"

    @property
    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """Each file that a document of this case may cite, by its name."""
        told = {EVIDENCE: self.evidence, DECLARATION: self.declared, **self.elsewhere}
        return told | ({self.version_file: self.version} if self.version else {})

    @property
    def outcome(self) -> str:
        """The kind of outcome."""
        return str(self.declared["question"]["outcome"]["kind"])

    def found(self, *path: str | int) -> Any:
        """What the evidence says there; None where it says nothing."""
        try:
            return value_at(self.evidence, path)
        except NotFound:
            return None

    def seen(self, label: str, text: str, *paths: Path, section: str = "figures") -> Line:
        """A statement of the evidence, which a section of its report shows."""
        page = REPORT if section else ""
        cited = tuple(Cited(file=EVIDENCE, path=p, page=page, section=section) for p in paths)
        return Line(label=label, text=text, cited=cited)

    def said(self, label: str, text: str, *paths: Path) -> Line:
        """A statement of the declaration."""
        cited = tuple(Cited(file=DECLARATION, path=path) for path in paths)
        return Line(label=label, text=text, cited=cited)

    def kept(self, label: str, text: str, *paths: Path) -> Line:
        """A statement of what the workspace keeps of the version."""
        cited = tuple(Cited(file=self.version_file, path=path) for path in paths)
        return Line(label=label, text=text, cited=cited)
