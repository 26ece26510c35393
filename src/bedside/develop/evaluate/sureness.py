"""Whether sets, intervals and the domain keep, on held-out subjects, what they promise."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW, Estimate
from bedside.develop.evaluate.evidence import rounded
from bedside.develop.evaluate.statistics import Rows
from bedside.metrics.intervals import wilson
from bedside.models.conformal import ConformalInterval, ConformalSets, likely, strangeness
from bedside.models.domain import DomainCheck
from bedside.models.form import ModelForm
from bedside.models.learnt import LearntModel
from bedside.models.uncertainty import LearntUncertainty

__all__ = ["sureness_evidence", "sureness_sentences"]

Floats = npt.NDArray[np.float64]
_FEW = f"{SUPPRESS_AT_OR_BELOW} subjects or fewer: not shown"


def sureness_evidence(
    learnt: LearntUncertainty,
    form: ModelForm,
    features: Floats,
    rows: Rows,
    labels: Sequence[str],
) -> dict[str, Any]:
    """What was declared, and what came; empty where nothing is declared.

    Every share is that of a random row of each subject, and each subject counts once. `coverage`:
    `declared`, `held` (an `Estimate` for each label, or for the one number), and of labels
    `single`, the share with one label alone. `domain`: `declared`, and `outside`.

    Args:
        learnt: What stands in the bundle.
        form: Calibrated.
        features: Shape (n, k), of the held-out rows.
        rows: What was predicted for them, and what came true.
        labels: In words, by their index.
    """
    told: dict[str, Any] = {}
    everyone = np.ones(len(rows.label), dtype=bool)
    if isinstance(learnt.conformal, ConformalSets):
        sets = learnt.conformal
        kept = likely(sets, strangeness(form, LearntModel(form).margins(features)))
        held = {word: _share(kept[:, at], rows, rows.label == at) for at, word in enumerate(labels)}
        single = _share(kept.sum(axis=1) == 1, rows, everyone)
        told["coverage"] = {"declared": sets.coverage, "held": held, "single": single}
    elif isinstance(learnt.conformal, ConformalInterval) and rows.target is not None:
        near = np.abs(rows.target - rows.risk) <= learnt.conformal.half_width
        held = {"value": _share(near, rows, everyone)}
        told["coverage"] = {"declared": learnt.conformal.coverage, "held": held}
    if learnt.domain is not None:
        outside = ~DomainCheck(learnt.domain).inside(features)
        told["domain"] = {
            "declared": learnt.domain.share,
            "outside": _share(outside, rows, everyone),
        }
    made: dict[str, Any] = rounded(told)
    return made


def sureness_sentences(told: Mapping[str, Any]) -> list[str]:
    """The same in plain sentences, for the report."""
    said = []
    if "coverage" in told:
        declared, held = told["coverage"]["declared"], told["coverage"]["held"]
        what = "Intervals" if "single" not in told["coverage"] else "Sets"
        parts = [
            f"{_words(figure)} of subjects{'' if word == 'value' else f' with “{word}”'}"
            for word, figure in held.items()
        ]
        said.append(
            f"{what} of {declared:.1%} coverage held the truth of {', and of '.join(parts)}. "
            "Worry when an interval lies below the declared coverage."
        )
    if "single" in told.get("coverage", {}):
        single = _words(told["coverage"]["single"])
        said.append(f"The set was one label alone, which says most, in {single}.")
    if "domain" in told:
        said.append(
            f"The domain is to leave {1 - told['domain']['declared']:.1%} outside; it left "
            f"{_words(told['domain']['outside'])} of the held-out subjects without a score. Worry "
            "when that is many times as much: they are not like the training subjects."
        )
    return said


def _words(figure: Mapping[str, Any]) -> str:
    if figure["estimate"] is None:
        return f"(not shown: {figure['why']})"
    return f"{figure['estimate']:.1%} ({figure['low']:.1%} to {figure['high']:.1%})"


def _share(
    came: npt.NDArray[np.bool_], rows: Rows, some: npt.NDArray[np.bool_]
) -> dict[str, float | int | str | None]:
    """The mean over subjects of the share of their rows, with Wilson's interval.

    It is wide enough, as no number in [0, 1] varies more than one that is 0 or 1.
    """
    _, whose = np.unique(rows.subject[some], return_inverse=True)
    n = int(whose.max()) + 1 if len(whose) else 0
    if n <= SUPPRESS_AT_OR_BELOW:
        return Estimate(estimate=None, low=None, high=None, n=None, why=_FEW).as_json()
    share = float((np.bincount(whose, weights=came[some]) / np.bincount(whose)).mean())
    low, high = wilson(share, n)
    return Estimate(estimate=share, low=low, high=high, n=n).as_json()
