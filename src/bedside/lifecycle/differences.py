"""Where two JSON documents, two files, or two environments differ, in words."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bedside.core.records.bundle import (
    CARD,
    DECLARATION,
    DECLARATION_SOURCE,
    EVIDENCE,
    EXAMPLE,
    FEATURES,
    LEARNT,
    MODEL,
    REFERENCE,
    REPORT,
    UNCERTAINTY,
)

__all__ = [
    "changed_keys",
    "changed_libraries",
    "declared_otherwise",
    "differing_files",
    "first_difference",
]

FROM_CAUSE_TO_RESULT = (
    DECLARATION, DECLARATION_SOURCE, FEATURES, LEARNT, MODEL, UNCERTAINTY, EXAMPLE, EVIDENCE,
    REFERENCE, CARD, REPORT,
)  # fmt: skip
LONGEST = 60
MOST_TOLD = 8  # changes


def changed_keys(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """Each place in which two JSON values differ, with what stands there, in the order of keys.

    A part that only one of them has is one difference; lists of unequal length are one too.

    >>> list(changed_keys({"a": {"b": 1, "c": [1]}}, {"a": {"b": 2, "d": True, "c": [1]}}))
    ['a.b: 1, then 2', 'a.d: nothing, then true']
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            inside = f"{place}.{key}" if place else str(key)
            if key not in before or key not in after:
                yield f"{inside}: {_said(before, key)}, then {_said(after, key)}"
            else:
                yield from changed_keys(before[key], after[key], inside)
    elif (
        isinstance(before, Sequence)
        and isinstance(after, Sequence)
        and not isinstance(before, str)
        and not isinstance(after, str)
        and len(before) == len(after)
    ):
        for at, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from changed_keys(old, new, f"{place}[{at}]")
    elif before != after or type(before) is not type(after):
        yield f"{place}: {_text(before)}, then {_text(after)}"


def declared_otherwise(before: Any, after: Any, *, same_text: bool) -> str:
    """Why a declaration says another thing than it did, in a sentence.

    Of the same text the reader is another one: a later Bedside knows more keys, with defaults.

    Args:
        before: As it was sealed.
        after: As it is read here.
        same_text: Whether the file is the same to the byte.

    >>> declared_otherwise({"folds": 3}, {"folds": 5}, same_text=False)
    'The declaration was edited: folds: 3, then 5.'
    >>> declared_otherwise({}, {"rollout": 0.1}, same_text=True)
    'The declaration is the same, but this Bedside reads it otherwise: rollout: nothing, then 0.1.'
    """
    changed = list(changed_keys(before, after))
    told = "; ".join(changed[:MOST_TOLD])
    more = f"; and {len(changed) - MOST_TOLD} more" if len(changed) > MOST_TOLD else ""
    why = "is the same, but this Bedside reads it otherwise" if same_text else "was edited"
    return f"The declaration {why}: {told}{more}."


def changed_libraries(there: Mapping[str, str], here: Mapping[str, str]) -> tuple[str, ...]:
    """Each library (or Python, or machine) that is another one here than there.

    >>> changed_libraries({"lightgbm": "4.7.0", "numpy": "2.0"}, {"lightgbm": "4.6.0"})
    ('lightgbm was 4.7.0 there and is 4.6.0 here', 'numpy was 2.0 there and is absent here')
    """
    return tuple(
        f"{name} was {there.get(name, 'not noted')} there and is {here.get(name, 'absent')} here"
        for name in sorted({*there, *here})
        if there.get(name) != here.get(name)
    )


def differing_files(
    before: Mapping[str, bytes], after: Mapping[str, bytes], *, apart_from: Sequence[str] = ()
) -> tuple[str, ...]:
    """The names of the files that are not the same bytes: first what others are made from."""
    names = {
        name for name in {*before, *after} - {*apart_from} if before.get(name) != after.get(name)
    }
    return tuple(sorted(names, key=lambda name: (_rank(name), name)))


def first_difference(name: str, before: bytes | None, after: bytes | None) -> str:
    """Where a file begins to differ: in JSON the path, and of numbers how far apart they are.

    >>> first_difference("a.json", b'{"risk": [0.5, 0.25]}', b'{"risk": [0.5, 0.75]}')
    'a.json differs first at risk[1], by 0.5'
    """
    if before is None or after is None:
        return f"{name} is only in the {'new' if before is None else 'old'} one"
    if name.endswith(".json"):
        found = next(_paths(json.loads(before), json.loads(after)), None)
        if found is not None:
            return f"{name} differs first at {found}"
    length = min(len(before), len(after))
    place = next((at for at in range(length) if before[at] != after[at]), length)
    return f"{name} differs from byte {place} on"


def _paths(before: Any, after: Any, place: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            inside = f"{place}.{key}" if place else str(key)
            if key not in before or key not in after:
                yield f"{inside}, which only one of them has"
            else:
                yield from _paths(before[key], after[key], inside)
    elif isinstance(before, list) and isinstance(after, list):
        for at, (old, new) in enumerate(zip(before, after, strict=False)):
            yield from _paths(old, new, f"{place}[{at}]")
        if len(before) != len(after):
            yield f"{place}, which has {len(before)} parts, then {len(after)}"
    elif before != after:
        numbers = all(isinstance(one, int | float) for one in (before, after))
        yield f"{place}, by {abs(after - before):.3g}" if numbers else place


def _rank(name: str) -> int:
    known = FROM_CAUSE_TO_RESULT
    return known.index(name) if name in known else len(known)


def _said(part: Mapping[str, Any], key: str) -> str:
    return _text(part[key]) if key in part else "nothing"


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
