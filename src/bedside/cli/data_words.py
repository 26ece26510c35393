"""Snapshots, lineage, erasures and keys in plain words, for a terminal, and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bedside.core.records.key import KEYS, KeyState
from bedside.core.records.snapshot import SnapshotEntry
from bedside.lifecycle.data import Checked, Difference
from bedside.lifecycle.erase import Erasure
from bedside.lifecycle.lineage import Branch, Lineage, as_json
from bedside.lifecycle.question_record import ReasonRecords, RecordPlace
from bedside.lifecycle.reproduce import Reproduction

__all__ = [
    "checked_json",
    "checked_words",
    "diff_json",
    "diff_words",
    "erased_json",
    "erased_words",
    "exported_words",
    "keys_json",
    "keys_words",
    "lineage_json",
    "lineage_words",
    "listed_json",
    "listed_words",
    "records_json",
    "records_words",
    "reproduced_words",
    "shown_words",
]

SHOWN = 40  # codes or records that are printed; --json prints all


def listed_json(entries: Sequence[SnapshotEntry]) -> dict[str, Any]:
    """The states as one JSON document."""
    return {"snapshots": [{**asdict(one), "zone": one.zone.value} for one in entries]}


def listed_words(entries: Sequence[SnapshotEntry]) -> str:
    """One line for each state."""
    if not entries:
        return "No snapshot yet. Try: bedside build diagnosis"
    head = f"{'data set':<28} {'snapshot':<13} {'zone':<11} {'events':>12} {'subjects':>9}  saved"
    lines = [head]
    for one in entries:
        gone = "  (replaced: a subject was erased)" if one.successor else ""
        lines.append(
            f"{one.name:<28} {one.snapshot[:12]:<13} {one.zone.value:<11} {one.rows:>12,} "
            f"{one.subjects:>9,}  {one.created_at[:16]}Z{gone}"
        )
    return "\n".join(lines)


def shown_words(told: dict[str, Any]) -> str:
    """A snapshot's head, its files, and its commonest codes."""
    when = f", as it was known at {told['as_of']}" if told["as_of"] else ""
    size = sum(shard["bytes"] for shard in told["shards"])
    lines = [
        f"{told['name']}@{told['snapshot'][:12]}{when}",
        f"  zone {told['zone']}, release mode {told['release_mode']}, "
        f"saved {told['created_at'][:16]}Z",
        f"  {told['events']:,} events of {_number(told['subjects'])} subjects in "
        f"{_several(len(told['shards']), 'encrypted shard')} ({size / 1e6:,.1f} MB)",
    ]
    if told["erased"]:
        lines.append(f"  {told['erased']} subjects were erased from it since it was saved")
    lines += [
        f"  from {one['name']} ({one['records']:,} records, {one['digest'][:12]})"
        for one in told["raw_files"]
    ]
    lines.append(f"  {'code':<34} {'unit':<10} {'events':>12} {'subjects':>12}")
    lines += [
        f"  {one['code']:<34} {one['unit'] or '':<10} {_number(one['events']):>12} "
        f"{_number(one['subjects']):>12}"
        for one in told["codes"][:SHOWN]
    ]
    return "\n".join([*lines, *_more(len(told["codes"]), "codes")])


def _number(count: int | str) -> str:
    return f"{count:,}" if isinstance(count, int) else count


def _more(count: int, what: str) -> list[str]:
    return [f"  … and {count - SHOWN} more {what}: --json prints all."] if count > SHOWN else []


def diff_json(found: Difference) -> dict[str, Any]:
    """A difference as one JSON document."""
    codes = [{"code": code, "added": added, "gone": gone} for code, added, gone in found.codes]
    return {**asdict(found), "codes": codes}


def diff_words(found: Difference) -> str:
    """What was added and what is gone, by code."""
    if found.same:
        return "They are the same snapshot."
    lines = [
        f"{found.old[:12]} → {found.new[:12]}: {_several(found.shared_shards, 'shard')} in common.",
        f"  subjects only in the new: {found.subjects_added:,}; only in the old: "
        f"{found.subjects_gone:,}",
    ]
    if not found.codes:
        return "\n".join([*lines, "  Every event is the same."])
    lines += [
        f"  {'code':<34} {'added':>10} {'gone':>10}",
    ]
    lines += [f"  {code:<34} {added:>10,} {gone:>10,}" for code, added, gone in found.codes[:SHOWN]]
    return "\n".join([*lines, *_more(len(found.codes), "codes")])


def checked_json(found: Sequence[Checked]) -> dict[str, Any]:
    """Every snapshot that was read, as one JSON document."""
    return {"snapshots": [asdict(one) for one in found]}


def checked_words(found: Sequence[Checked]) -> str:
    """One line for each snapshot."""
    if not found:
        return "There is no snapshot to check."
    return "\n".join(
        f"{'✗' if one.fault else '✓'} {one.name:<28} {one.snapshot[:12]} "
        f"{one.fault or f'{one.rows:,} events, whole'}"
        for one in found
    )


def lineage_json(found: Lineage) -> dict[str, Any]:
    """Both trees and the records as one JSON document."""
    return {
        "of": asdict(found.of),
        "made_of": as_json(found.made_of),
        "made_from": as_json(found.made_from),
        "records": [asdict(one) for one in found.records],
        "reasons": [asdict(one) for one in found.reasons],
    }


def lineage_words(found: Lineage) -> str:
    """Two trees: what it was made of, and what was made from it."""
    lines = [_named(found.made_of), "  was made of"]
    lines += _tree(found.made_of, 2) or ["    nothing that is known here"]
    if found.records:
        lines.append("  its own input, in the request that is kept sealed in the ledger:")
        lines += ["  " + line for line in records_words(found.records).splitlines()]
    if found.reasons:
        lines.append("  what moved the score most, and the records that it rests on:")
        lines += [_reason(one) for one in found.reasons]
    if found.of.kind != "prediction":
        lines.append("  and went into")
        lines += _tree(found.made_from, 2) or ["    nothing yet"]
    return "\n".join(lines)


def _reason(one: ReasonRecords) -> str:
    """A reason without its value, and where in the request its newest records lie."""
    places = [f"{record.name} (byte {record.offset})" for record in one.records[:3]]
    more = f" and {one.events - len(places)} more" if one.events > len(places) > 0 else ""
    return f"    {one.title}: {', '.join(places) or 'no record'}{more}"


def _tree(branch: Branch, depth: int) -> list[str]:
    lines = []
    for one in branch.branches[:10]:
        lines.append("  " * depth + _named(one))
        lines += _tree(one, depth + 1)
    if len(branch.branches) > 10:
        lines.append("  " * depth + f"… and {len(branch.branches) - 10} more")
    return lines


def _named(branch: Branch) -> str:
    kind = {"raw": "raw file"}.get(branch.node.kind, branch.node.kind)
    digest = branch.node.id if kind in ("version", "prediction") else branch.node.id[:12]
    return f"{kind} {digest}" + (f": {branch.text}" if branch.text else "")


def records_json(records: Sequence[RecordPlace]) -> dict[str, Any]:
    """The places as one JSON document."""
    return {"records": [asdict(one) for one in records]}


def records_words(records: Sequence[RecordPlace]) -> str:
    """One line for each raw record."""
    lines = []
    for one in records[:SHOWN]:
        length = "" if one.length is None else f", {one.length} bytes"
        codes = ", ".join(one.codes[:4]) + (" …" if len(one.codes) > 4 else "")
        lines.append(f"  {one.name} ({one.file[:12]}) {one.unit} {one.offset}{length}: {codes}")
    return "\n".join([*lines, *_more(len(records), "records")])


def erased_json(done: Erasure) -> dict[str, Any]:
    """An erasure as one JSON document; it does not name the subject."""
    return asdict(done)


def erased_words(done: Erasure) -> str:
    """What was erased, and which models learnt from the subject."""
    if not (done.events or done.raw_files or done.predictions or done.snapshots):
        return f"Nothing of this subject is left here; entry {done.entry} of the ledger says so."
    lines = [
        f"Erased: {done.events:,} events from {_several(len(done.snapshots), 'snapshot')}; "
        f"{_several(done.raw_files, 'raw file')} rewritten, "
        f"{_several(done.predictions, 'sealed ledger entry', 'sealed ledger entries')} closed.",
        *(f"  {name}: {old[:12]} is now {new[:12]}" for name, old, new in done.snapshots),
        "Results of build steps were removed; the next build makes them anew without the subject.",
        f"The proof is entry {done.entry} of the ledger: {done.tag[:16]}… names nobody.",
    ]
    if done.stand_ins:
        lines.append(
            f"{_several(done.stand_ins, 'stand-in')} of released data can no longer be traced back."
        )
    if done.versions:
        lines.append("These versions were built from the subject's data:")
        lines += [f"  {one.version} ({one.side})" for one in done.versions]
        lines.append("  They can no longer be reproduced to the byte. Decide whether to retrain.")
    lines.append("Backups made before still hold the subject: bedside backup TARGET --prune.")
    return "\n".join(lines)


def exported_words(told: dict[str, Any]) -> str:
    """How much was written, and what the form could not say of it."""
    lines = [
        f"{told['events']:,} events, files: {told['files']}. They are NOT encrypted: "
        "whoever has them can read them."
    ]
    if told.get("lost"):
        lines.append("MEDS cannot say everything; loss.json counts what it left out:")
        lines += [f"  {one}" for one in told["lost"]]
    return "\n".join(lines)


def _several(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def keys_json(states: Sequence[KeyState]) -> dict[str, Any]:
    """The keys as one JSON document."""
    return {"keys": [{**asdict(one), "protects": KEYS[one.name]} for one in states]}


def keys_words(states: Sequence[KeyState]) -> str:
    """One line for each key."""
    lines = [f"{'key':<11} {'version':>7}  {'kept in':<33} protects"]
    for state in states:
        newest = state.versions[-1]
        gone = sum(one.state == "destroyed" for one in state.versions)
        says = "DESTROYED" if newest.state == "destroyed" else str(newest.number)
        more = f" ({gone} older destroyed)" if gone and newest.state != "destroyed" else ""
        lines.append(f"{state.name:<11} {says:>7}  {state.where:<33} {KEYS[state.name]}{more}")
    return "\n".join(lines)


def reproduced_words(done: Reproduction) -> str:
    """Whether it came out the same, and what is the cause where it did not."""
    mark = {"exact": "✓", "equal within tolerance": "≈", "different": "✗"}[done.outcome]
    lines = [f"{mark} {done.version}: {done.because}"]
    if done.differing:
        lines.append(f"  differing: {', '.join(done.differing)}")
    if done.first:
        lines.append(f"  {done.first}")
    return "\n".join(lines)
