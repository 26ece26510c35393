"""The sealed folder that leaves the building: a model and all it takes to judge and run it."""

from collections.abc import Mapping
from dataclasses import dataclass

from bedside.core.records.declaration import Declaration

__all__ = [
    "CARD",
    "DECLARATION",
    "DECLARATION_SOURCE",
    "EVIDENCE",
    "EXAMPLE",
    "FEATURES",
    "MANIFEST",
    "MODEL",
    "REFERENCE",
    "REPORT",
    "TREES",
    "Bundle",
]

MANIFEST = "manifest.json"
DECLARATION = "declaration.json"
DECLARATION_SOURCE = "bedside.yaml"
FEATURES = "features.json"
MODEL = "model.onnx"
TREES = "trees.txt"
EVIDENCE = "evidence.json"
REPORT = "report.html"
CARD = "model_card.md"
REFERENCE = "reference.json"
EXAMPLE = "example.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An opened and verified bundle.

    `digest` is the SHA-256 of the manifest, which lists the digest of every other file; `files`
    maps each listed name to its bytes. `threshold` is the alert threshold on the risk.
    """

    digest: str
    declaration: Declaration
    threshold: float
    files: Mapping[str, bytes]
