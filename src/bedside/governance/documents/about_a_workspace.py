"""The documents about a workspace and its data, made from templates."""

from bedside.governance.documents import facts_of_snapshots, facts_of_workspaces
from bedside.governance.documents.document import Document
from bedside.governance.documents.held import Held
from bedside.governance.documents.templated import filled

__all__ = ["OF_A_WORKSPACE", "about_a_workspace", "data_sheet"]

OF_A_WORKSPACE = ("dpia", "hipaa_164_312")
"""The templates that are about a whole workspace."""


def about_a_workspace(held: Held) -> tuple[Document, ...]:
    """The impact assessment and the evidence of technical safeguards."""
    modules = {"here": facts_of_workspaces}
    return tuple(
        filled(name, held, modules, title="This workspace", about="workspace")
        for name in OF_A_WORKSPACE
    )


def data_sheet(held: Held) -> Document:
    """The data sheet of one state of a data set."""
    modules = {"data": facts_of_snapshots}
    name = str(held.told["name"])
    return filled("data_sheet", held, modules, title=f"Data sheet: {name}", about=name)
