"""An electronic signature of a person under one decision, which verifies without this workspace."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json, digest_bytes

__all__ = ["MEANING_WORDS", "Meaning", "Signature", "Signing", "enrolment_bytes"]


class Meaning(StrEnum):
    """What a signature means (21 CFR 11.50(a)(3))."""

    AUTHORSHIP = "authorship"
    REVIEW = "review"
    APPROVAL = "approval"
    RESPONSIBILITY = "responsibility"


MEANING_WORDS = {
    Meaning.AUTHORSHIP: "I wrote this",
    Meaning.REVIEW: "I have reviewed this",
    Meaning.APPROVAL: "I approve this",
    Meaning.RESPONSIBILITY: "I answer for this",
}


class Signing(StrEnum):
    """How it was made sure who signs."""

    PASSPHRASE = "passphrase"  # noqa: S105 - a method, no secret
    """The user of the system, and the passphrase of a key that is theirs alone (11.200(a)(1))."""
    WORKSPACE = "workspace"
    """Nobody in particular: the key of the workspace, while it is one person's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature; the bytes that are signed hold every field but `signature` itself.

    It names the decision, the place of its opening in the ledger and that entry's hash, so that it
    counts under no other record (21 CFR 11.70).

    Args:
        decision: The id of the decision.
        entry: The sequence of the ledger entry that opened it.
        entry_hash: The hash of that entry, 64 hexadecimal digits.
        kind: Of the record that is decided about.
        record_sha256: Of the canonical JSON of that record.
        signer: As the ledger names people.
        printed_name: As an administrator has seen it.
        signed_at: ISO 8601, UTC.
        zone: The signer's zone and its offset, such as `CET +0100`.
        meaning: What it means.
        words: What the signer says beside that; may be empty.
        method: How it was made sure who signs.
        session: The id of the session in which it was made.
        key: The public key, 64 hexadecimal digits.
        signature: Ed25519, 64 bytes; empty before it is made.
    """

    decision: str
    entry: int
    entry_hash: str
    kind: str
    record_sha256: str
    signer: str
    printed_name: str
    signed_at: str
    zone: str
    meaning: Meaning
    words: str
    method: Signing
    session: str
    key: str
    signature: bytes = b""

    def signed_bytes(self) -> bytes:
        """The exact bytes that are signed."""
        told = asdict(self)
        del told["signature"]
        return b"bedside-signature/1\n" + canonical_json(told)

    @property
    def digest(self) -> str:
        """What names this signature: SHA-256 of what is signed and of the signature."""
        return digest_bytes(self.signed_bytes() + self.signature)

    def as_json(self) -> dict[str, Any]:
        """It, with the signature as hexadecimal digits."""
        return asdict(self) | {"signature": self.signature.hex()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Signature":
        """It again.

        Raises:
            Invalid: it is no signature.
        """
        try:
            fields = dict(told)
            fields["meaning"] = Meaning(fields["meaning"])
            fields["method"] = Signing(fields["method"])
            fields["signature"] = bytes.fromhex(fields["signature"])
            made = cls(**fields)
            good = isinstance(made.entry, int) and not isinstance(made.entry, bool)
            texts = [value for name, value in fields.items() if name not in ("entry", "signature")]
            if not good or not all(isinstance(one, str) for one in texts):
                raise TypeError
            canonical_json(made.as_json())
        except (KeyError, TypeError, ValueError):
            raise Invalid("This is no signature.", fix="take it from the ledger.") from None
        return made


def enrolment_bytes(who: str, printed_name: str, key: str) -> bytes:
    """What somebody signs with a new key to prove that they hold it."""
    told = {"who": who, "printed_name": printed_name, "key": key}
    return b"bedside-enrolment/1\n" + canonical_json(told)
