"""Writes the JSON Schema of bedside.yaml, which editors use; with --check, refuses a stale one."""

import json
import sys
from pathlib import Path

from bedside.interop.declaration import json_schema

PAGE = Path("docs/reference/bedside.schema.json")


def main(arguments: list[str]) -> int:
    """Write the schema, or with `--check` only say whether it is stale (exit status 1)."""
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"

    if "--check" not in arguments:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
        print(f"Wrote {PAGE}.")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        print(f"{PAGE} is stale. Fix: run 'make docs' and keep what it writes.")
        return 1
    print(f"{PAGE} is fresh.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
