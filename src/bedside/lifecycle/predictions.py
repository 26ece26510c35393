"""What became of predictions: notes of it, what came true, and all of it as columns."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from bedside.cohorts.question import ask
from bedside.core.clock import iso, parse_duration
from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.ledger import LedgerDraft
from bedside.core.records.policy import Act, Resource
from bedside.core.records.prediction import NoteKind, Prediction, PredictionNote
from bedside.core.records.question import Question
from bedside.core.records.snapshot import Zone
from bedside.governance.predictions import NOTE
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.respond import seen

__all__ = [
    "Outcomes",
    "judged",
    "last_horizon",
    "matched_labels",
    "note",
    "opened_predictions",
    "outcomes",
]

_AT_ONCE = 500  # notes in one commit, predictions in one question
_TIME = pl.Datetime("us", "UTC")
_COLUMNS: dict[str, Any] = {
    "prediction_id": pl.String, "sequence": pl.Int64, "at": _TIME, "as_of": _TIME,
    "stage": pl.String, "shown": pl.Boolean, "outcome": pl.String, "reason": pl.String,
    "risk": pl.Float64, "threshold": pl.Float64, "alert": pl.Boolean, "label": pl.Float64,
    "subject": pl.String, "latency_ms": pl.Float64, "channel": pl.String, "caller": pl.String,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What `outcomes` found of a version's predictions.

    `judged` counts those that now have the label that the data tell, of which `noted` are new or
    told anew; `unknown` those whose outcome the data do not settle, `unmatched` those for which
    the question is not asked, `nobody` those that cannot be matched: they name nobody, or their
    subject was erased.
    """

    version: str
    predictions: int
    judged: int
    noted: int
    unknown: int
    unmatched: int
    nobody: int


def note(
    platform: Platform,
    prediction_id: str,
    kind: NoteKind,
    *,
    value: float | None = None,
    said: dict[str, str] | None = None,
) -> PredictionNote:
    """Write down what became known of a prediction: an entry of the ledger, found by the index.

    Args:
        platform: The workspace.
        prediction_id: Which prediction.
        kind: What became known.
        value: Of an outcome, the label as in training.
        said: Anything else, such as who saw it or why it was overridden; sealed with the value
            under the subject's key.

    Raises:
        NotFound: there is no such prediction.
        Invalid: an outcome without a value, or a value that is no number.
        Refused: its subject was erased (code `erased`), so nothing more is kept of it.
        Unavailable: the ledger could not keep it.
    """
    if (kind == "outcome") != (value is not None):
        raise Invalid(
            "An outcome has a value, and nothing else has one.", fix="give value for an outcome."
        )
    found = platform.predictions.get(prediction_id)
    subject = opened_answer(platform.ledger.unseal(found.sequence)).get("subject")
    draft = _draft(platform, found.prediction_id, kind, subject, {"value": value} | (said or {}))
    (entry,) = platform.ledger.append_all([draft])
    return PredictionNote(
        prediction_id=prediction_id, sequence=entry.sequence, at=entry.at, kind=kind, value=value
    )


def judged(
    platform: Platform,
    version_id: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    features: Sequence[str] = (),
) -> pl.DataFrame:
    """Every prediction of a version with what came true, oldest first.

    The sealed parts are opened for it, which the ledger records.

    Args:
        platform: The workspace.
        version_id: Which version.
        since: Recorded then or later.
        until: Recorded before then.
        features: Names of features that are wanted too, e.g. those that make the subgroups.

    Returns:
        One row for each prediction: prediction_id, sequence, at (when it was recorded), as_of,
        stage, shown, outcome (score, abstention or failure), reason, risk, threshold, alert, label
        (the newest outcome; null: not known yet), subject (a tag; null: nobody was named, or
        erased), latency_ms, channel, caller, then `feature.NAME` for each feature. What only the
        sealed part tells is null where that was erased.

    Raises:
        NotFound: there is no such version.
        Refused: a sealed part was changed (code `ledger_broken`).
    """
    version = platform.registry.get(version_id)
    found = _oldest_first(platform, version.id, since, until)
    labels = _labels(platform, found)
    rows = [
        _row(one, sealed, labels.get(one.prediction_id), features)
        for one, sealed in opened_predictions(platform, found)
    ]
    details = {"version": version.id, "predictions_count": len(found)}
    platform.ledger.append(platform.actor, "prediction.judge", details)
    wanted = _COLUMNS | {f"feature.{name}": pl.Float64 for name in features}
    return pl.DataFrame(rows, schema=wanted, orient="row").sort("sequence")


def outcomes(platform: Platform, version_id: str, data: Path | None) -> Outcomes:
    """Note what came true on every recorded prediction of a version, as newer data tell it.

    The model's own question is asked of the data. A prediction gets the label of the same subject
    at the same time. Where a question is repeated (`prediction_times.every`) and is not asked at
    that very time, it gets the label of the nearest earlier time, less than one step before it;
    otherwise it stays without one. Run again, only what is new or told differently is noted;
    of a time until an event also that somebody was followed longer, up to the last horizon.

    Args:
        platform: The workspace.
        version_id: Which version.
        data: Folder or file of the data, as for a build; None: what its source brings.

    Raises:
        NotFound: there is no such version, or no such file.
        Invalid: the data cannot be read, or do not tell outcomes.
        Unavailable: another process works on this workspace, or the ledger could not keep it all;
            run it again.
    """
    enter(platform, Act.MONITOR, Resource(name=version_id, zone=Zone.IDENTIFIED))
    version = platform.registry.get(version_id)
    question = open_bundle(platform, version).declaration.question
    told = _told(platform, version_id, data)
    with platform.lock():
        found = _oldest_first(platform, version.id, None, None)
        before, last = _heard(platform, found), last_horizon(question)
        asked = _asked(opened_predictions(platform, found))
        matched = matched_labels(question, asked, told)
        known = matched.filter(pl.col("value").is_not_null())
        new = [
            _draft(
                platform,
                name,
                "outcome",
                subject,
                {"value": value} | _more(target, question) | _when(value, event),
            )
            for name, subject, value, target, event in known.select(
                "prediction_id", "subject_id", "value", "target", "event_time"
            ).iter_rows()
            if name not in before or _told_of(before[name], last) != _told_of((value, target), last)
        ]
        for begin in range(0, len(new), _AT_ONCE):
            platform.ledger.append_all(new[begin : begin + _AT_ONCE])
        result = Outcomes(
            version=version.id,
            predictions=len(found),
            judged=known.height,
            noted=len(new),
            unknown=matched.filter(pl.col("is_asked") & pl.col("value").is_null()).height,
            unmatched=matched.filter(~pl.col("is_asked")).height,
            nobody=len(found) - asked.height,
        )
        counts = {
            f"{name}_count": getattr(result, name) for name in ("predictions", "judged", "noted")
        }
        platform.ledger.append(
            platform.actor, "prediction.outcomes", {"version": version.id} | counts
        )
        return result


def matched_labels(question: Question, asked: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """The label of each prediction.

    Args:
        question: Whether and how often it is repeated.
        asked: prediction_id, subject_id and as_of of n predictions.
        told: subject_id, prediction_time, value, target and, where it is known, event_time of the
            question's own times.

    Returns:
        The n predictions with what is told, and whether the question `is_asked` for them.
    """
    every = question.prediction_times.every
    step = parse_duration(every) if every is not None else timedelta(microseconds=1)
    at = told.with_columns(pl.col("prediction_time").alias("asked_at")).sort("prediction_time")
    joined = asked.sort("as_of").join_asof(
        at,
        left_on="as_of",
        right_on="prediction_time",
        by="subject_id",
        strategy="backward",
        tolerance=step - timedelta(microseconds=1),
        check_sortedness=False,
    )
    return joined.with_columns(pl.col("asked_at").is_not_null().alias("is_asked"))


def _told(platform: Platform, version_id: str, data: Path | None) -> pl.DataFrame:
    """When the question is asked of whom, and what came true: subject_id to target."""
    declaration = open_bundle(platform, platform.registry.get(version_id)).declaration
    clean, labelled = seen(platform, declaration, data)
    if not labelled:
        raise Invalid(
            "These data do not tell what came true: the outcome's column is absent.",
            fix="give data with the column that the declaration names for it.",
            code="no_outcome",
        )
    rows = ask(declaration.question, clean).rows
    number = declaration.question.outcome.kind == "regression"
    target = pl.col("target") if "target" in rows.columns else pl.lit(None, dtype=pl.Float64)
    value = pl.when(pl.col("label").is_not_null()).then(target) if number else pl.col("label")
    event = pl.col("event_time") if "event_time" in rows.columns else pl.lit(None, dtype=_TIME)
    return rows.select(
        "subject_id", "prediction_time", value.cast(pl.Float64).alias("value"),
        target.alias("target"), event.alias("event_time"),
    ).unique(["subject_id", "prediction_time"], keep="first", maintain_order=True)  # fmt: skip


def _more(target: float | None, question: Question) -> dict[str, Any]:
    """Of a survival, how many days until the event or the end of what is known."""
    return {"days": target} if question.outcome.kind == "survival" else {}


def _when(value: float, event: datetime | None) -> dict[str, Any]:
    """Of an outcome that came, when it came, if the data tell; sealed like the value."""
    return {"event_at": iso(event)} if event is not None and value > 0 else {}


def _asked(opened: Iterable[tuple[Prediction, dict[str, Any]]]) -> pl.DataFrame:
    """The predictions that name somebody: prediction_id, subject_id and as_of."""
    rows = [
        (one.prediction_id, subject, datetime.fromisoformat(one.as_of))
        for one, sealed in opened
        if isinstance(subject := sealed.get("subject"), int)
    ]
    schema: dict[str, Any] = {"prediction_id": pl.String, "subject_id": pl.Int64, "as_of": _TIME}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _oldest_first(
    platform: Platform, version: str, since: datetime | None, until: datetime | None
) -> list[Prediction]:
    found = platform.predictions.find(
        version=version,
        since=None if since is None else iso(since),
        until=None if until is None else iso(until),
    )
    return list(found)[::-1]


def opened_predictions(
    platform: Platform, found: Sequence[Prediction]
) -> Iterator[tuple[Prediction, dict[str, Any]]]:
    """Each prediction with what lies sealed of it; empty where that was erased."""
    for begin in range(0, len(found), _AT_ONCE):
        some = found[begin : begin + _AT_ONCE]
        sealed = dict(platform.ledger.unseal_all(one.sequence for one in some))
        for one in some:
            yield one, opened_answer(sealed[one.sequence]) if one.sequence in sealed else {}


def last_horizon(question: Question) -> float | None:
    """Until how many days after the question it is told who has the event; None: it is no time."""
    if question.outcome.kind != "survival":
        return None
    return parse_duration(question.outcome.horizons[-1]) / timedelta(days=1)


def _told_of(
    heard: tuple[float, float | None], last: float | None
) -> tuple[float, float | None] | float:
    """What an outcome tells: its value; of a time until an event, what came by the last horizon."""
    value, days = heard
    if last is None or days is None:
        return value
    return (value, days) if days <= last else (0.0, None)


def _labels(platform: Platform, found: Sequence[Prediction]) -> dict[str, float]:
    """By prediction, the newest outcome that was noted."""
    return {name: value for name, (value, _) in _heard(platform, found).items()}


def _heard(
    platform: Platform, found: Sequence[Prediction]
) -> dict[str, tuple[float, float | None]]:
    """By prediction, the newest outcome that was noted, with the days of a time until an event."""
    notes = platform.predictions.notes([one.prediction_id for one in found])
    of = {one.sequence: one.prediction_id for one in notes if one.kind == "outcome"}
    opened = platform.ledger.unseal_all(of)
    told = ((of[at], json.loads(content)) for at, content in sorted(opened))
    return {name: (one["value"], one.get("days")) for name, one in told}


def _draft(
    platform: Platform, prediction_id: str, kind: str, subject: int | None, told: dict[str, Any]
) -> LedgerDraft:
    try:
        sealed = canonical_json(told)
    except ValueError:
        raise Invalid("A note holds what is no number.", fix="give a finite number.") from None
    details = {"prediction_id": prediction_id, "kind": kind}
    return LedgerDraft(
        actor=platform.actor, action=NOTE, details=details, sealed=sealed, subject=subject
    )


def _row(
    one: Prediction, sealed: dict[str, Any], label: float | None, features: Sequence[str]
) -> tuple[Any, ...]:
    told = (sealed.get("answer") or {}).get("outcome") or {}
    values = sealed.get("features") or {}
    return (
        one.prediction_id, one.sequence, datetime.fromisoformat(one.at),
        datetime.fromisoformat(one.as_of), one.stage, one.shown, one.outcome, one.reason,
        told.get("risk", sealed.get("risk")), told.get("threshold"), told.get("alert"), label,
        one.subject_tag, one.latency_ms, one.channel, one.caller,
        *(values.get(name) for name in features),
    )  # fmt: skip
