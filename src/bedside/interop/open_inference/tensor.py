"""One input tensor of an inference request: a signal's values with their times, into events."""

import math
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal

import msgspec

from bedside.core.clock import parse_duration
from bedside.core.records.codes_seen import cut_text
from bedside.core.records.event import Event, event_of
from bedside.core.records.told_now import Layout
from bedside.core.units import KNOWN_UNITS
from bedside.interop.asked import category_labels, find_label
from bedside.interop.instants import read_instant
from bedside.interop.open_inference.metadata import Input
from bedside.interop.strict_json import invalid

__all__ = ["PlainTensor", "Tensor", "TensorParameters", "TensorReader"]


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


class PlainTensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tensor as most are: one number, in the declared unit, that holds now."""

    name: str
    shape: tuple[Literal[1]]
    datatype: Literal["FP64"]
    data: tuple[float]


_NO_PARAMETERS = TensorParameters()


class TensorReader:
    """Reads the tensors of one input into events; made once for all requests.

    Args:
        asked: What the model says of this input.
    """

    def __init__(self, asked: Input) -> None:
        signal = asked.signal
        self.name = asked.name
        self._code = asked.code
        self._datatype = asked.datatype
        self._signal = signal
        self._is_number = signal is not None and not signal.is_categorical
        self._is_static = signal is not None and signal.role == "static"
        self._unit = None if signal is None else signal.unit
        self._units = KNOWN_UNITS | {self._unit}
        self._delay = None if signal is None else parse_duration(signal.delay)
        self._first = self._row(0)
        told = {} if signal is None else signal.categories or {}
        self._labels = {
            text: find_label(signal, text) for text in (*told, *told.values()) if signal is not None
        }

    def events(self, tensor: Tensor, as_of: datetime, subject_id: int) -> list[Event]:
        """The events, in the order of the data.

        Args:
            tensor: What was sent.
            as_of: When a single value without a time holds.
            subject_id: The pseudonym that the events get.

        Raises:
            Invalid: datatype, shape, a value, a time or the unit does not fit the input.
        """
        data, parameters = tensor.data, tensor.parameters
        self._check_form(tensor)
        parameters = parameters or _NO_PARAMETERS
        times = self._times(parameters, len(data), as_of)
        known_at = self._known_at(parameters, times)
        ends = self._ends(parameters, times)
        unit = self._unit_of(parameters)
        return [
            self._event(index, value, time, known, end, unit, subject_id)
            for index, (value, time, known, end) in enumerate(
                zip(data, times, known_at, ends, strict=True)
            )
        ]

    @staticmethod
    def layout(readers: "Sequence[TensorReader]") -> Layout | None:
        """How plain tensors of these inputs are told; None: one of them is not a number."""
        if not all(one._is_number for one in readers):
            return None
        return Layout(
            [one._code for one in readers],
            [one._unit for one in readers],
            [one._is_static for one in readers],
            [one._first for one in readers],
        )

    @property
    def _where(self) -> str:
        return f"Input '{self.name}'"

    def _check_form(self, tensor: Tensor) -> None:
        if tensor.datatype != self._datatype:
            raise invalid(self._where, "has another datatype.", fix=f"send {self._datatype}.")
        if tensor.shape != (len(tensor.data),):
            raise invalid(
                self._where,
                "has a shape that does not fit its data.",
                fix=f"give shape [{len(tensor.data)}] for {len(tensor.data)} values.",
            )

    def _times(self, parameters: TensorParameters, count: int, as_of: datetime) -> list[datetime]:
        where = self._where
        if parameters.times is None:
            if self._signal is None or count > 1 or parameters.known_at is not None:
                raise invalid(where, "needs a time for each value.", fix="add parameters.times.")
            return [as_of] * count
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
        if parameters.known_at is None:
            if parameters.times is None or not self._delay:
                return times
            return [time + self._delay for time in times]
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

    def _unit_of(self, parameters: TensorParameters) -> str | None:
        if parameters.unit is None or self._datatype != "FP64":
            return self._unit
        if parameters.unit not in self._units:
            raise invalid(
                f"{self._where} parameters.unit",
                "is not a UCUM unit that Bedside knows.",
                fix="give the UCUM code of the unit, as in the model's metadata.",
                code="wrong_unit",
            )
        return parameters.unit

    def _event(
        self,
        index: int,
        value: object,
        time: datetime,
        known_at: datetime,
        end: datetime | None,
        unit: str | None,
        subject_id: int,
    ) -> Event:
        number, text = None, None
        if self._is_number and type(value) is float and math.isfinite(value):
            number = value
        else:
            text = self._text(value, index)
        return event_of(
            subject_id,
            None if self._is_static else time,
            known_at,
            self._code,
            number,
            None if number is None else unit,
            text,
            end,
            self._first if index == 0 else self._row(index),
        )

    def _row(self, index: int) -> bytes:
        """What stands for the record behind a value: its place in the request."""
        return sha256(f"{self.name}[{index}]".encode()).digest()

    def _text(self, value: object, index: int) -> str | None:
        """The label of a category, None of a mark; what should be a number is refused.

        A text that is none of the categories is handed on as it is, for whoever answers to say so
        and to count it.
        """
        where, signal = f"{self._where} data[{index}]", self._signal
        if value is None:
            raise invalid(where, "is null.", fix="leave out what was not measured.")
        if signal is None:
            if value is not True:
                raise invalid(where, "must be true.", fix="send true for each event's time.")
            return None
        if self._is_number:
            raise invalid(where, "is not a finite number.", fix="send a JSON number.")
        if type(value) is not str:
            raise invalid(
                where,
                "is not a category of this signal.",
                fix=f"send one of: {', '.join(category_labels(signal))}.",
            )
        return self._labels.get(value) or find_label(signal, value) or cut_text(value)
