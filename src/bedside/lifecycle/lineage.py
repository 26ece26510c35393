"""What was made from what, both ways: from a prediction to raw bytes, from a raw file upwards."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.core.records.bundle import EVIDENCE
from bedside.core.records.ledger import LedgerEntry
from bedside.core.records.lineage import Node
from bedside.core.records.policy import Act
from bedside.core.records.snapshot import SnapshotEntry
from bedside.core.records.training import augmentation_text
from bedside.lifecycle.intake import pseudonym_of
from bedside.lifecycle.opened_data import opened_data
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.question_record import (
    ReasonRecords,
    RecordPlace,
    places_in_request,
    reasons_in_request,
)
from bedside.lifecycle.release import open_bundle

__all__ = ["Branch", "Lineage", "lineage", "records_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A node, what is said of it, and the nodes beyond it in one direction."""

    node: Node
    text: str
    branches: tuple["Branch", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What a thing was made of, what was made from it, and, of an answer, its own input records.

    `reasons` names for each reason of an answer those that it rests on.
    """

    of: Node
    made_of: Branch
    made_from: Branch
    records: tuple[RecordPlace, ...] = ()
    reasons: tuple[ReasonRecords, ...] = ()


def lineage(platform: Platform, reference: str) -> Lineage:
    """Both directions from a prediction, a version, a snapshot, or a raw file.

    Args:
        platform: The workspace.
        reference: A prediction id; `NAME@DIGEST` of a version; the name or digest of a snapshot;
            the digest of a raw file, or the path of a file with the same bytes.

    Raises:
        NotFound: nothing is called so.
        Invalid: it could mean several things.
    """
    known = _Known(platform)
    node = known.find(reference)
    records: tuple[RecordPlace, ...] = ()
    reasons: tuple[ReasonRecords, ...] = ()
    if node.kind == "prediction":
        records = places_in_request(platform, known.answers[node.id])
        reasons = reasons_in_request(platform, known.answers[node.id])
    return Lineage(
        of=node,
        made_of=known.walk(node, known.below),
        made_from=known.walk(node, known.above),
        records=records,
        reasons=reasons,
    )


def records_of(
    platform: Platform,
    reference: str,
    subject: str,
    moment: datetime,
    *,
    is_pseudonym: bool = False,
) -> tuple[RecordPlace, ...]:
    """The raw records behind what was known of a subject at a moment, each once.

    Args:
        platform: The workspace.
        reference: The snapshot.
        subject: The source's own patient identifier, or the pseudonym.
        moment: Time-zone aware.
        is_pseudonym: It is the pseudonym, a whole number.

    Raises:
        NotFound: there is no such snapshot, or nothing was known of the subject.
        Invalid: the moment has no time zone, or a pseudonym is not a whole number.
    """
    snapshot = opened_data(platform, Act.READ_RECORD, reference)
    subject_id = pseudonym_of(subject, salt=snapshot.manifest.salt, is_pseudonym=is_pseudonym)
    (events,) = snapshot.as_of(moment, subject_id=subject_id)
    if events.is_empty():
        raise NotFound(
            "Nothing was known of this subject at that moment.",
            fix="give the identifier as the source writes it, and check the time.",
        )
    places = (
        events.group_by("source_file", "source_offset")
        .agg(pl.col("code").cast(pl.String).unique().sort())
        .sort("source_file", "source_offset")
    )
    files = snapshot.manifest.sources
    return tuple(
        RecordPlace(
            file=files[file].digest,
            name=files[file].name,
            unit=files[file].unit,
            offset=files[file].place(offset),
            length=None,
            codes=tuple(codes),
        )
        for file, offset, codes in places.iter_rows()
    )


class _Known:
    """Everything that a reference may mean, read once."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.entries = platform.store.catalogue.entries()
        self.answers: dict[str, LedgerEntry] = {}
        self.by_version: dict[str, list[str]] = {}
        for entry in platform.ledger.entries():
            if entry.action == "answer":
                prediction, version = entry.details["prediction_id"], entry.details["version"]
                self.answers[prediction] = entry
                self.by_version.setdefault(version, []).append(prediction)
        self.raw_names = self._raw_names()

    def _raw_names(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for entry in self.platform.store.entries():
            try:
                manifest = self.platform.store.opened(entry).manifest
            except (NotFound, Refused):
                continue
            names |= {file.digest: f"{file.name}, {file.rows} records" for file in manifest.sources}
        return names

    def find(self, reference: str) -> Node:
        path = Path(reference)
        if path.is_file():
            reference = digest_bytes(path.read_bytes())
        finders: tuple[Callable[[str], list[Node]], ...] = (
            self._predictions, self._versions, self._snapshots, self._raw,
        )  # fmt: skip
        for finder in finders:
            found = finder(reference)
            if len(found) == 1:
                return found[0]
            if found:
                raise Invalid("That could mean several things.", fix="give more digits of it.")
        raise NotFound(
            "Nothing is called so.",
            fix="give a prediction id, a version, a snapshot, or a raw file or its digest; "
            "bedside data list and bedside versions name them.",
        )

    def _predictions(self, text: str) -> list[Node]:
        return [Node(kind="prediction", id=text)] if text in self.answers else []

    def _versions(self, text: str) -> list[Node]:
        if "@" not in text and not any(v.name == text for v in self.platform.registry.versions()):
            return []
        try:
            return [Node(kind="version", id=self.platform.registry.get(text).id)]
        except NotFound:
            return []

    def _snapshots(self, text: str) -> list[Node]:
        name, _, digest = text.partition("@")
        named = [one for one in self.entries if one.name == name]
        if named:
            found = {one.snapshot for one in named if one.snapshot.startswith(digest)}
            latest = [one.snapshot for one in named if one.successor is None] or [
                named[-1].snapshot
            ]
            return _nodes("snapshot", found if digest else {latest[-1]})
        return self._digits("snapshot", text, {one.snapshot for one in self.entries})

    def _raw(self, text: str) -> list[Node]:
        return self._digits("raw", text, {d for one in self.entries for d in one.raw_files})

    def _digits(self, kind: Any, text: str, known: set[str]) -> list[Node]:
        return _nodes(kind, {one for one in known if len(text) >= 6 and one.startswith(text)})

    def walk(
        self, node: Node, step: Callable[[Node], list[Node]], path: frozenset[Node] = frozenset()
    ) -> Branch:
        """The tree beyond a node; what would lead back to itself is cut there."""
        beyond = [one for one in step(node) if one not in path and one != node]
        branches = tuple(self.walk(one, step, path | {node}) for one in beyond)
        return Branch(node=node, text=self._text(node), branches=branches)

    def below(self, node: Node) -> list[Node]:
        """What it was made of, directly."""
        if node.kind == "prediction":
            return [Node(kind="version", id=self.answers[node.id].details["version"])]
        edges = self.platform.store.catalogue.made_of(node)
        found = list(dict.fromkeys(edge.source for edge in edges))
        before = [Node(kind="snapshot", id=one.snapshot) for one in self._replaced_by(node)]
        return found or before

    def above(self, node: Node) -> list[Node]:
        """What was made from it, directly."""
        edges = self.platform.store.catalogue.made_from(node)
        if node.kind == "version":
            made = list(dict.fromkeys(edge.output for edge in edges))
            return made + [
                Node(kind="prediction", id=one) for one in self.by_version.get(node.id, [])
            ]
        found = [edge.output for edge in edges]
        after = {one.successor for one in self.entries if one.snapshot == node.id and one.successor}
        return list(dict.fromkeys([*found, *_nodes("snapshot", after)]))

    def _replaced_by(self, node: Node) -> list[SnapshotEntry]:
        return [one for one in self.entries if one.successor == node.id]

    def _text(self, node: Node) -> str:
        if node.kind == "raw":
            return self.raw_names.get(node.id, "no longer kept")
        if node.kind == "snapshot":
            found = [one for one in self.entries if one.snapshot == node.id]
            state = " (a subject was erased from it)" if found and found[-1].successor else ""
            return f"{found[-1].name}, {found[-1].rows} events{state}" if found else ""
        if node.kind == "version":
            return self._version_text(node.id)
        if node.kind == "report":
            return "an evaluation on other patients"
        if node.kind == "prediction":
            answer = self.answers[node.id]
            return f"{answer.details['outcome']}, as of {answer.details['as_of'][:19]}Z"
        return ""

    def _version_text(self, version_id: str) -> str:
        try:
            version = self.platform.registry.get(version_id)
            bundle = open_bundle(self.platform, version)
        except (NotFound, Refused):
            return "its bundle cannot be opened"
        told = json.loads(bundle.files[EVIDENCE]).get("training") or {"augmentation": None}
        made = (
            f"; trained on augmented data, {augmentation_text(told)}"
            if told["augmentation"] is not None
            else ""
        )
        return f"{bundle.declaration.title}, {version.stage.value}{made}"


def _nodes(kind: Any, found: "set[str] | set[str | None]") -> list[Node]:
    return [Node(kind=kind, id=str(one)) for one in sorted(str(each) for each in found)]


def as_json(branch: Branch) -> dict[str, Any]:
    """A branch as plain JSON."""
    told: dict[str, Any] = json.loads(json.dumps({"kind": branch.node.kind, "id": branch.node.id}))
    return {**told, "text": branch.text, "branches": [as_json(one) for one in branch.branches]}
