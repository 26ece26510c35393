"""A certificate as signed bytes, and back: whoever changed a sign of it is found out."""

import json
from dataclasses import asdict
from typing import Any

from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json
from bedside.core.ports import ByteSigner, ByteVerifier
from bedside.core.records.certificate import EngineIdentity, Found, RecallCertificate, Required

__all__ = ["certificate_of", "certificate_told", "signed_certificate"]

FORM = "bedside-recall-certificate/1"
_MOST = 1_000_000  # bytes
_GROUPS = ("by_kind", "by_origin", "by_type", "readers_found")
_SINGLE = ("overall", "names", "clean_notes", "precision")


def certificate_told(certificate: RecallCertificate) -> dict[str, Any]:
    """The certificate in plain JSON."""
    told: dict[str, Any] = json.loads(canonical_json(asdict(certificate)))
    return told


def signed_certificate(certificate: RecallCertificate, signer: ByteSigner) -> bytes:
    """The certificate with a signature; the same one gives the same bytes."""
    told = certificate_told(certificate)
    signature = signer.sign(_signed(told)).hex()
    return canonical_json({"form": FORM, "signature": signature, "certificate": told})


def certificate_of(content: bytes, key: ByteVerifier) -> RecallCertificate:
    """The certificate in signed bytes.

    Raises:
        Refused: they are none, were changed, or another key signed them (code `bad_certificate`).
    """
    fault = Refused(
        "A certificate was changed, or is none of this workspace.",
        fix="certify the data set again.",
        code="bad_certificate",
    )
    try:
        if len(content) > _MOST:
            raise fault
        read = json.loads(content)
        if read.keys() != {"form", "signature", "certificate"} or read["form"] != FORM:
            raise fault
        signature = bytes.fromhex(read["signature"])
        if canonical_json(read) != content or signature.hex() != read["signature"]:
            raise fault
        key.verify(_signed(read["certificate"]), signature)
        return _certificate(read["certificate"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, Invalid, Refused):
        raise fault from None


def _signed(told: Any) -> bytes:
    return FORM.encode() + b"\n" + canonical_json(told)


def _certificate(told: dict[str, Any]) -> RecallCertificate:
    engine = told["engine"]
    libraries = tuple((str(name), str(number)) for name, number in engine["libraries"])
    made: dict[str, Any] = dict(told)
    made["engine"] = EngineIdentity(**{**engine, "libraries": libraries})
    made["required"] = Required(**told["required"])
    made["columns"] = tuple(told["columns"])
    made["readers"] = tuple(told["readers"])
    made["blind"] = tuple(told["blind"])
    made |= {name: Found(**told[name]) for name in _SINGLE}
    made |= {name: tuple(Found(**one) for one in told[name]) for name in _GROUPS}
    return RecallCertificate(**made)
