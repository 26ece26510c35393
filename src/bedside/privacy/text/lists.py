"""The lists of names and places: those that come with the product, and what a hospital adds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path

from bedside.core.errors import Invalid, NotFound
from bedside.privacy.text.tokens import folded

__all__ = ["Lists", "bundled_lists", "lists_with"]

_FILES = {
    "given_names_female": "F",
    "given_names_male": "M",
    "given_names": "G",
    "family_names": "L",
    "towns": "T",
    "countries": "C",
    "provinces": "P",
    "hospitals": "H",
    "clinical_words": "x",
    "ordinary_words": "o",
}
_LONGEST = 200
_MOST = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """Entries by list, and for each folded word the letters of the lists that it stands in.

    Args:
        entries: By name of the list, as they are written.
        letters: F, M, G: a given name (of women, of men, of anyone); L: a family name; T, C, P: a
            part of a town, a country, a province; H: of a hospital; x: a word of medicine too; o:
            an ordinary word too.
    """

    entries: Mapping[str, tuple[str, ...]]
    letters: Mapping[str, str] = field(repr=False)


@lru_cache(maxsize=1)
def bundled_lists() -> Lists:
    """The lists that come with the product; their licences are in `lists/README.md`."""
    folder = resources.files("bedside.privacy.text") / "lists"
    return _made(
        {name: _entries((folder / f"{name}.txt").read_text(encoding="utf-8")) for name in _FILES}
    )


def lists_with(folder: Path) -> Lists:
    """The bundled lists and what the files of the same names in a folder add to them.

    Raises:
        NotFound: the folder holds none of them.
        Invalid: a file is not UTF-8, or no list.
    """
    known = dict(bundled_lists().entries)
    added = [name for name in _FILES if (folder / f"{name}.txt").is_file()]
    if not added:
        raise NotFound(
            "The folder holds no list.", fix=f"name its files {', '.join(_FILES)}, each .txt."
        )
    for name in added:
        try:
            text = (folder / f"{name}.txt").read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise Invalid(
                f"The list '{name}' is not UTF-8.", fix="convert the file to UTF-8."
            ) from None
        known[name] = (*known[name], *_entries(text))
    return _made(known)


def _entries(text: str) -> tuple[str, ...]:
    lines = [line.strip() for line in text.split("\n")]
    kept = tuple(line for line in lines if line and not line.startswith("#"))
    if len(kept) > _MOST or any(len(line) > _LONGEST for line in kept):
        raise Invalid(
            "A list has entries of more than 200 characters, or more than two million.",
            fix="write one name a line.",
        )
    return kept


def _made(entries: Mapping[str, tuple[str, ...]]) -> Lists:
    letters: dict[str, str] = {}
    for name, letter in _FILES.items():
        for entry in entries.get(name, ()):
            for word in folded(entry).replace("-", " ").split():
                if len(word) > 1 and letter not in letters.get(word, ""):
                    letters[word] = letters.get(word, "") + letter
    return Lists(entries=entries, letters=letters)
