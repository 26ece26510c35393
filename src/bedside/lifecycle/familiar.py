"""Which of other patients a version knows already, because it was fitted on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from bedside.core.errors import BedsideError, Refused, Unavailable
from bedside.core.records.flow_words import count_text
from bedside.core.records.version import ModelVersion
from bedside.data.store.snapshot import Snapshot
from bedside.lifecycle.asking import Asking, steps_of
from bedside.lifecycle.frames import frame_of
from bedside.lifecycle.patients import Patients, entry_of, facts_of, same_data
from bedside.lifecycle.platform import Platform

__all__ = ["Familiar", "familiar", "learnt_from"]

_BOTH = ["subject_id", "source_row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Familiar:
    """Who among other patients was among those of the build.

    Args:
        known: Subjects on whom the version was fitted, calibrated or given its threshold: the
            identifier is the same, and so is at least one raw record.
        namesakes: How many others have an identifier that one of those subjects has, but no record
            in common: most often two hospitals that number their patients alike.
        held_out: How many were held out at the build: it did not learn from them, but they are not
            other patients.
        why: Why it could not be found out for all; empty where it could.
    """

    known: tuple[int, ...] = ()
    namesakes: int = 0
    held_out: int = 0
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """Counts in words that name nobody."""
        if self.why:
            return {"checked": False, "why": self.why}
        return {
            "checked": True,
            "left_out": count_text(len(self.known)),
            "same_identifier": count_text(self.namesakes),
            "held_out": count_text(self.held_out),
        }


def familiar(platform: Platform, version: ModelVersion, patients: Patients) -> Familiar:
    """Look for the patients of a version's build, and of its recalibrations, among others.

    Args:
        platform: The workspace, locked.
        version: Which version.
        patients: The others, as it sees them.
    """
    asked = patients.asked["subject_id"].unique()
    known, same, held_out = set[int](), set[int](), set[int]()
    try:
        for snapshot, seen, fitted in _seen(platform, version, patients):
            if snapshot.manifest.salt != patients.snapshot.manifest.salt:
                return Familiar(why="the two hide their identifiers by different salts")
            shared = seen.filter(seen.is_in(asked.implode()))
            if shared.is_empty():
                continue
            records = _records(snapshot, shared).join(_records(patients.snapshot, shared), on=_BOTH)
            if not fitted:
                held_out |= set(records["subject_id"])
                continue
            same |= set(shared)
            known |= set(records["subject_id"])
    except BedsideError as error:
        why = f"the data of the build are not at hand ({error.problem.rstrip('.')})"
        return Familiar(known=tuple(sorted(known)), why=why)  # of a recalibration here, say
    return Familiar(
        known=tuple(sorted(known)),
        namesakes=len(same - known),
        held_out=len(held_out - known),
    )


def learnt_from(platform: Platform, version: ModelVersion, patients: Patients) -> pl.Series:
    """Subjects on whom a version was fitted, calibrated or given its threshold, by identifier.

    Stricter than `familiar`: who has the identifier of one of them counts as one of them, whatever
    the records say.

    Args:
        platform: The workspace, locked.
        version: Which version.
        patients: Others of the same place, as it sees them.

    Raises:
        NotFound, Unavailable: the data of the build are not at hand.
        Refused: the two hide their identifiers by different salts (code `other_salt`).
    """
    found = [pl.Series([], dtype=pl.Int64)]
    for snapshot, seen, fitted in _seen(platform, version, patients):
        if snapshot.manifest.salt != patients.snapshot.manifest.salt:
            raise Refused(
                "These patients' identifiers are hidden by another salt than at the build.",
                fix="bring data that were collected with the same pseudonym_salt.",
                code="other_salt",
            )
        if fitted:
            found.append(seen.cast(pl.Int64))
    return pl.concat(found).unique()


def _seen(
    platform: Platform, version: ModelVersion, patients: Patients
) -> Iterator[tuple[Snapshot, pl.Series, bool]]:
    """Data of each recalibration and of the build, some there, and if it was fitted on them."""
    facts = facts_of(platform, version)
    while "recalibrated" in facts:
        snapshot = platform.store.opened(entry_of(platform, facts["snapshot"]))
        ids = [shard["subject_id"] for shard in snapshot.shards(["subject_id"])]
        yield snapshot, pl.concat(ids).unique(), True
        facts = facts_of(platform, platform.registry.get(facts["recalibrated"]["parent"]))
    entry = entry_of(platform, facts["snapshot"])
    if entry.successor is not None:
        raise Unavailable("A subject was erased from them", fix="build the model again.")
    declaration = patients.bundle.declaration
    asking = Asking(
        platform=platform,
        declaration=declaration,
        intake=same_data(platform, entry)(declaration),
        steps=steps_of(platform, platform.folder / "steps"),
    )
    done = asking.ask(asking.prepare(asking.collect()))
    sides = frame_of(asking.steps.read(done, "asked"))
    built = platform.store.opened(entry)
    apart = pl.col("side") == "held_out"
    yield built, sides.filter(~apart)["subject_id"].unique(), True
    yield built, sides.filter(apart)["subject_id"].unique(), False


def _records(snapshot: Snapshot, subjects: pl.Series) -> pl.DataFrame:
    """The raw records of some subjects, by digest."""
    theirs = pl.col("subject_id").is_in(subjects.implode())
    return pl.concat(list(snapshot.shards(_BOTH, theirs))).select(_BOTH).unique()
