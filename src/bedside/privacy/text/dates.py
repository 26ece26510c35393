"""A date as it is written in a note: read, in part too, and written again in the same spelling."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

__all__ = ["WrittenDate", "dates_in", "read_date"]

_MONTHS = {
    "en": "january february march april may june july august september october november december",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre"
    " diciembre",
}
_NUMBERED: dict[str, tuple[str, int]] = {}
for _language, _names in _MONTHS.items():
    for _place, _name in enumerate(_names.split(), start=1):
        _NUMBERED[_name] = (_language, _place)
        _NUMBERED.setdefault(_name[:3], (_language, _place))
        _NUMBERED.setdefault(_name[:4], (_language, _place))
_NUMBERED["setiembre"] = ("es", 9)
_WEEKDAYS = {
    "en": ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
}
_NAME = "|".join(sorted(_NUMBERED, key=len, reverse=True))
_ORDINAL = r"(?:st|nd|rd|th|º|°)?"
_FORMS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?P<y>[12]\d{3})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})",
        r"(?P<a>\d{1,2}) ?(?P<s>[-/.]) ?(?P<b>\d{1,2}) ?(?P=s) ?'?(?P<y>[12]\d{3}|\d{2})",
        r"(?P<y>[12]\d{3})(?P<m>\d{2})(?P<d>\d{2})",
        rf"(?P<d>\d{{1,2}}){_ORDINAL}(?:[ -]{{1,2}}(?:of |de )?)(?P<n>{_NAME})\b\.?"
        r"(?:[,/ -]{1,2}(?:del año |de |del |of )?(?P<y>[12]\d{3}|'?\d{2}(?!\d)))?",
        rf"(?P<n>{_NAME})\b\.?,? ?(?P<d>\d{{1,2}}){_ORDINAL}(?!\d)"
        r"(?:,? ?(?:of |de |del )?(?P<y>[12]\d{3}))?",
        rf"(?P<n>{_NAME})\b\.?(?:,? ?(?:del año |de |del |of )?|[ /-])(?P<y>[12]\d{{3}}|'\d{{2}})",
        rf"(?P<n>{_NAME})[/-](?P<y>\d{{2}})",
        r"(?P<m>\d{1,2})[-/](?P<y>[12]\d{3})",
        r"(?P<a>\d{1,2})[/.](?P<b>\d{1,2})",
        rf"(?P<n>{_NAME})",
        r"(?P<y>1[89]\d{2}|20\d{2})",
    )
]
_ANY = re.compile(
    r"(?<![^\W_])(?:" + "|".join(re.sub(r"\(\?P<\w>", "(?:", f.pattern).replace("(?P=s)", "[-/.]")
                                for f in _FORMS[:9]) + r")(?![^\W_])",
    re.IGNORECASE,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDate:
    """What a stretch of text says of a date, and where in it.

    Args:
        text: The stretch.
        year: Or None where none is written.
        month: From 1 to 12, or None.
        day: Or None.
        places: For `y`, `m`, `d` and `n` (the month's name) where each stands in `text`.
    """

    text: str
    year: int | None
    month: int | None
    day: int | None
    places: tuple[tuple[str, int, int], ...]

    def agrees(self, other: date) -> bool:
        """Whether it may be the date: what is written is the same; a year alone says nothing."""
        spots = {name: end - start for name, start, end in self.places}
        year = self.year
        if year is not None and spots["y"] < 4:
            year = other.year - other.year % 100 + year % 100
        parts = ((year, other.year), (self.month, other.month), (self.day, other.day))
        said = [(mine, its) for mine, its in parts if mine is not None]
        return len(said) > 1 and all(mine == its for mine, its in said)

    def moved(self, days: int, year: int) -> str:
        """The date some days later, in the same spelling.

        Args:
            days: May be negative. A date without a day moves by months: the middle of it is moved.
            year: To reckon with, where none is written.
        """
        month, day = self.month or 7, self.day or 15
        start = _date(self.year or year, month, day)
        return self._written(start + timedelta(days=days))

    def _written(self, new: date) -> str:
        out, at = [], 0
        for what, start, end in sorted(self.places, key=lambda place: place[1]):
            out.append(self.text[at:start])
            out.append(_part(what, self.text[start:end], new))
            at = end
        out.append(self.text[at:])
        return _with_weekday("".join(out), new)


def read_date(text: str, *, day_first: bool) -> WrittenDate | None:
    """What a stretch of text says of a date; None if it is written in no known way.

    Args:
        text: The stretch that a finder took for a date.
        day_first: How 3/4 is read: in Spanish, and in the United Kingdom, as the third of April.

    >>> read_date("March 3rd, 2010", day_first=False).moved(7, 2010)
    'March 10th, 2010'
    >>> read_date("28-feb-12", day_first=True).moved(7, 2012)
    '06-mar-12'
    """
    for form in _FORMS:
        found = form.search(text)
        if found is None:
            continue
        written = _written(found, day_first=day_first)
        if written is not None:
            return written
    return None


def dates_in(text: str) -> list[tuple[int, int]]:
    """Where something may be a date, in whole or in part; plain numbers are none."""
    return [found.span() for found in _ANY.finditer(text)]


def _written(found: re.Match[str], *, day_first: bool) -> WrittenDate | None:
    groups = found.groupdict()
    places = {name: found.span(name) for name, said in groups.items() if said and name != "s"}
    if "a" in places:
        first, second = int(groups["a"]), int(groups["b"])
        ordered = day_first if max(first, second) <= 12 else first > 12
        places["d"], places["m"] = (
            (places.pop("a"), places.pop("b")) if ordered else (places.pop("b"), places.pop("a"))
        )
    numbers = {name: int(re.sub(r"\D", "", found.string[s:e]) or 0)
               for name, (s, e) in places.items() if name != "n"}  # fmt: skip
    month = numbers.get("m")
    if "n" in places:
        month = _NUMBERED[groups["n"].lower()][1]
    year, day = numbers.get("y"), numbers.get("d")
    if year is not None and year < 100:
        year += 1900 if year > 30 else 2000
    if not (month is None or 1 <= month <= 12) or not (day is None or 1 <= day <= 31):
        return None
    spots = tuple((name, *place) for name, place in places.items())
    return WrittenDate(text=found.string, year=year, month=month, day=day, places=spots)


def _part(what: str, old: str, new: date) -> str:
    if what == "n":
        return _month(old, new.month)
    number = {"y": new.year, "m": new.month, "d": new.day}[what]
    if what == "y" and len(old.lstrip("'")) == 2:
        return ("'" if old.startswith("'") else "") + f"{number % 100:02d}"
    padded = len(old) > 1 and (old[0] == "0" or int(old) > 9)
    return f"{number:02d}" if padded and what != "y" else str(number)


def _month(old: str, month: int) -> str:
    language, _ = _NUMBERED[old.lower()]
    name = _MONTHS[language].split()[month - 1]
    if len(old) <= 4 and old.lower() not in _MONTHS[language].split():
        name = name[: len(old)]
    return name.upper() if old.isupper() else name.capitalize() if old[0].isupper() else name


def _with_weekday(text: str, new: date) -> str:
    for names in _WEEKDAYS.values():
        for name in names:
            found = re.match(rf"{name}\b", text, re.IGNORECASE)
            if found:
                said = names[new.weekday()]
                said = said.capitalize() if text[0].isupper() else said
                return said + text[found.end() :]
    return _ordinal(text, new)


def _ordinal(text: str, new: date) -> str:
    ends = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
    said = ends.get(new.day, "th")
    return re.sub(rf"(?<!\d)({new.day:02d}|{new.day})(?:st|nd|rd|th)\b", rf"\g<1>{said}", text)


def _date(year: int, month: int, day: int) -> date:
    for last in (day, 30, 29, 28):
        try:
            return date(year, month, last)
        except ValueError:
            continue
    return date(2000, month, 1)
