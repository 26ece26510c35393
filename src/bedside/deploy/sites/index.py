"""A hub's signed index: what it offers now, so that an older state cannot be shown to a site."""

import re
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from bedside.core.clock import parse_instant
from bedside.core.errors import Invalid, Refused
from bedside.core.ports import ByteSigner, ByteVerifier
from bedside.core.records.site import Index, Offered
from bedside.deploy.sites.packet import LARGEST
from bedside.deploy.sites.signed import read_signed, write_signed

__all__ = ["FORM", "INDEX", "LARGEST_INDEX", "read_index", "write_index"]

FORM = "bedside-index/1"
INDEX = "index.json"
"""The index's name beside the packets."""
LARGEST_INDEX = 1 << 20  # bytes
_FILE = re.compile(r"[a-z0-9][a-z0-9_-]{0,80}-[0-9]{6,12}\.packet")
_WHAT = "The hub's index"

_Whole = Annotated[int, msgspec.Meta(ge=1, le=1 << 53)]
_Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9_-]{0,80}@[0-9a-f]{12}\Z")]
_Moment = Annotated[str, msgspec.Meta(max_length=40)]


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    version: _Name
    stage: Literal["silent", "canary", "live"]
    sequence: _Whole
    expires_at: _Moment
    file: Annotated[str, msgspec.Meta(max_length=120)]
    size: Annotated[int, msgspec.Meta(ge=1, le=LARGEST)]
    sha256: _Digest


class _Told(msgspec.Struct, forbid_unknown_fields=True):
    sequence: _Whole
    issued_at: _Moment
    expires_at: _Moment
    offers: Annotated[list[_Line], msgspec.Meta(max_length=1000)]


def write_index(index: Index, signer: ByteSigner, mark: str) -> bytes:
    """The index, signed by the hub; the same arguments give the same bytes."""
    return write_signed(FORM, asdict(index), signer, mark)


def read_index(content: bytes, hub: ByteVerifier, *, now: datetime | None, after: int) -> Index:
    """An index, if it is by this hub, fresh, and not older than what was seen before.

    Args:
        content: A stranger's bytes.
        hub: The key that is trusted.
        now: The present moment; None: whether it is fresh is not asked.
        after: The sequence of the newest index that was seen; 0: none.

    Raises:
        Refused: it cannot be read (code `statement_unreadable`), is not by this key
            (`bad_signature`), expired (`index_expired`), issued in the future (`index_early`), or
            older than what was seen (`index_older`).
    """
    signed = read_signed(content, form=FORM, most=LARGEST_INDEX, what=_WHAT)
    index = _index(signed.statement(hub))
    issued, expires = parse_instant(index.issued_at), parse_instant(index.expires_at)
    if now is not None and now >= expires:
        raise Refused(
            "The hub's index has expired: what is served may be an old state of it.",
            fix="ask the hub to publish again.",
            code="index_expired",
        )
    if now is not None and now < issued:
        raise Refused(
            "The hub's index was issued in the future.",
            fix="set this machine's clock, or tell the hub that its clock is wrong.",
            code="index_early",
        )
    if index.sequence < after:
        raise Refused(
            f"The hub's index has the number {index.sequence}, and {after} was seen already.",
            fix="do not use it: somebody serves an old state of the hub; tell the hub.",
            code="index_older",
        )
    return index


def _index(statement: object) -> Index:
    try:
        told = msgspec.convert(statement, _Told)
        offers = tuple(Offered(**msgspec.structs.asdict(line)) for line in told.offers)
        for moment in (told.issued_at, told.expires_at, *(one.expires_at for one in offers)):
            parse_instant(moment)
    except (msgspec.ValidationError, Invalid):
        raise _wrong() from None
    numbers = [one.sequence for one in offers]
    if numbers != sorted(set(numbers)) or (numbers and numbers[-1] > told.sequence):
        raise _wrong()
    if not all(_FILE.fullmatch(one.file) for one in offers):
        raise _wrong()
    return Index(
        sequence=told.sequence,
        issued_at=told.issued_at,
        expires_at=told.expires_at,
        offers=offers,
    )


def _wrong() -> Refused:
    return Refused(
        f"{_WHAT} does not say what an index says.",
        fix="use the same version of Bedside at the hub and here.",
        code="statement_unreadable",
    )
