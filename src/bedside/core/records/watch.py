"""What is watched of a model in use, which alarms are raised, and what is done about them."""

from dataclasses import dataclass, field
from typing import Literal

from bedside.core.records.intervention import Intervention

__all__ = [
    "CAUSES",
    "SEVERITIES",
    "STEP_WORDS",
    "Alarm",
    "AlarmKind",
    "AlarmSeverity",
    "AlarmStep",
    "AlarmStepKind",
    "AtPlace",
    "Cause",
    "Finding",
    "Recovery",
    "Response",
    "ResponseGuard",
    "ResponseKind",
    "Watch",
    "step_words",
]

AlarmKind = Literal["input", "output", "performance", "fairness", "volume", "labels", "run"]
"""What an alarm is about; `labels`: when outcomes come, `run`: the monitor itself did not run."""

AlarmSeverity = Literal["low", "medium", "high"]
SEVERITIES: tuple[AlarmSeverity, ...] = ("low", "medium", "high")
"""From the least on."""

Cause = Literal[
    "unit_change",
    "feed_lost",
    "assay_bias",
    "coding_change",
    "case_mix",
    "new_site",
    "season",
    "prevalence",
    "label_delay",
    "subgroup_only",
    "treatment_effect",
    "model_degraded",
    "volume",
    "missed_run",
    "unknown",
]

CAUSES: dict[Cause, str] = {
    "unit_change": "a measurement comes in another unit",
    "feed_lost": "a measurement does not come any more",
    "assay_bias": "a measurement is biased against before, as by another assay or device",
    "coding_change": "another code or category stands where one stood before",
    "case_mix": "the patients are others, as older ones",
    "new_site": "patients of another place are among them",
    "season": "a wave that comes and goes, as of an infection",
    "prevalence": "the outcome is more or less frequent, while the inputs are as before",
    "label_delay": "outcomes come to be known later, or earlier, than before",
    "subgroup_only": "the model does worse for one group alone",
    "treatment_effect": "the outcome is rarer where staff acted on the model's alerts",
    "model_degraded": "the model ranks patients worse, and no input explains it",
    "volume": "far fewer or far more questions come than before",
    "missed_run": "the monitor did not run when it should have",
    "unknown": "none of the known causes explains it",
}
"""What may be behind an alarm, in plain words."""

ResponseKind = Literal["hold", "rollback", "abstain", "recalibrate", "retrain", "ask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseGuard:
    """What must hold before a response is carried out; else a person is asked.

    Args:
        every_at_least: The least time between two responses of this kind to a version.
        judged_at_least: So many judged answers there must be (of recalibrate and retrain).
        within_plan: Whether the change control plan must allow the outcome without approval; it
            then goes to silence by itself, never further.
    """

    every_at_least: str = "1 d"
    judged_at_least: int = 0
    within_plan: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What is done when an alarm is raised.

    Args:
        when: Kinds of alarms that it answers.
        causes: Only where the likely cause is one of these; none: whatever it is.
        severity: Only alarms at least so severe.
        then: What is done. `ask` tells the owner, and waits.
        guard: What must hold before.
    """

    when: tuple[AlarmKind, ...]
    causes: tuple[Cause, ...] = ()
    severity: AlarmSeverity = "high"
    then: ResponseKind = "ask"
    guard: ResponseGuard = field(default_factory=ResponseGuard)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """When an open alarm counts as recovered: what it rests on is back where it was.

    Args:
        after: The least time for which every stream must have been back; whole days.
        patients: The least number of patients of each stream in that time.
        error: The chance that a stream which is still outside its range is ever told to be back.
        closes: Alarms up to this severity close by themselves once they recovered; graver ones
            wait for a person. None: all of them wait.
        reopen_within: What comes back within this time after its alarm closed by itself opens
            that alarm again, and raises no other.
    """

    after: str = "7 d"
    patients: int = 50
    error: float = 0.05
    closes: AlarmSeverity | None = "medium"
    reopen_within: str = "28 d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What `bedside.yaml` says under `monitoring.watch`: a version that answers is watched so.

    Args:
        false_alarms: On average at most so many false alarms of a version in `per`, over
            everything that is watched of it.
        per: The period of the budget, whole days.
        budget: `measured`: bars that kept the budget in simulated hospitals, on real patients;
            `proved`: higher bars that keep it whatever the streams look like, and see later.
        every: How often the monitor should run; later than twice this, a run counts as missed.
        window: How far back the page and its figures look.
        owner: Who is told, and answers for alarms: a person or a role.
        retrain_every: Retrain on a schedule, such as `90 d`; None: on an alarm only.
        respond: What is done about alarms; the first that fits counts, and without one: `ask`.
        interventions: By name, what staff do because of an alert; patients of whom data tell that
            it was done are marked as treated because alerted.
        recovery: When an alarm is over without anybody's doing.
    """

    false_alarms: float = 1.0
    per: str = "90 d"
    budget: Literal["measured", "proved"] = "measured"
    every: str = "1 d"
    window: str = "28 d"
    owner: str = "the model's owner"
    retrain_every: str | None = None
    respond: tuple[Response, ...] = ()
    interventions: dict[str, Intervention] = field(default_factory=dict)
    recovery: Recovery = field(default_factory=Recovery)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtPlace:
    """What a finding's stream was in one place, and is. Aggregates only.

    Args:
        place: Such as `site: B` or `ward: ICU`; `elsewhere`: everywhere but there.
        then: The mean there in the weeks before the alarm's onset; None: of ten patients or fewer.
        now: The mean there since the onset; None: likewise.
        n: How many patients that is of; None: ten or fewer.
    """

    place: str
    then: float | None
    now: float | None
    n: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One watched stream that left its range: the evidence of an alarm. Aggregates only.

    Args:
        stream: Id of the stream, such as `missing:creatinine.last`.
        kind: What it is about.
        side: Whether it went `up` or `down`.
        signal: The signal of the feature; None: no feature.
        group: Such as `sex: female`; None: everybody.
        since: The day on which it probably began (ISO date).
        log_evidence: Natural log of the evidence against "as before"; the alarm bar is `bar`.
        bar: What `log_evidence` had to reach, for the budget.
        then: The mean of the reference.
        now: The mean since `since`; None: of ten patients or fewer, and not shown.
        n: How many patients it rests on; None: ten or fewer.
        text: In plain words.
        places: The same in each place that the alarm names, and elsewhere; empty: it names none.
    """

    stream: str
    kind: AlarmKind
    side: Literal["up", "down"]
    signal: str | None
    group: str | None
    since: str
    log_evidence: float
    bar: float
    then: float
    now: float | None
    n: int | None
    text: str
    places: tuple[AtPlace, ...] = ()


AlarmStepKind = Literal[
    "raised",
    "grew",
    "acknowledged",
    "assigned",
    "noted",
    "responded",
    "recovered",
    "reopened",
    "resolved",
]


STEP_WORDS: dict[AlarmStepKind, str] = {
    "raised": "raised by the monitor",
    "grew": "grew",
    "acknowledged": "acknowledged",
    "assigned": "given to somebody",
    "noted": "noted",
    "responded": "answered by the platform",
    "recovered": "recovered",
    "reopened": "came back, and was opened again",
    "resolved": "resolved",
}
"""What happened to an alarm, in plain words."""


def step_words(kind: AlarmStepKind, by: str, text: str) -> tuple[str, str]:
    """What happened, and what is told of it, in plain words.

    >>> step_words("resolved", "user:ada", "unit_change")
    ('resolved', 'what was behind it: a measurement comes in another unit')
    >>> step_words("resolved", "service:bedside", "unit_change")[0]
    'closed by itself, for it had recovered'
    """
    if kind != "resolved":
        return STEP_WORDS[kind], text
    by_itself = by.startswith("service:")
    cause = next((words for name, words in CAUSES.items() if name == text), text)
    told = f"what was {'likely' if by_itself else ''} behind it: {cause}".replace("  ", " ")
    return ("closed by itself, for it had recovered" if by_itself else STEP_WORDS[kind]), told


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmStep:
    """One thing that happened to an alarm; `entry` is the ledger's entry about it."""

    kind: AlarmStepKind
    at: str
    by: str
    entry: int
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that moved, with its likely cause; findings that have one cause are one alarm.

    Args:
        id: `ALM-` and the number of the ledger's entry that raised it.
        key: What makes two findings the same alarm while it is open: version, cause, and signal
            or group.
        model: The model's name.
        version: The version's id.
        kind: What it is about.
        severity: How much it matters for patients.
        cause: What is most likely behind it.
        signals: Signals that it is about.
        groups: Subgroups, sites or wards that it is about; none: everybody.
        onset: The day on which it probably began (ISO date).
        raised: When it was raised (ISO 8601).
        text: One sentence: what, where, since when, and how much of the shift of the risks.
        score_share: The share of the shift of the mean log-odds that its signals account for.
        findings: The evidence, the strongest first.
        owner: Who answers for it.
        state: Where it stands; `recovered`: what it rests on is back, and a person has yet to say
            that it is over.
        steps: What happened to it, oldest first.
    """

    id: str
    key: str
    model: str
    version: str
    kind: AlarmKind
    severity: AlarmSeverity
    cause: Cause
    onset: str
    raised: str
    text: str
    signals: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    score_share: float | None = None
    findings: tuple[Finding, ...] = ()
    owner: str = ""
    state: Literal["open", "acknowledged", "recovered", "resolved"] = "open"
    steps: tuple[AlarmStep, ...] = ()

    @property
    def closed_itself(self) -> bool:
        """Whether it is resolved because it recovered, and by no person."""
        last = self.steps[-2:]
        kinds, who = [one.kind for one in last], {one.by for one in last}
        return kinds == ["recovered", "resolved"] and len(who) == 1

    @property
    def standing(self) -> str:
        """Where it stands, in words.

        >>> Alarm(id="", key="", model="", version="", kind="input", severity="high",
        ...     cause="unknown", onset="", raised="", text="", state="recovered").standing
        'recovered, waits for a person'
        """
        if self.state == "recovered":
            return "recovered, waits for a person"
        return "recovered, closed" if self.closed_itself else self.state
