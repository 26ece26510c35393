"""What a site knows of its scanners: where each of them writes into its pictures."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydicom import Dataset

from bedside.core.errors import Invalid
from bedside.privacy.dicom.text_finder import Box

__all__ = ["SiteRegions"]

_COLUMNS = ("manufacturer", "model", "rows", "columns", "top", "left", "bottom", "right")
_Key = tuple[str, str, int, int]


@dataclass(frozen=True, slots=True)
class SiteRegions:
    """Boxes to blank, by manufacturer, model, rows and columns."""

    boxes: Mapping[_Key, tuple[Box, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> "SiteRegions":
        r"""From CSV with the columns manufacturer, model, rows, columns, top, left, bottom, right.

        A line without the last four says: this device writes nothing into pictures of that size.

        Raises:
            Invalid: a column is missing, or a line has no whole numbers (code `bad_regions`).

        >>> text = "manufacturer,model,rows,columns,top,left,bottom,right\nAcme,S1,8,9,0,0,2,9\n"
        >>> SiteRegions.read(text).boxes
        {('acme', 's1', 8, 9): (Box(top=0, left=0, bottom=2, right=9),)}
        """
        rows = csv.DictReader(io.StringIO(text))
        if rows.fieldnames is None or set(_COLUMNS) - set(rows.fieldnames):
            raise _bad(f"it needs the columns {', '.join(_COLUMNS)}")
        found: dict[_Key, tuple[Box, ...]] = {}
        for number, row in enumerate(rows, start=2):
            try:
                key = (
                    row["manufacturer"].strip().lower(),
                    row["model"].strip().lower(),
                    int(row["rows"]),
                    int(row["columns"]),
                )
                sides = [row[side] for side in _COLUMNS[4:]]
                box = (Box(*(int(side) for side in sides)),) if any(sides) else ()
            except (TypeError, ValueError, AttributeError):
                raise _bad(f"line {number} is not of whole numbers") from None
            if any(min(b.top, b.left) < 0 or b.bottom <= b.top or b.right <= b.left for b in box):
                raise _bad(f"line {number} is no rectangle")
            found[key] = found.get(key, ()) + box
        return cls(found)

    def of(self, dataset: Dataset) -> tuple[Box, ...] | None:
        """The boxes of the device that made an image; None: the site says nothing of it."""
        return self.boxes.get(
            (
                str(dataset.get("Manufacturer") or "").strip().lower(),
                str(dataset.get("ManufacturerModelName") or "").strip().lower(),
                int(dataset.get("Rows") or 0),
                int(dataset.get("Columns") or 0),
            )
        )


def _bad(what: str) -> Invalid:
    return Invalid(
        f"The file of known regions cannot be used: {what}.",
        fix="see 'Known regions' in docs/reference/deidentification.md.",
        code="bad_regions",
    )
