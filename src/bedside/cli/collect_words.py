"""What `bedside data collect` tells: the conversion report, in words and as JSON."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedside.lifecycle.collect import Collected
    from bedside.lifecycle.quality import Judged
    from bedside.lifecycle.quarantine import Quarantine

__all__ = [
    "collected_json",
    "collected_words",
    "quality_json",
    "quality_words",
    "quarantine_json",
    "quarantine_words",
]

TOLD = 5  # findings in the terminal; the page has them all
SHOWN = 40  # records of the quarantine in the terminal; --json has them all


def quarantine_json(found: "Quarantine") -> dict[str, Any]:
    """The reasons, and where each record lies."""
    return asdict(found)


def quarantine_words(found: "Quarantine") -> str:
    """The same as a person reads it: the reasons first."""
    if not found.records:
        return f"{found.name}: nothing is in quarantine."
    lines = [f"{found.name}: {len(found.records):,} records are in quarantine."]
    lines += ["", *_table("Reason", "records", found.reasons), ""]
    width = min(max(len(one.file) for one in found.records[:SHOWN]), 60)
    lines.append(f"{'File':<{width}}  {'at':>12}  {'length':>10}  of    reason")
    lines += [
        f"{one.file:<{width}}  {one.offset:>12,}  {one.length:>10,}  {one.unit:<4}  {one.reason}"
        for one in found.records[:SHOWN]
    ]
    if len(found.records) > SHOWN:
        lines.append(f"and {len(found.records) - SHOWN:,} more: --json tells them all")
    return "\n".join(lines)


def quality_json(judged: "Judged") -> dict[str, Any]:
    """The gates, what is to be done, and where the whole report lies."""
    return {
        "gates": [asdict(gate) for gate in judged.gates],
        "findings": [
            {"check": one.check, "seen": one.seen, "do": one.do} for one in judged.report.findings
        ],
        "page": str(judged.page),
        "figures": str(judged.figures),
    }


def quality_words(judged: "Judged") -> str:
    """The same as a person reads it: the findings that touch most patients first."""
    findings = judged.report.findings
    lines = [f"Quality: {len(findings)} findings." if findings else "Quality: nothing to look at."]
    lines += [f"  {number}. {one.seen}" for number, one in enumerate(findings[:TOLD], 1)]
    if len(findings) > TOLD:
        lines.append(f"  and {len(findings) - TOLD} more")
    lines += [
        f"  gate {'passed' if gate.passed else 'FAILED'}: {gate.text}" for gate in judged.gates
    ]
    return "\n".join([*lines, f"Report for the data steward: {judged.page}"])


def collected_json(done: "Collected", judged: "Judged") -> dict[str, Any]:
    """The report and where its events are."""
    return {
        "snapshot": done.snapshot.digest,
        "name": done.snapshot.entry.name,
        "events": done.snapshot.entry.rows,
        "subjects": done.snapshot.entry.subjects,
        "new": done.is_new,
        "report": asdict(done.report),
        "unread": [asdict(one) for one in done.unread],
        "quality": quality_json(judged),
    }


def collected_words(done: "Collected", judged: "Judged") -> str:
    """The report as a person reads it."""
    report, entry = done.report, done.snapshot.entry
    lines = [f"{report.name}: {_files(report.files, report.files_known)}"]
    if not done.is_new:
        lines.append("Nothing new: the data set stays as it was.")
    if report.rows_in:
        lines += ["", *_table("Records read", "", report.rows_in)]
    if report.events_out:
        lines += ["", *_known(report.events_out, report.known_at)]
    lines += _counted("Dropped, with the reason", report.dropped)
    lines += _counted("Unreadable, set aside in quarantine", report.quarantined)
    if report.quarantined:
        lines.append("  where they lie: bedside data quarantine")
    told = [
        (report.already_here, "records were here already, word for word"),
        (report.corrections, "records correct an earlier version of themselves"),
        (report.taken_back, "records were taken back"),
        (report.merges, "statements that two identifiers are one person"),
        (report.codes_mapped, "events whose local code was translated"),
    ]
    if any(count for count, _ in told):
        lines += ["", *(f"{count:,} {what}" for count, what in told if count)]
    lines += _counted("Codes of no known system", report.codes_unknown)
    lines += _counted("Units that are not understood", report.units_unknown)
    lines += [
        "",
        f"{entry.name} now holds {entry.rows:,} events of {entry.subjects:,} subjects, "
        f"snapshot {entry.snapshot[:12]}.",
        "",
        quality_words(judged),
    ]
    return "\n".join(lines)


def _files(read: int, known: int) -> str:
    told = f"{read:,} files read"
    return f"{told}, {known:,} known already" if known else told


def _table(left: str, right: str, rows: dict[str, int]) -> list[str]:
    width = max([len(left), *(len(name) for name in rows)])
    head = [f"{left:<{width}}  {right:>12}".rstrip()]
    return [*head, *(f"  {name:<{width}}  {count:>10,}" for name, count in rows.items())]


def _counted(title: str, rows: dict[str, int]) -> list[str]:
    if not rows:
        return []
    shown = dict(sorted(rows.items(), key=lambda one: -one[1])[:15])
    more = [f"  and {len(rows) - len(shown)} more"] if len(rows) > len(shown) else []
    return ["", *_table(title, "", shown), *more]


def _known(events: dict[str, int], known_at: dict[str, dict[str, int]]) -> list[str]:
    width = max(len("Events"), *(len(kind) for kind in events)) + 2
    lines = [f"{'Events':<{width}}  {'made':>12}  known at: source's stamp   declared delay"]
    for kind, count in events.items():
        told = known_at.get(kind, {})
        lines.append(
            f"  {kind:<{width - 2}}  {count:>12,}  {told.get('stamp', 0):>24,}"
            f"  {told.get('delay', 0):>15,}"
        )
    return lines
