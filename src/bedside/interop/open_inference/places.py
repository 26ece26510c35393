"""Where in the bytes of an inference request each input lies."""

from dataclasses import dataclass

import msgspec

from bedside.interop.strict_json import decode

__all__ = ["InputPlace", "input_places"]


class _Named(msgspec.Struct, frozen=True):
    name: str


class _Inputs(msgspec.Struct, frozen=True):
    inputs: tuple[msgspec.Raw, ...]


_NAMED = msgspec.json.Decoder(_Named)
_INPUTS = msgspec.json.Decoder(_Inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPlace:
    """An input of a request: its name, its path in the document, its first byte and length."""

    name: str
    where: str
    offset: int
    length: int


def input_places(body: bytes) -> list[InputPlace]:
    """The inputs, in the order of the document.

    Args:
        body: The whole request.

    Raises:
        Invalid: it is no inference request.

    >>> body = b'{"inputs": [{"name": "lactate", "shape": [1], "data": [4.2]}]}'
    >>> (place,) = input_places(body)
    >>> place.where, body[place.offset : place.offset + 18]
    ('inputs[0]', b'{"name": "lactate"')
    """
    places: list[InputPlace] = []
    at = max(0, body.find(b'"inputs"'))
    for index, content in enumerate(decode(_INPUTS, body, "The request").inputs):
        raw = bytes(content)
        offset = body.find(raw, at)
        at = offset + len(raw)
        name = decode(_NAMED, content, f"inputs[{index}]").name
        places.append(
            InputPlace(name=name, where=f"inputs[{index}]", offset=offset, length=len(raw))
        )
    return places
