"""Writes the JSON Schemas of the declarations, for editors; with --check, refuses a stale one."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bedside.interop.declaration.schema import json_schema, source_schema

PAGES: dict[Path, Callable[[], dict[str, Any]]] = {
    Path("docs/reference/bedside.schema.json"): json_schema,
    Path("docs/reference/source.schema.json"): source_schema,
}


def main(arguments: list[str]) -> int:
    """Write the schemas, or with `--check` only say whether one is stale (exit status 1)."""
    stale = 0
    for page, schema in PAGES.items():
        text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
        if "--check" not in arguments:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
            print(f"Wrote {page}.")
        elif not page.exists() or page.read_text(encoding="utf-8") != text:
            print(f"{page} is stale. Fix: run 'make docs' and keep what it writes.")
            stale = 1
        else:
            print(f"{page} is fresh.")
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
