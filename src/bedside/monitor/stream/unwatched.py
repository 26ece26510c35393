"""What a baseline leaves unwatched: nobody should take silence about it for safety."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.monitor.stream.answers import Answers
from bedside.monitor.stream.draws import readable
from bedside.monitor.stream.streams import Baseline

__all__ = ["unwatched_of"]

Bools = npt.NDArray[np.bool_]


def unwatched_of(
    baseline: Baseline,
    answers: Answers,
    unlike: Bools | None,
    least: int,
) -> tuple[str, ...]:
    """What cannot be watched, and why, in plain words.

    Args:
        baseline: With its streams.
        answers: Of which it was made.
        unlike: Whether each patient is unlike the training patients; None: not known.
        least: So many subjects a stream needs.
    """
    found = []
    titles = {feature.name: feature.title for feature in baseline.features}
    watched = {one.feature for one in baseline.streams if one.family != "missing"}
    names = set(titles) - watched
    if names:
        told = ", ".join(f"'{titles[name]}'" for name in titles if name in names)
        found.append(f"The values of {told}: fewer than {least} patients of the baseline had them.")
    if baseline.risk is None or baseline.risk.one_value:
        found.append("Where the risks lie: they were the same in all patients, or too few had one.")
    ids = {stream.id for stream in baseline.streams}
    found += _of_outcomes(baseline, answers, ids)
    if "alert" not in ids:
        found.append("Alerts: nothing alerts.")
    if unlike is None and "out_of_domain" not in baseline.reasons:
        found.append("Patients unlike those the model learnt from: not known of the baseline.")
    if "slow" not in ids:
        found.append("How long answers take: not known of the baseline.")
    if "label_delay" not in ids:
        found.append("When outcomes come to be known: not known of the baseline.")
    lost = int((answers.subject < 0).sum()) + int((~readable(answers)).sum())
    if lost > SUPPRESS_AT_OR_BELOW:
        found.append("Answers that name nobody, or were erased: they are counted, not drawn.")
    return tuple(found)


def _of_outcomes(baseline: Baseline, answers: Answers, ids: set[str]) -> Iterator[str]:
    """What came true; of a time until an event, and of a number, there is nothing to watch."""
    if not np.isfinite(answers.label).any():
        yield (
            "Calibration, and how well the model ranks: no outcome of the baseline says yes or no, "
            "as none of a time until an event and of a number does."
        )
        return
    if not baseline.calibrated or "residual" not in ids:
        yield "Calibration: of too few patients is it known whether the outcome came."
    if "placement_case" not in ids or "placement_control" not in ids:
        yield (
            "How well the model ranks: too few patients with the outcome, or without it, are in "
            "the baseline."
        )
