"""What a hospital's system knows of one patient as time goes on, and sends when it asks a model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from bedside.core.clock import iso
from bedside.core.records.event import Event
from bedside.interop.open_inference.metadata import Input

__all__ = ["History", "inputs_by_code", "request_body"]


@dataclass(slots=True)
class _Known:
    """One value as it stands in a request; `record` is the raw record that it came from."""

    value: float | str | bool
    time: str
    known_at: str
    end: str | None
    record: bytes


class History:
    """A patient's events, told one after another as they become known.

    A correction takes back what it corrects from the moment at which it was known itself, as the
    features do.

    Args:
        events: All of them, of one subject, in any order; of two that are alike in both times, the
            later one counts.
        inputs: By code, the input of the model that an event is sent as; others are not sent.
    """

    def __init__(self, events: Iterable[Event], inputs: Mapping[str, Input]) -> None:
        told = list(events)
        self._inputs = inputs
        self._coming = sorted(
            (one for one in told if one.code in inputs and _says(one)), key=_seen_from
        )
        self._corrections = sorted(
            ((one.known_at, one.replaces) for one in told if one.replaces), key=lambda one: one[0]
        )
        self._taken_back: set[bytes] = set()
        self._known: dict[str, tuple[Input, list[_Known]]] = {}
        self._next_event = self._next_correction = 0

    def tensors_at(self, moment: datetime) -> list[dict[str, Any]]:
        """What is known at a moment, as the tensors of a request; moments only grow."""
        self._take_back(moment)
        self._reveal(moment)
        return [_tensor(asked, known) for asked, known in self._known.values() if known]

    def _take_back(self, moment: datetime) -> None:
        new: set[bytes] = set()
        while self._next_correction < len(self._corrections):
            known_at, record = self._corrections[self._next_correction]
            if known_at > moment:
                break
            new.add(record)
            self._next_correction += 1
        if new:
            self._taken_back |= new
            for _, known in self._known.values():
                known[:] = [one for one in known if one.record not in new]

    def _reveal(self, moment: datetime) -> None:
        while self._next_event < len(self._coming):
            event = self._coming[self._next_event]
            if _seen_from(event) > moment:
                return
            self._next_event += 1
            if event.source_row and event.source_row in self._taken_back:
                continue
            asked = self._inputs[event.code]
            known = _known(event, asked)
            if known is not None:
                self._known.setdefault(asked.name, (asked, []))[1].append(known)


def inputs_by_code(inputs: Mapping[str, Input]) -> dict[str, Input]:
    """By every code that an event of it may have: the inputs of a model."""
    return {
        code: one
        for one in inputs.values()
        for code in ((one.code,) if one.signal is None else one.signal.codes)
    }


def request_body(
    tensors: Sequence[Mapping[str, Any]], *, request_id: str, pseudonym: int, as_of: datetime
) -> bytes:
    """The inference request with these inputs, the same bytes whenever it is made."""
    return msgspec.json.encode(
        {
            "id": request_id,
            "inputs": tensors,
            "parameters": {"as_of": iso(as_of), "pseudonym": pseudonym},
        }
    )


def _tensor(asked: Input, known: Sequence[_Known]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "times": [one.time for one in known],
        "known_at": [one.known_at for one in known],
    }
    if any(one.end is not None for one in known):
        told["ends"] = [one.end for one in known]
    return {
        "name": asked.name,
        "shape": [len(known)],
        "datatype": asked.datatype,
        "data": [one.value for one in known],
        "parameters": told,
    }


def _known(event: Event, asked: Input) -> _Known | None:
    """The event as it is sent; None where it holds nothing that the input could say."""
    value: float | str | bool | None = event.value
    if asked.datatype == "BOOL":
        value = True
    elif asked.datatype == "BYTES":
        value = event.text
    if value is None:
        return None
    return _Known(
        value=value,
        time=iso(event.time or event.known_at),
        known_at=iso(event.known_at),
        end=None if event.end is None else iso(event.end),
        record=event.source_row,
    )


def _says(event: Event) -> bool:
    """Whether it is more than a correction that only takes another event back."""
    told = (event.value, event.text, event.end)
    return not event.replaces or any(one is not None for one in told)


def _seen_from(event: Event) -> datetime:
    """From when on it can be seen: it has happened, and was known."""
    return event.known_at if event.time is None else max(event.time, event.known_at)
