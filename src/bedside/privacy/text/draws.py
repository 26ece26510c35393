"""What a stand-in is drawn from: names of the same origin and gender, towns, letters and digits."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from random import Random

from bedside.privacy.text.lists import Lists
from bedside.privacy.text.tokens import folded

__all__ = ["Draw", "cased", "name_draw", "origin_by_name", "same_shape", "town_draw"]

Draw = Callable[[Random], str]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@lru_cache(maxsize=1)
def origins() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """By origin (`en`, `zh`) and sort (`female`, `male`, `family`), the names to draw from."""
    import yaml  # noqa: PLC0415

    file = resources.files("bedside.privacy.text") / "rules" / "origins.yaml"
    read = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {
        origin: {sort: tuple(str(names).split()) for sort, names in sorts.items()}
        for origin, sorts in read.items()
    }


@lru_cache(maxsize=1)
def origin_by_name() -> Mapping[str, str]:
    """The origin of each name in the lists of `origins`, folded."""
    known: dict[str, str] = {}
    for origin, sorts in origins().items():
        for names in sorts.values():
            for name in names:
                known.setdefault(folded(name), origin)
    return known


def origin_of(words: Sequence[str], otherwise: str) -> str:
    """Of which origin a name is, by the first word that is known; else as given."""
    known = origin_by_name()
    found = next((known[folded(word)] for word in words if folded(word) in known), otherwise)
    return found if found in origins() else "en"


def name_draw(word: str, origin: str, lists: Lists, avoid: Collection[str]) -> Draw:
    """Draws a name in place of one word of a name: of a woman, a man, or a family.

    Where the few of the origin are taken, any listed name is drawn, at last two that are joined.

    Args:
        word: The word it stands for.
        origin: As `origin_of` says.
        lists: They tell given names from family names.
        avoid: Folded words that it must not be: those of the note.
    """
    letters = lists.letters.get(folded(word), "")
    sorts = origins()[origin]
    if "F" in letters and "M" in letters:
        letters = letters.replace("M" if folded(word).endswith("a") else "F", "")
    if "F" in letters and "M" not in letters:
        pool, wide = sorts["female"], lists.entries["given_names_female"]
    elif "M" in letters and "F" not in letters:
        pool, wide = sorts["male"], lists.entries["given_names_male"]
    elif "G" in letters or ("F" in letters and "L" not in letters):
        pool, wide = (*sorts["female"], *sorts["male"]), lists.entries["given_names"]
    else:
        pool, wide = sorts["family"], lists.entries["family_names"]
    count = 0

    def draw(random: Random) -> str:
        nonlocal count
        while True:
            count += 1
            name = random.choice(pool if count < 100 else wide)
            if count > 500:
                name = f"{name}-{random.choice(wide)}"
            if not {folded(part) for part in name.split("-")} & set(avoid) or count > 5_000:
                return name

    return draw


def town_draw(lists: Lists, avoid: Collection[str]) -> Draw:
    """Draws the name of a town that is not in the note."""
    towns = lists.entries["towns"]

    def draw(random: Random) -> str:
        while True:
            town = random.choice(towns)
            if not any(folded(word) in avoid for word in town.split()):
                return town

    return draw


def same_shape(text: str) -> Draw:
    """Draws letters for letters and digits for digits; a first digit is not 0 unless it was."""

    def draw(random: Random) -> str:
        out = []
        for place, sign in enumerate(text):
            if sign.isdecimal():
                low = 1 if place == 0 and sign != "0" else 0
                out.append(str(random.randint(low, 9)))
            elif sign.isalpha():
                letter = random.choice(_LETTERS)
                out.append(letter.upper() if sign.isupper() else letter)
            else:
                out.append(sign)
        return "".join(out)

    return draw


def cased(word: str, like: str) -> str:
    """A word in capitals, with a capital, or in small letters, as another is.

    >>> cased("Herrera", "LOPEZ"), cased("Herrera", "lopez")
    ('HERRERA', 'herrera')
    """
    if len(like) > 1 and like.isupper():
        return word.upper()
    if like[:1].islower():
        return word.lower()
    return word[:1].upper() + word[1:]
