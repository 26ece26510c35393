"""The documents about some days of a model in use, made from templates."""

from bedside.governance.documents import facts_of_monitoring
from bedside.governance.documents.document import Document
from bedside.governance.documents.held import Held
from bedside.governance.documents.templated import filled

__all__ = ["OF_SOME_DAYS", "about_monitoring"]

OF_SOME_DAYS = ("post_market", "periodic_monitoring")
"""The templates that are about some days of use."""


def about_monitoring(held: Held) -> tuple[Document, ...]:
    """The post-market monitoring report and the periodic monitoring report."""
    modules = {"seen": facts_of_monitoring}
    title, model = str(held.told["title"]), str(held.told["model"])
    return tuple(filled(name, held, modules, title=title, about=model) for name in OF_SOME_DAYS)
