"""Does a version fit a new site? Its feeds, its patients and what to expect, as one report."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json, digest_of
from bedside.core.records.bundle import EVIDENCE, MODEL, REFERENCE
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.flow_words import count_text
from bedside.core.records.policy import Act
from bedside.core.records.version import ModelVersion
from bedside.data.store.snapshot import Snapshot
from bedside.develop.evaluate.case_mix import Group, compare_groups, linear_predictor
from bedside.develop.evaluate.evidence import rounded
from bedside.develop.evaluate.external import judge_elsewhere
from bedside.develop.evaluate.gates import judge
from bedside.develop.evaluate.onboarding import (
    Feed,
    delay_words,
    expected_performance,
    findings_of,
)
from bedside.develop.evaluate.onboarding_page import render_onboarding
from bedside.develop.evaluate.onboarding_verdict import ENOUGH, Verdict, decided
from bedside.features.wording import title
from bedside.lifecycle.cohort import subject_indices
from bedside.lifecycle.evaluating import seen_elsewhere
from bedside.lifecycle.opened_data import opened_data
from bedside.lifecycle.patients import Patients, new_intake, new_patients
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.site_feeds import Counted, counted_events, feeds_of

__all__ = ["Onboarded", "onboard"]

Floats = npt.NDArray[np.float64]
MOST_UNREAD = 12
MEASURED = ("figures", "recalibration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Onboarded:
    """The report of a site: the verdict, all that it rests on, and where the page lies."""

    version: ModelVersion
    verdict: Verdict
    told: dict[str, Any]
    page: Path
    figures: Path


def onboard(platform: Platform, version_id: str, data: Path | None = None) -> Onboarded:
    """Look at a site's own data as a version would, before it is validated there.

    No training data are asked for: what they were like stands in the bundle.

    Args:
        platform: The site's workspace. The data of a model of a collected source were collected.
        version_id: Which version.
        data: The folder with the site's data, or one file; None: what is bundled.

    Raises:
        NotFound: there is no such version, or no such data.
        Invalid: the data are not as the declaration says, or nobody, or ten or fewer, is asked
            about.
        Refused: the bundle is not intact.
    """
    with platform.lock():
        version = platform.registry.get(version_id)
        bundle = open_bundle(platform, version)
        patients = new_patients(
            platform, bundle, new_intake(platform, bundle, data), unlabelled=True
        )
        count = patients.asked["subject_id"].n_unique()
        if count <= SUPPRESS_AT_OR_BELOW:
            raise Invalid(
                "The version's question is asked about ten patients of these data, or fewer.",
                fix="bring the data of more patients, and see bedside question flow.",
                code="too_few",
            )
        with platform.progress.step("look at the feeds"):
            feeds, unread = _feeds(platform, patients)
        with platform.progress.step("measure"):
            measured = _measured(platform, patients)
            told, verdict = _told(platform, version, patients, feeds, measured)
        told["unread"] = unread
        return _kept(platform, version, patients, told, verdict)


def _feeds(platform: Platform, patients: Patients) -> tuple[list[Feed], list[dict[str, str]]]:
    """Each signal here, and which codes of these data nothing reads."""
    declaration = patients.declaration
    collected = _collected(platform, patients)
    counted = counted_events(collected, patients.feature_set.codes)
    files = patients.bundle.files
    feeds = feeds_of(
        declaration,
        patients.feature_set,
        patients.matrix,
        counted,
        json.loads(files[EVIDENCE]),
        json.loads(files[REFERENCE]),
    )
    return feeds, _unread(counted, {c for one in declaration.signals.values() for c in one.codes})


def _collected(platform: Platform, patients: Patients) -> Snapshot:
    """The site's events as they came, before anything was set aside."""
    declaration = patients.declaration
    name = f"{declaration.data.source or declaration.name}/collected"
    return opened_data(platform, Act.INSPECT, name)


def _unread(counted: Counted, read: set[str]) -> list[dict[str, str]]:
    others = [
        (code, subjects)
        for code, subjects in counted.subjects.most_common()
        if code not in read and subjects > SUPPRESS_AT_OR_BELOW
    ]
    return [
        {"code": code, "patients": count_text(subjects)} for code, subjects in others[:MOST_UNREAD]
    ]


def _measured(platform: Platform, patients: Patients) -> dict[str, Any]:
    """The figures where the outcome is known; `why` where they cannot be told."""
    known = patients.asked["label"].is_not_null()
    if not known.any():
        return {"why": "the outcome is known of nobody."}
    labelled = patients.taken(known.to_numpy())
    declaration = patients.declaration
    try:
        return judge_elsewhere(
            seen_elsewhere(platform, labelled),
            json.loads(patients.bundle.files[EVIDENCE]),
            options=declaration.evaluation,
            seed=declaration.learner.seed,
            parts=MEASURED,
        )
    except Invalid as error:
        return {"why": error.problem}


def _told(
    platform: Platform,
    version: ModelVersion,
    patients: Patients,
    feeds: Sequence[Feed],
    measured: dict[str, Any],
) -> tuple[dict[str, Any], Verdict]:
    declaration, asked = patients.declaration, patients.asked
    built = json.loads(patients.bundle.files[EVIDENCE])
    outcome = declaration.question.outcome.kind
    risk = platform.predictor_of(patients.bundle.files[MODEL]).predict(patients.matrix)
    expected = expected_performance(
        outcome, risk, subject_indices(asked), built, declaration.learner.seed
    )
    few = _sample(platform, patients, measured)
    found = findings_of(feeds)
    verdict = decided(found, declaration.gates, {**measured, "few": few}, expected)
    return {
        "version": version.id,
        "title": declaration.title,
        "snapshot": patients.snapshot.digest,
        "files": [file.name for file in patients.snapshot.manifest.sources],
        "patients": count_text(asked["subject_id"].n_unique()),
        "questions": count_text(asked.height),
        "verdict": asdict(verdict),
        "found": [asdict(one) for one in found],
        "feeds": [_feed(one) for one in feeds],
        "expected": expected,
        "built": built["metrics"],
        "measured": {k: v for k, v in measured.items() if k in ("why", "counts", "metrics")},
        "gates": []
        if "why" in measured
        else [asdict(one) for one in judge(declaration.gates, measured)],
        "sample": few,
        "case_mix": _case_mix(patients, risk, built, outcome),
    }, verdict


def _sample(platform: Platform, patients: Patients, measured: Mapping[str, Any]) -> str:
    """Whether there are enough patients to trust the figures; empty where there are."""
    if "why" in measured or patients.declaration.question.outcome.kind == "regression":
        return ""
    known = patients.taken(patients.asked["label"].is_not_null().to_numpy())
    rows = known.judged(platform)
    came = rows.label == 1 if rows.outcome == "survival" else rows.label > 0
    ill = len(np.unique(rows.subject[came]))
    least = min(ill, rows.subjects - ill)
    if least >= ENOUGH:
        return ""
    return (
        f"There are only {count_text(least)} patients {'with' if ill == least else 'without'} the "
        f"outcome; from {ENOUGH} on such figures are stable (Collins et al. 2016). Read the "
        "intervals, not the figures."
    )


def _case_mix(
    patients: Patients, risk: Floats, built: Mapping[str, Any], outcome: Any
) -> dict[str, Any]:
    if "case_mix" not in built:
        return {"why": "the version was built before its training patients were described"}
    known = patients.asked["label"].is_not_null().all()
    features = patients.feature_set.features
    came = None
    if known and outcome not in ("regression", "survival"):
        came = (patients.asked["label"].to_numpy() > 0).astype(np.float64)
    group = Group(
        matrix=patients.matrix,
        subject=subject_indices(patients.asked),
        came=came,
        predictor=linear_predictor(outcome, risk),
    )
    found: dict[str, Any] = rounded(
        compare_groups(
            built["case_mix"],
            group,
            patients.feature_set.names,
            [len(feature.labels) for feature in features],
            {feature.name: title(feature) for feature in features},
        )
    )
    return found


def _feed(feed: Feed) -> dict[str, Any]:
    """A feed for showing: nothing that is true of ten patients or fewer, and no single value."""
    few = feed.subjects <= SUPPRESS_AT_OR_BELOW
    return {
        "signal": feed.signal,
        "label": feed.label,
        "codes": list(feed.codes),
        "unit": feed.unit,
        "importance": feed.importance,
        "missing_then": feed.missing_then,
        "missing_here": round(feed.missing_here, 2),
        "patients": f"{count_text(feed.subjects)} of {count_text(feed.whole)}",
        "units": [
            {
                "unit": one.unit,
                "state": one.state,
                "values": count_text(one.values),
                "median": None if few or one.values <= SUPPRESS_AT_OR_BELOW else one.median,
                "usual": one.usual,
                "looks": None if one.looks is None else one.looks.unit,
            }
            for one in feed.units
        ],
        "seen_here": _seen(feed.delays_here, feed.dated),
        "seen_then": _seen(feed.delays_then, feed.dated),
    }


def _seen(counts: Sequence[int] | None, dated: bool) -> str:
    if not dated:
        return "no time of its own"
    if counts is None or sum(counts) <= SUPPRESS_AT_OR_BELOW:
        return "not known"
    return delay_words(counts)


def _kept(
    platform: Platform,
    version: ModelVersion,
    patients: Patients,
    told: dict[str, Any],
    verdict: Verdict,
) -> Onboarded:
    folder = platform.folder / "reports" / version.name
    page = folder / f"onboarding-{version.bundle[:12]}-{patients.snapshot.digest[:12]}.html"
    figures = page.with_suffix(".json")
    told = rounded(told)
    platform.write(page, render_onboarding(told).encode())
    platform.write(figures, canonical_json(told))
    platform.ledger.append(
        platform.actor,
        "site.onboard",
        {
            "version": version.id,
            "snapshot": patients.snapshot.digest,
            "report": digest_of(told),
            "verdict": verdict.word,
        },
    )
    return Onboarded(version=version, verdict=verdict, told=told, page=page, figures=figures)
