"""The parts of a learnt model: margins that add up, a link to what is predicted, a calibration."""

from dataclasses import dataclass, field
from typing import Literal

from bedside.core.records.outcome import OutcomeKind

__all__ = [
    "Additive",
    "CalibrationMap",
    "GroupMap",
    "Hazards",
    "Link",
    "Member",
    "ModelForm",
    "Term",
    "Trees",
]

Link = Literal[
    "identity",
    "logistic",
    "softmax",
    "cumulative_logistic",
    "proportional_hazards",
    "competing_hazards",
]
"""How margins become what is predicted.

`identity`: the margin itself. `logistic`: 1 / (1 + exp(-margin)). `softmax`: over one margin for
each level. `cumulative_logistic`: P(level > k) is logistic of margin - cutpoint k.
`proportional_hazards`: 1 - exp(-H(horizon) exp(margin)). `competing_hazards`: the cumulative
incidence of the first cause, from the cause-specific hazards of all (one margin for each cause).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """Boosted trees in LightGBM's text form. With several outputs, tree i adds to i modulo them."""

    text: str
    outputs: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """What one feature gives to each margin, or (`steps` only) two features together.

    `linear`: `scores[output]` is (slope, score where the value is missing), of the value as it is.
    `steps`: `edges` has, for each feature, the ascending bounds between its bins; a value v is in
    bin i when edges[i-1] <= v < edges[i]. `scores[output]` is, in row-major order over the
    features, the score of: missing, bin 0, bin 1, ….
    `polyline`: `edges[0]` are ascending knots; `scores[output]` is (score where missing, score at
    each knot), straight lines between and constant beyond.
    """

    kind: Literal["linear", "steps", "polyline"]
    features: tuple[int, ...]
    scores: tuple[tuple[float, ...], ...]
    edges: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Additive:
    """Terms that add up. `expected` is, for each term, its mean over the training rows."""

    intercept: tuple[float, ...]
    terms: tuple[Term, ...]
    expected: tuple[tuple[float, ...], ...] = ()

    @property
    def outputs(self) -> int:
        """How many margins a row has."""
        return len(self.intercept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A part with its weight; the margins of a model are the weighted sum over its members."""

    part: Trees | Additive
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazards:
    """Cumulative baseline hazards of each cause at ascending `days`; before the first, zero."""

    days: tuple[float, ...]
    cumulative: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationMap:
    """From margins to calibrated ones, or to risks.

    `none`. `affine` (Platt and temperature scaling): margin i becomes numbers[0] * margin +
    numbers[1 + i]. `beta`: the log-odds become numbers[0] * ln p - numbers[1] * ln(1 - p) +
    numbers[2]. `polyline` (isotonic): the risk is values[0] at each of the knots on the margin,
    straight between them and constant beyond. `venn_abers`: step functions on the margin; at
    knots[i-1] <= margin < knots[i], p0 is values[0][i] and p1 is values[1][i], and the risk is
    p1 / (1 - p0 + p1).
    """

    kind: Literal["none", "affine", "beta", "polyline", "venn_abers"] = "none"
    numbers: tuple[float, ...] = ()
    knots: tuple[float, ...] = ()
    values: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMap:
    """The calibration of the rows in which the feature `column` has this value."""

    column: int
    value: float
    calibration: CalibrationMap


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelForm:
    """A model for `width` features.

    `levels` names the outputs of multi-class and ordinal models, `horizons` (days) those of a
    survival model. `groups` replace the calibration where they apply.
    """

    outcome: OutcomeKind
    link: Link
    width: int
    members: tuple[Member, ...]
    levels: tuple[str, ...] = ()
    cutpoints: tuple[float, ...] = ()
    horizons: tuple[float, ...] = ()
    hazards: Hazards | None = None
    calibration: CalibrationMap = field(default_factory=CalibrationMap)
    groups: tuple[GroupMap, ...] = ()
