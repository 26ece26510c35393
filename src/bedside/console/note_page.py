"""The page on which somebody marks what identifies people in one note."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from bedside.core.records.identifier import IdentifierKind
from bedside.lifecycle.note_labels import Labelling, Shown
from bedside.privacy.text.agreement import Disagreement
from bedside.privacy.text.annotated import LabelledSpan
from bedside.privacy.text.tokens import tokens_of

__all__ = ["KEYS", "done_page", "note_page", "pieces"]

KEYS = {
    "name": "n", "staff_name": "s", "place": "p", "postcode": "z", "organisation": "o",
    "date": "d", "age": "a", "phone": "t", "fax": "f", "email": "e", "url": "u",
    "ip_address": "q", "social_security": "i", "record_number": "r", "health_plan": "h",
    "account": "c", "licence": "l", "vehicle": "v", "device": "g", "biometric": "b", "face": "k",
    "profession": "j", "other": "x",
}  # fmt: skip
_GROUPS = {
    "who": ("name", "staff_name"),
    "where": ("place", "postcode", "organisation"),
    "when": ("date", "age"),
    "reach": ("phone", "fax", "email", "url", "ip_address"),
    "number": ("social_security", "record_number", "health_plan", "account", "licence",
               "vehicle", "device"),
    "more": ("biometric", "face", "profession", "other"),
}  # fmt: skip
_GROUP_WORDS = {
    "who": "Who",
    "where": "Where",
    "when": "When",
    "reach": "How to reach them",
    "number": "Numbers",
    "more": "Anything else",
}
_HINTS = {
    IdentifierKind.NAME: "patient, relatives, friends; also initials",
    IdentifierKind.STAFF_NAME: "who treats them",
    IdentifierKind.ORGANISATION: "hospital, employer, school",
    IdentifierKind.DATE: "all but a year alone",
    IdentifierKind.AGE: "every age",
    IdentifierKind.SOCIAL_SECURITY: "any national number",
    IdentifierKind.OTHER: "what is this person's alone",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A word or what lies between words: characters `start` up to `end`."""

    start: int
    end: int
    text: str
    is_word: bool


def pieces(text: str, marks: Sequence[LabelledSpan]) -> list[Piece]:
    """The text in pieces, cut where a word or a mark begins or ends; together they are all of it.

    >>> [piece.text for piece in pieces("Dr. Ruiz", [])]
    ['Dr', '.', ' ', 'Ruiz']
    """
    edges = {0, len(text)}
    words = set()
    for token in tokens_of(text):
        edges |= {token.start, token.end}
        words.add((token.start, token.end))
    for mark in marks:
        edges |= {mark.start, mark.end}
    cuts = sorted(edges)
    return [
        Piece(start, end, text[start:end], not text[start:end].isspace())
        for start, end in pairwise(cuts)
    ]


def note_page(labelling: Labelling, shown: Shown) -> str:
    """The page of one note. Everything of the note is escaped."""
    return _template("note").render(
        v=shown,
        who=labelling.reader,
        data=labelling.data,
        done=labelling.done,
        blind=labelling.blind,
        decides=labelling.decides,
        readers=labelling.readers,
        note=Markup("".join(_html(shown))),  # noqa: S704 - each piece is escaped
        groups=_groups(),
        marks=[(m.start, m.end, m.label) for m in shown.marks],
        open=[_told(one, shown.text) for one in shown.open],
    )


def done_page(labelling: Labelling) -> str:
    """The page after the last note."""
    return _template("done").render(
        who=labelling.reader,
        data=labelling.data,
        done=labelling.done,
        of=len(labelling.places),
        first=labelling.next_open(),
        decides=labelling.decides,
    )


def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("bedside.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = lambda text: str(text).replace("_", " ")
    return environment.get_template(f"{name}.html.j2")


def _groups() -> list[dict[str, object]]:
    return [
        {
            "name": group,
            "words": _GROUP_WORDS[group],
            "kinds": [
                {"kind": kind, "key": KEYS[kind], "hint": _HINTS.get(IdentifierKind(kind), "")}
                for kind in kinds
            ],
        }
        for group, kinds in _GROUPS.items()
    ]


def _html(shown: Shown) -> Iterator[str]:
    for piece in pieces(shown.text, shown.marks):
        kind = "w" if piece.is_word else "g"
        yield (
            f'<span class="{kind}" data-a="{piece.start}" data-b="{piece.end}">'
            f"{_safe(piece.text)}</span>"
        )


def _safe(text: str) -> str:
    """Escaped, and every sign one that a browser shows as it is."""
    shown = "".join(
        "\ufffd" if sign == "\0" or "\ud800" <= sign <= "\udfff" else sign for sign in text
    )
    return str(escape(shown)).replace("\r", "&#13;")


def _told(one: Disagreement, text: str) -> dict[str, object]:
    def said(spans: Sequence[LabelledSpan]) -> list[tuple[str, str]]:
        return [(span.label, _plain(text[span.start : span.end])) for span in spans]

    return {
        "start": one.start,
        "end": one.end,
        "first": said(one.first),
        "second": said(one.second),
    }


def _plain(text: str) -> str:
    return text.encode("utf-8", errors="replace").decode()
