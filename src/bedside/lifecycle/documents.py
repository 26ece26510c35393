"""The documents of a version, as pages of the workspace, with what was shown since its build."""

from dataclasses import dataclass
from pathlib import Path

from bedside.core.clock import parse_instant
from bedside.core.errors import Refused
from bedside.core.ids import canonical_json
from bedside.core.records.bundle import REPORT
from bedside.core.records.version import ModelVersion
from bedside.governance.documents.about_a_workspace import about_a_workspace, data_sheet
from bedside.governance.documents.about_monitoring import about_monitoring
from bedside.governance.documents.document import Document
from bedside.governance.documents.held import Held
from bedside.governance.documents.pdf import as_pdf
from bedside.governance.documents.rendering import as_html
from bedside.governance.documents.stated import Statements, with_statements
from bedside.lifecycle.documents_data import facts_of_snapshot, snapshots_of
from bedside.lifecycle.documents_made import made_of
from bedside.lifecycle.documents_monitoring import facts_of_monitoring, period_of
from bedside.lifecycle.documents_statements import bound_of, statements_in
from bedside.lifecycle.documents_workspace import Around, facts_of_workspace
from bedside.lifecycle.platform import Platform
from bedside.monitor.judged.windows import Window

__all__ = ["Written", "write_documents"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The documents of a version, each with its page; other files; and the evaluations in them.

    `left_out` says why the reports on monitoring were not written, where they were not.
    """

    version: str
    documents: tuple[tuple[Document, Path], ...]
    evaluations: tuple[str, ...]
    files: tuple[Path, ...] = ()
    left_out: str = ""


def write_documents(
    platform: Platform,
    version_id: str,
    *,
    around: Around | None = None,
    pdf: bool = False,
    since: str | None = None,
    until: str | None = None,
) -> Written:
    """Write every document of a version as a page, and what programs read as files.

    They are made of the declaration and the evidence in the bundle, of what the registry and the
    ledger hold of the version, and of its evaluations on other patients that this workspace holds.
    Those in the bundle are as they were at the build, and stay.

    Args:
        platform: Where the version is registered.
        version_id: As the registry names it.
        around: What stands around the workspace; None: only what is about the version is written.
        pdf: Whether each page is written as PDF too, beside it.
        since: The first day (ISO date, UTC) of which the reports on monitoring speak; None: 89
            days before the last.
        until: The last of them; None: today.

    Raises:
        NotFound: there is no such version.
        Invalid: these are no days, or they end before they begin.
        Refused: its bundle is not intact, or its data may not be counted by this actor.
        Unavailable: PDF is asked for, and fpdf2 is not installed (code `no_pdf`).
    """
    period = period_of(platform, since, until)
    version = platform.registry.get(version_id)
    statements = statements_in(platform)
    made = made_of(platform, version, statements)
    out = _Out(platform, version, statements, pdf=pdf)
    for name, content in made.files.items():
        out.keep(f"{version.name}/{name}", content)
    for one in made.documents:
        out.page(one, f"{version.name}/{_file(one)}-{version.bundle[:12]}", about=version.id)
    left_out = _about_days(out, period)
    if around is not None:
        _about_data(out, made.snapshot, made.licence)
        held = Held(file="workspace.json", told=facts_of_workspace(platform, around))
        out.keep(f"workspace/{held.file}", canonical_json(held.told))
        for one in about_a_workspace(held):
            out.page(out.stated(one), f"workspace/{_file(one)}")
    return Written(
        version=version.id,
        documents=tuple(out.documents),
        evaluations=made.evaluations,
        files=tuple(out.files),
        left_out=left_out,
    )


class _Out:
    """Writes pages and files below the reports of a workspace."""

    def __init__(
        self, platform: Platform, version: ModelVersion, statements: Statements, *, pdf: bool
    ) -> None:
        self.platform, self.version, self._pdf = platform, version, pdf
        self._statements = statements
        self.documents: list[tuple[Document, Path]] = []
        self.files: list[Path] = []

    def stated(self, document: Document, *, of: str = "") -> Document:
        """The document with what people stated; `of` says of which state of data or which days."""
        about, bound = bound_of(document.name, self.version, of=of)
        return with_statements(document, self._statements, about=about, bound=bound)

    def keep(self, name: str, content: bytes) -> None:
        """Write a file that programs read."""
        self.files.append(self._write(name, content))

    def page(self, document: Document, name: str, *, about: str = "", dated: str = "") -> None:
        """Write the page of a document; `about` says what it is of, `dated` when it was made."""
        report = f"../../bundles/{self.version.bundle}/{REPORT}"
        content = as_html(document, report=report, about=about)
        self.documents.append((document, self._write(f"{name}.html", content.encode())))
        if self._pdf:
            made_at = parse_instant(dated or self.version.built_at)
            paper = as_pdf(document, made_at=made_at, about=about)
            self._write(f"{name}.pdf", paper)

    def _write(self, name: str, content: bytes) -> Path:
        place = self.platform.folder / "reports" / name
        self.platform.write(place, content)
        return place


def _file(document: Document) -> str:
    return document.name.replace("_", "-")


def _about_data(out: _Out, snapshot: str, licence: str) -> None:
    """Write a data sheet for each state of data that the version rests on."""
    for entry in snapshots_of(out.platform, snapshot):
        users = [{"version": out.version.id, "licence": licence}]
        told = facts_of_snapshot(out.platform, entry, users)
        mark = f"data-sheet-{entry.snapshot[:12]}"
        held = Held(file=f"{mark}.json", told=told)
        out.keep(f"{entry.name}/{held.file}", canonical_json(told))
        out.page(out.stated(data_sheet(held), of=snapshot), f"{entry.name}/{mark}")


def _about_days(out: _Out, period: Window) -> str:
    """Write what some days of the model in use show; why not, where the actor may not watch it."""
    try:
        told = facts_of_monitoring(out.platform, out.version, period)
    except Refused as refused:
        if refused.code != "not_allowed":
            raise
        return refused.problem
    held = Held(file=f"monitored-{period.mark}.json", told=told)
    out.keep(f"{out.version.name}/{held.file}", canonical_json(told))
    for one in about_monitoring(held):
        name = f"{out.version.name}/{_file(one)}-{period.mark}"
        days = period.mark.replace("-to-", " to ")
        out.page(out.stated(one, of=period.mark), name, about=days, dated=told["made_at"])
    return ""
