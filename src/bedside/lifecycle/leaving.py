"""Files that leave the identified zone: through the door, signed for, and told in the ledger once.

What `deid data` writes stays in the workspace as a data set, and is disclosed when it is exported.
Files leave at once, so their entry is the disclosure, and says sealed whose records were in them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any

from bedside.core.errors import NotFound, Unavailable
from bedside.core.ids import canonical_json, digest_bytes, subject_pseudonym
from bedside.core.records.decision import DecisionKind
from bedside.core.records.policy import Act, Resource
from bedside.core.records.release_mode import ReleaseMode
from bedside.core.records.snapshot import Zone
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.signed_effects import HandAsked, signed_for
from bedside.privacy.rules import ReleasePlan

__all__ = [
    "THIS_RUN",
    "Content",
    "Leaving",
    "WhoseRecords",
    "content_of",
    "leave_zone",
    "tell_left",
]

THIS_RUN = "this-run"
"""What a plan calls its project where no vault keeps the stand-ins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is read: how many files, and a digest of them all."""

    sha256: str
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What leaves, exactly: these bytes, in this way.

    Args:
        action: What the ledger calls it, such as `deidentify.files`.
        form: What kind of files they are.
        content: What is read.
        plan: The release mode and what goes with it; None: they leave as they are.
        data: The data set that they are of, where they are of one.
        certified: Whether it is known how much they still tell; else they leave as identified ones.
        how: What else decides what comes out; plain values, no patient's and no path.
    """

    action: str
    form: str
    content: Content
    plan: ReleasePlan | None
    data: str = ""
    certified: bool = True
    how: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mode(self) -> ReleaseMode:
        """As what they leave."""
        known = self.plan is not None and self.certified
        return self.plan.mode if known and self.plan is not None else ReleaseMode.IDENTIFIED

    @property
    def project(self) -> str:
        """Whose vault keeps the stand-ins; empty: none does."""
        named = "" if self.plan is None else self.plan.project
        return "" if named == THIS_RUN else named

    def record(self) -> dict[str, Any]:
        """What people sign for."""
        plan = self.plan
        told: dict[str, Any] = {
            "form": self.form,
            "data": self.data,
            "files": self.content.files,
            "sha256": self.content.sha256,
            "leaves_as": self.mode.value,
            "how": dict(self.how),
        }
        if plan is None:
            return told
        return told | {
            "mode": plan.mode.value,
            "project": self.project,
            "agreement": plan.agreement,
            "dossier": plan.dossier,
            "attested_by": plan.attested_by,
            "actions": {kind: action.value for kind, action in sorted(plan.actions.items())},
        }


@dataclass(slots=True)
class WhoseRecords:
    """Whose records are in what left.

    Args:
        salt: By which their identifiers were hidden.
        subjects: Their pseudonyms.
        others: Whether a file may be of somebody whom nobody named.
    """

    salt: str
    subjects: set[int] = field(default_factory=set)
    others: bool = False

    def sealed(self) -> bytes:
        """For the sealed part of the entry."""
        return canonical_json({"salt": self.salt, "subjects": sorted(self.subjects)})

    @classmethod
    def opened(cls, sealed: bytes, *, others: bool) -> "WhoseRecords":
        """What `sealed` kept."""
        told = json.loads(sealed)
        return cls(salt=told["salt"], subjects=set(told["subjects"]), others=others)

    def holds(self, subjects: Iterable[int], source_id: str | None) -> bool | None:
        """Whether somebody is among them; None where nobody knows.

        Args:
            subjects: The person's pseudonyms in the data sets of the workspace.
            source_id: The source's own identifier, where it is known.
        """
        own = set(subjects)
        if source_id is not None:
            own.add(subject_pseudonym(source_id, salt=self.salt))
        return True if own & self.subjects else None if self.others else False


def content_of(source: Path) -> Content:
    """A file, or all files of a folder: their number and one digest.

    The digest is the SHA-256 over the sorted SHA-256 of the files, each with a line end. Names do
    not count, since a name may name somebody; links are not followed.

    Raises:
        NotFound: there is no such file or folder.
        Unavailable: a file cannot be read.
    """
    if source.is_file():
        paths = [source]
    elif source.is_dir():
        paths = [one for one in source.rglob("*") if one.is_file() and not one.is_symlink()]
    else:
        raise NotFound("There is no such file or folder.", fix="give one that is there.")
    digests = sorted(_digest(path) for path in paths)
    whole = digest_bytes("".join(f"{one}\n" for one in digests).encode())
    return Content(sha256=whole, files=len(digests))


def leave_zone(platform: Platform, leaving: Leaving, hand: HandAsked | None) -> str | None:
    """Let files out of the identified zone: the policies permit it, and people have signed for it.

    What is identified, or may be, is besides an export of identified rows.

    Args:
        platform: The workspace.
        leaving: What leaves; it has been checked that it can be written.
        hand: Asks for what the actor signs with.

    Returns:
        The id of the decision, which is used up; None where none is needed.

    Raises:
        Refused: the policies do not permit it (code `not_allowed`), or somebody must sign yet
            (`waits`).
    """
    name = leaving.data or leaving.project or leaving.form
    where = Resource(name=name, zone=Zone.IDENTIFIED)
    if leaving.plan is not None:
        enter(platform, Act.DEIDENTIFY, where)
    if leaving.mode is ReleaseMode.IDENTIFIED:
        enter(platform, Act.EXPORT, where)
    whose = f" for {leaving.project}" if leaving.project else ""
    whose += f" of {leaving.data}" if leaving.data else ""
    what = f"the release of files ({leaving.form}) as {leaving.mode.value}{whose}"
    return signed_for(platform, DecisionKind.DATA_RELEASE, what, leaving.record(), hand)


def tell_left(
    platform: Platform,
    leaving: Leaving,
    whose: WhoseRecords,
    *,
    decision: str | None,
    told: Mapping[str, Any],
) -> None:
    """Write the disclosure into the ledger.

    Args:
        platform: The workspace.
        leaving: What left.
        whose: Whose records were in it; sealed.
        decision: By which it did.
        told: What else the entry says.
    """
    details = {key: value for key, value in leaving.record().items() if key not in ("how", "files")}
    details |= {"files_count": leaving.content.files, **told, "others": whose.others}
    details |= {} if decision is None else {"decision_id": decision}
    platform.ledger.append(platform.actor, leaving.action, details, sealed=whose.sealed())


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError:
        raise Unavailable("A file cannot be read.", fix="check the permissions.") from None
