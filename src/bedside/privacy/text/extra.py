"""The libraries of the extra `deid`, loaded when they are first needed."""

from importlib import import_module
from typing import Any

from bedside.core.errors import Unavailable

__all__ = ["library"]


def library(name: str) -> Any:
    """A library that only de-identification needs.

    Raises:
        Unavailable: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise Unavailable(
            f"The library '{name}' is not installed, and finding identifiers needs it.",
            fix="run: pip install 'bedside[deid]'.",
            code="missing_extra",
        ) from None
