"""How a model speaks FHIR: what its outcome is called, and what is written back."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Fhir", "OutcomeCode"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCode:
    """A coding of what is predicted, such as SNOMED CT 91302008 (sepsis)."""

    system: str
    code: str
    display: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fhir:
    """The FHIR channel of a model.

    `outcome` codes what is predicted; without it, the outcome is told in words alone. `write_back`
    says which shown scores a watched server gets: every one, or those that reach the alert
    threshold. `manufacturer` is who answers for the model, on its Device.
    """

    outcome: OutcomeCode | None = None
    write_back: Literal["none", "alerts", "scores"] = "scores"
    manufacturer: str = ""
