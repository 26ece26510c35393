"""The built-in table of common codes: canonical unit, plausible range, and where it is from."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from bedside.core.records.quality import Range

__all__ = ["KnownCode", "known_codes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCode:
    """A code of the built-in table; `valence` is the charge of an ion."""

    code: str
    name: str
    group: str
    valence: int | None
    range: Range


@cache
def known_codes() -> dict[str, KnownCode]:
    """The table `plausible_ranges.csv`, by code.

    >>> known_codes()["LOINC//2823-3"].range.high
    15.0
    """
    path = files("bedside.data.prepare").joinpath("plausible_ranges.csv")
    lines = [
        line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    return {
        row["code"]: KnownCode(
            code=row["code"],
            name=row["name"],
            group=row["group"],
            valence=int(row["valence"]) if row["valence"] else None,
            range=Range(
                low=float(row["low"]),
                high=float(row["high"]),
                unit=row["unit"],
                source=row["source"],
            ),
        )
        for row in csv.DictReader(lines)
    }
