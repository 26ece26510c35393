"""A live FHIR server as a source: Bulk Data export and paged search, authorised by SMART."""

from bedside.data.adapters.fhir_server.client_key import ClientKey
from bedside.data.adapters.fhir_server.server import FhirServer

__all__ = ["ClientKey", "FhirServer"]
