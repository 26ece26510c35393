"""`bedside.yaml` to frozen records, its canonical JSON, and its published JSON Schema."""

from bedside.interop.declaration.reading import (
    declaration_from_json,
    declaration_to_json,
    read_declaration,
)
from bedside.interop.declaration.schema import json_schema

__all__ = ["declaration_from_json", "declaration_to_json", "json_schema", "read_declaration"]
