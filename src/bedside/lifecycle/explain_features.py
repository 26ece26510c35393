"""Every feature of a model for one subject at one moment, in words, down to the raw records."""

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from bedside.core.clock import iso
from bedside.core.errors import NotFound, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.bundle import FEATURES
from bedside.core.records.event import EVENT_COLUMNS, Event
from bedside.core.records.features import CALENDAR
from bedside.core.records.lineage import Node
from bedside.core.records.policy import Act
from bedside.core.records.snapshot import RawFile
from bedside.core.units import display
from bedside.data.store.snapshot import Snapshot
from bedside.features.definition import Feature, FeatureSet, expand, feature_set_from_json
from bedside.features.plain_words import number
from bedside.features.provenance import Record
from bedside.features.single import features_of
from bedside.features.wording import definition, describe, title, window
from bedside.lifecycle.intake import pseudonym_of
from bedside.lifecycle.opened_data import opened_data
from bedside.lifecycle.package import load_declaration
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle

__all__ = [
    "ExplainedFeature",
    "Explanation",
    "ListedFeature",
    "RawRecord",
    "explain_features",
    "listed_features",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """An event behind a value, in words, and where its raw record lies.

    Args:
        text: What it says, in its unit.
        code: Of the event.
        time: When it happened, ISO 8601; None: a static fact.
        known_at: When it could first be seen, ISO 8601.
        name: Of the file that the record came in.
        place: Where it lay there.
        unit: What places and offsets count: `byte` or `row`.
        file: The digest of the raw file that is kept; it may hold several that came together.
        offset: Where the record lies in that one as it is now.
    """

    text: str
    code: str
    time: str | None
    known_at: str
    name: str
    place: int
    unit: str
    file: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFeature:
    """A feature without a value: what it is, in plain words."""

    name: str
    title: str
    definition: str
    label: str
    unit: str
    window: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedFeature:
    """A feature of one subject at one moment.

    `is_known` is False when the record says nothing that the value rests on. `sources` are newest
    first.
    """

    feature: ListedFeature
    value: float | None
    text: str
    is_known: bool
    measured_at: str | None
    sources: tuple[RawRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a model's features say of one subject at one moment."""

    model: str
    data: str
    as_of: str
    features: tuple[ExplainedFeature, ...]


@dataclass(frozen=True, slots=True)
class _Model:
    id: str
    name: str
    features: FeatureSet
    snapshot: str | None


def listed_features(platform: Platform, model: str, folder: Path) -> tuple[ListedFeature, ...]:
    """The features of a model, in the order of its matrix columns.

    Args:
        platform: The workspace.
        model: `NAME@DIGEST`, the start of it, or a model's name.
        folder: A model's folder, for a model that was not built yet.

    Raises:
        NotFound: there is no such version, and no such folder.
        Invalid, Refused: the declaration or the bundle is not right.
    """
    return tuple(_listed(one) for one in _model_of(platform, model, folder).features.features)


def explain_features(
    platform: Platform,
    model: str,
    folder: Path,
    subject: str,
    moment: datetime,
    *,
    is_pseudonym: bool = False,
    data: str | None = None,
    only: str | None = None,
) -> Explanation:
    """Each feature's value in words, with the raw records that it rests on.

    That this subject was looked at, by whom and for which purpose, is in the ledger before
    anything is returned.

    Args:
        platform: The workspace.
        model: `NAME@DIGEST`, the start of it, or a model's name.
        folder: A model's folder, for a model that was not built yet.
        subject: The source's own patient identifier, or the pseudonym.
        moment: Only what was known then counts; time-zone aware.
        is_pseudonym: It is the pseudonym, a whole number.
        data: A snapshot of prepared events; by default that from which the version was built, or
            the latest `NAME/prepared`.
        only: The name of one feature.

    Raises:
        NotFound: no such model, data, subject or feature.
        Invalid, Refused: as the opening of a snapshot or a bundle.
        Unavailable: the ledger could not keep that the subject was looked at.
    """
    told = _model_of(platform, model, folder)
    wanted = _chosen(told.features, only)
    snapshot = _opened(platform, told, data)
    subject_id = pseudonym_of(subject, salt=snapshot.manifest.salt, is_pseudonym=is_pseudonym)
    places = _places(snapshot, subject_id, moment)
    _record_look(platform, told, snapshot, subject_id, moment, only=only, found=bool(places))
    if not places:
        raise NotFound(
            "Nothing was known of this subject at that moment.",
            fix="give the identifier as the source writes it, or --pseudonym, and check the time.",
        )
    events = tuple(places)
    record, row = Record(events, moment), features_of(wanted, events, moment)
    return Explanation(
        model=told.id,
        data=f"{snapshot.entry.name}@{snapshot.digest[:12]}",
        as_of=iso(moment),
        features=tuple(
            _explained(feature, float(value), record.sources(feature), places, moment)
            for feature, value in zip(wanted.features, row, strict=True)
        ),
    )


def _model_of(platform: Platform, model: str, folder: Path) -> _Model:
    if not Path(model).is_dir():
        try:
            version = platform.registry.get(model)
        except NotFound:
            if not folder.is_dir():
                raise
        else:
            bundle = open_bundle(platform, version)
            edges = platform.store.catalogue.made_of(Node(kind="version", id=version.id))
            used = [edge.source.id for edge in edges if edge.source.kind == "snapshot"]
            features = feature_set_from_json(bundle.files[FEATURES])
            return _Model(version.id, version.name, features, used[-1] if used else None)
    declaration, _ = load_declaration(folder)
    return _Model(declaration.name, declaration.name, expand(declaration), None)


def _chosen(features: FeatureSet, only: str | None) -> FeatureSet:
    if only is None:
        return features
    found = tuple(one for one in features.features if one.name == only)
    if not found:
        near = difflib.get_close_matches(only, features.names, n=1, cutoff=0.0)
        raise NotFound(
            "The model has no feature of this name.",
            fix=f"did you mean '{near[0]}'? bedside features list names them all."
            if near
            else "bedside features list names them all.",
        )
    return FeatureSet(features=found)


def _opened(platform: Platform, model: _Model, data: str | None) -> Snapshot:
    """The data that were asked for, or those of the build, or what took their place."""
    if data is not None or model.snapshot is None:
        return opened_data(platform, Act.READ_RECORD, data or f"{model.name}/prepared")
    try:
        return opened_data(platform, Act.READ_RECORD, model.snapshot)
    except Refused as refusal:
        if refusal.code != "erased":
            raise
        return opened_data(platform, Act.READ_RECORD, f"{model.name}/prepared")


def _record_look(
    platform: Platform,
    model: _Model,
    snapshot: Snapshot,
    subject_id: int,
    moment: datetime,
    *,
    only: str | None,
    found: bool,
) -> None:
    """Let the ledger know who looked; at whom, sealed, if the subject is one of these data."""
    platform.ledger.append(
        platform.actor,
        "features.explain",
        {
            "model": model.id,
            "snapshot": snapshot.digest,
            "as_of": iso(moment),
            "feature": only,
            "found": found,
        },
        sealed=canonical_json({"subject": subject_id}) if found else None,
        subject=subject_id if found else None,
    )


def _places(
    snapshot: Snapshot, subject_id: int, moment: datetime
) -> dict[Event, tuple[RawFile, int]]:
    """The subject's events as they were known, each with its raw file and the offset there."""
    (rows,) = snapshot.as_of(moment, subject_id=subject_id)
    rows = rows.with_columns(pl.col("code", "unit").cast(pl.String))
    files = snapshot.manifest.sources
    events = (Event(**row) for row in rows.select(EVENT_COLUMNS).iter_rows(named=True))
    where = rows.select("source_file", "source_offset").iter_rows()
    return {
        event: (files[file], offset) for event, (file, offset) in zip(events, where, strict=True)
    }


def _listed(feature: Feature) -> ListedFeature:
    return ListedFeature(
        name=feature.name,
        title=title(feature),
        definition=definition(feature),
        label=feature.label,
        unit=display(feature.unit),
        window=window(feature),
    )


def _explained(
    feature: Feature,
    value: float,
    sources: Sequence[Event],
    places: dict[Event, tuple[RawFile, int]],
    moment: datetime,
) -> ExplainedFeature:
    measured = sources[0].time if sources else None
    return ExplainedFeature(
        feature=_listed(feature),
        value=None if math.isnan(value) else value,
        text=describe(feature, value, measured=measured, as_of=moment, events=len(sources)),
        is_known=bool(sources) or feature.aggregate in CALENDAR,
        measured_at=None if measured is None else iso(measured),
        sources=tuple(_record(event, feature, *places[event]) for event in sources),
    )


def _record(event: Event, feature: Feature, file: RawFile, offset: int) -> RawRecord:
    name, place = file.member_at(offset)
    return RawRecord(
        text=_said(event, feature),
        code=event.code,
        time=None if event.time is None else iso(event.time),
        known_at=iso(event.known_at),
        name=name,
        place=place,
        unit=file.unit,
        file=file.digest,
        offset=file.place(offset),
    )


def _said(event: Event, feature: Feature) -> str:
    """What the event itself says."""
    if event.value is not None:
        return f"{feature.label} {number(event.value)} {display(event.unit)}".strip()
    until = "" if event.end is None else f", until {iso(event.end)[:16]}Z"
    return f"{feature.label}{f': {event.text}' if event.text else ''}{until}"
