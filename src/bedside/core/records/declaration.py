"""What `bedside.yaml` says, as frozen records: one clinical model."""

from dataclasses import dataclass, field
from typing import Literal

from bedside.core.records.features import FeatureRule
from bedside.core.records.question import Question
from bedside.core.records.split import Split
from bedside.core.records.training import Augmentation, Imputation

__all__ = [
    "Acknowledgement",
    "Calibration",
    "CdsHooks",
    "Channels",
    "Clock",
    "Declaration",
    "Eligibility",
    "Evaluation",
    "Gate",
    "IntendedUse",
    "Learner",
    "Monitoring",
    "Signal",
    "Source",
    "Subgroup",
    "Threshold",
]

Calibration = Literal["none", "platt"]
ReleaseMode = Literal["safe_harbor", "expert", "limited_dataset", "identified"]


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
    and time; `bundled` names a data set inside an installed package, for when none is given.
    """

    licence: str
    release_mode: ReleaseMode
    source: str = ""
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
    happens_after: str = "0 min"
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
class Learner:
    """What is fitted. `parameters` are the library's own names."""

    kind: Literal["lightgbm"] = "lightgbm"
    baseline: Literal["logistic"] = "logistic"
    calibration: Calibration = "platt"
    rounds: int = 400
    early_stopping: int = 0
    seed: int = 20190101
    threads: int = 2
    parameters: dict[str, float | int | bool | str] = field(default_factory=dict)


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
class Evaluation:
    """What is measured on the held-out subjects, and how surely.

    With `folds`, the figures are also measured by cross-validation over all subjects.
    """

    threshold: Threshold
    split: Split = field(default_factory=Split)
    subgroups: dict[str, Subgroup] = field(default_factory=dict)
    bootstrap: int = 1000
    folds: int = 0
    utility: Literal["physionet_2019"] | None = None
    burden_per: Literal["subject", "day"] = "subject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A bound that a metric must keep before a version may reach a patient.

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
class CdsHooks:
    """The CDS Hooks service of this model."""

    id: str
    title: str
    description: str
    hook: Literal["patient-view"] = "patient-view"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """On which wires the model answers."""

    inference: bool = True
    cds_hooks: CdsHooks | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """What is watched. `alpha` is the chance of any false alarm in one monitoring run."""

    alpha: float = 0.01
    minimum_subjects: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A leakage finding that a person has looked at and accepts; printed in the model card."""

    finding: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One clinical model, as its folder declares it."""

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
    imputation: Imputation = field(default_factory=Imputation)
    augmentation: tuple[Augmentation, ...] = ()
    gates: tuple[Gate, ...] = ()
    eligibility: tuple[Eligibility, ...] = ()
    channels: Channels = field(default_factory=Channels)
    monitoring: Monitoring = field(default_factory=Monitoring)
    change_control: tuple[str, ...] = ()
    acknowledged: tuple[Acknowledgement, ...] = ()
