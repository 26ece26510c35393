"""One input tensor of an inference request: a signal's values with their times, into events."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

import msgspec

from bedside.core.clock import parse_duration
from bedside.core.records.event import Event
from bedside.core.units import KNOWN_UNITS
from bedside.interop.asked import category_labels, find_label
from bedside.interop.instants import read_instant
from bedside.interop.open_inference.metadata import Input
from bedside.interop.strict_json import invalid

__all__ = ["Tensor", "TensorParameters", "TensorReader"]


class TensorParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When each value was measured, could be seen and ended, and their UCUM unit.

    Times are ISO 8601 with a zone; an end that has not come is null.
    """

    times: tuple[str, ...] | None = None
    ends: tuple[str | None, ...] | None = None
    known_at: tuple[str, ...] | None = None
    unit: str | None = None


class Tensor(msgspec.Struct, frozen=True):
    """An input tensor as it is sent."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    data: tuple[float | str | bool | None, ...]
    parameters: TensorParameters | None = None


@dataclass(frozen=True, slots=True)
class TensorReader:
    """One tensor of a known input, into events.

    Args:
        asked: What the model says of this input.
        tensor: What was sent.
        as_of: When a single value without a time holds.
        subject_id: The pseudonym that the events get.
    """

    asked: Input
    tensor: Tensor
    as_of: datetime
    subject_id: int

    def events(self) -> list[Event]:
        """The events, in the order of the data.

        Raises:
            Invalid: datatype, shape, a value, a time or the unit does not fit the input.
        """
        self._check_form()
        parameters = self.tensor.parameters or TensorParameters()
        times = self._times(parameters)
        known_at = self._known_at(parameters, times)
        ends = self._ends(parameters, times)
        unit = self._unit(parameters)
        return [
            replace(self._event(index, value, time, known, unit), end=end)
            for index, (value, time, known, end) in enumerate(
                zip(self.tensor.data, times, known_at, ends, strict=True)
            )
        ]

    @property
    def _where(self) -> str:
        return f"Input '{self.asked.name}'"

    def _check_form(self) -> None:
        tensor, where = self.tensor, self._where
        if tensor.datatype != self.asked.datatype:
            raise invalid(where, "has another datatype.", fix=f"send {self.asked.datatype}.")
        if tensor.shape != (len(tensor.data),):
            raise invalid(
                where,
                "has a shape that does not fit its data.",
                fix=f"give shape [{len(tensor.data)}] for {len(tensor.data)} values.",
            )

    def _times(self, parameters: TensorParameters) -> list[datetime]:
        count, where = len(self.tensor.data), self._where
        if parameters.times is None:
            if self.asked.signal is None or count > 1 or parameters.known_at is not None:
                raise invalid(where, "needs a time for each value.", fix="add parameters.times.")
            return [self.as_of] * count
        if len(parameters.times) != count:
            raise invalid(
                where,
                f"has {count} values but {len(parameters.times)} times.",
                fix="give one time for each value.",
            )
        return [
            read_instant(text, f"{where} parameters.times[{index}]")
            for index, text in enumerate(parameters.times)
        ]

    def _known_at(self, parameters: TensorParameters, times: list[datetime]) -> list[datetime]:
        signal = self.asked.signal
        if parameters.known_at is None:
            if signal is None or parameters.times is None:
                return times
            delay = parse_duration(signal.delay)
            return [time + delay for time in times]
        if len(parameters.known_at) != len(times):
            raise invalid(
                self._where,
                f"has {len(times)} values but {len(parameters.known_at)} known_at.",
                fix="give one for each value.",
            )
        return [
            read_instant(text, f"{self._where} parameters.known_at[{index}]")
            for index, text in enumerate(parameters.known_at)
        ]

    def _ends(
        self, parameters: TensorParameters, times: list[datetime]
    ) -> Sequence[datetime | None]:
        if parameters.ends is None:
            return [None] * len(times)
        if parameters.times is None or len(parameters.ends) != len(times):
            raise invalid(
                self._where,
                f"has {len(parameters.ends)} ends, but not as many times.",
                fix="give a time and an end (or null) for each value.",
            )
        ends: list[datetime | None] = []
        for index, (text, time) in enumerate(zip(parameters.ends, times, strict=True)):
            where = f"{self._where} parameters.ends[{index}]"
            end = None if text is None else read_instant(text, where)
            if end is not None and end < time:
                raise invalid(where, "is before its time.", fix="correct the two.")
            ends.append(end)
        return ends

    def _unit(self, parameters: TensorParameters) -> str | None:
        if parameters.unit is None or self.asked.datatype != "FP64":
            return self.asked.signal.unit if self.asked.signal is not None else None
        own = self.asked.signal.unit if self.asked.signal is not None else None
        if parameters.unit not in (*KNOWN_UNITS, own):
            raise invalid(
                f"{self._where} parameters.unit",
                "is not a UCUM unit that Bedside knows.",
                fix="give the UCUM code of the unit, as in the model's metadata.",
                code="wrong_unit",
            )
        return parameters.unit

    def _event(
        self, index: int, value: object, time: datetime, known_at: datetime, unit: str | None
    ) -> Event:
        signal = self.asked.signal
        number, text = self._value(value, f"{self._where} data[{index}]")
        return Event(
            subject_id=self.subject_id,
            time=None if signal is not None and signal.role == "static" else time,
            known_at=known_at,
            code=self.asked.code,
            value=number,
            text=text,
            unit=unit if number is not None else None,
            source_row=sha256(f"{self.asked.name}[{index}]".encode()).digest(),
        )

    def _value(self, value: object, where: str) -> tuple[float | None, str | None]:
        signal = self.asked.signal
        if value is None:
            raise invalid(where, "is null.", fix="leave out what was not measured.")
        if signal is None:
            if value is not True:
                raise invalid(where, "must be true.", fix="send true for each event's time.")
            return None, None
        if not signal.is_categorical:
            if isinstance(value, str | bool) or not math.isfinite(number := float(value)):  # type: ignore[arg-type]
                raise invalid(where, "is not a finite number.", fix="send a JSON number.")
            return number, None
        label = find_label(signal, value) if isinstance(value, str) else None
        if label is None:
            raise invalid(
                where,
                "is not a category of this signal.",
                fix=f"send one of: {', '.join(category_labels(signal))}.",
            )
        return None, label
