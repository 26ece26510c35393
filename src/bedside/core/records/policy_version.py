"""Policies of a workspace's own, as they stood from one change to the next."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["PolicyVersion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One version of one file of policies.

    Args:
        origin: The name of the file, without its ending.
        version: Counts from 1.
        text: Cedar; empty: the file was taken back.
        sha256: Of the text.
        signature: Of the origin, the version and the digest, by a key of the workspace.
        by: Who changed it.
        added: When.
        decision: Which decision the change rests on.
    """

    origin: str
    version: int
    text: str
    sha256: str
    signature: bytes
    by: str
    added: datetime
    decision: str

    def signed(self) -> bytes:
        """What the signature is over."""
        return f"bedside/policies/1\n{self.origin}\n{self.version}\n{self.sha256}\n".encode()
