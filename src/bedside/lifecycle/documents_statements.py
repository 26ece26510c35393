"""What people state in documents, kept in the ledger: who, when, and of exactly what."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import canonical_json, digest_bytes, digest_of
from bedside.core.records.ledger import LedgerDraft, LedgerEntry
from bedside.core.records.policy import Act, Resource
from bedside.core.records.statement import LONGEST_STATEMENT, Statement
from bedside.core.records.version import ModelVersion
from bedside.deploy.package.opening import read_facts
from bedside.governance.documents.about_a_workspace import OF_A_WORKSPACE
from bedside.governance.documents.about_monitoring import OF_SOME_DAYS
from bedside.governance.documents.checklists import table
from bedside.governance.documents.document import Document, Item
from bedside.governance.documents.stated import Statements
from bedside.governance.documents.templated import template
from bedside.lifecycle.documents_made import made_of
from bedside.lifecycle.documents_monitoring import period_of
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform

__all__ = ["Said", "bound_of", "open_items", "state_all", "statements_in", "take_back"]

STATED, TAKEN_BACK = "document.state", "document.take_back"
WORKSPACE = "workspace"
_SHEET = "data_sheet"
_OTHERS = (_SHEET, *OF_A_WORKSPACE, *OF_SOME_DAYS)
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a person wants to state.

    Args:
        field: To which item of which document, such as `hti1.2`.
        text: What; None: again what was stated last of something else.
        by: Who states it, as they want to be named.
        since, until: For a report on monitoring: of which days, as for `write_documents`.
    """

    field: str
    text: str | None
    by: str
    since: str | None = None
    until: str | None = None

    @property
    def document(self) -> str:
        """The document's name."""
        return self.field.partition(".")[0]

    @property
    def item(self) -> str:
        """The item's name."""
        return self.field.partition(".")[2]


def statements_in(platform: Platform) -> Statements:
    """Every statement of a workspace that was not taken back."""
    entries = [e for e in platform.ledger.entries() if e.action in (STATED, TAKEN_BACK)]
    back = {e.details["entry"] for e in entries if e.action == TAKEN_BACK}
    stated = [e for e in entries if e.action == STATED and e.sequence not in back]
    sealed = dict(platform.ledger.unseal_all(e.sequence for e in stated))
    return Statements(_statement(e, sealed[e.sequence]) for e in stated if e.sequence in sealed)


def bound_of(document: str, version: ModelVersion, *, of: str = "") -> tuple[str, str]:
    """By which name a document's statements are found, and the digest of what it is of.

    A document about a version is of its bundle, a data sheet of the state of data that the version
    learnt from, a report on monitoring of the model in its days; one about the workspace is of the
    version of its template. Where one of these is another, people are asked again.

    Args:
        document: Its name.
        version: The version for which it is written.
        of: The digest of the state of data, or the mark of the days.
    """
    if document in OF_A_WORKSPACE:
        return WORKSPACE, digest_of([document, template(document).version])
    if document == _SHEET:
        return f"data of {version.name}", of
    return version.name, digest_of([version.bundle, of]) if of else version.bundle


def state_all(platform: Platform, version_id: str, wanted: Sequence[Said]) -> list[Statement]:
    """Write down what people state to gaps of a version's documents: all of it, or nothing.

    Texts and names are sealed; the newest statement to an item counts.

    Raises:
        NotFound: there is no such version, document or item, or nothing was stated before.
        Invalid: a text or a name is empty or too long.
        Refused: the policies do not permit it, or the evidence answers it (code `answered`).
    """
    version = platform.registry.get(version_id)
    enter(platform, Act.STATE, Resource(name=version.name))
    before = statements_in(platform)
    made = {one.name: one for one in made_of(platform, version, before).documents}
    drafts = [_draft(platform, version, said, before, made) for said in wanted]
    entries = platform.ledger.append_all(drafts)
    return [
        _statement(entry, draft.sealed or b"") for entry, draft in zip(entries, drafts, strict=True)
    ]


def _draft(
    platform: Platform,
    version: ModelVersion,
    said: Said,
    before: Statements,
    made: Mapping[str, Document],
) -> LedgerDraft:
    _check_open(said, made)
    about, bound = _bound(platform, version, said)
    text = said.text
    if text is None:
        last = before.before(said.document, said.item, about, bound)
        if last is None:
            raise NotFound(
                "Nothing was stated to this of an earlier version.", fix="write it with --text."
            )
        text = last.text
    text, by = _written(text, LONGEST_STATEMENT, "text"), _written(said.by, _LONGEST_NAME, "by")
    told = {
        "document": said.document,
        "item": said.item,
        "about": about,
        "bound": bound,
        "version": WORKSPACE if about == WORKSPACE else version.id,
        "again": said.text is None,
        "text_sha256": digest_bytes(text.encode()),
    }
    sealed = canonical_json({"text": text, "by": by})
    return LedgerDraft(actor=platform.actor, action=STATED, details=told, sealed=sealed)


def take_back(platform: Platform, version_id: str, said: Said) -> Statement:
    """Take back the newest statement to an item; the one before it counts again.

    Raises:
        NotFound: there is no such version, or nothing was stated to it.
        Refused: the policies do not permit it.
    """
    version = platform.registry.get(version_id)
    enter(platform, Act.STATE, Resource(name=version.name))
    about, bound = _bound(platform, version, said)
    found = statements_in(platform).to(said.document, said.item, about, bound)
    if found is None:
        raise NotFound(
            "Nothing was stated to this of this version.", fix="see it: bedside documents MODEL."
        )
    told = {"entry": found.entry, "document": said.document, "item": said.item}
    platform.ledger.append(platform.actor, TAKEN_BACK, told)
    return found


def open_items(platform: Platform, version_id: str) -> list[tuple[Document, Item]]:
    """The gaps of the documents about a version itself to which nobody has stated anything.

    Raises:
        NotFound: there is no such version.
        Refused: its bundle is not intact, or the policies do not permit it.
    """
    version = platform.registry.get(version_id)
    enter(platform, Act.STATE, Resource(name=version.name))
    made = made_of(platform, version, statements_in(platform))
    return [
        (one, item) for one in made.documents for item in one.items
        if item.missing and item.said is None
    ]  # fmt: skip


def _check_open(said: Said, made: Mapping[str, Document]) -> None:
    """Refuse what is no item, and an item that evidence answers."""
    if said.document in _OTHERS:
        rows = {row["item"]: row for row in table(f"{said.document}.csv")}
        missing = {name: row["missing"] or row["remains"] for name, row in rows.items()}
    elif said.document in made:
        missing = {item.name: item.missing for item in made[said.document].items}
    else:
        missing = {}
    if said.item not in missing:
        raise NotFound(
            "There is no such item of a document.",
            fix="write DOCUMENT.ITEM, such as hti1.2; see them: bedside documents fill MODEL "
            "--blank FILE.",
        )
    if not missing[said.item]:
        raise Refused(
            f"The evidence answers {said.field}: nobody writes over it.",
            fix="change the record that it comes from, and write the documents again.",
            code="answered",
        )


def _bound(platform: Platform, version: ModelVersion, said: Said) -> tuple[str, str]:
    of = ""
    if said.document == _SHEET:
        of = str(read_facts(platform.bundles, version.bundle)["snapshot"])
    if said.document in OF_SOME_DAYS:
        of = period_of(platform, said.since, said.until).mark
    return bound_of(said.document, version, of=of)


def _written(text: str, longest: int, what: str) -> str:
    clean = "".join(one for one in text.strip() if one == "\n" or one.isprintable())
    if not clean or len(clean) > longest:
        raise Invalid(
            "A statement has a text and somebody who states it.",
            fix=f"give --{what}, with at most {longest} letters.",
        )
    return clean


def _statement(entry: LedgerEntry, sealed: bytes) -> Statement:
    told, open_ = json.loads(sealed), entry.details
    return Statement(
        document=open_["document"],
        item=open_["item"],
        about=open_["about"],
        bound=open_["bound"],
        version=open_["version"],
        text=told["text"],
        by=told["by"],
        actor=entry.actor,
        at=entry.at,
        entry=entry.sequence,
    )
