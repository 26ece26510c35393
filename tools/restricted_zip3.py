"""Make the list of ZIP3 areas with 20,000 people or fewer from a census table of ZCTAs.

    python tools/restricted_zip3.py TABLE.csv > src/bedside/privacy/zip3_census2020.csv

The table is the Census Bureau's DECENNIALDHC2020.P1 by ZIP Code Tabulation Area (or any CSV with a
column of five digits, with or without `ZCTA5 ` or `8600000US` before it, and one of counts). A ZIP3
area is every ZCTA with the same first three digits: 45 CFR 164.514(b)(2)(i)(B) forbids those with
20,000 people or fewer.
"""

import argparse
import csv
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

AT_MOST = 20_000
_ZCTA = re.compile(r"(?:^|ZCTA5 |US)(\d{5})$")
_COUNT = re.compile(r"\d[\d,]*")


def restricted(rows: Iterable[Sequence[str]]) -> list[str]:
    """The ZIP3 areas with 20,000 people or fewer, in order.

    Args:
        rows: In each, the first cell that is a ZCTA, and the last that is a whole number.
    """
    people: Counter[str] = Counter()
    for row in rows:
        areas = [found[1] for cell in row if (found := _ZCTA.search(cell.strip()))]
        counts = [cell for cell in row[1:] if _COUNT.fullmatch(cell.strip())]
        if areas and counts:
            people[areas[0][:3]] += int(counts[-1].replace(",", ""))
    return sorted(area for area, count in people.items() if count <= AT_MOST)


def main() -> None:
    """Read the table that is named, and print the list."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("table", type=argparse.FileType("r", encoding="utf-8-sig"))
    areas = restricted(csv.reader(parser.parse_args().table))
    if not areas:
        sys.exit("No ZIP3 area with 20,000 people or fewer was found: is this a table of ZCTAs?")
    print("\n".join(["zip3", *areas]))


if __name__ == "__main__":
    main()
