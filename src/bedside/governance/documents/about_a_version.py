"""The documents about a version that are made from templates, and the modules of their facts."""

from collections.abc import Mapping
from types import ModuleType

from bedside.governance.documents import (
    facts_of_changes,
    facts_of_data,
    facts_of_hazards,
    facts_of_limits,
    facts_of_performance,
    facts_of_reasons,
    facts_of_training,
    facts_of_use,
    facts_of_version,
    facts_shown,
)
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Document
from bedside.governance.documents.templated import filled

__all__ = ["FACTS", "OF_A_VERSION", "about_a_version", "of_a_version"]

FACTS: Mapping[str, ModuleType] = {
    "changes": facts_of_changes,
    "data": facts_of_data,
    "hazards": facts_of_hazards,
    "limits": facts_of_limits,
    "performance": facts_of_performance,
    "reasons": facts_of_reasons,
    "shown": facts_shown,
    "training": facts_of_training,
    "use": facts_of_use,
    "version": facts_of_version,
}
"""What a table may name: the modules of facts about a version."""

OF_A_VERSION = ("chai", "hti1", "annex_iv", "pccp", "ai_transparency")
"""The templates that are about one version, in the order in which they are written."""


def of_a_version(name: str, case: Case) -> Document:
    """The document of one template that is about a version."""
    return filled(name, case, FACTS, title=case.declared["title"], about=case.declared["name"])


def about_a_version(case: Case) -> tuple[Document, ...]:
    """Every document of a template that is about a version."""
    return tuple(of_a_version(name, case) for name in OF_A_VERSION)
