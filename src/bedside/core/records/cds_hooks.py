"""The CDS Hooks services of a model: when it is asked, and what its cards offer."""

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["HOOKS", "CdsHooks", "Hook", "OverrideReason", "SuggestedAction", "Suggestion"]

Hook = Literal["patient-view", "order-select", "order-sign", "encounter-discharge"]
HOOKS: tuple[Hook, ...] = ("patient-view", "order-select", "order-sign", "encounter-discharge")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideReason:
    """A reason that a clinician may give for not following a card: a coding of FHIR."""

    code: str
    display: str
    system: str = "https://bedside.health/codes/override-reasons"


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedAction:
    """A FHIR resource to create, as a draft.

    `resource` is the resource itself. In its texts `{{context.patientId}}`, `{{context.userId}}`,
    `{{context.encounterId}}`, `{{asOf}}` and `{{predictionId}}` are filled in; an element whose
    text cannot be filled is left out.
    """

    description: str
    resource: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What one click on a card does. It is offered with an alert, or with every score."""

    label: str
    actions: tuple[SuggestedAction, ...]
    when: Literal["alert", "score"] = "alert"
    recommended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CdsHooks:
    """One CDS Hooks service of a model.

    `on_failure` says what a client is told when the model fails: an HTTP error, or a card that
    says that there is no score. `indicator` is that of an alert. With `draft_orders: read`, what
    is being ordered is an event at the moment of the question for a code that the model asks for;
    otherwise drafts are checked and only counted on the card. `selection` says how many of the
    `suggestions` may be taken.

    Source: CDS Hooks 2.0, "Discovery" and "Card Attributes".
    """

    id: str
    title: str
    description: str
    hook: Hook = "patient-view"
    usage_requirements: str = ""
    on_failure: Literal["error", "card"] = "error"
    indicator: Literal["warning", "critical"] = "warning"
    draft_orders: Literal["noted", "read"] = "noted"
    selection: Literal["at-most-one", "any"] = "at-most-one"
    suggestions: tuple[Suggestion, ...] = ()
    override_reasons: tuple[OverrideReason, ...] = ()
