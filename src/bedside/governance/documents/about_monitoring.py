"""The documents about some days of a model in use, made from templates."""

from collections.abc import Mapping
from types import ModuleType

from bedside.governance.documents import facts_of_events, facts_of_monitoring
from bedside.governance.documents.document import Document
from bedside.governance.documents.held import Held
from bedside.governance.documents.templated import filled

__all__ = ["FACTS", "OF_SOME_DAYS", "about_monitoring"]

FACTS: Mapping[str, ModuleType] = {"happened": facts_of_events, "seen": facts_of_monitoring}
"""What a table may name: the modules of facts about some days."""

OF_SOME_DAYS = ("post_market", "periodic_monitoring")
"""The templates that are about some days of use."""


def about_monitoring(held: Held) -> tuple[Document, ...]:
    """The post-market monitoring report and the periodic monitoring report."""
    title, model = str(held.told["title"]), str(held.told["model"])
    return tuple(filled(name, held, FACTS, title=title, about=model) for name in OF_SOME_DAYS)
