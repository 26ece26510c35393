r"""A release packet: one flat file with a hub's signed statement and a sealed bundle.

    bedside-packet/1\n   eight hexadecimal digits: length of the header   \n   header   files

The header is canonical JSON: the statement and its Ed25519 signature (RFC 8032). The statement
lists each file with its size and SHA-256, and the files follow one another in that order. Nothing
is unpacked by a path: a name is one of those that a bundle has, or the packet is refused.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from bedside.core.clock import parse_instant
from bedside.core.errors import BedsideError, Invalid, Refused
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.ports import ByteSigner, ByteVerifier
from bedside.core.records import bundle as parts
from bedside.core.records.site import Offer

__all__ = ["ALLOWED", "LARGEST", "SIGNATURE", "Packet", "read_packet", "write_packet"]

SIGNATURE = "bundle.sig"
"""The name under which the bundle's own signature travels."""
ALLOWED = frozenset(
    {getattr(parts, name) for name in parts.__all__ if name.isupper()} | {SIGNATURE}
)
"""What a packet may hold: a model and its evidence. Data of patients have no name here."""
LARGEST = 1 << 30  # bytes in one packet
_MAGIC = b"bedside-packet/1\n"
_LARGEST_HEADER = 1 << 20
_START = len(_MAGIC) + 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A packet whose signature, freshness and every byte were checked."""

    offer: Offer
    files: Mapping[str, bytes]


def write_packet(offer: Offer, files: Mapping[str, bytes], signer: ByteSigner) -> bytes:
    """The packet; the same arguments give the same bytes.

    Args:
        offer: What the hub says.
        files: The bundle's, its manifest and its signature among them.
        signer: The hub's key.

    Raises:
        Invalid: a file is not one of `ALLOWED`, or the manifest is not that of the offer.
    """
    strange = sorted(files.keys() - ALLOWED)
    if strange:
        raise Invalid(
            f"'{strange[0]}' is no file that may leave the hub.",
            fix="publish a bundle as bedside build makes it.",
        )
    if digest_bytes(files.get(parts.MANIFEST, b"")) != offer.bundle or SIGNATURE not in files:
        raise Invalid(
            "The files are not the signed bundle that is offered.", fix="build the version again."
        )
    listed = [
        {"name": name, "size": len(content), "sha256": digest_bytes(content)}
        for name, content in sorted(files.items())
    ]
    statement = {"offer": asdict(offer), "files": listed}
    signature = signer.sign(_MAGIC + canonical_json(statement)).hex()
    header = canonical_json({"statement": statement, "signature": signature})
    body = b"".join(content for _, content in sorted(files.items()))
    if len(header) > _LARGEST_HEADER or _START + len(header) + len(body) > LARGEST:
        raise Invalid("The packet would be too large.", fix="make the model smaller.")
    return _MAGIC + b"%08x\n" % len(header) + header + body


def read_packet(content: bytes, hub: ByteVerifier, *, now: datetime, after: int) -> Packet:
    """A packet, if it is by this hub, fresh, newer than what was taken before, and whole.

    The signature is checked before anything that the packet says is believed.

    Args:
        content: A stranger's bytes.
        hub: The key that this site trusts.
        now: The present moment.
        after: The sequence of the newest packet that was taken; 0: none.

    Raises:
        Refused: it is not a packet (code `packet_unreadable`), not signed by the trusted key
            (`bad_signature`), expired (`packet_expired`) or not issued yet (`packet_early`), not
            newer than what was taken (`packet_older`), or a byte was changed (`packet_tampered`).
    """
    statement, signature, start = _header(content)
    try:
        hub.verify(_MAGIC + canonical_json(statement), signature)
    except Refused:
        raise Refused(
            "The packet is not signed by the hub that this site trusts.",
            fix="fetch it from your hub; if the hub has a new key, compare its fingerprint with "
            "the hub by telephone before you trust it.",
            code="bad_signature",
        ) from None
    try:
        offer, listed = _offer(statement["offer"]), _listed(statement["files"])
        issued, expires = parse_instant(offer.issued_at), parse_instant(offer.expires_at)
    except (KeyError, TypeError, ValueError, BedsideError):
        raise _unreadable() from None
    if now >= expires:
        raise Refused(
            "The packet has expired.", fix="ask the hub for a new one.", code="packet_expired"
        )
    if now < issued:
        raise Refused(
            "The packet was issued in the future.",
            fix="set this machine's clock, or tell the hub that its clock is wrong.",
            code="packet_early",
        )
    if offer.sequence <= after:
        raise Refused(
            f"The packet has the number {offer.sequence}, and number {after} was taken already.",
            fix="fetch the hub's newest packet; an older one is never taken after a newer.",
            code="packet_older",
        )
    files = _files(memoryview(content)[start:], listed)
    if digest_bytes(files.get(parts.MANIFEST, b"")) != offer.bundle or SIGNATURE not in files:
        raise _tampered("it does not hold the bundle that it offers")
    return Packet(offer=offer, files=files)


def _header(content: bytes) -> tuple[Any, bytes, int]:
    """The statement, its signature, and where the files begin; nothing is believed yet."""
    if len(content) > LARGEST or not content.startswith(_MAGIC):
        raise _unreadable()
    try:
        size = int(content[len(_MAGIC) : _START - 1], 16)
        end = _START + size
        if not 0 < size <= _LARGEST_HEADER or end > len(content):
            raise _unreadable()
        header = json.loads(content[_START:end])
        if content[:end] != _MAGIC + b"%08x\n" % size + canonical_json(header):
            raise _unreadable()
        if header.keys() != {"statement", "signature"}:
            raise _unreadable()
        return header["statement"], bytes.fromhex(header["signature"]), end
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise _unreadable() from None


def _offer(told: Any) -> Offer:
    if told.keys() != {field.name for field in fields(Offer)} or type(told["sequence"]) is not int:
        raise ValueError
    texts = [told[name] for name in ("version", "bundle", "issued_at", "expires_at")]
    lists = told["gates"], told["approvals"]
    if not all(isinstance(text, str) for one in (texts, *lists) for text in one):
        raise ValueError
    if told["stage"] not in ("silent", "canary", "live") or told["sequence"] < 1:
        raise ValueError
    return Offer(**{**told, "gates": tuple(lists[0]), "approvals": tuple(lists[1])})


def _listed(told: Any) -> list[tuple[str, int, str]]:
    listed = [(one["name"], one["size"], one["sha256"]) for one in told]
    names = [name for name, _, _ in listed]
    if not set(names) <= ALLOWED or len(set(names)) < len(names):
        raise ValueError
    if not all(type(size) is int and 0 <= size <= LARGEST for _, size, _ in listed):
        raise ValueError
    return listed


def _files(body: memoryview, listed: list[tuple[str, int, str]]) -> dict[str, bytes]:
    if sum(size for _, size, _ in listed) != len(body):
        raise _tampered("it is longer or shorter than it says")
    files, at = dict[str, bytes](), 0
    for name, size, digest in listed:
        files[name] = bytes(body[at : at + size])
        at += size
        if digest_bytes(files[name]) != digest:
            raise _tampered(f"{name} was changed")
    return files


def _tampered(what: str) -> Refused:
    return Refused(
        f"The packet is not as the hub signed it: {what}.",
        fix="do not use it; fetch it again, and find out who changed it.",
        code="packet_tampered",
    )


def _unreadable() -> Refused:
    return Refused(
        "This is not a release packet that can be read.",
        fix="give the file that bedside site publish wrote, unchanged.",
        code="packet_unreadable",
    )
