"""What the ledger keeps sealed of one answer: a line of JSON, and below it the request as it came.

The request is not written into the JSON: it would be read and copied once more to no use, and grow
by a fifth. Records of before have it there, as the text `request`, and are read as well.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["opened_answer", "sealed_answer"]

_ENCODE = msgspec.json.Encoder(order="sorted").encode
_LINE = b"\n"


def sealed_answer(told: Mapping[str, Any], request: bytes) -> bytes:
    r"""The bytes to seal.

    Args:
        told: What is kept beside the request; no `request` among it.
        request: Of the wire.

    Raises:
        ValueError: the request is not UTF-8.

    >>> sealed_answer({"subject": 7}, b'{"id": "a"}')
    b'{"subject":7}\n{"id": "a"}'
    """
    request.decode()
    return b"".join((_ENCODE(told), _LINE, request))


def opened_answer(content: bytes) -> dict[str, Any]:
    """What was sealed, with the request as the text `request`; that may be missing from old ones.

    >>> opened_answer(sealed_answer({"subject": 7}, b'{"id": "a"}'))
    {'subject': 7, 'request': '{"id": "a"}'}
    >>> opened_answer(b'{"subject": 7, "request": "{}"}')
    {'subject': 7, 'request': '{}'}
    """
    told, line, request = content.partition(_LINE)
    opened: dict[str, Any] = json.loads(told)
    if line:
        opened["request"] = request.decode()
    return opened
