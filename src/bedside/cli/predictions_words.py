"""Predictions in plain words, for a terminal."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bedside.core.clock import iso, parse_instant
from bedside.core.errors import Invalid
from bedside.core.records.prediction import Prediction
from bedside.lifecycle.interventions import Interventions
from bedside.lifecycle.prediction_export import SMALL_CELL, PredictionExport
from bedside.lifecycle.prediction_replay import Recorded, Replay
from bedside.lifecycle.predictions import Outcomes

__all__ = [
    "exported_words",
    "instant",
    "interventions_words",
    "listed_words",
    "outcome_named",
    "outcomes_words",
    "shown_json",
    "shown_words",
]

_OUTCOMES = ("score", "abstention", "failure")
_MOST = 60  # features that are printed; --json prints all


def instant(text: str | None) -> str | None:
    """A time as the ledger writes it.

    Raises:
        Invalid: it is no time with a zone.
    """
    return None if text is None else iso(parse_instant(text))


def outcome_named(text: str | None) -> str | None:
    """The outcome that a person asks for.

    Raises:
        Invalid: there is none of this name.
    """
    if text is not None and text not in _OUTCOMES:
        raise Invalid("There is no such outcome.", fix=f"give {', '.join(_OUTCOMES)}.")
    return text


def listed_words(found: Sequence[Prediction]) -> str:
    """One line for each prediction: when, what, of which version, and its id."""
    if not found:
        return "No prediction fits."
    rows = [
        (
            f"{one.at[:19]}Z",
            _kind(one),
            one.version,
            one.stage,
            "shown" if one.shown else "not shown",
            f"{one.latency_ms:.1f} ms",
            one.prediction_id,
        )
        for one in found
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def shown_json(found: Recorded, again: Replay) -> dict[str, Any]:
    """All that is kept of one prediction, and what the replay gave."""
    return {
        "prediction": asdict(found.prediction),
        "entry": {
            "sequence": found.entry.sequence,
            "hash": found.entry.hash,
            "purpose": found.entry.purpose,
            "actor": found.entry.actor,
        },
        "notes": [asdict(one) for one in found.notes],
        "sealed": found.sealed,
        "replay": asdict(again),
    }


def shown_words(found: Recorded, again: Replay) -> str:
    """What was answered, when, to whom, from what, why, what came of it, and whether it repeats."""
    one = found.prediction
    lines = [
        f"Prediction {one.prediction_id}",
        f"  {one.version} ({one.stage}, {'shown' if one.shown else 'shown to nobody'}), "
        f"bundle {one.bundle[:12]}",
        f"  asked by {one.caller} over {one.channel}, as of {one.as_of[:19]}Z, "
        f"recorded at {one.at[:19]}Z after {one.latency_ms:.1f} ms",
        f"  entry {one.sequence} of the ledger, {found.entry.hash[:12]}; "
        f"digest of the input {one.input_digest[:12]}",
    ]
    if found.sealed is None:
        lines.append(f"Answer: {_kind(one)}. The rest was erased with its subject.")
    else:
        lines += _answer_lines(one, found.sealed)
        lines += _feature_lines(found.sealed.get("features") or {})
    lines += _note_lines(found)
    return "\n".join([*lines, _replay_line(again)])


def outcomes_words(done: Outcomes) -> str:
    """How many predictions could be judged, and why not the others."""
    lines = [
        f"{done.version}: {done.predictions} predictions, the outcome of {done.judged} is known, "
        f"{done.noted} of it noted now."
    ]
    for count, why in (
        (done.unknown, "is not known yet from these data"),
        (done.unmatched, "is not asked for at their time, or not of their patients"),
        (done.nobody, "cannot be told: they name nobody, or their subject was erased"),
    ):
        if count:
            lines.append(f"  Of {count} it {why}.")
    return "\n".join(lines)


def interventions_words(done: Interventions) -> str:
    """How many alerts were followed by an intervention, and of how many that cannot be told."""
    lines = [
        f"{done.version}: {done.alerts} alerts, an intervention followed {done.followed} of them "
        f"and none {done.settled}; {done.noted} noted now."
    ]
    for count, why in (
        (done.open, "it is too early to tell"),
        (
            done.unmatched,
            "it cannot be told: these data do not hold the patient, or nobody is named",
        ),
    ):
        if count:
            lines.append(f"  Of {count} {why}.")
    return "\n".join(lines)


def exported_words(done: PredictionExport) -> str:
    """What was written, and what may be done with it."""
    lines = [
        f"{done.predictions} predictions of {done.patients} patients to {done.file} "
        f"({done.mode}, SHA-256 {done.digest[:12]}). The file is not encrypted.",
        f"Publish no table with a cell of {SMALL_CELL} patients or fewer.",
    ]
    if done.is_small:
        lines.append(f"! It tells of {SMALL_CELL} patients or fewer: publish nothing from it.")
    return "\n".join(lines)


def _kind(one: Prediction) -> str:
    return one.outcome + (f" ({one.reason})" if one.reason else "")


def _answer_lines(one: Prediction, sealed: dict[str, Any]) -> list[str]:
    told = (sealed.get("answer") or {}).get("outcome") or sealed
    if one.outcome != "score":
        return [f"Answer: {_kind(one)}. {told.get('text', '')}".rstrip()]
    threshold, band = told.get("threshold"), ""
    if told.get("low") is not None:
        band = f" ({told['low']:.3g} to {told['high']:.3g})"
    alert = "" if threshold is None else f"; threshold {threshold:.3g}"
    alert += "; alerts" if told.get("alert") else ""
    lines = [f"Answer: {told['risk']:.3g}{band}{alert}"]
    lines += [f"  {name}: {value:.3g}" for name, value in told.get("outputs") or ()]
    lines += [f"  {r['contribution']:+.3g}  {r['text']}" for r in told.get("reasons", ())]
    return lines + [f"  Note: {text}" for text in told.get("notes") or ()]


def _feature_lines(features: dict[str, float | None]) -> list[str]:
    known = {name: value for name, value in features.items() if value is not None}
    if not features:
        return []
    lines = [f"Features, {len(known)} of {len(features)} known:"]
    lines += [f"  {name} {json.dumps(value)}" for name, value in list(known.items())[:_MOST]]
    more = len(known) - _MOST
    return lines + ([f"  … and {more} more: --json prints all."] if more > 0 else [])


def _note_lines(found: Recorded) -> list[str]:
    if not found.notes:
        return ["Nothing became known of it yet."]
    told = {
        "acted": "acted upon",
        "intervened": "followed by a declared intervention",
        "not_intervened": "not followed by a declared intervention",
    }
    return ["Since then:"] + [
        f"  {note.at[:19]}Z  {told.get(note.kind, note.kind)}"
        + (f" {note.value:g}" if note.value is not None else "")
        for note in found.notes
    ]


def _replay_line(again: Replay) -> str:
    if again.why is not None:
        return f"Not replayed: {again.why}"
    if again.is_same:
        return f"Replayed: same bytes (SHA-256 of the answer {str(again.digest)[:12]})."
    return f"Replayed: DIFFERENT in {', '.join(again.differs)}."
