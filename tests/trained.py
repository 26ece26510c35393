"""Declarations for tests of training: the diagnosis, changed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import bedside.usecases
from bedside.core.records.declaration import Declaration
from bedside.lifecycle.package import declaration_of

__all__ = ["DIAGNOSIS", "a_declaration"]

DIAGNOSIS = (Path(bedside.usecases.__file__).parent / "diagnosis" / "bedside.yaml").read_text()


def a_declaration(**changes: Any) -> Declaration:
    """The diagnosis with some of its parts replaced."""
    return replace(declaration_of(DIAGNOSIS.encode()), **changes)
