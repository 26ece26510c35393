"""What the labeller looks at: each token of a note as a row of named, plain properties.

A property is a text such as `w-1=calle`. Those of a word alone are the same wherever the word
stands, so they are made once for each word and kept (`word_properties`); those of its place (its
line, its field, what the other passes found, where else the word stands in the note) are made for
each token (`place_properties`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bedside.privacy.text.tokens import Token, folded, lines_of, tokens_of, word_set

__all__ = ["ALWAYS", "OFFSETS", "Line", "lines_with_properties", "word_properties"]

ALWAYS = "b"
"""The property of every token."""
OFFSETS = (-4, -3, -2, -1, 0, 1, 2, 3, 4)
_ENDS = {".", ":", ";"}
_BEFORE, _AFTER = "<s>", "</s>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a note with at least one token.

    Args:
        tokens: In order.
        common: The properties that all of its tokens have.
        places: For each token, the further properties of its place.
    """

    tokens: tuple[Token, ...]
    common: tuple[str, ...]
    places: tuple[tuple[str, ...], ...]


def word_properties(word: str, offset: int, lists: Mapping[str, str]) -> tuple[str, ...]:
    """The properties that a token has because this word stands `offset` tokens from it.

    Args:
        word: As it is written; `<s>` and `</s>` before and after a line.
        offset: From -4 to 4; 0 is the token itself.
        lists: For folded words, the letters of the lists that they stand in.

    >>> word_properties("Ana", -1, {"ana": "g"})
    ('w-1=ana', 's-1=Xx', 'l-1=g', 'x-1=ana')
    """
    plain = _evened(word)
    said = [f"w{offset}={plain}"]
    if abs(offset) > 3:
        return tuple(said)
    shape = _shape(word)
    if abs(offset) <= 2:
        said.append(f"s{offset}={shape}")
        if found := lists.get(folded(word)):
            said.append(f"l{offset}={found}")
    if abs(offset) == 1 and word.isalpha():
        said.append(f"x{offset}={plain[-3:]}")
    if offset == 0:
        said += _of_its_own(word, plain, shape, lists.get(folded(word), ""))
    return tuple(said)


def _of_its_own(word: str, plain: str, shape: str, found: str) -> list[str]:
    said = [ALWAYS, f"n={min(len(word), 12)}"]
    if word.isdigit():
        said.append(f"d={'big' if len(word) > 4 else len(word)}")
        if len(word) == 4 and word[:2] in ("19", "20"):
            said.append("year")
        elif len(word) <= 2:
            value = int(word)
            said.append("day" if 1 <= value <= 31 else "over")
            if 1 <= value <= 12:
                said.append("month")
    elif word.isalpha():
        for length in (1, 2, 3, 4):
            if len(plain) > length:
                said += [f"p{length}={plain[:length]}", f"f{length}={plain[-length:]}"]
        said.append(f"ls={found}|{shape}")
    return said


@lru_cache(maxsize=65536)
def _evened(word: str) -> str:
    if word.isdigit():
        return word if len(word) <= 2 else "#" * min(len(word), 10)
    return word.lower()


@lru_cache(maxsize=65536)
def _shape(word: str) -> str:
    if word.isdigit():
        return "9" * min(len(word), 10)
    if not word.isalpha():
        return word
    if word.islower():
        return "x"
    if word.isupper():
        return "X" if len(word) == 1 else "XX" if len(word) < 4 else "XXXX"
    return "Xx" if word[0].isupper() and word[1:].islower() else "xX"


def lines_with_properties(
    text: str, hits: Mapping[int, str], phrases: Mapping[int, str], lists: Mapping[str, str]
) -> list[Line]:
    """The lines of a note, each token with the properties of its place.

    Args:
        text: The note.
        hits: What the patterns found, by the place where a token starts: `B-date`, `I-date`.
        phrases: What stands in the lists, likewise: `B-T` begins the name of a town.
        lists: For folded words, the letters of the lists that they stand in.
    """
    divided = [tuple(tokens_of(text, start, end)) for start, end in lines_of(text)]
    divided = [tokens for tokens in divided if tokens]
    fields = [_fields(tokens) for tokens in divided]
    note = _Note(hits, phrases, _seen(divided, fields))
    heading = ""
    lines = []
    for row, tokens in enumerate(divided):
        around = _around(divided, fields, row, heading)
        if len(tokens) <= 6 and ":" not in {token.text for token in tokens}:
            heading = " ".join(token.text.lower() for token in tokens[:3])
        places = tuple(_places(tokens, fields[row], around, note, row))
        lines.append(Line(tokens=tokens, common=around, places=places))
    return lines


def _fields(tokens: Sequence[Token]) -> list[tuple[str, int]]:
    """For each token, the words before the latest colon, and how many tokens ago that was."""
    words: list[str] = []
    field, since = "", 99
    out = []
    for token in tokens:
        out.append((field, since))
        since += 1
        if token.text == ":":
            if words:
                field, since = " ".join(words[-2:]), 0
            words = []
        elif token.text in _ENDS:
            words = []
        elif token.text.isalpha():
            words.append(token.text.lower())
        else:
            words = []
    return out


def _seen(
    divided: Sequence[Sequence[Token]], fields: Sequence[Sequence[tuple[str, int]]]
) -> dict[str, list[tuple[int, str]]]:
    """For each capitalised word, the fields and lines in which it stands."""
    seen: dict[str, list[tuple[int, str]]] = {}
    for row, (tokens, said) in enumerate(zip(divided, fields, strict=True)):
        for token, (field, since) in zip(tokens, said, strict=True):
            word = token.text
            if len(word) > 2 and word[0].isupper() and word.isalpha():
                seen.setdefault(word.lower(), []).append((row, field if since < 9 else "-"))
    return seen


def _around(
    divided: Sequence[Sequence[Token]],
    fields: Sequence[Sequence[tuple[str, int]]],
    row: int,
    heading: str,
) -> tuple[str, ...]:
    count = len(divided)
    first = "|".join(token.text.lower() for token in divided[row][:2])
    before = fields[row - 1][-1][0] if row else _BEFORE
    after = divided[row + 1][0].text.lower() if row + 1 < count else _AFTER
    length = len(divided[row])
    said = "short" if length < 8 else "middling" if length < 30 else "long"
    from_end = count - 1 - row
    return (
        f"L1={first}",
        f"LP={before}",
        f"LN={after}",
        f"LL={said}",
        f"LE={min(from_end, 3)}",
        f"LR={min(row, 12)}",
        f"LH={heading}",
    )


@dataclass(frozen=True, slots=True)
class _Note:
    """What is the same for all tokens of a note."""

    hits: Mapping[int, str]
    phrases: Mapping[int, str]
    seen: Mapping[str, Sequence[tuple[int, str]]]


def _places(
    tokens: Sequence[Token],
    fields: Sequence[tuple[str, int]],
    around: tuple[str, ...],
    note: _Note,
    row: int,
) -> Iterator[tuple[str, ...]]:
    """The properties of the place of each token of a line."""
    words = [token.text for token in tokens]
    plains = [_BEFORE, _BEFORE, *map(_evened, words), _AFTER, _AFTER]
    shapes = ["", "", *map(_shape, words), "", ""]
    capitals = _capitals(words)
    triggers = _triggers(plains)
    starts = [token.start for token in tokens]
    hits, phrases = (
        [found.get(start, "") for start in starts] for found in (note.hits, note.phrases)
    )
    any_hit, any_phrase = any(hits), any(phrases)
    for at, word in enumerate(words):
        before2, before, plain, after, after2 = plains[at : at + 5]
        shape = shapes[at + 2]
        name, since = fields[at]
        said = [
            f"w-1w={before}|{plain}",
            f"ww1={plain}|{after}",
            f"w-2w-1={before2}|{before}",
            f"w1w2={after}|{after2}",
            f"w-1w1={before}|{after}",
            f"S={'|'.join(shapes[at : at + 5])}",
            f"F={name}",
            f"FS={name}|{min(since, 6)}",
            f"Fs={name}|{shape}",
            f"Fw={name}|{before}|{shape}",
            f"{around[3]}|{shape}|{min(at, 2)}",
            f"gap={int(at > 0 and tokens[at - 1].end == starts[at])}",
            f"C={capitals[at]}",
            *triggers[at],
            f"T|s={triggers[at][0]}|{shape}",
        ]
        if any_hit:
            _add_found(said, "H", hits, at, name)
        if any_phrase:
            _add_found(said, "G", phrases, at, name)
        if word[0].isupper() and (seen := note.seen.get(plain)):
            others = {of for line, of in seen if line != row}
            said += [f"E={where}" for where in sorted(others)[:4]]
        yield tuple(said)


def _add_found(said: list[str], letter: str, found: Sequence[str], at: int, field: str) -> None:
    if here := found[at]:
        said += [f"{letter}={here}", f"{letter}F={here}|{field}"]
    if at and (here := found[at - 1]):
        said.append(f"{letter}-1={here}")
    if at + 1 < len(found) and (here := found[at + 1]):
        said.append(f"{letter}1={here}")


def _capitals(words: Sequence[str]) -> list[str]:
    """How many words with a capital follow each other up to a token, and from it."""
    capital = [word[0].isupper() for word in words]
    up_to = _run_lengths(capital)
    from_here = reversed(_run_lengths(capital[::-1]))
    return [_RUNS[left][right] for left, right in zip(up_to, from_here, strict=True)]


def _run_lengths(flags: Sequence[bool]) -> list[int]:
    """How many are true in a row up to each place, at most five."""
    out, run = [], 0
    for flag in flags:
        run = (run + 1 if run < _LONGEST_RUN else run) if flag else 0
        out.append(run)
    return out


_LONGEST_RUN = 5
_RUNS = [[f"{left}{right}" for right in range(6)] for left in range(6)]


def _triggers(plains: Sequence[str]) -> list[tuple[str, str]]:
    """The last telling word before each token, the next one after, and how far they are."""
    count = len(plains) - 4
    before, last, since = [], "", 99
    for plain in plains[2 : count + 2]:
        before.append(f"TB={last}|{min(since, 9)}" if since < 12 else "TB=")
        since += 1
        if plain in _TELLING:
            last, since = plain, 0
    after: list[str] = []
    following, until = "", 99
    for plain in reversed(plains[2 : count + 2]):
        after.append(f"TA={following}|{until}" if until < 6 else "TA=")
        until += 1
        if plain in _TELLING:
            following, until = plain, 0
    return list(zip(before, reversed(after), strict=True))


_TELLING = word_set(
    "hospital clínica clinica centro complejo instituto universidad facultad fundación servicio"
    " departamento unidad sección escuela residencia laboratorio calle avenida avda paseo plaza"
    " carretera urb dr dra doctor doctora remitido médico madre padre padres hermano hermana"
    " hermanos hijo hija hijos familia familiares familiar abuelo abuela tío tía primo esposa"
    " esposo marido mujer varón paciente niño niña edad hace durante desde hasta año enfermedad"
    " síndrome tel teléfono tfno fax email mail correo clinic center centre institute university"
    " school college department ward street road avenue mother father brother sister son daughter"
    " wife husband aunt uncle family patient age aged male female mr mrs ms miss doctor nurse"
    " phone mobile address lives from works company name born trabaja trabajador profesión"
)
