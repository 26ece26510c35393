"""How sure a score is, and who gets none because nobody like them was learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Refused
from bedside.core.records.answer import Abstention, AbstentionReason
from bedside.core.records.bundle import LEARNT, UNCERTAINTY, Bundle
from bedside.features.definition import Feature, FeatureSet
from bedside.features.wording import title
from bedside.interop.predicted import label_words
from bedside.models.calibration import calibration_for, venn_abers_pair
from bedside.models.conformal import (
    ConformalInterval,
    ConformalSets,
    edges_of,
    likely,
    margins_before,
    strangeness,
)
from bedside.models.domain import DomainCheck, Unlike
from bedside.models.form import ModelForm
from bedside.models.form_json import form_from_json
from bedside.models.uncertainty import uncertainty_from_json

__all__ = ["Certainty", "Sureness"]

Floats = npt.NDArray[np.float64]
_RARE = {
    "value": "",
    "missing": " (not known)",
    "category": " (a rare category)",
    "present": " (known, which was rare)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sureness:
    """What is said beside a score, as in `Score`; None where nothing is declared."""

    low: float | None = None
    high: float | None = None
    likely: tuple[str, ...] | None = None


_NOT_TOLD = Sureness()
NEAR = 1e-9
"""What is so near to a limit is judged alone: together with other rows, sums are added up in
another order, and may differ in their last digits and so lie on its other side."""


@dataclass(slots=True, kw_only=True)
class ManySureness:
    """What is said beside n scores, as in `Sureness`; NaN for None.

    `likely` is None where no labels are told, else the place of each row's in `sets`. `near` are
    rows so near to a limit that each must be judged alone.
    """

    low: Floats
    high: Floats
    near: npt.NDArray[np.bool_]
    likely: npt.NDArray[np.int64] | None = None
    sets: tuple[tuple[str, ...], ...] = ()


class Certainty:
    """What a bundle learnt of its own uncertainty; safe to call from several threads.

    Args:
        bundle: Opened and verified.
        features: k features.

    Raises:
        Refused: what it learnt cannot be read, or does not fit its features or outcome
            (`model_unreadable`).
    """

    def __init__(self, bundle: Bundle, features: FeatureSet) -> None:
        learnt = uncertainty_from_json(bundle.files.get(UNCERTAINTY, b"{}"))
        self._form = _light(bundle.files[LEARNT]) if LEARNT in bundle.files else None
        self._features = features
        self._labels = label_words(bundle.declaration)
        self._conformal = learnt.conformal
        self.tells = learnt.conformal is not None or self._form_asks()
        self.needs_margin = (
            not isinstance(learnt.conformal, ConformalInterval) and self._form_asks()
        )
        self._check = None if learnt.domain is None else DomainCheck(learnt.domain)
        wide = learnt.domain is None or len(learnt.domain.missing) == len(features.features)
        sets = isinstance(learnt.conformal, ConformalSets)
        if not wide or (sets and self._form is None) or self._labels_differ():
            raise Refused(
                "What the packaged model says of its uncertainty does not fit the model.",
                fix="build the version again.",
                code="model_unreadable",
            )

    def _form_asks(self) -> bool:
        """Whether a calibration or a set of labels is computed from the margin."""
        if self._form is None:
            return False
        every = [self._form.calibration, *(one.calibration for one in self._form.groups)]
        sets = isinstance(self._conformal, ConformalSets)
        return sets or any(one.kind == "venn_abers" for one in every)

    def unlike(self, row: Floats) -> Abstention | None:
        """The abstention for a row of features, shape (k,), that is outside the domain; or None."""
        found = () if self._check is None else self._check.unlike(row)
        if not found:
            return None
        first = self._features.features[found[0].column]
        return Abstention(
            reason=AbstentionReason.OUT_OF_DOMAIN,
            signal=first.signal or first.name,
            text=_told(found, self._features.features),
        )

    def of(self, row: Floats, margin: float, risk: float, outputs: Floats) -> Sureness:
        """How sure the score of a row is.

        Args:
            row: Shape (k,).
            margin: Before calibration; anything where `needs_margin` is false.
            risk: The one number, calibrated.
            outputs: Shape (m,): the prediction for each level, or anything where there are none.
        """
        low = high = None
        if not self.tells:
            return _NOT_TOLD
        if isinstance(self._conformal, ConformalInterval):
            low, high = risk - self._conformal.half_width, risk + self._conformal.half_width
        elif self._form is not None:
            applied = calibration_for(self._form, row)
            if applied.kind == "venn_abers":
                pair = venn_abers_pair(applied, np.array([margin]))[0].tolist()
                low, high = min(*pair, risk), max(*pair, risk)
        return Sureness(low=low, high=high, likely=self._likely(margin, outputs))

    def of_many(
        self, matrix: Floats, margin: Floats, risk: Floats, outputs: Floats
    ) -> ManySureness:
        """What `of` says of each row, but of those that are `near`.

        Args:
            matrix: Shape (n, k), at least one row.
            margin: Shape (n,), perhaps with other last digits.
            risk: Shape (n,).
            outputs: Shape (n, m).
        """
        many = ManySureness(
            low=np.full(len(matrix), np.nan),
            high=np.full(len(matrix), np.nan),
            near=np.zeros(len(matrix), dtype=np.bool_),
        )
        if isinstance(self._conformal, ConformalInterval):
            many.low[:] = risk - self._conformal.half_width
            many.high[:] = risk + self._conformal.half_width
        elif self._form is not None:
            _bound(many, self._form, matrix, margin, risk)
        if isinstance(self._conformal, ConformalSets) and self._form is not None:
            before = margins_before(self._form, outputs, margin)
            strange = strangeness(self._form, before)
            sets, place = np.unique(likely(self._conformal, strange), axis=0, return_inverse=True)
            edges = edges_of(self._conformal)
            many.near |= (np.abs(strange - edges) <= NEAR * (1 + np.abs(edges))).any(axis=1)
            many.likely = place.reshape(-1)
            many.sets = tuple(
                tuple(word for word, inside in zip(self._labels, one, strict=True) if inside)
                for one in sets
            )
        return many

    def _likely(self, margin: float, outputs: Floats) -> tuple[str, ...] | None:
        if not isinstance(self._conformal, ConformalSets) or self._form is None:
            return None
        before = margins_before(self._form, outputs.reshape(1, -1), np.array([margin]))
        kept = likely(self._conformal, strangeness(self._form, before))[0]
        return tuple(word for word, inside in zip(self._labels, kept, strict=True) if inside)

    def _labels_differ(self) -> bool:
        sets = self._conformal
        return isinstance(sets, ConformalSets) and len(sets.limits) != len(self._labels)


def _light(content: bytes) -> ModelForm:
    """The form without its parts, which others run."""
    return replace(form_from_json(content), members=())


def _bound(
    many: ManySureness, form: ModelForm, matrix: Floats, margin: Floats, risk: Floats
) -> None:
    """Put in the bounds of Venn-Abers calibration, of each group its own."""
    which = np.zeros(len(matrix), dtype=np.int64)
    for at, group in enumerate(form.groups, start=1):
        which[matrix[:, group.column] == group.value] = at  # the last that fits decides
    every = [form.calibration, *(one.calibration for one in form.groups)]
    for at, applied in enumerate(every):
        own = np.flatnonzero(which == at)
        if applied.kind != "venn_abers" or not len(own):
            continue
        pair = venn_abers_pair(applied, margin[own])
        many.low[own] = np.minimum(pair.min(axis=1), risk[own])
        many.high[own] = np.maximum(pair.max(axis=1), risk[own])
        many.near[own] |= _near_to(np.asarray(applied.knots), margin[own])


def _near_to(knots: Floats, margin: Floats) -> npt.NDArray[np.bool_]:
    """Which margins, shape (n,), lie so near to one of the ascending knots that it may matter."""
    least = NEAR * (1 + np.abs(margin))
    between = np.searchsorted(knots, margin - least) != np.searchsorted(
        knots, margin + least, "right"
    )
    return np.asarray(between)


def _told(found: Sequence[Unlike], features: Sequence[Feature]) -> str:
    """In clinical words, and without a value."""
    names = [title(features[one.column]) for one in found]
    absent = [name for name, one in zip(names, found, strict=True) if one.way == "missing"]
    if found[0].never and absent:
        return (
            f"not known here, though it was of every patient that the model learnt from: "
            f"{'; '.join(absent)}. Measure it to get a score."
        )
    if found[0].never:
        return (
            "no patient that the model learnt from was like this one in: "
            f"{'; '.join(names)}. A score would be a guess: judge without one."
        )
    told = [f"{name}{_RARE[one.way]}" for name, one in zip(names, found, strict=True)]
    return (
        "this patient is unlike those that the model learnt from, most of all in: "
        f"{'; '.join(told)}. A score would be a guess: judge without one."
    )
