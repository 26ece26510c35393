"""A decision that needs signatures: its rule, its opening, who signed, and where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bedside.core.ids import digest_of
from bedside.core.records.policy import Role
from bedside.core.records.signature import Signature

__all__ = [
    "KIND_WORDS",
    "Decision",
    "DecisionKind",
    "DecisionRule",
    "DecisionState",
    "Signed",
    "Signer",
    "Standing",
    "Withdrawal",
]


class DecisionKind(StrEnum):
    """What is decided."""

    MODEL_SILENT = "model_silent"
    MODEL_CANARY = "model_canary"
    MODEL_LIVE = "model_live"
    DATA_RELEASE = "data_release"
    POLICY_CHANGE = "policy_change"
    CONSENT_OVERRIDE = "consent_override"
    BREAK_GLASS = "break_glass"
    EMERGENCY = "emergency"
    EMERGENCY_REVIEW = "emergency_review"
    DELEGATION = "delegation"


KIND_WORDS = {
    DecisionKind.MODEL_SILENT: "a version may answer in silence",
    DecisionKind.MODEL_CANARY: "a version may be shown for some patients",
    DecisionKind.MODEL_LIVE: "a version may be shown for all patients",
    DecisionKind.DATA_RELEASE: "a data set may be released",
    DecisionKind.POLICY_CHANGE: "the policies may be changed",
    DecisionKind.CONSENT_OVERRIDE: "a patient's refusal may be set aside, as a law demands",
    DecisionKind.BREAK_GLASS: "a pseudonym may be revealed",
    DecisionKind.EMERGENCY: "a pseudonym is revealed in an emergency",
    DecisionKind.EMERGENCY_REVIEW: "an emergency was looked into afterwards",
    DecisionKind.DELEGATION: "somebody signs in another's role until a day",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRule:
    """What a kind of decision needs.

    Args:
        kind: Which.
        places: One signature each: the roles of which its signer must hold one; empty: any role.
        four_eyes: Each place needs another person.
        not_author_alone: At least one signature is of somebody who did not make what is decided.
        ordered: The places are filled in their order.
        counts: For how long a signature counts from when it was made.
        once: It allows one effect, and then no more.
    """

    kind: DecisionKind
    places: tuple[frozenset[Role], ...]
    four_eyes: bool
    not_author_alone: bool
    ordered: bool
    counts: timedelta
    once: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision as it was opened.

    Args:
        id: `D-` and 12 hexadecimal digits.
        kind: Which.
        what: About what, such as a version; in words that may stand in the ledger.
        record: The exact document that is signed; plain values, no patient's.
        record_sha256: Of its canonical JSON.
        authors: Who made what is decided about.
        opened_by, opened_at: By whom, and when.
        entry, entry_hash: The ledger entry that opened it.
    """

    id: str
    kind: DecisionKind
    what: str
    record: Mapping[str, Any]
    record_sha256: str
    authors: tuple[str, ...]
    opened_by: str
    opened_at: datetime
    entry: int
    entry_hash: str

    @property
    def is_whole(self) -> bool:
        """Whether the record is the one whose digest is signed."""
        return digest_of(dict(self.record)) == self.record_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A key of a person.

    Args:
        who: Whose.
        printed_name: As an administrator has seen it.
        key: The public key, 64 hexadecimal digits.
        enrolled, granted, revoked: When.
        granted_by: The administrator.
    """

    who: str
    printed_name: str
    key: str
    enrolled: datetime
    granted: datetime | None = None
    granted_by: str = ""
    revoked: datetime | None = None

    def counts(self, at: datetime) -> bool:
        """Whether the key may sign then."""
        given = self.granted is not None and self.granted <= at
        return given and (self.revoked is None or at < self.revoked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signature in the ledger.

    Args:
        signature: What was signed.
        at: When the ledger took it.
        sequence: Its entry.
        roles: What the signer was then, by their own roles and by those delegated to them.
        fault: Why it does not count whatever else happens; empty: it is genuine.
    """

    signature: Signature
    at: datetime
    sequence: int
    roles: frozenset[Role]
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Somebody took something back: their own signature, or with `whole` the decision."""

    by: str
    at: datetime
    sequence: int
    whole: bool
    reason: str


class DecisionState(StrEnum):
    """Where a decision stands."""

    OPEN = "open"
    """Signatures are missing."""
    IN_FORCE = "in force"
    """It may take effect."""
    DONE = "done"
    """It has taken effect, and may have no other."""
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a decision stands now.

    Args:
        state: Where.
        counted: The signatures that count, one for each place that is filled.
        missing: The places that are not filled, each as its roles.
        why_not: For each signature that does not count, by its sequence: why.
        author_alone: Only who made it has signed.
        until: When the first signature that counts ceases to count.
    """

    state: DecisionState
    counted: tuple[Signed, ...] = ()
    missing: tuple[frozenset[Role], ...] = ()
    why_not: Mapping[int, str] = field(default_factory=dict)
    author_alone: bool = False
    until: datetime | None = None
