"""A signed statement in JSON: who signed it, the signature, and what is said.

    {"form":"bedside-index/1","key":"…","signature":"…","statement":{…}}

The bytes are canonical, so that one statement has one form. What is signed begins with the form, so
that a signature of one kind of statement is none of another (Ed25519, RFC 8032). The key is named
by its fingerprint, and only to find the right one: it is believed when the signature holds.
"""

import json
from dataclasses import dataclass
from typing import Any

from bedside.core.errors import Refused
from bedside.core.ids import canonical_json
from bedside.core.ports import ByteSigner, ByteVerifier

__all__ = ["Signed", "read_signed", "write_signed"]

_PARTS = {"form", "key", "signature", "statement"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A statement whose signature was not checked yet.

    Args:
        mark: The fingerprint of the key by which it says to be signed.
        what: Whose statement it is, for the errors.
    """

    form: str
    mark: str
    signature: bytes
    unchecked: Any
    what: str

    def statement(self, key: ByteVerifier) -> Any:
        """What is said, if this key signed it.

        Raises:
            Refused: it did not, or something was changed (code `bad_signature`).
        """
        try:
            key.verify(_signed_bytes(self.form, self.unchecked), self.signature)
        except Refused:
            raise Refused(
                f"{self.what} is not signed by the key that is trusted here.",
                fix="fetch it again; if the sender has a new key, compare its fingerprint by "
                "telephone before you trust it.",
                code="bad_signature",
            ) from None
        return self.unchecked


def write_signed(form: str, statement: Any, signer: ByteSigner, mark: str) -> bytes:
    """The statement with its signature; the same arguments give the same bytes.

    Args:
        form: `NAME/VERSION` of what is said.
        statement: Plain JSON.
        signer: The sender's key.
        mark: Its fingerprint.
    """
    signature = signer.sign(_signed_bytes(form, statement)).hex()
    return canonical_json(
        {"form": form, "key": mark, "signature": signature, "statement": statement}
    )


def read_signed(content: bytes, *, form: str, most: int, what: str) -> Signed:
    """Take a stranger's bytes apart; nothing that they say is believed yet.

    Args:
        content: The bytes.
        form: What they must be.
        most: Bytes that it may have.
        what: In words, for the errors.

    Raises:
        Refused: it is no such statement (code `statement_unreadable`).
    """
    try:
        if len(content) > most:
            raise ValueError
        told = json.loads(content)
        if told.keys() != _PARTS or told["form"] != form or canonical_json(told) != content:
            raise ValueError
        if not isinstance(told["key"], str):
            raise ValueError
        signature = bytes.fromhex(told["signature"])
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Refused(
            f"{what} cannot be read.",
            fix="give the file as it was written, unchanged.",
            code="statement_unreadable",
        ) from None
    return Signed(
        form=form, mark=told["key"], signature=signature, unchecked=told["statement"], what=what
    )


def _signed_bytes(form: str, statement: Any) -> bytes:
    return form.encode() + b"\n" + canonical_json(statement)
