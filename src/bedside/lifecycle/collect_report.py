"""What is counted while a source is collected, and the conversion report that it becomes."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from bedside.core.errors import Refused
from bedside.core.records.collection import Collection
from bedside.core.records.conversion import BadRecord, ConversionReport
from bedside.core.records.event import MERGED_INTO, TAKEN_BACK
from bedside.data.collect.versions import Decided

__all__ = ["Tally", "told_of"]

TOLD_CODES = 50  # of the codes and units that are not understood, the most frequent are told


@dataclass
class Tally:
    """What was counted so far."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    stamps: dict[str, Counter[str]] = field(default_factory=dict)
    subjects: set[int] = field(default_factory=set)
    decided: list[Decided] = field(default_factory=list)
    merges: int = 0
    copies: int = 0
    """Records that came more than once at the same time."""

    def read(self, told: bytes) -> list[dict[str, Any]]:
        """Count what a group of parts told; return its raw files."""
        found = json.loads(told)
        for name, counts in found["counts"].items():
            self.counts.setdefault(name, Counter()).update(counts)
        files: list[dict[str, Any]] = found["files"]
        return files

    def added(self, drafts: pl.DataFrame) -> None:
        """Count kept drafts."""
        self.subjects.update(drafts["subject_id"].unique())
        says = drafts.filter(pl.col("code").cast(pl.String) != TAKEN_BACK)
        self.merges += int((says["code"].cast(pl.String) == MERGED_INTO).sum())
        for kind, stamped, count in says.group_by("kind", "stamped").len().iter_rows():
            stamps = self.stamps.setdefault(str(kind), Counter())
            stamps["stamp" if stamped else "delay"] += int(count)

    def of(self, name: str) -> Counter[str]:
        """One of the counts."""
        return self.counts.get(name, Counter())

    def bear(self, source: Collection, unread: list[BadRecord], known: int) -> None:
        """Stop when too much is unreadable.

        Args:
            source: How much is borne.
            unread: Files that could not be read at all; they are met again each time.
            known: Records that were collected before.

        Raises:
            Refused: too much (code `too_many_bad`).
        """
        bad, rows = self.of("quarantined").total(), self.of("rows_in").total()
        self._bear(source, self.of("quarantined"), bad, rows)
        reasons = Counter(one.reason for one in unread)
        self._bear(source, reasons, len(unread), rows + bad + known)
        self.counts.setdefault("quarantined", Counter()).update(reasons)

    def _bear(self, source: Collection, reasons: Counter[str], bad: int, rows: int) -> None:
        every = rows + bad
        if bad > source.quarantine.at_most * every:
            told = ", ".join(f"{reason}: {count}" for reason, count in reasons.most_common(5))
            raise Refused(
                f"{bad:,} of {every:,} records are unreadable ({told}); the source bears "
                f"{source.quarantine.at_most:.2%}.",
                fix="ask for the files again, or raise quarantine: at_most: in the source.",
                code="too_many_bad",
            )

    def report(self, source: Collection, known: int) -> ConversionReport:
        """The report, with how many parts were known."""

        def sorted_counts(name: str) -> dict[str, int]:
            return dict(sorted(self.of(name).items()))

        told = self.of("told")
        stamps = sorted(self.stamps.items())
        return ConversionReport(
            name=source.name,
            format=source.format,
            files=told["files"],
            files_known=known,
            rows_in=sorted_counts("rows_in"),
            events_out={kind: counts.total() for kind, counts in stamps},
            subjects=len(self.subjects),
            already_here=self.copies + sum(one.already_here for one in self.decided),
            corrections=sum(one.corrections for one in self.decided),
            taken_back=sum(one.taken_back for one in self.decided),
            merges=self.merges,
            dropped=sorted_counts("dropped"),
            quarantined=sorted_counts("quarantined"),
            known_at={kind: dict(counts) for kind, counts in stamps},
            codes_mapped=told["codes_mapped"],
            codes_unknown=dict(self.of("codes_unknown").most_common(TOLD_CODES)),
            units_unknown=dict(self.of("units_unknown").most_common(TOLD_CODES)),
        )


def told_of(report: ConversionReport) -> dict[str, Any]:
    """What the ledger keeps of a report: counts by kind, and how many were none."""
    return {
        "format": report.format,
        "files": report.files,
        "rows_in": [list(pair) for pair in report.rows_in.items()],
        "events_out": [list(pair) for pair in report.events_out.items()],
        "already_here": report.already_here,
        "corrections": report.corrections,
        "taken_back": report.taken_back,
        "dropped": sum(report.dropped.values()),
        "quarantined": sum(report.quarantined.values()),
    }
