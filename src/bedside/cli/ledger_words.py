"""The ledger in plain words, for a terminal."""

from base64 import b64encode
from pathlib import Path
from typing import Any

from bedside.governance.shipping import PlaceState
from bedside.lifecycle.ledger_checkpoints import Checkpointed, KeyRotated
from bedside.lifecycle.ledger_disclosures import Accounting
from bedside.lifecycle.ledger_export import VERIFIER, LedgerExport, Proved
from bedside.lifecycle.ledger_verify import LedgerReport

__all__ = [
    "accounted_words",
    "checkpointed_json",
    "checkpointed_words",
    "exported_words",
    "is_behind",
    "proved_words",
    "rotated_json",
    "rotated_words",
    "verified_words",
]


def verified_words(report: LedgerReport) -> str:
    """What was found, the faults first, and how the checkpoints and their places stand."""
    lines = [one.text for one in report.faults]
    lines += [one.text for one in report.checkpoint_faults]
    if not lines:
        lines = ["The ledger is whole."]
    if report.checkpoints:
        since = report.entries - report.newest
        lines.append(
            f"{report.entries} entries; {_count(report.checkpoints, 'checkpoint')} "
            f"{_agree(report.checkpoints)}, the newest after {report.newest} entries"
            + (f" ({since} since)." if since > 0 else ".")
        )
        if report.cosigned:
            lines.append(f"{report.cosigned} of them cosigned by a witness.")
    elif not report.checkpoint_faults:
        lines.append("No checkpoint was made yet, so a ledger that was put back would not be seen.")
    lines += [f"Note: {one}" for one in report.notes]
    return "\n".join([*lines, *map(_place_words, report.places)])


def is_behind(report: LedgerReport) -> bool:
    """Whether a place lacks a checkpoint, or could not be asked."""
    return any(one.missing or one.problem for one in report.places)


def checkpointed_words(done: Checkpointed) -> str:
    """The checkpoint that was made, and where it went."""
    if done.note is None:
        return "The ledger is empty: there is nothing to make a checkpoint of."
    told = done.note.checkpoint
    lines = [
        f"Checkpoint after {told.size} entries, root {told.root.hex()[:16]}.",
        *map(_place_words, done.places),
    ]
    if not done.places:
        lines.append(
            "It lies in the workspace alone: name places in BEDSIDE_CHECKPOINT_PLACES, so that "
            "whoever holds this machine cannot take it back."
        )
    return "\n".join(lines)


def checkpointed_json(done: Checkpointed) -> dict[str, Any]:
    """The same as one document."""
    from dataclasses import asdict  # noqa: PLC0415

    told = None if done.note is None else done.note.checkpoint
    return {
        "size": None if told is None else told.size,
        "root": None if told is None else told.root.hex(),
        "note": None if done.note is None else done.note.text,
        "places": [asdict(one) for one in done.places],
    }


def rotated_words(done: KeyRotated) -> str:
    """The new key, and what those who check must be told."""
    key = b64encode(done.public).decode()
    how = (
        "The old key signed it, so whoever trusts that one can trust it."
        if done.endorsed
        else "The old key is revoked and signed nothing for it: tell auditors this key yourself."
    )
    return f"Key {done.number} signs the checkpoints from now on: {key}\n{how}"


def rotated_json(done: KeyRotated) -> dict[str, Any]:
    """The same as one document."""
    return {
        "number": done.number,
        "key": b64encode(done.public).decode(),
        "endorsed": done.endorsed,
        **checkpointed_json(done.done),
    }


def exported_words(done: LedgerExport) -> str:
    """What was written, and how whoever gets it checks it."""
    return "\n".join(
        [
            f"{done.entries} entries and {_count(done.checkpoints, 'checkpoint')} "
            f"in {done.folder}. No sealed part is in it.",
            f"To check it anywhere: python {VERIFIER} {done.folder}",
            f"Tell the auditor the key by another way: {done.key}",
            f"They keep {done.newest} for the next time.",
        ]
    )


def proved_words(done: Proved) -> str:
    """What the proof shows, and how it is checked."""
    return (
        f"Proof of entry {done.sequence} under the checkpoint of {done.size} entries: {done.file}\n"
        f"To check it anywhere: python {VERIFIER} --proof {done.file} --key {done.key}"
    )


def accounted_words(done: Accounting, page: Path | None) -> str:
    """The disclosures, those first that must be accounted for."""
    other = [one for one in done.disclosures if one.exempt is not None]
    lines = [
        f"From {done.since[:10]} to {done.until[:10]}: "
        f"{_count(len(done.due), 'disclosure')} to be accounted for, {len(other)} exempt."
    ]
    for one in (*done.due, *other):
        unsure = "" if one.named else " (not known whether this record was in it)"
        why = "" if one.exempt is None else f"; exempt: {one.exempt}"
        lines.append(
            f"  {one.at[:16]}Z  to {one.recipient}: {one.what}{unsure}; "
            f"for {one.purpose}{why} [entry {one.entry}]"
        )
    lines.append(f"That this was asked is entry {done.entry} of the ledger.")
    return "\n".join([*lines, *([f"To hand out: {page}"] if page is not None else [])])


def _place_words(state: PlaceState) -> str:
    if state.problem is not None:
        return (
            f"! {state.name}: could not be reached ({state.problem}); "
            f"{_count(state.missing, 'checkpoint')} to bring there. The next one tries again."
        )
    if state.missing:
        return f"! {state.name}: lacks {_count(state.missing, 'checkpoint')}."
    return f"{state.name}: {_count(state.there, 'checkpoint')} there, none missing."


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _agree(number: int) -> str:
    return "agrees with them" if number == 1 else "agree with them"
