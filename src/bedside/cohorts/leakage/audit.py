"""The whole audit: each detector looks once at the data, and each suspect is weighed."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl

from bedside.cohorts.leakage.declared import declared
from bedside.cohorts.leakage.delays import Delays
from bedside.cohorts.leakage.derived import DerivedFromLabel
from bedside.cohorts.leakage.inputs import AuditInputs, Detector, ScoreWithout
from bedside.cohorts.leakage.observed import ObservedLength
from bedside.cohorts.leakage.overlap import overlap
from bedside.cohorts.leakage.same_records import SameRecords
from bedside.cohorts.leakage.selection import selected
from bedside.cohorts.leakage.stamps import DateOnly
from bedside.cohorts.leakage.stays import AfterDischarge
from bedside.cohorts.leakage.strength import strong_alone
from bedside.cohorts.leakage.visibility import Replay
from bedside.cohorts.question.primary import primary_label
from bedside.core.records.leakage import Finding, LeakageReport, Score

__all__ = ["SUSPECTS", "audit"]

SUSPECTS = 12
"""At most so many suspects are left out one by one; the rest only with all the others."""


def audit(inputs: AuditInputs) -> LeakageReport:
    """Look for everything by which a model could see what it will not see at the bedside.

    The events are read once. What was found has the same names whatever the order of the rows and
    the numbers of the subjects.
    """
    label = primary_label(inputs.asked, inputs.declaration.question.outcome)
    inputs = replace(inputs, asked=inputs.asked.with_columns(label).with_row_index("row"))
    delays = Delays(inputs)
    detectors: tuple[Detector, ...] = (
        Replay(inputs),
        DerivedFromLabel(inputs),
        delays,
        DateOnly(inputs),
        AfterDischarge(inputs),
        ObservedLength(inputs),
        SameRecords(inputs),
    )
    seen = _look(inputs, detectors)
    train = ((inputs.asked["side"] == "train") & inputs.asked["label"].is_not_null()).to_numpy()
    known = inputs.asked["label"].to_numpy()[train].astype("int64")
    results = [
        declared(inputs.declaration, names=inputs.names, codes=inputs.codes, seen=seen),
        selected(inputs.declaration.question),
        overlap(inputs.asked),
        *(detector.result() for detector in detectors),
        strong_alone(inputs.matrix[train], known, inputs.names),
    ]
    findings = tuple(finding for result in results for finding in result.findings)
    return LeakageReport(
        findings=findings,
        checked=tuple(checked for result in results for checked in result.checked),
        scores=() if inputs.score is None else _scores(inputs.names, findings, inputs.score),
        delays=delays.delays(),
    )


def _look(inputs: AuditInputs, detectors: Iterable[Detector]) -> set[str]:
    """Show every shard to every detector; return the codes that were there."""
    codes: set[str] = set()
    for shard in inputs.shards:
        if shard.is_empty():
            continue
        events = shard.with_columns(pl.col("code").cast(pl.String))
        codes.update(events["code"].unique())
        rows = inputs.asked.join(events.select("subject_id").unique(), on="subject_id", how="semi")
        for detector in detectors:
            detector.see(events, rows)
    return codes


def _scores(
    names: Sequence[str], findings: Iterable[Finding], score: ScoreWithout
) -> tuple[Score, ...]:
    """The figures of a quick model with every feature, and without those of each suspect."""
    suspects = {f.name: f.features for f in findings if f.features}
    if not suspects:
        return ()
    every = {name for features in suspects.values() for name in features}
    asked = {"": (), **dict(list(suspects.items())[:SUSPECTS])}
    if len(suspects) > 1:
        asked["*"] = tuple(name for name in names if name in every)
    told, known = [], dict[tuple[str, ...], dict[str, float]]()
    for without, features in asked.items():
        kept = tuple(name for name in names if name not in features)
        if not kept:
            continue
        if kept not in known:
            known[kept] = dict(score(kept))
        told.append(Score(without=without, features=features, figures=known[kept]))
    return tuple(told)
