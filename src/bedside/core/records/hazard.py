"""What can go wrong with a model, how bad it is, and what in the declaration keeps it away."""

from dataclasses import dataclass, fields
from typing import Literal

__all__ = [
    "CONTROL_KINDS",
    "PROBABILITIES",
    "RISK_MATRIX",
    "SEVERITIES",
    "Acceptability",
    "Control",
    "Hazard",
    "MonitorOf",
    "Probability",
    "RiskMatrix",
    "Severity",
    "acceptability",
    "is_accepted",
]

Severity = Literal["negligible", "minor", "serious", "critical", "catastrophic"]
Probability = Literal["improbable", "remote", "occasional", "probable", "frequent"]
Acceptability = Literal["acceptable", "reduce", "unacceptable"]
MonitorOf = Literal["inputs", "predictions", "outcomes", "performance", "subgroups"]

SEVERITIES: dict[Severity, str] = {
    "negligible": "inconvenience or temporary discomfort",
    "minor": "temporary injury that needs no medical help",
    "serious": "injury that needs medical help",
    "critical": "permanent impairment, or injury that threatens life",
    "catastrophic": "death",
}
"""Each severity, the least first, and what it means.

Source: the five levels that ISO/TR 24971:2020, the guide to ISO 14971, gives as an example.
"""

PROBABILITIES: tuple[Probability, ...] = (
    "improbable", "remote", "occasional", "probable", "frequent",
)  # fmt: skip
"""How often the harm comes, the rarest first; a hospital says which rates it means by each."""

RISK_MATRIX: dict[Probability, tuple[Acceptability, ...]] = {
    "frequent": ("reduce", "unacceptable", "unacceptable", "unacceptable", "unacceptable"),
    "probable": ("acceptable", "reduce", "unacceptable", "unacceptable", "unacceptable"),
    "occasional": ("acceptable", "reduce", "reduce", "unacceptable", "unacceptable"),
    "remote": ("acceptable", "acceptable", "reduce", "reduce", "unacceptable"),
    "improbable": ("acceptable", "acceptable", "acceptable", "reduce", "reduce"),
}
"""For each probability, what a risk of each of `SEVERITIES` is, where no other is declared.

ISO 14971 leaves the criteria to the manufacturer; these are Bedside's, and no authority's.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One measure against a hazard: exactly one of these, besides `subgroup`.

    `gate`, `live_gate` and `guard` name the metric of one that this declaration has, with
    `subgroup` where it has one; `eligibility` the signal of a rule; `uncertainty` the option that
    is set; `monitor` the part of a monitoring run; `channel` a wire on which the model answers;
    `text` what users are told (information for safety, the weakest measure).
    """

    gate: str | None = None
    live_gate: str | None = None
    guard: str | None = None
    eligibility: str | None = None
    uncertainty: Literal["coverage", "domain"] | None = None
    monitor: MonitorOf | None = None
    channel: Literal["inference", "cds_hooks", "fhir", "hl7v2"] | None = None
    text: str | None = None
    subgroup: str | None = None

    @property
    def kind(self) -> str:
        """Which of the measures it is; empty where none is named."""
        return next((one for one in CONTROL_KINDS if getattr(self, one) is not None), "")

    @property
    def name(self) -> str:
        """What it refers to."""
        return str(getattr(self, self.kind)) if self.kind else ""


CONTROL_KINDS = tuple(one.name for one in fields(Control) if one.name != "subgroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """One way in which the model can harm a patient (ISO 14971:2019, clauses 5 to 7).

    Args:
        id: Short and stable; incidents and planned changes name it.
        hazard: The source of harm.
        situation: The sequence of events that leads to it, in order.
        harm: What happens to whom.
        severity: Of the harm.
        before: How probable the harm is without the controls.
        controls: What is done about it.
        after: How probable the harm is with the controls (the residual risk).
        judged_by: Who judged severity and probabilities.
        benefit_risk: Why the benefit outweighs a residual risk that is not acceptable.
    """

    id: str
    hazard: str
    situation: tuple[str, ...]
    harm: str
    severity: Severity
    before: Probability
    after: Probability
    judged_by: str
    controls: tuple[Control, ...] = ()
    benefit_risk: str = ""


RiskMatrix = dict[Probability, tuple[Acceptability, ...]]


def acceptability(
    severity: Severity, probability: Probability, matrix: RiskMatrix | None = None
) -> Acceptability:
    """What a risk matrix says of a risk; None: `RISK_MATRIX`.

    >>> acceptability("critical", "remote")
    'reduce'
    """
    return (matrix or RISK_MATRIX)[probability][list(SEVERITIES).index(severity)]


def is_accepted(hazard: Hazard, matrix: RiskMatrix | None = None) -> bool:
    """Whether the residual risk lets the model be shown to clinicians.

    An acceptable one does; one that is to be reduced does where something is done about it; any
    other needs a benefit-risk statement (ISO 14971:2019, clause 7.4).
    """
    residual = acceptability(hazard.severity, hazard.after, matrix)
    if residual == "acceptable" or hazard.benefit_risk.strip():
        return True
    return residual == "reduce" and bool(hazard.controls)
