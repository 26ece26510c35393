"""A manifest as signed bytes and back."""

import base64
import json
from dataclasses import asdict
from typing import Any

from bedside.core.errors import Refused
from bedside.core.ids import canonical_json
from bedside.core.ports import ByteSigner
from bedside.core.records.snapshot import Manifest, RawFile, Shard, Zone

__all__ = ["manifest_bytes", "manifest_of"]

_FORMAT = "bedside-manifest/1"


def manifest_bytes(manifest: Manifest, signer: ByteSigner) -> bytes:
    """The manifest and its signature, as one JSON document."""
    told = {"format": _FORMAT, **asdict(manifest), "zone": manifest.zone.value}
    body = canonical_json(told).decode()
    signature = base64.b64encode(signer.sign(body.encode())).decode()
    return canonical_json({"manifest": body, "signature": signature})


def manifest_of(content: bytes, signer: ByteSigner) -> Manifest:
    """The manifest, once its signature was checked.

    Raises:
        Refused: it is no manifest, or was not signed by this workspace (code `bad_signature`).
    """
    try:
        told = json.loads(content)
        body, signature = told["manifest"].encode(), base64.b64decode(told["signature"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _bad() from None
    signer.verify(body, signature)
    try:
        return _manifest(json.loads(body))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _bad() from None


def _manifest(told: dict[str, Any]) -> Manifest:
    if told.pop("format") != _FORMAT:
        raise ValueError
    return Manifest(
        **{
            **told,
            "zone": Zone(told["zone"]),
            "shards": tuple(Shard(**shard) for shard in told["shards"]),
            "sources": tuple(_raw_file(source) for source in told["sources"]),
            "merged": tuple((int(one), int(beside)) for one, beside in told["merged"]),
        }
    )


def _raw_file(told: dict[str, Any]) -> RawFile:
    gone = tuple((int(first), int(length)) for first, length in told["gone"])
    members = tuple(
        (str(name), int(first), str(digest), int(start))
        for name, first, digest, start in told.get("members", ())
    )
    return RawFile(**{**told, "gone": gone, "members": members})


def _bad() -> Refused:
    return Refused(
        "The manifest of a snapshot cannot be read.",
        fix="restore it from a backup, or build the snapshot again.",
        code="bad_signature",
    )
