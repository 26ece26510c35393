"""The recorded answers of a version as live evidence takes them: read here, and only here."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bedside.core.ids import digest_of
from bedside.core.records.bundle import FEATURES, Bundle
from bedside.core.records.prediction import Prediction
from bedside.deploy.rollout.answers import LiveAnswer
from bedside.features.definition import Feature, FeatureSet, feature_set_from_json
from bedside.features.inputs import as_served, set_aside_note
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.cohort import band_names
from bedside.lifecycle.platform import Platform
from bedside.monitor.judged.follow_up import followed_to

__all__ = ["AnswerReader", "answers_of", "common_horizons"]


def answers_of(
    platform: Platform,
    version: str,
    bundle: Bundle | None = None,
    *,
    since: str | None = None,
) -> list[LiveAnswer]:
    """What a version answered, oldest first.

    Args:
        platform: The workspace.
        version: Its id.
        bundle: Of the version, for its thresholds and subgroups; None: nothing that lies sealed is
            opened, which is quick and tells no risk, no alert, no question and no outcome.
        since: ISO 8601 as `iso` writes it; recorded then or later. None: all of them.
    """
    found = list(platform.predictions.find(version=version, since=since))[::-1]
    if bundle is None:
        return [_answer(one, {}) for one in found]
    notes = platform.predictions.notes([one.prediction_id for one in found])
    outcomes = {note.prediction_id: note.sequence for note in notes if note.kind == "outcome"}
    opened = _opened(platform, [*(one.sequence for one in found), *outcomes.values()])
    reader = AnswerReader(bundle)
    return [
        reader.read(one, opened.get(one.sequence, {}), opened.get(outcomes.get(one.prediction_id)))
        for one in found
    ]


def common_horizons(one: Bundle, other: Bundle) -> tuple[float, ...]:
    """The horizons of a time until an event, in days; none where two versions have others."""
    first, second = (some.declaration.question.outcome.horizon_days for some in (one, other))
    return first if first == second else ()


def _opened(platform: Platform, sequences: Sequence[int]) -> dict[int | None, dict[str, Any]]:
    """What lies sealed in these entries of the ledger, but for whom was erased."""
    return {at: opened_answer(content) for at, content in platform.ledger.unseal_all(sequences)}


class AnswerReader:
    """Makes live answers of what lies open and what lies sealed; of outcomes, the newest counts.

    `set_aside` tells the signal by what an answer notes where a value of it was set aside.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._features = feature_set_from_json(bundle.files[FEATURES])
        self._levels = dict(_level_features(bundle, self._features))
        self._until = max(bundle.declaration.question.outcome.horizon_days, default=None)
        signals = as_served(bundle.declaration, self._features).signals
        self.set_aside = {set_aside_note(one): name for name, one in signals.items()}

    @property
    def features(self) -> FeatureSet:
        """The features of the version."""
        return self._features

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The subgroups whose level a feature tells."""
        return tuple(self._levels)

    def read(
        self, made: Prediction, sealed: Mapping[str, Any], outcome: Mapping[str, Any] | None
    ) -> LiveAnswer:
        """One answer.

        Args:
            made: What lies open of it.
            sealed: What lies sealed; empty where that was erased.
            outcome: What the note of what came true says; None: nothing is known.
        """
        told = self._scored(sealed) if made.outcome == "score" else {}
        return _answer(
            made,
            sealed,
            *self._came(outcome or {}),
            groups=dict(self._groups(sealed.get("features") or {})),
            **told,
        )

    def _came(self, outcome: Mapping[str, Any]) -> tuple[float | None, float | None]:
        """What came true; of a time until an event also in how many days, as the monitor has it."""
        value, days = outcome.get("value"), outcome.get("days")
        if self._until is None or value is None or not isinstance(days, int | float):
            return value, None
        cause, followed = followed_to(np.array([value]), np.array([days]), self._until)
        return float(cause[0]), float(followed[0])

    def _scored(self, sealed: Mapping[str, Any]) -> dict[str, Any]:
        """The score: as it was answered where that is kept, else from its parts."""
        score = (sealed.get("answer") or {}).get("outcome") or {}
        risk = score.get("risk", sealed.get("risk"))
        if risk is None:
            return {}
        outputs = score.get("outputs") or sealed.get("outputs") or {}
        values = [value for _, value in outputs] if isinstance(outputs, list) else outputs.values()
        if "alert" in score:
            threshold, alert = score.get("threshold"), score["alert"]
        else:
            features = sealed.get("features") or {}
            row = [
                float("nan") if (v := features.get(n)) is None else v for n in self._features.names
            ]
            threshold = self._bundle.threshold_for(row)
            alert = threshold is not None and risk >= threshold
        return {"risk": risk, "threshold": threshold, "alert": alert, "outputs": tuple(values)}

    def _groups(self, features: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for name, (feature, edges) in self._levels.items():
            value = features.get(feature.name)
            if value is None:
                continue
            if feature.labels:
                yield name, feature.labels[int(value)]
            elif not feature.categories:
                yield name, band_names(edges)[bisect_right(edges, value)]


def _level_features(
    bundle: Bundle, features: FeatureSet
) -> Iterator[tuple[str, tuple[Feature, tuple[float, ...]]]]:
    """For each declared subgroup, the feature that says to which level a patient belongs.

    It is the last value of the signal, of the longest window that there is.
    """
    for name, group in bundle.declaration.evaluation.subgroups.items():
        last = [
            one
            for one in features.features
            if one.signal == group.signal and one.aggregate == "last"
        ]
        if last:
            longest = max(last, key=lambda one: one.window_hours or math.inf)
            yield name, (longest, group.edges)


def _answer(
    made: Prediction,
    sealed: Mapping[str, Any],
    label: float | None = None,
    followed_days: float | None = None,
    **told: Any,
) -> LiveAnswer:
    return LiveAnswer(
        prediction_id=made.prediction_id,
        at=made.at,
        question=_question(made, sealed),
        shown=made.shown,
        outcome=made.outcome,
        reason=made.reason,
        latency_ms=made.latency_ms,
        subject=made.subject_tag,
        label=label,
        followed_days=followed_days,
        **told,
    )


def _question(made: Prediction, sealed: Mapping[str, Any]) -> str:
    """The same for every version that answered the same bytes at the same moment."""
    if not sealed.get("request"):
        return made.prediction_id
    return digest_of([made.channel, made.as_of, sealed["request"]])
