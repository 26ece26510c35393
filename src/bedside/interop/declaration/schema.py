"""The JSON Schemas of the declarations, made from the records themselves."""

from typing import Any

import msgspec

from bedside.core.records.collection import Collection
from bedside.core.records.declaration import Declaration

__all__ = ["json_schema", "source_schema"]


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `bedside.yaml`; unknown keys are not allowed anywhere."""
    return _schema(Declaration, "Bedside declaration of a clinical model")


def source_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `source.yaml`; unknown keys are not allowed anywhere."""
    return _schema(Collection, "Bedside declaration of a source of hospital data")


def _schema(kind: type, title: str) -> dict[str, Any]:
    schema = msgspec.json.schema(kind)
    for definition in schema.get("$defs", {}).values():
        if definition.get("type") == "object" and "properties" in definition:
            definition["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **schema,
    }
