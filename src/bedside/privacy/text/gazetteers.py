"""Names, places and hospitals that stand in lists, found in one pass over many notes.

What is looked up keeps its capital: a name is written Ana or ANA, never ana, and so `analgesia`
is no match. Accents do not count. A name that is a word of medicine (Parkinson) or of the language
(Will) counts only beside another name, and never before or after a word that makes an eponym of
it: Wilson disease, signo de Murphy.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from bedside.core.records.identifier import IdentifierKind, IdentifierSpan
from bedside.privacy.text.batch import Batch
from bedside.privacy.text.extra import library
from bedside.privacy.text.lists import Lists
from bedside.privacy.text.tokens import folded, word_set

__all__ = ["Gazetteers", "unaccented"]

_PARTICLES = word_set(
    "de del la las los da das do dos di du van von der den ter ten bin ibn ben al el y i e"
)
_EPONYM_AFTER = word_set(
    "disease syndrome sign signs test tests scale score scores catheter procedure classification"
    " criteria palsy phenomenon reflex fracture lymphoma sarcoma tumor tumour maneuver manoeuvre"
    " staining stain node nodes body bodies cell cells fever operation repair position forceps"
    " clamp tube line grade stage type index equation formula esophagus oesophagus thyroiditis"
    " contracture enfermedad grado estadio"
)
_EPONYM_BEFORE = word_set(
    "disease syndrome enfermedad sindrome signo signos sonda escala indice test prueba maniobra"
    " linfoma sarcoma tumor clasificacion criterios tincion cuerpos celulas fractura operacion"
    " tecnica fenomeno reflejo paralisis tiroiditis agujas drenaje trocar grado estadio"
)
_CHAIN = re.compile(
    r"(?:[ ]{1,2}|-|, (?=[A-Z]))"
    r"(?P<word>(?:(?:de|del|la|las|los|da|das|do|dos|di|du|van|von|der|den|ter|ten|bin|ibn|ben|al"
    r"|el|y|i|e)[ -]){0,3}[^\W\d_a-zß-öø-ÿ](?:[^\W\d_]+|\.|(?=[ ,])))"
)


@dataclass(frozen=True, slots=True)
class _Hit:
    """A match in a batch, in characters of the batch."""

    start: int
    end: int
    letters: str


class Gazetteers:
    """An automaton over the entries of some lists (Aho & Corasick, CACM 1975;18(6):333-340).

    Raises:
        Unavailable: the extra `deid` is not installed.
    """

    def __init__(self, lists: Lists) -> None:
        machine = library("ahocorasick_rs")
        self._letters = lists.letters
        entries: dict[str, str] = {}
        _add(entries, lists.entries["countries"], "C")
        for name in ("given_names_female", "given_names_male", "given_names"):
            _add(entries, lists.entries[name], "G")
        _add(entries, lists.entries["family_names"], "L")
        for name in ("towns", "provinces"):
            _add(entries, lists.entries[name], "T")
        _add(entries, lists.entries["hospitals"], "H")
        self._entries = list(entries)
        self._of = list(entries.values())
        self._machine = machine.AhoCorasick(
            self._entries, matchkind=machine.MatchKind.LeftmostLongest
        )

    def find(self, batch: Batch) -> list[tuple[int, IdentifierSpan]]:
        """What stands in the lists: the note, and the span in it, in no order."""
        text = unaccented(batch.text)
        return self._spans(batch, text, self._hits(text))

    def phrases(self, batch: Batch) -> list[tuple[int, int, int, str]]:
        """Every entry that stands in the notes, unjudged: note, start, end, letters."""
        return self._phrases(batch, self._hits(unaccented(batch.text)))

    def find_with_phrases(
        self, batch: Batch
    ) -> tuple[list[tuple[int, IdentifierSpan]], list[tuple[int, int, int, str]]]:
        """What `find` and `phrases` say, by one look at the notes."""
        text = unaccented(batch.text)
        hits = self._hits(text)
        return self._spans(batch, text, hits), self._phrases(batch, hits)

    def _spans(self, batch: Batch, text: str, hits: list[_Hit]) -> list[tuple[int, IdentifierSpan]]:
        out = []
        taken = 0
        for hit in hits:
            if hit.start < taken:
                continue
            found = self._judged(text, hit)
            if found is None:
                continue
            start, end, kind = found
            taken = end
            where = batch.place_of_characters(start, end)
            if where is not None:
                note, start, end = where
                span = IdentifierSpan(start=start, end=end, kind=kind, found_by="gazetteer")
                out.append((note, span))
        return out

    def _phrases(self, batch: Batch, hits: list[_Hit]) -> list[tuple[int, int, int, str]]:
        out = []
        for hit in hits:
            if (where := batch.place_of_characters(hit.start, hit.end)) is not None:
                out.append((*where, hit.letters))
        return out

    def _hits(self, text: str) -> list[_Hit]:
        hits = []
        for index, start, end in self._machine.find_matches_as_indexes(text):
            after = text[end] if end < len(text) else " "
            if after.isalnum() or (start and text[start - 1].isalnum()):
                continue
            hits.append(_Hit(start, end, self._of[index]))
        return hits

    def _judged(self, text: str, hit: _Hit) -> tuple[int, int, IdentifierKind] | None:
        if "H" in hit.letters:
            return hit.start, hit.end, IdentifierKind.ORGANISATION
        if _eponym(text, hit.start, hit.end):
            return None
        doubtful = self._doubtful(text[hit.start : hit.end])
        if set(hit.letters) & set("GL"):
            return self._name(text, hit, doubtful=doubtful)
        if "T" in hit.letters and not doubtful:
            return hit.start, hit.end, IdentifierKind.PLACE
        return None

    def _name(
        self, text: str, hit: _Hit, *, doubtful: bool
    ) -> tuple[int, int, IdentifierKind] | None:
        said, place = text[hit.start : hit.end], "T" in hit.letters
        end = _chained(text, hit.end, self._letters)
        if end > hit.end:
            sure = not doubtful or _known(text[hit.end : end], self._letters)
            return (hit.start, end, IdentifierKind.NAME) if sure else None
        if initial := _initial_before(text, hit.start):
            return initial, end, IdentifierKind.NAME
        if doubtful or len(said) < 3 or (said.isupper() and len(said) < 5):
            return None
        if place:
            return hit.start, end, IdentifierKind.PLACE
        sure = "G" in hit.letters or _title_case(said)
        return (hit.start, end, IdentifierKind.NAME) if sure else None

    def _doubtful(self, said: str) -> bool:
        return any(sign in "xo" for sign in self._letters.get(folded(said), ""))


def unaccented(text: str) -> str:
    """The text without accents, character for character, so that places stay the same.

    >>> unaccented("Núñez, Ærø")
    'Nunez, Ærø'
    """
    return text if text.isascii() else text.translate(_PLAIN)


class _Plain(dict[int, int]):
    """For each character the plain one, where one stands for one."""

    def __missing__(self, code: int) -> int:
        """Work it out once; half of a pair of surrogates is no character."""
        if 0xD800 <= code <= 0xDFFF:
            return 0xFFFD
        parts = unicodedata.normalize("NFKD", chr(code))
        rest = [sign for sign in parts if not unicodedata.combining(sign)]
        self[code] = ord(rest[0]) if len(rest) == 1 else code
        return self[code]


_PLAIN = _Plain()


@lru_cache(maxsize=65536)
def _forms(entry: str) -> tuple[str, ...]:
    plain = unaccented(entry)
    return (plain, plain.upper()) if len(plain) > 3 else (plain,)


def _add(entries: dict[str, str], more: Iterable[str], letter: str) -> None:
    for entry in more:
        if folded(entry) in _STOP or (letter in "GL" and "C" in entries.get(entry, "")):
            continue
        for form in _forms(entry):
            if form and (form[0].isupper() or " " in form) and letter not in entries.get(form, ""):
                entries[form] = entries.get(form, "") + letter


def _eponym(text: str, start: int, end: int) -> bool:
    after = re.match(r"(?:['’]s)?[ -]?(?:[^\W\d_]+[ -])?([^\W\d_]+)", text[end : end + 40])
    words = re.findall(r"[^\W\d_]+", folded(text[end : end + 40]))[:3] if after else []
    if words and words[0] == "s":
        words = words[1:]
    if words and (words[0] in _EPONYM_AFTER):
        return True
    before = re.findall(r"[^\W\d_]+", folded(text[max(0, start - 30) : start]))
    if len(before) > 1 and before[-1] in ("de", "of", "tipo") and before[-2] in _EPONYM_BEFORE:
        return True
    return bool(before) and before[-1] in _EPONYM_BEFORE


def _chained(text: str, end: int, letters: Mapping[str, str]) -> int:
    """Where the names that go on after this place end: at most four words more."""
    for _ in range(4):
        found = _CHAIN.match(text, end)
        if found is None:
            return end
        word = found["word"].split()[-1].rstrip(".")
        if len(word) > 1 and found[0].startswith(","):
            return end
        lists = letters.get(folded(word), "")
        listed = any(sign in "GFML" for sign in lists) or "-" in found[0]
        if len(word) > 1 and not listed and _stops(word, lists):
            return end
        end = found.end()
    return end


def _stops(word: str, lists: str) -> bool:
    return word.isupper() or "o" in lists or folded(word) in _EPONYM_AFTER or folded(word) in _STOP


_STOP = word_set(
    "is was has had the he she and or who with patient denies reports presents hospital clinic"
    " center centre department service servicio unidad mr mrs ms dr dra medical street avenue"
    " university md phd rn do paciente consulta hoy today en el la i we they"
)


def _known(text: str, letters: Mapping[str, str]) -> bool:
    words = re.findall(r"[^\W\d_]{2,}", text)
    found = [letters.get(folded(word), "") for word in words]
    return any(set(of) & set("FMGL") and "o" not in of and "x" not in of for of in found)


def _initial_before(text: str, start: int) -> int:
    """Where an initial such as `P. ` right before this place begins; 0 if there is none."""
    found = re.search(r"(?<![^\W_])[^\W\d_a-z]\. ?$", text[max(0, start - 4) : start])
    return start - (min(start, 4) - found.start()) if found else 0


def _title_case(said: str) -> bool:
    return said[0].isupper() and said[1:2].islower()
