"""What the rooms ask of the outside, as protocols. Adapters live in `infra` and in `adapters/`."""

from bedside.core.ports.books import Ledger, Predictions, Registry
from bedside.core.ports.fhir import ExportState, FhirSource
from bedside.core.ports.images import ImageBuilder
from bedside.core.ports.keys import ByteSigner, ByteVerifier, DataKeys, KeyService, Signer
from bedside.core.ports.stores import Blobs, Catalogue, Metadata, ObjectStore
from bedside.core.ports.tracking import Tracker
from bedside.core.ports.work import Engine, Explainer, Predictor, Progress

__all__ = [
    "Blobs",
    "ByteSigner",
    "ByteVerifier",
    "Catalogue",
    "DataKeys",
    "Engine",
    "Explainer",
    "ExportState",
    "FhirSource",
    "ImageBuilder",
    "KeyService",
    "Ledger",
    "Metadata",
    "ObjectStore",
    "Predictions",
    "Predictor",
    "Progress",
    "Registry",
    "Signer",
    "Tracker",
]
