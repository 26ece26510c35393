"""Who is left out of a cohort because they refused its purpose, and what is written down of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from bedside.core.clock import iso, parse_instant
from bedside.core.errors import Invalid
from bedside.core.ids import digest_of, subject_pseudonym
from bedside.core.records.consent import CONSENT, Consent, Provision, provision_of, said_of
from bedside.core.records.event import MERGED_INTO, STORED_COLUMNS, TAKEN_BACK
from bedside.core.records.flow import FlowStep
from bedside.core.records.policy import Act, Resource
from bedside.core.records.purpose import Purpose, purpose_of
from bedside.core.records.snapshot import Zone
from bedside.data.store.as_of import as_of
from bedside.data.store.snapshot import Snapshot
from bedside.lifecycle.door import enter, with_consent
from bedside.lifecycle.platform import Platform

__all__ = [
    "Asked",
    "LeftOut",
    "consented",
    "enter_identity",
    "left_out",
    "left_out_of_rows",
    "record_consent",
    "withdraw_consent",
]

Told = Mapping[int, list[tuple[datetime, Provision]]]
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """As of when and for which purpose patients are asked; `permitted_only`: silence is a no."""

    purpose: Purpose
    moment: datetime
    permitted_only: bool = False

    def as_json(self) -> dict[str, str | bool]:
        """It, for the facts of a version."""
        return {
            "purpose": self.purpose.value,
            "as_of": iso(self.moment),
            "permitted_only": self.permitted_only,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, str | bool]) -> "Asked":
        """It again."""
        return cls(
            purpose=Purpose(str(told["purpose"])),
            moment=parse_instant(str(told["as_of"])),
            permitted_only=bool(told["permitted_only"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Whose rows are cut out of a cohort.

    Args:
        asked: As of when that stands: the last change of what anybody said.
        subjects: Those who refused; where silence is a no, those who permit.
    """

    asked: Asked
    subjects: frozenset[int]

    @property
    def digest(self) -> str | None:
        """What tells it from other states; None where nobody can be left out."""
        if not self.subjects and not self.asked.permitted_only:
            return None
        return digest_of([self.asked.permitted_only, sorted(self.subjects)])

    def keeps(self) -> pl.Expr:
        """Which rows stay, by `subject_id`."""
        named = pl.col("subject_id").is_in(sorted(self.subjects))
        return named if self.asked.permitted_only else ~named

    def step(self, rows: pl.DataFrame, groups: pl.DataFrame | None) -> FlowStep:
        """The step of a flow that tells of it.

        Args:
            rows: What is left, with `subject_id` and `label`; those whose label is known count.
            groups: subject_id, and a column of levels for each subgroup.
        """
        only = self.asked.permitted_only
        rows = rows.filter(pl.col("label").is_not_null())
        left = rows["subject_id"].unique()
        return FlowStep(
            name="consent",
            text="Permit this use." if only else "Have not refused this use.",
            because="a patient's word counts from the day it is written down",
            subjects=left.len(),
            rows=rows.height,
            groups=_levels(left, groups),
        )


def left_out(
    platform: Platform,
    snapshot: Snapshot,
    act: Act,
    asked: Asked,
    *,
    merged: Iterable[tuple[int, int]] = (),
) -> LeftOut:
    """Who is left out of what is made of a snapshot; nobody, where a refusal does not count.

    Args:
        platform: The workspace; its policies say whether a refusal counts for this act.
        snapshot: The prepared events.
        act: What is done with them.
        asked: For which purpose, and as of when.
        merged: Subjects that are one person, as pairs.
    """
    if _counts_for_nothing(platform, act, snapshot.manifest.zone, asked):
        return LeftOut(asked=asked, subjects=frozenset())
    return _left(_told(platform, snapshot, asked.moment, merged), asked)


def left_out_of_rows(
    platform: Platform, act: Act, asked: Asked, *, salt: str, zone: Zone
) -> LeftOut:
    """Who is left out of rows that are in no snapshot: by what the workspace has written down.

    Args:
        platform: The workspace; its policies say whether a refusal counts for this act.
        act: What is done with them.
        asked: For which purpose, and as of when.
        salt: Of their pseudonyms.
        zone: Of the rows.
    """
    if _counts_for_nothing(platform, act, zone, asked):
        return LeftOut(asked=asked, subjects=frozenset())
    told: dict[int, list[tuple[datetime, Provision]]] = defaultdict(list)
    for identifier, consent in platform.consents.identified():
        told[subject_pseudonym(identifier, salt=salt)].append((consent.recorded, consent.provision))
    return _left(told, asked)


def _counts_for_nothing(platform: Platform, act: Act, zone: Zone | None, asked: Asked) -> bool:
    """Whether a refusal does not count."""
    refused = Resource(zone=zone, consent="deny")
    return not asked.permitted_only and with_consent(platform, act, refused, asked.purpose)


def _left(told: Told, asked: Asked) -> LeftOut:
    wanted = "permit" if asked.permitted_only else "deny"
    found = {
        subject
        for subject, words in told.items()
        if said_of(words, asked.purpose, asked.moment) == wanted
    }
    since = Asked(
        purpose=asked.purpose,
        moment=_last_change(told, asked.moment),
        permitted_only=asked.permitted_only,
    )
    return LeftOut(asked=since, subjects=frozenset(found))


def consented(platform: Platform, act: Act, resource: Resource) -> Asked:
    """Go through the door with data of patients, and learn whom to leave out.

    Where the policies permit it only with what all who are concerned permit, so be it: the others
    are left out.

    Raises:
        Refused: it is not permitted at all (code `not_allowed`).
    """
    purpose, now = purpose_of(platform.actor.purpose), platform.clock.now()
    if with_consent(platform, act, resource, purpose):
        return Asked(purpose=purpose, moment=now)
    with_all = Resource(
        name=resource.name, zone=resource.zone, columns=resource.columns, consent="permit"
    )
    if with_consent(platform, act, with_all, purpose):
        return Asked(purpose=purpose, moment=now, permitted_only=True)
    enter(platform, act, resource)
    return Asked(purpose=purpose, moment=now)


def record_consent(platform: Platform, identifier: str, provision: Provision) -> Consent:
    """Write down what a patient permits or refuses; the ledger tells of it without naming them.

    Args:
        platform: The workspace.
        identifier: As the source of their data writes it.
        provision: What they said.

    Raises:
        Invalid: there is no identifier.
        Refused: the actor may not (code `not_allowed`).
    """
    return _recorded(platform, identifier, provision, is_withdrawal=False)


def withdraw_consent(
    platform: Platform, identifier: str, purposes: frozenset[Purpose] = frozenset()
) -> Consent:
    """Write down that a patient permits it no longer; it counts from the next build on.

    Raises:
        Invalid: there is no identifier.
        Refused: the actor may not (code `not_allowed`).
    """
    provision = Provision(kind="deny", purposes=purposes)
    return _recorded(platform, identifier, provision, is_withdrawal=True)


def enter_identity(platform: Platform, name: str, identifier: str) -> None:
    """Go through the door to find out who somebody is; a patient's refusal counts.

    Call this before a pseudonym is turned back and told to anybody.

    Args:
        platform: The workspace.
        name: Of the data set.
        identifier: As the source writes the patient.

    Raises:
        Refused: it is not permitted (code `not_allowed`); the ledger tells of it without a name.
    """
    tag, now = platform.tag(f"identifier:{identifier}"), platform.clock.now()
    told = [(one.recorded, one.provision) for one in platform.consents.all() if one.tag == tag]
    said = said_of(told, purpose_of(platform.actor.purpose), now)
    resource = Resource(name=name, zone=Zone.IDENTIFIED, consent=said or "unknown")
    enter(platform, Act.REIDENTIFY, resource)


def _recorded(
    platform: Platform, identifier: str, provision: Provision, *, is_withdrawal: bool
) -> Consent:
    enter(platform, Act.MANAGE_CONSENTS)
    if not identifier.strip():
        raise Invalid("A consent is somebody's.", fix="give the patient's identifier.")
    consent = Consent(
        tag=platform.tag(f"identifier:{identifier}"),
        provision=provision,
        recorded=platform.clock.now(),
        by=platform.actor.name,
        is_withdrawal=is_withdrawal,
    )
    told = {"tag": consent.tag, "kind": provision.kind, "purposes": sorted(provision.purposes)}
    action = "consent.withdraw" if is_withdrawal else "consent.record"
    platform.ledger.append(platform.actor, action, told)
    platform.consents.add(consent, identifier)
    return consent


def _told(
    platform: Platform, snapshot: Snapshot, moment: datetime, merged: Iterable[tuple[int, int]]
) -> Told:
    """What each subject said, from the consents of the workspace and those among the events."""
    told: dict[int, list[tuple[datetime, Provision]]] = defaultdict(list)
    pairs = tuple(merged)
    for identifier, consent in platform.consents.identified():
        subject = subject_pseudonym(identifier, salt=snapshot.manifest.salt)
        person = {subject, *(one for pair in pairs if subject in pair for one in pair)}
        for of in person:
            told[of].append((consent.recorded, consent.provision))
    codes = pl.col("code").cast(pl.String).is_in([CONSENT, TAKEN_BACK, MERGED_INTO])
    for events in snapshot.shards(STORED_COLUMNS, codes):
        if events.is_empty():
            continue
        known = as_of(events, moment).filter(pl.col("code").cast(pl.String) == CONSENT)
        for subject, at, text in known.select("subject_id", "known_at", "text").iter_rows():
            told[subject] += [(at, provision) for provision in provision_of(text or "")]
    return told


def _last_change(told: Told, moment: datetime) -> datetime:
    """When what somebody says last changed, not later than the moment."""
    times = [
        at
        for words in told.values()
        for recorded, one in words
        for at in (recorded, one.starts, one.ends)
        if at is not None and at <= moment
    ]
    return max(times, default=_LONG_AGO)


def _levels(left: pl.Series, groups: pl.DataFrame | None) -> dict[str, dict[str, int]]:
    if groups is None:
        return {}
    mine = pl.DataFrame({"subject_id": left}).join(groups, on="subject_id", how="left")
    found = {}
    for name in groups.columns:
        if name != "subject_id":
            levels = mine[name].cast(pl.String).fill_null("unknown").value_counts()
            found[name] = dict(sorted(levels.iter_rows()))
    return found
