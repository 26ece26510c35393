"""SQL on FHIR v2: a ViewDefinition read, and run over a batch of resources."""

from bedside.interop.sql_on_fhir.reading import read_view
from bedside.interop.sql_on_fhir.running import Rejected, run_view, run_view_apart
from bedside.interop.sql_on_fhir.view import Column, Table, ViewDefinition

__all__ = [
    "Column",
    "Rejected",
    "Table",
    "ViewDefinition",
    "read_view",
    "run_view",
    "run_view_apart",
]
