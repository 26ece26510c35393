"""The JSON Schema of a declaration, made from the records themselves."""

from typing import Any

import msgspec

from bedside.core.records.declaration import Declaration

__all__ = ["json_schema"]


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `bedside.yaml`; unknown keys are not allowed anywhere."""
    schema = msgspec.json.schema(Declaration)
    for definition in schema.get("$defs", {}).values():
        if definition.get("type") == "object" and "properties" in definition:
            definition["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Bedside declaration of a clinical model",
        **schema,
    }
