"""A declaration with some of its places otherwise, as text: a lighter copy for a rehearsal."""

from collections.abc import Mapping
from typing import Any

import yaml

from bedside.core.errors import Invalid

__all__ = ["overridden"]


def overridden(source: bytes, overrides: Mapping[str, Any]) -> bytes:
    r"""The text of a declaration with these places otherwise.

    Args:
        source: The text of a declaration that was read before, so that it is right.
        overrides: What stands there, by the dotted place; None leaves the place out.

    Returns:
        UTF-8 YAML, without the comments.

    Raises:
        Invalid: the upper parts of a place are not there (code `override`).

    >>> overridden(b"learner: {rounds: 500}", {"learner.rounds": 60})
    b'learner:\n  rounds: 60\n'
    """
    told = yaml.safe_load(source)
    for place, value in overrides.items():
        *way, last = place.split(".")
        inner: Any = told
        for name in way:
            inner = inner.get(name) if isinstance(inner, dict) else None
        if not isinstance(inner, dict):
            raise Invalid(
                f"The plan overrides '{place}', and there is no such place in the declaration.",
                fix="name a place whose upper parts stand in bedside.yaml, as learner.rounds.",
                code="override",
            )
        if value is None:
            inner.pop(last, None)
        else:
            inner[last] = value
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True).encode()
