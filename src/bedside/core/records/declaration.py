"""What `bedside.yaml` says, as frozen records: one clinical model."""

from dataclasses import dataclass, field
from typing import Literal

from bedside.core.records.cds_hooks import CdsHooks
from bedside.core.records.change_control import ChangePlan
from bedside.core.records.features import FeatureRule
from bedside.core.records.fhir_channel import Fhir
from bedside.core.records.hazard import Hazard, RiskMatrix
from bedside.core.records.hl7v2_channel import Hl7v2
from bedside.core.records.question import Question
from bedside.core.records.release_mode import ReleaseMode
from bedside.core.records.rollout import Rollout
from bedside.core.records.split import Split
from bedside.core.records.training import Augmentation, Imputation
from bedside.core.records.watch import Watch

__all__ = [
    "Acknowledgement",
    "Alerts",
    "Bounds",
    "CalibrationMethod",
    "CdsHooks",
    "Channels",
    "Clock",
    "Declaration",
    "Eligibility",
    "Evaluation",
    "Fairness",
    "Fhir",
    "Gate",
    "Hl7v2",
    "IntendedUse",
    "Learner",
    "Mitigation",
    "Monitoring",
    "Signal",
    "Source",
    "Subgroup",
    "Threshold",
    "Tuning",
    "Uncertainty",
]

CalibrationMethod = Literal["none", "platt", "beta", "isotonic", "venn_abers"]
Mitigation = Literal[
    "none", "reweighing", "reductions", "thresholds_by_group", "recalibration_by_group"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntendedUse:
    """Which decision the model supports, for whom, and what it must not be used for."""

    decision: str
    users: tuple[str, ...]
    population: str
    not_for: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How a table tells time: a column that counts `unit`s since `origin` (ISO 8601 with a zone).

    Without a column, every row happens at the origin.
    """

    origin: str
    column: str | None = None
    unit: Literal["s", "min", "h", "d"] = "h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the data lie: a source that is collected, or one wide table.

    `source` names a `source.yaml` (one that ships, or a folder beside this declaration); its
    collected and prepared events are read. Otherwise `file` is one table, with a row per subject
    and time (Parquet, CSV or ARFF, these two also gzipped); `subject` is its column with the
    patient's identifier, or `_row` where each row is another patient (FILE#NUMBER). `bundled`
    names a data set inside an installed package, for when none is given.

    `release_mode` says as what the data are used. Where a collected source is identified, its
    release under that mode is read, which `bedside deid data` made for `project`.
    """

    licence: str
    release_mode: ReleaseMode
    source: str = ""
    project: str = ""
    file: str = ""
    subject: str = ""
    clock: Clock = field(default_factory=lambda: Clock(origin="2000-01-01T00:00:00Z"))
    bundled: Literal["sklearn_breast_cancer"] | None = None
    row_event: str | None = None
    start_event: str | None = None
    pseudonym_salt: str = "bedside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One thing that is measured, observed or found out about a subject.

    `code` is the events' own; `also` are further codes that say the same in the same unit.
    `categories` gives each text of the source its label; with `learn_categories` they are those
    of the training subjects. `normal` is what a healthy subject has, in `unit`.

    In a wide table, `column` is where it stands, and `visible_after` the delay between `time` and
    `known_at`; there is no default, because a silent zero would let a model see results before
    anyone could. A collected source tells both by itself.

    An outcome of a wide table happens where its column says `equals`; one with categories, or with
    a unit, at each row that says what; one without a column at each row. It happens `happens_after`
    the row's time, or as long after it as the number in `happens_after_column` says, in
    `happens_after_unit`s (a month is 30.4375 days, a year 365.25).
    """

    label: str
    code: str
    also: tuple[str, ...] = ()
    column: str = ""
    visible_after: str = ""
    unit: str | None = None
    source_unit: str | None = None
    categories: dict[str, str] | None = None
    learn_categories: bool = False
    plausible: tuple[float, float] | None = None
    normal: float | None = None
    role: Literal["input", "static", "outcome", "attribute"] = "input"
    equals: str = "1"
    happens_after: str = "0 min"
    happens_after_column: str = ""
    happens_after_unit: Literal["h", "d", "month", "year"] = "d"
    required: bool = False
    stale_after: str | None = None

    @property
    def delay(self) -> str:
        """How long after `time` a value without a `known_at` of its own could be seen."""
        return self.visible_after or "0 min"

    @property
    def is_categorical(self) -> bool:
        """Whether its events carry text, not a number."""
        return self.categories is not None or self.learn_categories

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code that says this."""
        return (self.code, *self.also)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where tuning looks for one parameter: from `low` to `high`, or one of `choices`."""

    low: float | None = None
    high: float | None = None
    log: bool = False
    whole: bool = False
    choices: tuple[float | int | bool | str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Which parameters are tried on the training subjects, who are kept apart in `folds`.

    Without a `space`, the learner's own. A trial is pruned when its first folds are worse than
    those of half the trials before it.
    """

    trials: int = 30
    folds: int = 3
    space: dict[str, Bounds] = field(default_factory=dict)
    prune: bool = True
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """What is fitted. `parameters` are the library's own names.

    `kind` is the name of a learner that is installed, or `ensemble`, which averages the margins
    of its `members`. `monotone` says which way a feature (or every feature of a signal) may move
    the prediction. With `positive_weight`, rows with the outcome count so many times in the fit,
    and calibration puts the risks right again.
    """

    kind: str = "lightgbm"
    baseline: Literal["logistic"] = "logistic"
    calibration: CalibrationMethod = "platt"
    rounds: int = 400
    early_stopping: int = 0
    seed: int = 20190101
    threads: int = 2
    parameters: dict[str, float | int | bool | str] = field(default_factory=dict)
    monotone: dict[str, Literal["increasing", "decreasing"]] = field(default_factory=dict)
    positive_weight: float = 1.0
    members: tuple["Learner", ...] = ()
    tuning: Tuning | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertainty:
    """How sure an answer is, and for whom there is none.

    With `coverage`, each answer carries a conformal set (or, for a number, an interval) that holds
    the truth in at least this share of patients like those it was made on. With `domain`, whoever
    lies further from the training patients than this share of them did gets an abstention.
    """

    coverage: float | None = None
    domain: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """Between which subjects errors must not differ, and by which means that is brought about.

    `subgroup` is one of the evaluation's. `constraint` is what `reductions` and
    `thresholds_by_group` make equal.
    """

    subgroup: str
    mitigation: Mitigation = "none"
    constraint: Literal["equal_opportunity", "equalized_odds", "demographic_parity"] = (
        "equal_opportunity"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """How the alert threshold is chosen on the tuning subjects: exactly one of these."""

    value: float | None = None
    sensitivity: float | None = None
    maximise: Literal["normalised_utility", "min_sensitivity_ppv"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgroup:
    """Subjects grouped by a signal: by its categories, or by bands with these edges."""

    signal: str
    edges: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """How alerts over time are counted and dealt with.

    An alert within `lead` before the event counts as true; after one, the same subject is left in
    peace for `snooze`. `capacity` is how many alerts the staff can follow up in 24 h, over
    `beds` occupied beds.
    """

    lead: str = "12 h"
    snooze: str = "0 min"
    capacity: float | None = None
    beds: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What is measured on the held-out subjects, and how surely.

    With `folds`, the figures are also measured by cross-validation over all subjects.
    `intersections` are pairs of subgroups that are judged together. A level with fewer than
    `minimum_subgroup` subjects is not judged.
    """

    threshold: Threshold = field(default_factory=Threshold)
    split: Split = field(default_factory=Split)
    subgroups: dict[str, Subgroup] = field(default_factory=dict)
    intersections: tuple[tuple[str, ...], ...] = ()
    minimum_subgroup: int = 20
    bootstrap: int = 1000
    interval: Literal["percentile", "bca"] = "percentile"
    folds: int = 0
    learning_curve: bool = False
    utility: Literal["physionet_2019"] | None = None
    burden_per: Literal["subject", "day"] = "subject"
    alerts: Alerts = field(default_factory=Alerts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A bound that a metric must keep before a version may reach a patient.

    A metric that ends in `_gap` is the greatest difference between the levels of `subgroup`.
    `bound` says which end must keep it: the `low` or `high` end of the interval, or the estimate.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    bound: Literal["estimate", "low", "high"] = "estimate"
    subgroup: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """Subjects outside these bounds get an abstention, not a score."""

    signal: str
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """On which wires the model answers. `cds_hooks` is one CDS Hooks service, or several."""

    inference: bool = True
    cds_hooks: CdsHooks | tuple[CdsHooks, ...] | None = None
    fhir: Fhir | None = None
    hl7v2: Hl7v2 | None = None

    @property
    def services(self) -> tuple[CdsHooks, ...]:
        """The CDS Hooks services, however many were declared."""
        if self.cds_hooks is None:
            return ()
        return (self.cds_hooks,) if isinstance(self.cds_hooks, CdsHooks) else self.cds_hooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """What is watched. `alpha` is the chance of any false alarm in one comparison of a data set.

    `watch` is how the answers of a version in use are watched.
    """

    alpha: float = 0.01
    minimum_subjects: int = 50
    watch: Watch = field(default_factory=Watch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A leakage finding that a person has looked at and accepts; printed in the model card."""

    finding: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One clinical model, as its folder declares it.

    `change_control` is a plan that can be judged; as a list of sentences it is described only.
    """

    bedside: Literal[1]
    name: str
    title: str
    intended_use: IntendedUse
    data: Source
    signals: dict[str, Signal]
    question: Question
    features: tuple[FeatureRule, ...]
    evaluation: Evaluation
    learner: Learner = field(default_factory=Learner)
    uncertainty: Uncertainty = field(default_factory=Uncertainty)
    fairness: Fairness | None = None
    imputation: Imputation = field(default_factory=Imputation)
    augmentation: tuple[Augmentation, ...] = ()
    gates: tuple[Gate, ...] = ()
    eligibility: tuple[Eligibility, ...] = ()
    channels: Channels = field(default_factory=Channels)
    rollout: Rollout = field(default_factory=Rollout)
    monitoring: Monitoring = field(default_factory=Monitoring)
    change_control: tuple[str, ...] | ChangePlan = ()
    hazards: tuple[Hazard, ...] = ()
    risk_matrix: RiskMatrix | None = None
    acknowledged: tuple[Acknowledgement, ...] = ()
