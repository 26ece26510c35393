"""What the HL7 v2 channel of a declaration must keep: events that ask, and names that fit a field.

Source: HL7 v2.8.2, chapter 2A (HD.1 has 20 signs, CWE.3 has 20) and table 0396 for coding systems.
"""

import re
from collections.abc import Iterator

from bedside.core.records.declaration import Declaration
from bedside.core.records.hl7v2_channel import Hl7v2
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["hl7v2_channel_mistakes"]

_EVENT = re.compile(r"[A-Z]{3}\^[A-Z][A-Z0-9]{2}")
_NAME = re.compile(r"[!-~]+( [!-~]+)*")
_SYSTEM = re.compile(r"[A-Z0-9][A-Za-z0-9.+_-]{0,19}")
_DELIMITERS = frozenset("|^~\\&")
_NO_QUESTION = ("ACK", "QRY", "QBP", "RSP", "MFN", "MFK")
_LONGEST_NAME, _LONGEST_CODE = 20, 50


def hl7v2_channel_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule that the channel breaks, in reading order."""
    channel = declaration.channels.hl7v2
    if channel is None:
        return
    path = ("channels", "hl7v2")
    yield from _messages(channel, path)
    for key, required in (
        ("receiving_application", True),
        ("receiving_facility", False),
        ("sending_application", True),
        ("sending_facility", False),
    ):
        told: str = getattr(channel, key)
        if not _fits(told, _LONGEST_NAME) and (required or told):
            yield Mistake(
                (*path, key),
                "this is not the name of an application or a facility",
                f"use 1 to {_LONGEST_NAME} plain signs, none of them | ^ ~ \\ &",
            )
    if not _fits(channel.result.code, _LONGEST_CODE):
        yield Mistake(
            (*path, "result", "code"),
            "this is not a code",
            f"use 1 to {_LONGEST_CODE} plain signs, none of them | ^ ~ \\ &",
        )
    if not _SYSTEM.fullmatch(channel.result.system):
        yield Mistake(
            (*path, "result", "system"),
            "this is not the name of a coding system",
            "write it as in HL7 table 0396: LN, SCT, or 99 and a name of your own",
        )


def _messages(channel: Hl7v2, path: tuple[str, ...]) -> Iterator[Mistake]:
    if not channel.messages:
        yield Mistake(
            (*path, "messages"), "no message asks the model", "name some: [ADT^A01, ORU^R01]"
        )
    for index, one in enumerate(channel.messages):
        where = (*path, "messages", index)
        if not _EVENT.fullmatch(one):
            yield Mistake(
                where,
                f"'{one[:40]}' is not a type of message with its event",
                "write it like MSH-9: ORU^R01",
            )
        elif one[:3] in _NO_QUESTION:
            yield Mistake(where, f"{one} brings no facts about a patient", "leave it out")
        elif one in channel.messages[:index]:
            yield Mistake(where, f"{one} is named twice", "leave it out")


def _fits(text: str, longest: int) -> bool:
    return (
        len(text) <= longest and _NAME.fullmatch(text) is not None and _DELIMITERS.isdisjoint(text)
    )
