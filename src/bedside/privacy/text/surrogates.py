"""What stands in a note for its identifiers: consistent for a patient, and like what it replaces.

A stand-in hides what was missed: a reader cannot tell an invented name from a forgotten one
(Carrell et al., J Am Med Inform Assoc 2013;20(2):342-348). None is computed from what it stands
for; the vault draws and keeps it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bedside.core.errors import Invalid
from bedside.core.ports.vault import Vault
from bedside.core.records.identifier import IdentifierKind, IdentifierSpan
from bedside.core.records.release_mode import ReleaseMode
from bedside.privacy.text.dates import read_date
from bedside.privacy.text.draws import Draw, cased, name_draw, origin_of, same_shape, town_draw
from bedside.privacy.text.lists import Lists, bundled_lists
from bedside.privacy.text.tokens import Token, folded, tokens_of, word_set

__all__ = ["Replaced", "Surrogates"]

_KEPT = word_set(
    "dr dra mr mrs ms miss sr sra don dona prof s de del la las los el da das do dos di du van von"
    " der den ter ten bin ibn ben al y e i of the and at for st"
)
_GENERIC = _KEPT | word_set(
    "hospital clinic center centre medical health university college school institute general"
    " regional community memorial children royal infirmary foundation trust nhs nursing home care"
    " street avenue ave road rd lane ln drive court ct place square boulevard blvd apt suite flat"
    " floor box north south east west universitario universitaria clinica clinico complejo"
    " hospitalario centro salud instituto universidad facultad fundacion residencia colegio"
    " servicio departamento calle c avenida avda av paseo plaza carretera ctra camino travesia"
    " ronda piso puerta izq izda dcha bajo n sn km inc ltd llc corp group company"
)
_STATES = word_set(
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ"
    " NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY"
)
_SEX_AND_KIN = word_set(
    "h m f v varon mujer hombre nina nino masculino femenino femenina masculina lactante anciana"
    " anciano familia familiar familiares madre padre padres hijo hija hijos hermano hermana"
    " hermanos tio tia abuelo abuela primo marido esposa esposo materno paterno materna paterna un"
    " una dos tres su recien nacido nacida mr mrs ms miss dr he she male female man woman"
)
_DATE_WORDS = {"es": "fecha", "en": "date"}
_NINETY_OR_OVER = {"es": "90+ años", "en": "90+ years"}
_GONE = "[...]"
_LONG = 12  # signs: so many are drawn where fewer are shown, lest a patient's short numbers run out


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A note with stand-ins.

    Args:
        text: Outside `spans` it is the note's own, byte for byte.
        spans: Where the stand-ins stand in `text`: one for each span of the note, in order.
    """

    text: str
    spans: tuple[IdentifierSpan, ...]


class Surrogates:
    """Writes notes with stand-ins.

    Args:
        vault: Keeps the stand-ins of the project.
        mode: What the release allows.
        language: Of the notes.
        day_first: How 3/4 is read; None: as the third of April but in English.
        lists: Instead of the bundled ones.
    """

    def __init__(
        self,
        vault: Vault,
        mode: ReleaseMode,
        language: str,
        *,
        day_first: bool | None = None,
        lists: Lists | None = None,
    ) -> None:
        self._vault = vault
        self._mode = mode
        self._language = language
        self._day_first = language != "en" if day_first is None else day_first
        self._lists = lists or bundled_lists()
        entries = self._lists.entries
        self._wide = frozenset(folded(name) for name in entries["countries"])
        self._towns = frozenset(entries["towns"] + entries["provinces"])

    def replace(self, text: str, spans: Sequence[IdentifierSpan], subject: int | None) -> Replaced:
        """The note with a stand-in for each span.

        Args:
            text: The note.
            spans: In order of place, without overlaps, as `NoteFinder` gives them.
            subject: Whose note it is; None where nobody knows: then dates are years.

        Raises:
            Invalid: spans overlap, are out of order or outside the text.
            Refused: the subject was forgotten.
        """
        if self._mode is ReleaseMode.IDENTIFIED:
            return Replaced(text=text, spans=tuple(spans))
        note = _Note(self._vault, subject, text, spans)
        out: list[str] = []
        new: list[IdentifierSpan] = []
        at = length = 0
        for span in spans:
            if span.start < at or span.end > len(text) or span.end <= span.start:
                raise Invalid(
                    "Spans overlap, are out of order, or outside their note.",
                    fix="give the spans that NoteFinder.find returned for this text.",
                )
            said = self._stand_in(note, text[span.start : span.end], span.kind)
            out += (text[at : span.start], said)
            length += span.start - at
            new.append(
                IdentifierSpan(
                    start=length, end=length + len(said), kind=span.kind, found_by=span.found_by
                )
            )
            length += len(said)
            at = span.end
        out.append(text[at:])
        return Replaced(text="".join(out), spans=tuple(new))

    def _stand_in(self, note: "_Note", said: str, kind: IdentifierKind) -> str:
        if kind in (IdentifierKind.NAME, IdentifierKind.STAFF_NAME):
            return self._name(note, said, kind)
        special: Mapping[IdentifierKind, Callable[[_Note, str], str]] = {
            IdentifierKind.DATE: self._date,
            IdentifierKind.AGE: self._age,
            IdentifierKind.PLACE: self._place,
            IdentifierKind.ORGANISATION: self._organisation,
            IdentifierKind.EMAIL: self._email,
            IdentifierKind.URL: self._url,
            IdentifierKind.OTHER: self._other,
            IdentifierKind.PROFESSION: self._other,
        }
        if kind in special:
            return special[kind](note, said)
        return self._number(note, said, kind)

    def _name(self, note: "_Note", said: str, kind: IdentifierKind) -> str:
        words = [token.text for token in tokens_of(said) if token.text.isalpha()]
        origin = origin_of(words, self._language)

        def other(token: Token) -> str:
            word = token.text
            if not word.isalpha() or folded(word) in _KEPT:
                return word
            if len(word) == 1:
                return self._initial(note, word, kind, origin)
            return self._word(note, word, kind, origin)

        return _by_token(said, other)

    def _word(self, note: "_Note", word: str, kind: IdentifierKind, origin: str) -> str:
        draw = name_draw(word, origin, self._lists, note.words)
        return cased(note.kept(kind, folded(word), draw), word)

    def _initial(self, note: "_Note", letter: str, kind: IdentifierKind, origin: str) -> str:
        whole = next((name for name in note.names if folded(name)[0] == folded(letter)), None)
        if whole is not None:
            return cased(self._word(note, whole, kind, origin)[0], letter)
        said = note.kept(kind, f"{folded(letter)}.", same_shape(letter * _LONG), 1)
        return cased(said, letter)

    def _date(self, note: "_Note", said: str) -> str:
        if self._mode.keeps_dates:
            return said
        written = read_date(said, day_first=self._day_first)
        if written is None:
            return _DATE_WORDS.get(self._language, "date")
        if self._mode.shifts_dates and note.subject is not None:
            return written.moved(self._vault.offset(note.subject), 2000)
        return str(written.year) if written.year else _DATE_WORDS.get(self._language, "date")

    def _age(self, note: "_Note", said: str) -> str:
        found = re.search(r"\d+", said)
        if found is None:
            over = re.search(r"(?i)ninety|hundred|noventa|cien", said)
            return _NINETY_OR_OVER.get(self._language, "90+") if over else said
        if len(found.group()) < 4 and int(found.group()) < 90:
            return said
        return said[: found.start()] + "90+" + said[found.end() :]

    def _place(self, note: "_Note", said: str) -> str:
        plain = folded(said.strip())
        if plain in self._wide:
            return said
        whole = said.strip()
        if not any(sign.isdigit() for sign in whole) and whole in self._towns:
            return cased(note.kept(IdentifierKind.PLACE, plain, self._town(note)), whole)
        return self._worded(note, said, IdentifierKind.PLACE)

    def _organisation(self, note: "_Note", said: str) -> str:
        return self._worded(note, said, IdentifierKind.ORGANISATION)

    def _worded(self, note: "_Note", said: str, kind: IdentifierKind) -> str:
        """Words that say which sort it is stay; those that say which one are replaced."""
        origin = origin_of((), self._language)

        def other(token: Token) -> str:
            word = token.text
            if folded(word) in _GENERIC or word in _STATES or not word.isalnum():
                return word
            if word.isdigit() or len(word) < 3:
                return self._number(note, word, kind)
            draw = name_draw("", origin, self._lists, note.words)
            return cased(note.kept(kind, folded(word), draw), word)

        return _by_token(said, other)

    def _email(self, note: "_Note", said: str) -> str:
        drawn = note.kept(IdentifierKind.EMAIL, said.lower(), same_shape("a" * _LONG))
        return f"{drawn}@example.org"

    def _url(self, note: "_Note", said: str) -> str:
        return "https://example.org/" + note.kept(
            IdentifierKind.URL, said.lower(), same_shape("aaaaaaaa")
        )

    def _other(self, note: "_Note", said: str) -> str:
        words = [token.text for token in tokens_of(said) if token.text.isalnum()]
        if all(folded(word) in _SEX_AND_KIN for word in words):
            return said
        if any(sign.isdigit() for sign in said):
            return self._number(note, said, IdentifierKind.OTHER)
        return _GONE

    def _number(self, note: "_Note", said: str, kind: IdentifierKind) -> str:
        """Digits and letters are drawn; the signs between them stay."""
        plain = "".join(sign for sign in said if sign.isalnum())
        if not plain:
            return said
        wide = plain + plain[-1] * max(0, _LONG - len(plain))
        drawn = iter(note.kept(kind, plain.lower(), same_shape(wide), len(plain)))
        fitted = (cased(next(drawn, "0"), sign) if sign.isalnum() else sign for sign in said)
        return "".join(fitted)

    def _town(self, note: "_Note") -> Draw:
        return town_draw(self._lists, note.words)


class _Note:
    """One note while it is written anew: whose it is, and the words that none may become."""

    def __init__(
        self, vault: Vault, subject: int | None, text: str, spans: Sequence[IdentifierSpan]
    ) -> None:
        self.subject = subject
        self._vault = vault
        said = [(span.kind, text[span.start : span.end]) for span in spans]
        people = (IdentifierKind.NAME, IdentifierKind.STAFF_NAME)
        self.names = [
            token.text
            for kind, of in said
            if kind in people
            for token in tokens_of(of)
            if token.text.isalpha() and len(token.text) > 1 and folded(token.text) not in _KEPT
        ]
        self.words = frozenset(
            folded(token.text) for _, of in said for token in tokens_of(of) if len(token.text) > 1
        )

    def kept(self, kind: IdentifierKind, value: str, draw: Draw, shown: int | None = None) -> str:
        """The vault's stand-in, or its first signs; another where it would be of this very note."""
        owner = None if kind in _NOBODYS else self.subject
        stand_in = ""
        for attempt in range(50):
            key = value if not attempt else f"{value}\x1f{attempt}"
            stand_in = self._vault.stand_in(owner, kind, key, draw)[:shown]
            words = {folded(token.text) for token in tokens_of(stand_in)}
            if stand_in.lower() != value.rstrip(".") and not words & self.words:
                break
        return stand_in


_NOBODYS = frozenset({IdentifierKind.STAFF_NAME, IdentifierKind.ORGANISATION})


def _by_token(said: str, other: Callable[[Token], str]) -> str:
    out: list[str] = []
    at = 0
    for token in tokens_of(said):
        out += (said[at : token.start], other(token))
        at = token.end
    out.append(said[at:])
    return "".join(out)
