"""What judging needs of the answers and outcomes of a day, as columns: opened once, then kept."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt

from bedside.core.errors import Refused

__all__ = ["FORM", "Opened", "OpenedAnswer", "OpenedOutcome"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FORM = "bedside.opened-answers/1"
"""Of the bytes and of what the columns mean: what is of another form is opened again."""

_LEVEL = 1  # of the compression
_MOST = 1 << 28  # bytes unpacked at most: a day of about a million answers
_NOT_KNOWN = -1
NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedAnswer:
    """What lies sealed of one answer, as far as it is judged.

    `sequence` is its entry of the ledger, and `named` whether it is about somebody who is named.
    """

    sequence: int
    named: bool
    risk: float | None = None
    threshold: float | None = None
    alert: bool = False
    outputs: tuple[float, ...] = ()
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedOutcome:
    """What lies sealed of one note of what came true.

    `answer` is the entry of the answer it is about; `event_hours` when it came, in hours since
    1970, and `days` how long the subject was followed, of a time until an event.
    """

    sequence: int
    answer: int
    value: float
    event_hours: float = NAN
    days: float = NAN


class _Told(msgspec.Struct, forbid_unknown_fields=True):
    """What the bytes hold: each column, and texts once each with the place of every row's."""

    form: str
    columns: dict[str, bytes]
    levels: dict[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """n answers and k outcomes, each by its entry of the ledger, ascending.

    Args:
        sequence: Shape (n,).
        named: Shape (n,), whether it is about somebody who is named.
        risk: Shape (n,), NaN where none is told.
        threshold: Shape (n,), NaN where nothing alerts.
        alert: Shape (n,).
        width: Shape (n,), how many outputs each has.
        outputs: Shape (sum of `width`,), one answer's after the other's.
        groups: By name, shape (n,), the place of the level among `levels`; -1: not known.
        outcome: Shape (k,).
        answer: Shape (k,), the entry of the answer that it is about.
        value: Shape (k,), the label as in training.
        event_hours: Shape (k,), when it came, in hours since 1970; NaN: it is not told.
        days: Shape (k,), how long the subject was followed; NaN: it is not told.
        levels: By name of a group.
    """

    sequence: Ints
    named: Bools
    risk: Floats
    threshold: Floats
    alert: Bools
    width: Ints
    outputs: Floats
    groups: Mapping[str, Ints]
    outcome: Ints
    answer: Ints
    value: Floats
    event_hours: Floats
    days: Floats
    levels: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(
        cls,
        answers: Sequence[OpenedAnswer],
        outcomes: Sequence[OpenedOutcome],
        groups: Sequence[str],
    ) -> Self:
        """As columns; `groups` names those that are kept."""
        some = sorted(answers, key=lambda one: one.sequence)
        came = sorted(outcomes, key=lambda one: one.sequence)
        told = {name: _places([one.groups.get(name, "") for one in some]) for name in groups}
        return cls(
            sequence=_ints([one.sequence for one in some]),
            named=np.array([one.named for one in some], dtype=np.bool_),
            risk=_floats([one.risk for one in some]),
            threshold=_floats([one.threshold for one in some]),
            alert=np.array([one.alert for one in some], dtype=np.bool_),
            width=_ints([len(one.outputs) for one in some]),
            outputs=_floats([value for one in some for value in one.outputs]),
            groups={name: place for name, (_, place) in told.items()},
            outcome=_ints([one.sequence for one in came]),
            answer=_ints([one.answer for one in came]),
            value=_floats([one.value for one in came]),
            event_hours=_floats([one.event_hours for one in came]),
            days=_floats([one.days for one in came]),
            levels={name: levels for name, (levels, _) in told.items()},
        )

    @classmethod
    def joined(cls, parts: Sequence["Opened"], groups: Sequence[str]) -> Self:
        """All of them as one; where an entry is in several, the last of them counts."""
        parts = parts or (cls.of((), (), groups),)
        told = {
            name: _merged(
                [
                    (
                        one.levels.get(name, ()),
                        one.groups.get(name, np.full(one.sequence.size, _NOT_KNOWN)),
                    )
                    for one in parts
                ]
            )
            for name in groups
        }
        columns = {name: np.concatenate([getattr(one, name) for one in parts]) for name in _PLAIN}
        whole = cls(
            **columns,
            groups={name: place for name, (_, place) in told.items()},
            levels={name: levels for name, (levels, _) in told.items()},
        )
        return whole.take(_last_of_each(whole.sequence), _last_of_each(whole.outcome))

    def take(self, rows: Ints, came: Ints) -> Self:
        """These answers and these outcomes alone, by their places; both stay ascending."""
        starts = np.cumsum(self.width) - self.width
        width = self.width[rows]
        within = np.arange(int(width.sum())) - np.repeat(np.cumsum(width) - width, width)
        made = {name: getattr(self, name)[rows] for name in _OF_ANSWERS}
        made |= {name: getattr(self, name)[came] for name in _OF_OUTCOMES}
        return type(self)(
            **made,
            outputs=self.outputs[np.repeat(starts[rows], width) + within],
            groups={name: place[rows] for name, place in self.groups.items()},
            levels=self.levels,
        )

    def level(self, name: str) -> npt.NDArray[np.str_]:
        """Shape (n,): the level of each answer in a group; '' where it is not known."""
        return np.array([*self.levels[name], ""], dtype=np.str_)[self.groups[name]]

    def to_bytes(self) -> bytes:
        """The same for the same columns, to the byte; texts that no row has are left out."""
        told = {n: _merged([(self.levels[n], place)]) for n, place in self.groups.items()}
        columns = {name: getattr(self, name) for name in _PLAIN}
        columns |= {f"group.{name}": place for name, (_, place) in told.items()}
        made = _Told(
            form=FORM,
            columns={name: _packed(column) for name, column in sorted(columns.items())},
            levels={name: list(levels) for name, (levels, _) in sorted(told.items())},
        )
        return zlib.compress(msgspec.msgpack.encode(made), _LEVEL)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self | None:
        """Read it again; None: it is of another form, and is to be opened again.

        Raises:
            Refused: these bytes are none (code `opened_unreadable`).
        """
        try:
            reader = zlib.decompressobj()
            found = reader.decompress(content, _MOST)
            if not reader.eof:
                raise ValueError("longer than anything we write")
            told = msgspec.msgpack.decode(found, type=_Told)
            if told.form != FORM:
                return None
            return cls._from(told)
        except (msgspec.MsgspecError, ValueError, KeyError, zlib.error):
            raise Refused(
                "What was kept of answers that were opened cannot be read.",
                fix="restore the workspace from a backup, or count anew: "
                "bedside monitor MODEL --anew.",
                code="opened_unreadable",
            ) from None

    @classmethod
    def _from(cls, told: _Told) -> Self:
        columns: dict[str, npt.NDArray[Any]] = {
            name: _unpacked(told.columns[name], _TYPES.get(name, "<f8")) for name in _PLAIN
        }
        groups = {name: _unpacked(told.columns[f"group.{name}"], "<i8") for name in told.levels}
        sizes = {columns[name].size for name in _OF_ANSWERS} | {o.size for o in groups.values()}
        came = {columns[name].size for name in _OF_OUTCOMES}
        texts = [(groups[name], told.levels[name]) for name in groups]
        if (
            len(sizes) > 1
            or len(came) > 1
            or (columns["width"] < 0).any()
            or columns["width"].sum() != columns["outputs"].size
            or any(((place < -1) | (place >= len(of))).any() for place, of in texts)
        ):
            raise ValueError("columns of different rows")
        levels = {name: tuple(of) for name, of in told.levels.items()}
        return cls(**columns, groups=groups, levels=levels)


_TYPES = {
    "sequence": "<i8", "named": "|b1", "width": "<i8", "outcome": "<i8", "answer": "<i8",
    "alert": "|b1",
}  # fmt: skip
_KINDS = {"i": "<i8", "f": "<f8", "b": "|b1"}
_OF_OUTCOMES = ("outcome", "answer", "value", "event_hours", "days")
_OF_ANSWERS = ("sequence", "named", "risk", "threshold", "alert", "width")
_PLAIN = tuple(one.name for one in fields(Opened) if one.name not in ("groups", "levels"))


def _packed(column: npt.NDArray[Any]) -> bytes:
    return column.astype(_KINDS[column.dtype.kind]).tobytes()


def _unpacked(content: bytes, kind: str) -> npt.NDArray[Any]:
    found = np.frombuffer(content, dtype=kind)
    return found.astype(found.dtype.newbyteorder("="))


def _places(texts: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """The texts that there are, and the place of each row's; '' has none."""
    every = sorted(set(texts) - {""})
    place = {text: at for at, text in enumerate(every)} | {"": _NOT_KNOWN}
    return tuple(every), _ints([place[text] for text in texts])


def _merged(parts: Sequence[tuple[Sequence[str], Ints]]) -> tuple[tuple[str, ...], Ints]:
    """Places among several lists of texts as places among all of them that a row has."""
    used = [np.unique(place[place >= 0]) for _, place in parts]
    every = sorted({of[at] for (of, _), some in zip(parts, used, strict=True) for at in some})
    where = {text: at for at, text in enumerate(every)}
    made = []
    for (of, place), some in zip(parts, used, strict=True):
        new = np.full(len(of) + 1, _NOT_KNOWN, dtype=np.int64)  # the last is that of -1
        new[some] = [where[of[at]] for at in some]
        made.append(new[place])
    return tuple(every), np.concatenate(made)


def _last_of_each(entry: Ints) -> Ints:
    """The place of the last row of each entry, by entry."""
    back = np.unique(entry[::-1], return_index=True)[1]
    return np.asarray(entry.size - 1 - back, dtype=np.int64)


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array([NAN if one is None else one for one in values], dtype=np.float64)
