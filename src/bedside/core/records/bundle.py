"""The sealed folder that leaves the building: a model and all it takes to judge and run it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bedside.core.records.declaration import Declaration

__all__ = [
    "CARD",
    "DECLARATION",
    "DECLARATION_SOURCE",
    "DOCUMENTS",
    "ENVIRONMENT",
    "EVIDENCE",
    "EXAMPLE",
    "FEATURES",
    "IMPORTED",
    "INPUT_SCHEMA",
    "LEARNT",
    "LICENCES",
    "MANIFEST",
    "MODEL",
    "PROBAST",
    "REFERENCE",
    "REPORT",
    "SBOM",
    "TRIPOD",
    "UNCERTAINTY",
    "Bundle",
    "GroupThreshold",
]

MANIFEST = "manifest.json"
DECLARATION = "declaration.json"
DECLARATION_SOURCE = "bedside.yaml"
FEATURES = "features.json"
MODEL = "model.onnx"
LEARNT = "learnt.json"
EVIDENCE = "evidence.json"
REPORT = "report.html"
CARD = "model_card.md"
TRIPOD = "tripod_ai.html"
PROBAST = "probast_ai.html"
DOCUMENTS = "documents.json"
REFERENCE = "reference.json"
EXAMPLE = "example.json"
UNCERTAINTY = "uncertainty.json"
IMPORTED = "imported.json"  # only where the model was learnt elsewhere
SBOM = "sbom.json"
LICENCES = "licences.json"
ENVIRONMENT = "environment.txt"  # of a server that only scores
INPUT_SCHEMA = "input_schema.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupThreshold:
    """The alert threshold of the rows in which the feature `column` has this value."""

    column: int
    value: float
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An opened and verified bundle.

    `digest` is the SHA-256 of the manifest, which lists the digest of every other file; `files`
    maps each listed name to its bytes. `threshold` is the alert threshold on the risk (None: the
    model alerts nobody); `group_thresholds` replace it where they apply.
    """

    digest: str
    declaration: Declaration
    threshold: float | None
    files: Mapping[str, bytes]
    group_thresholds: tuple[GroupThreshold, ...] = ()

    def threshold_for(self, row: Sequence[float]) -> float | None:
        """The alert threshold of one row of features, shape (k,)."""
        for group in self.group_thresholds:
            if row[group.column] == group.value:
                return group.threshold
        return self.threshold
