"""A declared resource with its places filled in: for whom, in which stay, from which answer."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["PLACEHOLDERS", "filled", "places_in", "texts_in"]

PLACEHOLDERS = frozenset(
    {"context.patientId", "context.userId", "context.encounterId", "asOf", "predictionId"}
)
"""What may stand in double braces."""
_PLACE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


class _Gone:
    """Stands for what could not be filled."""


_GONE = _Gone()


def texts_in(template: Any) -> Iterator[str]:
    """Every text of a template, at any depth."""
    if isinstance(template, str):
        yield template
    elif isinstance(template, Mapping):
        for part in template.values():
            yield from texts_in(part)
    elif isinstance(template, list | tuple):
        for part in template:
            yield from texts_in(part)


def places_in(template: Any) -> Iterator[str]:
    """What stands in double braces, anywhere in the template.

    >>> list(places_in({"subject": {"reference": "Patient/{{context.patientId}}"}}))
    ['context.patientId']
    """
    for text in texts_in(template):
        yield from _PLACE.findall(text)


def filled(template: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """The template with its places filled; what cannot be, or is left empty by that, is left out.

    >>> filled({"encounter": {"reference": "Encounter/{{context.encounterId}}"}, "status": "draft"},
    ...        {})
    {'status': 'draft'}
    """
    found = _filled(template, values)
    return found if isinstance(found, dict) else {}


def _filled(template: Any, values: Mapping[str, str]) -> Any:
    if isinstance(template, str):
        if any(place not in values for place in _PLACE.findall(template)):
            return _GONE
        return _PLACE.sub(lambda found: values[found.group(1)], template)
    if isinstance(template, Mapping):
        made = {key: _filled(part, values) for key, part in template.items()}
        kept: Any = {key: part for key, part in made.items() if part is not _GONE}
    elif isinstance(template, list | tuple):
        kept = [part for part in (_filled(one, values) for one in template) if part is not _GONE]
    else:
        return template
    return kept or _GONE
