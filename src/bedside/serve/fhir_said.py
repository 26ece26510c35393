"""How an error is said: below `/fhir` as an OperationOutcome, elsewhere as plain JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from bedside.interop.fhir_out.operation_outcome import refusal

__all__ = ["FHIR_JSON", "ROOT", "FhirJson", "error_response", "error_said"]

ROOT = "/fhir"
FHIR_JSON = "application/fhir+json"


class FhirJson(Response):
    """A FHIR resource."""

    media_type = FHIR_JSON

    def render(self, content: Any) -> bytes:
        """The bytes."""
        return msgspec.json.encode(content)


def error_said(path: str, told: Mapping[str, Any], status: int) -> tuple[bytes, str]:
    """The body and the media type of an error.

    Args:
        path: Of the request.
        told: `error` and `code`.
        status: Of the response.
    """
    if path == ROOT or path.startswith(f"{ROOT}/"):
        return msgspec.json.encode(refusal(told, status)), FHIR_JSON
    return msgspec.json.encode(told), "application/json"


def error_response(
    path: str, told: Mapping[str, Any], status: int, headers: Mapping[str, str] | None = None
) -> Response:
    """An error as a response."""
    body, kind = error_said(path, told, status)
    return Response(body, status, headers=dict(headers or {}), media_type=kind)
