"""From an identified data set to a released one: under a release mode, for a project."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from bedside.core.clock import iso
from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.decision import DecisionKind
from bedside.core.records.event import MERGED_INTO
from bedside.core.records.lineage import Node
from bedside.core.records.policy import Act
from bedside.core.records.release_mode import ReleaseMode
from bedside.core.records.snapshot import Zone
from bedside.data.store.merging import fold_merges
from bedside.data.store.snapshot import Snapshot
from bedside.lifecycle.data import keep_snapshot
from bedside.lifecycle.opened_data import opened_data
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.signed_effects import HandAsked, signed_for
from bedside.privacy.cleaner import TextCleaner
from bedside.privacy.events import EventRelease
from bedside.privacy.pages import page
from bedside.privacy.rules import Action, ReleasePlan, clause_of, kinds
from bedside.privacy.survey import Found, Survey

__all__ = ["VAULT_SALT", "Judgement", "Released", "release_data", "released_name"]

VAULT_SALT = "vault/"
"""Before the name of a project, in place of the salt of pseudonyms that a vault drew."""

_SURVEYED = ("subject_id", "code", "value", "text")
_BEHIND = "a text that stays behind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a person has decided about the codes of one data set.

    Args:
        minimum: Patients who must share a text for it to be released.
        codes: Codes that carry an identifier, and its kind, beside those that are known.
        keep: Codes that look as if they named people, and do not.
        certified: Whether the texts of a code may be released once they are cleaned.
        cleaner: Cleans them.
    """

    minimum: int = 3
    codes: Mapping[str, str] = field(default_factory=dict)
    keep: Sequence[str] = ()
    certified: Callable[[str], bool] = lambda _: False
    cleaner: TextCleaner | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.codes.values()) - set(kinds()))
        if unknown:
            raise Invalid(
                f"'{unknown[0][:40]}' is no kind of identifier.",
                fix=f"use one of: {', '.join(kinds())}.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The snapshot that was made, what the report says, and where it lies."""

    snapshot: Snapshot
    report: dict[str, Any]
    page: Path


def released_name(source: str, mode: ReleaseMode, project: str) -> str:
    """What the release of a data set is called.

    >>> released_name("ward/prepared", ReleaseMode.SAFE_HARBOR, "sepsis")
    'ward/safe_harbor/sepsis'
    """
    return f"{source.partition('/')[0]}/{mode}/{project}"


def release_data(
    platform: Platform,
    reference: str,
    plan: ReleasePlan,
    judgement: Judgement | None = None,
    *,
    hand: HandAsked | None = None,
) -> Released:
    """Release a data set: a new snapshot in the released zone, its report, an entry in the ledger.

    Raw files stay where they are. The same release again adds nothing. Where roles count, two
    people sign for it, one of them a privacy officer.

    Args:
        platform: The workspace.
        reference: The identified data set.
        plan: The release mode, and what goes with it.
        judgement: What was decided about its codes.
        hand: Asks for what the actor signs with.

    Raises:
        NotFound: there is no such data set.
        Refused: it is released already (code `not_identified`), nothing is left of it
            (`nothing_left`), or somebody must sign yet (`waits`).
        Unavailable: another process holds the workspace, or the disk refuses.
    """
    judged = judgement or Judgement()
    with platform.lock():
        source = opened_data(platform, Act.DEIDENTIFY, reference)
        if source.manifest.zone is not Zone.IDENTIFIED:
            raise Refused(
                "This data set is released already.",
                fix="release the identified one that it was made from.",
                code="not_identified",
            )
        now = platform.clock.now()
        signed = signed_for(
            platform,
            DecisionKind.DATA_RELEASE,
            f"the release of {source.manifest.name} as {plan.mode} for {plan.project}",
            _record(source, plan, judged),
            hand,
        )
        found = _surveyed(platform, source, judged)
        release = EventRelease(
            plan=plan,
            vault=platform.vaults.of(plan.project),
            found=found,
            released_at=now,
            codes=dict(judged.codes),
            certified=judged.certified,
            cleaner=judged.cleaner,
        )
        snapshot = _kept(platform, source, plan, release)
        report = _report(source, snapshot, release, judged) | {"released_at": iso(now)}
        where = platform.folder / "reports" / snapshot.manifest.name
        platform.write(where / "release.html", page("release", report).encode())
        platform.write(where / "release.json", canonical_json(report))
        entry = _entry(source, snapshot, plan, report)
        entry |= {} if signed is None else {"decision_id": signed}
        platform.ledger.append(platform.actor, "deidentify", entry)
    return Released(snapshot=snapshot, report=report, page=where / "release.html")


def _record(source: Snapshot, plan: ReleasePlan, judged: Judgement) -> dict[str, Any]:
    """What exactly people sign for: these data, under this plan, as it was judged."""
    return {
        "data_set": source.manifest.name,
        "snapshot": source.manifest.snapshot,
        "mode": plan.mode.value,
        "project": plan.project,
        "agreement": plan.agreement,
        "dossier": plan.dossier,
        "attested_by": plan.attested_by,
        "actions": {kind: action.value for kind, action in sorted(plan.actions.items())},
        "minimum": judged.minimum,
        "codes": dict(sorted(judged.codes.items())),
        "keep": sorted(judged.keep),
    }


def _folded(source: Snapshot) -> Iterator[pl.DataFrame]:
    for shard in source.shards():
        yield fold_merges(shard) if (shard["code"] == MERGED_INTO).any() else shard


def _surveyed(platform: Platform, source: Snapshot, judged: Judgement) -> Found:
    survey = Survey(minimum=judged.minimum, kept=tuple(judged.keep))
    with platform.progress.step("survey", total=len(source.manifest.shards)) as advance:
        for shard in source.shards(_SURVEYED):
            survey.add(shard)
            advance(1)
    return survey.found()


def _kept(
    platform: Platform, source: Snapshot, plan: ReleasePlan, release: EventRelease
) -> Snapshot:
    with platform.progress.step("release", total=len(source.manifest.shards)) as advance:

        def batches() -> Iterator[pl.DataFrame]:
            rows = 0
            for shard in _folded(source):
                done = release.shard(shard)
                rows += done.height
                advance(1)
                yield done
            if not rows:
                raise Refused(
                    "Nothing of this data set may be released.",
                    fix="read which codes are left out, and why, in docs/reference/"
                    "deidentification.md.",
                    code="nothing_left",
                )

        return keep_snapshot(
            platform,
            released_name(source.manifest.name, plan.mode, plan.project),
            batches(),
            job="deidentify",
            source=Node(kind="snapshot", id=source.digest),
            run_id=str(uuid.uuid4()),
            zone=Zone.RELEASED,
            release_mode=plan.mode,
            salt=f"{VAULT_SALT}{plan.project}",
            files=(),
        )


def _report(
    source: Snapshot, snapshot: Snapshot, release: EventRelease, judged: Judgement
) -> dict[str, Any]:
    plan, found = release.plan, release.found
    reasons = {code: (why, 0) for code, why in found.identifying.items()}
    reasons |= {code: ("some of its texts are too rare", n) for code, n in found.few.items()}
    reasons |= {code: ("some of its texts are notes", n) for code, n in found.notes.items()}
    return {
        "source": source.manifest.name,
        "source_snapshot": source.digest,
        "name": snapshot.manifest.name,
        "snapshot": snapshot.digest,
        "mode": plan.mode.value,
        "project": plan.project,
        "agreement": plan.agreement,
        "dossier": plan.dossier,
        "attested_by": plan.attested_by,
        "events_before": source.manifest.rows,
        "events": snapshot.manifest.rows,
        "subjects": snapshot.manifest.subjects,
        "texts_behind": release.lost[_BEHIND],
        "minimum": judged.minimum,
        "actions": [
            {"kind": kind, "clause": clause_of(kind), "action": plan.action(kind).value}
            for kind in kinds()
        ],
        "lost": [
            {"reason": reason, "rows": rows}
            for reason, rows in sorted(release.lost.items())
            if rows and reason != _BEHIND
        ],
        "codes": [
            {"code": code, "why": why, "rows": rows}
            for code, (why, rows) in sorted(reasons.items())
        ],
        "open": _open(plan),
        "limits": _limits(plan),
    }


def _open(plan: ReleasePlan) -> list[str]:
    if plan.mode is ReleaseMode.SAFE_HARBOR and not plan.attested_by:
        return [
            "Nobody has attested that nothing they know of could identify anybody in what is left "
            "(45 CFR 164.514(b)(2)(ii)): run it again with --attested-by NAME. Until then it is "
            "not Safe Harbor."
        ]
    return []


def _limits(plan: ReleasePlan) -> list[str]:
    """What a user of the data must know, by what was done with dates."""
    date = {
        Action.ELAPSED: [
            "Order and intervals within a patient are exact. Month, day, weekday and hour are "
            "gone: no feature may use the calendar or the time of day, and no season can be seen.",
            "Years after the first event are counted from it: an event late in a year can stand in "
            "the year before its own.",
            "An age is right to within a year.",
            "A pattern of the whole hospital, such as blood drawn at six, can give the hour back.",
        ],
        Action.YEAR: [
            "Everything within a year happens at once: what came first cannot be told, and no "
            "model of time can be learnt from it."
        ],
        Action.SHIFT: [
            "Order, intervals and the day of the week are exact; season is lost to within a year.",
            "What is known to all, such as an epidemic's peak, can give a patient's offset back.",
            "Rows that would lie after the release stay behind, and come with a later release.",
        ],
        Action.KEEP: ["Dates are as they were: this is still health information of people."],
    }
    return [
        *date.get(plan.action("date"), []),
        "Rare combinations of age, diagnosis and place can still point to one person: measure it "
        "with bedside deid risk.",
    ]


def _entry(
    source: Snapshot, snapshot: Snapshot, plan: ReleasePlan, report: dict[str, Any]
) -> dict[str, Any]:
    return {
        "mode": plan.mode.value,
        "project": plan.project,
        "agreement": plan.agreement,
        "dossier": plan.dossier,
        "attested_by": plan.attested_by,
        "name_of_data": snapshot.manifest.name,
        "source": source.digest,
        "result": snapshot.digest,
        "events_count": report["events"],
        "left_out_count": report["events_before"] - report["events"],
    }
