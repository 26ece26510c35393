"""What the FHIR channel of a declaration must keep: codes that are codes, a threshold to alert."""

import re
from collections.abc import Iterator

from bedside.core.records.declaration import Declaration
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["fhir_channel_mistakes"]

_SYSTEM = re.compile(r"(https?://|urn:)[!-~]{1,200}")
_CODE = re.compile(r"[^\s]+( [^\s]+)*")  # FHIR R4, the primitive type `code`
_LONGEST = 100
_NEVER_ALERTS = ("multiclass", "ordinal")


def fhir_channel_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule that the channel breaks, in reading order."""
    channel = declaration.channels.fhir
    if channel is None:
        return
    path = ("channels", "fhir")
    if channel.outcome is not None:
        if not _SYSTEM.fullmatch(channel.outcome.system):
            yield Mistake(
                (*path, "outcome", "system"),
                "this is not the URI of a code system",
                "write it like http://snomed.info/sct",
            )
        if not _CODE.fullmatch(channel.outcome.code):
            yield Mistake((*path, "outcome", "code"), "this is not a code", "write it as published")
    if channel.write_back == "alerts" and declaration.question.outcome.kind in _NEVER_ALERTS:
        yield Mistake(
            (*path, "write_back"),
            f"a model of the kind {declaration.question.outcome.kind} has no one risk that alerts",
            "write back: scores",
        )
    if len(channel.manufacturer) > _LONGEST or channel.manufacturer != channel.manufacturer.strip():
        yield Mistake(
            (*path, "manufacturer"),
            "this is not the name of who answers for the model",
            f"use 1 to {_LONGEST} signs",
        )
