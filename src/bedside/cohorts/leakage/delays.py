"""Laboratory codes whose results seem to have been seen the moment the specimen was taken."""

import re

import polars as pl

from bedside.cohorts.leakage.inputs import ENOUGH_EVENTS, AuditInputs, Result
from bedside.core.clock import parse_duration
from bedside.core.records.leakage import DELAY_HOURS, Checked, CodeDelays, Finding

__all__ = ["Delays"]

_LABORATORY = re.compile(r"\S*/(?:[dcmunpf]|da)?L|mmol/mol|\[?pH\]?")
"""Units per volume, which only a laboratory gives."""

OTHERS = 2
"""So many other laboratory codes must have a delay before one without is odd."""


class Delays:
    """How long after it happened each event of a feature's code could first be seen.

    A code in a laboratory's unit without any delay is odd when most others have one; a code whose
    declared `visible_after` its events do not keep is odd by itself.
    """

    def __init__(self, inputs: AuditInputs) -> None:
        self._inputs = inputs
        self._codes = list(inputs.feature_codes)
        self._counts: list[pl.DataFrame] = []

    def see(self, events: pl.DataFrame, rows: pl.DataFrame) -> None:
        """Count the delays of one shard."""
        dated = events.filter(pl.col("time").is_not_null() & pl.col("code").is_in(self._codes))
        hours = (pl.col("known_at") - pl.col("time")).dt.total_seconds(fractional=True) / 3600
        band = pl.lit(0, dtype=pl.Int32)
        for edge in DELAY_HOURS:
            band = band + (hours > edge).cast(pl.Int32)
        self._counts.append(
            dated.select("code", pl.col("unit").cast(pl.String), band=band)
            .group_by("code", "unit", "band")
            .len()
        )

    def delays(self) -> tuple[CodeDelays, ...]:
        """By code, the one with the most events first: how many events had which delay."""
        told = self._bands()
        bands = [f"band{number}" for number in range(len(DELAY_HOURS) + 1)]
        return tuple(
            CodeDelays(code=row["code"], counts=tuple(row[band] for band in bands))
            for row in told.sort("events", "code", descending=[True, False]).iter_rows(named=True)
        )

    def result(self) -> Result:
        """The codes whose delay is missing."""
        told = self._bands().filter(pl.col("events") >= ENOUGH_EVENTS).sort("code")
        declared = {
            code: parse_duration(signal.delay).total_seconds() > 0
            for signal in self._inputs.declaration.signals.values()
            for code in signal.codes
        }
        rows = list(told.iter_rows(named=True))
        laboratory = {row["code"]: row for row in rows if _is_laboratory(row["code"], row["unit"])}
        delayed = {code for code, row in laboratory.items() if 2 * row["band0"] <= row["events"]}
        findings = []
        for row in rows:
            code = row["code"]
            others = [other for other in laboratory if other != code]
            late = [other for other in others if other in delayed]
            odd = code in laboratory and len(late) >= max(OTHERS, len(others) / 2)
            if row["band0"] == row["events"] and (odd or declared.get(code, False)):
                findings.append(self._finding(code, row, len(late), declared.get(code, False)))
        looked = Checked(
            detector="delays",
            what="laboratory codes, whose events could be seen only some time after they happened "
            "(or none of which has a delay, so that none is odd)",
            number=len(laboratory),
            kinds=("no_delay",),
        )
        return Result(findings=tuple(findings), checked=(looked,))

    def _finding(self, code: str, row: dict[str, int], late: int, declared: bool) -> Finding:
        return Finding(
            name=f"no_delay:{code}",
            kind="no_delay",
            text=f"Every event of '{code}' is known at the moment it happened, although "
            + (
                "the declaration says that it is visible later."
                if declared
                else f"it is a laboratory result and {late} other laboratory codes have a delay: "
                "the model may see results before anyone could."
            ),
            fix="declare when it could first be seen (known_at of the source, visible_after of a "
            "table), or acknowledge that it is seen at once, as from a sensor.",
            severity="warning",
            features=self._inputs.features_of(code),
            evidence={"events": float(row["events"]), "laboratory_codes_with_delay": float(late)},
        )

    def _bands(self) -> pl.DataFrame:
        """One row for each code: events, the unit of most of them, and a count for each band."""
        schema = {"code": pl.String, "unit": pl.String, "band": pl.Int32, "len": pl.UInt32}
        counts = pl.concat([pl.DataFrame(schema=schema), *self._counts])
        return counts.group_by("code").agg(
            pl.col("len").sum().cast(pl.Int64).alias("events"),
            pl.col("unit").sort_by("len", "unit").last().alias("unit"),
            *(
                pl.col("len").filter(pl.col("band") == number).sum().cast(pl.Int64).alias(
                    f"band{number}"
                )
                for number in range(len(DELAY_HOURS) + 1)
            ),
        )  # fmt: skip


def _is_laboratory(code: str, unit: str | None) -> bool:
    """Whether the unit is a laboratory's; a MEDS code may end with it."""
    return _LABORATORY.fullmatch(unit or code.rpartition("//")[2]) is not None
