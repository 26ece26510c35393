"""Postal codes of the United States, down to their first three digits.

`zip3_census2000.csv` lists the areas of three digits with 20,000 people or fewer in the Census of
2000 (HHS guidance on de-identification of 26 November 2012). HHS asks for the current
figures: `tools/restricted_zip3.py` makes the list of a later census from its table of ZCTAs.
"""

import csv
from functools import cache
from importlib.resources import files

import polars as pl

__all__ = ["RESTRICTED_AS_OF", "restricted_zip3", "zip3", "zip3_of"]

RESTRICTED_AS_OF = "Census 2000"
"""Which census the list is of."""

HIDDEN = "000"
_ZIP = r"^\s*(\d{3})(?:\d{2}(?:-?\d{4})?)?\s*$"


@cache
def restricted_zip3() -> frozenset[str]:
    """The areas of three digits in which 20,000 people live, or fewer."""
    text = files("bedside.privacy").joinpath("zip3_census2000.csv").read_text("utf-8")
    return frozenset(row["zip3"] for row in csv.DictReader(text.splitlines()))


def zip3_of(postcode: pl.Expr) -> pl.Expr:
    """The first three digits of a column of ZIP codes; null where one is no ZIP code.

    A code of another country goes whole: no table says how many people live there.
    """
    found = postcode.str.extract(_ZIP)
    return pl.when(found.is_in(sorted(restricted_zip3()))).then(pl.lit(HIDDEN)).otherwise(found)


def zip3(postcode: str) -> str | None:
    """The first three digits of a ZIP code, `000` where few live, None for no ZIP code.

    >>> zip3("02139-4307"), zip3("03601"), zip3("EC1A 1BB")
    ('021', '000', None)
    """
    told = pl.select(zip3_of(pl.lit(postcode))).item()
    return None if told is None else str(told)
