"""Made-up charts: notes of ACI-BENCH with the identifiers of invented patients written into them.

    python tools/deid_charts.py path/to/notes-aci-bench [seed]

prints, by the origin of the names and by how they are written, how many of what is known of a
patient the known-identifier pass finds, with Clopper-Pearson intervals, and how many words it takes
that are none. The names are invented here and are in none of the product's lists of stand-ins.
"""

import csv
import gzip
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

from bedside.privacy.text.known import KnownIdentifiers, find_known
from bedside.privacy.text.scores import Share
from bedside.privacy.text.tokens import tokens_of

ORIGINS: dict[str, tuple[str, str]] = {
    "English": (
        "Gordon Winifred Maxwell Harriet Percival Rosalind Will Grace",
        "Ashworth Blackwood Thistlethwaite Young Pritchard Fairweather Kirkpatrick Lee",
    ),
    "Spanish": (
        "Bartolomé Macarena Íñigo Rocío Fermín Guadalupe Nicanor Begoña",
        "Muñoz Villaescusa|Garrigós Etxeberria|de la Peña|Cañizares Úbeda|Sanchís",
    ),
    "Chinese": (
        "Xiaoming Wei|Li Yuchen Zhihao Meiling Jia-Hui An",
        "Ouyang Xu Zhuang Li Hsieh Ng Cheung Szeto",
    ),
    "Arabic": (
        "Abdulrahman Khaled Nawal Mu'adh Sumayyah Ziad Hafsa Yahya",
        "al-Zahrani|El Sayed|bin Laith|Abu Khalil|Benkirane Al-Masri Hijazi Shamoun",
    ),
    "Indian": (
        "Venkataraman Jaspreet Thirumalai Debjani Om Saraswati Harpreet Iqbal",
        "Ramanathan Chattopadhyay Bhattacharjee Gill Vaidyanathan Kulkarni Dhillon Rai",
    ),
    "Dutch": (
        "Jan|Cornelis Willemijn Joost Machteld Sjors Geertje Roelof Fenna",
        "van der Berg|de Vries|van 't Hof|ter Horst|van Leeuwen|Dijksterhuis|van den Heuvel"
        "|de Jong",
    ),
    "hyphenated": (
        "Anne-Marie Jean-Luc Mary-Jane Karl-Heinz Lily-Rose Hans-Peter Marie-Claire Jo-Ann",
        "Smith-Jones García-Pelayo Lloyd-Webber Bonham-Carter Müller-Lüdenscheidt Day-Lewis"
        " Martin-Smythe Parker-Bowles",
    ),
    "non-ASCII": (
        "Jiří Åse Łukasz Þórunn Øyvind Gülşen Ștefan Zoë",
        "Dvořák Bjørkås Żółkiewski Guðmundsdóttir Sørensen Yıldırım Țepeș Brontë",
    ),
}
_SENTENCES = (
    "{} was seen today.", "I spoke with {} about the results.", "Patient: {}",
    "We will call {} tomorrow.", "According to {}, the pain is better.", "{} agrees with the plan.",
    "Thank you for referring {}.", "{}'s wound is clean.",
)  # fmt: skip
BEYOND = ("in small letters", "two letters wrong")
"""Forms that the pass does not promise to find: the record's other forms and the labeller must."""
_OTHERS = ("date", "number", "phone", "address")
_MONTHS = "January February March April May June July August September October November December"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """What was written into a note, how, and where."""

    form: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A note, what the record knows of its patient, and where that stands in it."""

    origin: str
    text: str
    known: KnownIdentifiers
    plants: tuple[Plant, ...]


def carriers(folder: Path) -> list[str]:
    """The notes of ACI-BENCH."""
    notes = []
    for part in ("train", "valid"):
        with gzip.open(folder / f"{part}.csv.gz", "rt", encoding="utf-8", newline="") as file:
            notes += [row["note"] for row in csv.DictReader(file)]
    return notes


def charts(notes: Sequence[str], seed: int = 1) -> Iterator[Chart]:
    """For each note and each origin of names, one chart."""
    random = Random(seed)  # noqa: S311
    for note in notes:
        for origin in ORIGINS:
            yield _chart(note, origin, random)


def _chart(note: str, origin: str, random: Random) -> Chart:
    givens, families = (_names(names) for names in ORIGINS[origin])
    given, family = random.choice(givens), random.choice(families)
    born = date(1925, 1, 1) + timedelta(days=random.randrange(30_000))
    number = str(random.randrange(10**7, 10**8))
    area, exchange = random.randrange(201, 990), random.randrange(200, 999)
    phone = f"+1 {area} {exchange} {random.randrange(1000, 9999)}"
    street = (
        f"{random.randrange(1, 999)} {random.choice(('Larkspur', 'Wexford', 'Tamarack'))} Street"
    )
    known = KnownIdentifiers(
        names=(f"{given} {family}",), dates=(born,), record_numbers=(number,), phones=(phone,),
        addresses=(street,),
    )  # fmt: skip
    said = [*_spellings(given, family, random), *_others(born, number, phone, street, random)]
    return _planted(note, origin, known, said, random)


def _names(names: str) -> list[str]:
    """The names of a list: between bars where one has several words, else between spaces."""
    out: list[str] = []
    for part in names.split("|"):
        words = part.split(" ")
        joined = len(words) > 1 and (words[0].islower() or words[0] in ("El", "Abu"))
        out += [part] if joined else words
    return [name for name in out if name]


def _spellings(given: str, family: str, random: Random) -> list[tuple[str, str]]:
    plain = _plain(f"{given} {family}")
    said = [
        ("in full", f"{given} {family}"),
        ("turned round", f"{family}, {given}"),
        ("with a title", f"Mr. | {family}"),
        ("family alone", family),
        ("given alone", given),
        ("in capitals", f"{given} {family}".upper()),
        ("without accents", plain),
        ("initial", f"{given[0]}. {family}"),
        ("initials alone", f"{given[0]}.{_core(family)[0].upper()}."),
        ("without hyphens", f"{given} {family}".replace("-", " ")),
    ]
    if len(_core(family)) >= 5:
        said.append(("a letter wrong", f"{given} {_misspelt(family, random)}"))
    if len(_core(family)) >= 6 and _core(family).isalpha():
        said.append(("a letter wrong, alone", _misspelt(family, random)))
        twice = _misspelt(_misspelt(family, random), random)
        said.append(("two letters wrong", f"{given} {twice}"))
    return [*said, ("in small letters", f"{given} {family}".lower())]


def _others(
    born: date, number: str, phone: str, street: str, random: Random
) -> list[tuple[str, str]]:
    month = _MONTHS.split()[born.month - 1]
    dates = (
        f"{born:%m/%d/%Y}", f"{born.day} {month} {born.year}", f"{month} {born.day}, {born.year}",
        f"{born.isoformat()}", f"{born.day}-{month[:3]}-{born:%y}", f"{born:%d.%m.%Y}",
    )  # fmt: skip
    digits = "".join(sign for sign in phone if sign.isdigit())[1:]
    phones = (
        f"({digits[:3]}) {digits[3:6]}-{digits[6:]}",
        digits,
        ".".join((digits[:3], digits[3:6], digits[6:])),
    )
    return [
        ("date", random.choice(dates)),
        (
            "number",
            random.choice((number, f"{number[:4]} {number[4:]}", f"{number[:2]}-{number[2:]}")),
        ),
        ("phone", random.choice(phones)),
        ("address", random.choice((street, street.upper(), street.replace("Street", "St")))),
    ]


def _planted(
    note: str, origin: str, known: KnownIdentifiers, said: Sequence[tuple[str, str]], random: Random
) -> Chart:
    lines = note.split("\n")
    chosen = sorted(random.sample(range(len(lines) + 1), min(len(said), len(lines))))
    placed = dict(zip(chosen, random.sample(list(said), len(chosen)), strict=True))
    out, plants, at = [], [], 0
    for number in range(len(lines) + 1):
        if number in placed:
            form, words = placed[number]
            before, _, after = random.choice(_SENTENCES).partition("{}")
            title, bar, name = words.partition(" | ")
            before, words = (f"{before}{title} ", name) if bar else (before, words)
            plants.append(Plant(form=form, start=at + len(before), end=at + len(before + words)))
            out.append(before + words + after)
            at += len(out[-1]) + 1
        if number < len(lines):
            out.append(lines[number])
            at += len(out[-1]) + 1
    return Chart(origin=origin, text="\n".join(out), known=known, plants=tuple(plants))


def _misspelt(name: str, random: Random) -> str:
    """The name with one letter left out, doubled, changed, or two that changed places."""
    core = _core(name)
    start = name.index(core)
    at = start + random.randrange(1, len(core) - 1)
    ways = (
        name[:at] + name[at + 1 :],
        name[:at] + name[at] + name[at:],
        name[:at] + random.choice("aeiorstn") + name[at + 1 :],
        name[:at] + name[at + 1] + name[at] + name[at + 2 :],
    )
    return random.choice(ways)


def _core(name: str) -> str:
    """The longest run of letters of a name that begins with a capital."""
    runs = [token.text for token in tokens_of(name) if token.text[0].isupper()]
    return max(runs, key=len)


def _plain(name: str) -> str:
    apart = unicodedata.normalize("NFKD", name)
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def measure(made: Iterator[Chart]) -> tuple[dict[str, Counter[str]], Counter[str], int, int]:
    """By origin and by form how many were planted and found; words, and words wrongly taken."""
    planted: dict[str, Counter[str]] = {"planted": Counter(), "found": Counter()}
    missed: Counter[str] = Counter()
    words = wrong = 0
    for chart in made:
        taken = bytearray(len(chart.text))
        for span in find_known(chart.text, chart.known):
            taken[span.start : span.end] = b"\x01" * (span.end - span.start)
        own = bytearray(len(chart.text))
        for plant in chart.plants:
            own[plant.start : plant.end] = b"\x01" * (plant.end - plant.start)
            signs = [at for at in range(plant.start, plant.end) if chart.text[at].isalnum()]
            found = all(taken[at] for at in signs)
            names = plant.form not in (*_OTHERS, *BEYOND)
            for key in (plant.form, f"names: {chart.origin}") if names else (plant.form,):
                planted["planted"][key] += 1
                planted["found"][key] += found
            missed[f"{chart.origin}: {plant.form}"] += not found
        for token in tokens_of(chart.text):
            words += 1
            wrong += bool(taken[token.start]) and not own[token.start] and token.text.isalnum()
    return planted, missed, words, wrong


def main(folder: str, seed: int) -> None:
    """Print the figures."""
    planted, missed, words, wrong = measure(charts(carriers(Path(folder)), seed))
    for key, count in sorted(planted["planted"].items()):
        _print(key, planted["found"][key], count)
    names = [key for key in planted["planted"] if key.startswith("names: ")]
    found, of = (sum(planted[what][key] for key in names) for what in ("found", "planted"))
    _print("all names", found, of)
    print(f"wrongly taken: {1000 * wrong / words:.2f} of 1,000 words ({wrong} of {words})")
    for key, count in missed.most_common(12):
        if count:
            print(f"  missed {count:>4}  {key}")


def _print(key: str, hits: int, of: int) -> None:
    share = Share(hits=hits, of=of)
    low, high = share.interval()
    note = "  (not promised)" if key in BEYOND else ""
    print(f"{key:<28} {hits:>6} of {of:>6}  {share.value:.4f} ({low:.4f} to {high:.4f}){note}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)
