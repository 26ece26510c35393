"""Patterns of identifiers, read from a file for each language and matched in linear time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from bedside.core.errors import Invalid
from bedside.core.records.identifier import IdentifierKind, IdentifierSpan
from bedside.privacy.text.batch import Batch
from bedside.privacy.text.checks import CHECKS
from bedside.privacy.text.extra import library

__all__ = ["Pattern", "Patterns", "patterns_for", "read_patterns"]

_MEMORY = 64 << 20  # bytes that one automaton may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One way in which an identifier is written.

    Args:
        kind: What it is.
        name: Of the pattern, for reports.
        expression: In RE2's syntax; the group `it`, if there is one, is the identifier.
        check: A test of `checks.CHECKS` that what is found must pass, or none.
        touching: Whether a letter or digit may stand right beside it.
    """

    kind: IdentifierKind
    name: str
    expression: str
    check: str | None = None
    touching: bool = False


class Patterns:
    """Patterns that are looked for together.

    Raises:
        Invalid: an expression is not of RE2's syntax.
        Unavailable: the extra `deid` is not installed.
    """

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        re2 = library("re2")
        options = re2.Options()
        options.encoding = re2.Options.Encoding.UTF8
        options.max_mem = _MEMORY
        options.log_errors = False
        self._compiled = []
        for pattern in patterns:
            before = "" if pattern.touching else r"(?:\A|[^\pL\pN_])"
            inner = pattern.expression
            whole = inner if "(?P<it>" in inner else f"(?P<it>{inner})"
            try:
                compiled = re2.compile((before + whole).encode(), options)
            except re2.error:
                raise Invalid(
                    f"The pattern '{pattern.name}' is not one of RE2.",
                    fix="mend it: RE2 has no look-around and no back-references.",
                ) from None
            self._compiled.append((pattern, compiled, compiled.groupindex[b"it"]))

    def find(self, batch: Batch) -> list[tuple[int, IdentifierSpan]]:
        """Where the patterns match: the note, and the span in it, in no order.

        Linear in the length of the text, whatever it holds (Cox, RE2: regular expression matching
        in the wild, 2010).
        """
        found = []
        text = batch.text
        for pattern, compiled, group in self._compiled:
            check = CHECKS[pattern.check] if pattern.check else None
            for match in compiled.finditer(batch.data):
                place = batch.place(*match.span(group))
                if place is None:
                    continue
                note, start, end = place
                begin = int(batch.starts[note - batch.first])
                after = text[begin + end]
                if not pattern.touching and _touches(text[begin + end - 1], after):
                    continue
                said = text[begin + start : begin + end]
                bare = said.strip(" ,;:")
                if not bare or (check and not check(bare)):
                    continue
                start += len(said) - len(said.lstrip(" ,;:"))
                span = IdentifierSpan(
                    start=start, end=start + len(bare), kind=pattern.kind, found_by="pattern"
                )
                found.append((note, span))
        return found


def read_patterns(document: object) -> list[Pattern]:
    """The patterns of one language, from the mapping that its file holds.

    Raises:
        Invalid: it is not of the form that `rules/any.yaml` describes.
    """
    fault = Invalid(
        "A file of patterns is not of the form that is read.",
        fix="give 'parts' (name: expression) and 'patterns' (kind, name, pattern), as any.yaml.",
    )
    if not isinstance(document, Mapping):
        raise fault
    parts: dict[str, str] = {}
    for name, text in dict(document.get("parts") or {}).items():
        parts[f"{{{name}}}"] = _filled(str(text), parts)
    try:
        return [_pattern(row, parts) for row in document["patterns"]]
    except (KeyError, TypeError, ValueError):
        raise fault from None


@lru_cache(maxsize=16)
def patterns_for(language: str) -> Patterns:
    """The patterns of this language and of any; where two find the same, this one's word counts.

    Raises:
        Invalid: there is no file of the language.
    """
    return Patterns([*_of(language), *_of("any")])


def _touches(last: str, after: str) -> bool:
    return last.isalnum() and (after.isalnum() or after == "_")


def languages() -> list[str]:
    """The languages that have a file."""
    folder = resources.files("bedside.privacy.text") / "rules"
    names = (entry.name.removesuffix(".yaml") for entry in folder.iterdir())
    return sorted(name for name in names if len(name) == 2)


def _of(language: str) -> list[Pattern]:
    import yaml  # noqa: PLC0415

    if language != "any" and language not in languages():
        raise Invalid(
            "There are no patterns of this language.",
            fix=f"give one of {', '.join(languages())}, or add its file to privacy/text/rules.",
        )
    file = resources.files("bedside.privacy.text") / "rules" / f"{language}.yaml"
    return read_patterns(yaml.safe_load(file.read_text(encoding="utf-8")))


def _pattern(row: Mapping[str, Any], parts: Mapping[str, str]) -> Pattern:
    check = row.get("check")
    if check is not None and check not in CHECKS:
        raise ValueError
    return Pattern(
        kind=IdentifierKind(row["kind"]),
        name=str(row["name"]),
        expression=_filled(str(row["pattern"]), parts),
        check=check,
        touching=bool(row.get("touching", False)),
    )


def _filled(text: str, parts: Mapping[str, str]) -> str:
    for name, part in parts.items():
        text = text.replace(name, part)
    return text
