"""The plain text of a document that a FHIR resource carries in base64."""

import binascii
from base64 import b64decode
from collections.abc import Sequence

from bedside.interop.fhir_bulk.resources import Attachment

__all__ = ["plain_text"]

_TEXTS = ("text/plain", "text/markdown")


def plain_text(attachments: Sequence[Attachment]) -> str | None:
    """The first attachment that is plain text in UTF-8 and lies in the resource; None if none does.

    >>> plain_text([Attachment(content_type="text/plain; charset=utf-8", data="Q291Z2gu")])
    'Cough.'
    """
    for one in attachments:
        kind = (one.content_type or "").partition(";")[0].strip().lower()
        if kind in _TEXTS and one.data:
            try:
                return b64decode(one.data, validate=True).decode() or None
            except (binascii.Error, ValueError):
                continue
    return None
