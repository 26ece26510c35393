"""A tally as bytes and back: the counts, from which its streams follow once more."""

import zlib
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from bedside.core.errors import Refused
from bedside.monitor.stream.day_tally import GROUP_COUNTS, LATENCY_EDGES_MS, Tally
from bedside.monitor.stream.streams import Baseline
from bedside.monitor.stream.tally_maker import TallyMaker

__all__ = ["FORM", "tally_from_bytes", "tally_to_bytes"]

FORM = "bedside.day-tally/1"
_LEVEL = 6  # of the compression


class _Told(msgspec.Struct, forbid_unknown_fields=True):
    """What the bytes hold; arrays row by row."""

    form: str
    day: int
    baseline: str
    counts: bytes
    whole: dict[str, int]
    reasons: dict[str, int]
    groups: dict[str, list[int]]
    outcomes: list[int]
    latency: list[int]
    judged: list[int]
    acted: list[int]
    logs: list[float]
    contributions: list[float]
    by_care: list[float]
    about: dict[str, int] = {}  # not in what was kept before it was counted
    codes: dict[str, int] = {}  # the same
    coded: int = 0


_WHOLE = (
    "answers", "subjects", "drawn", "erased", "alerts", "shown", "contributed", "corrected",
)  # fmt: skip


def tally_to_bytes(tally: Tally) -> bytes:
    """The tally; the same for the same tally, to the byte."""
    told = _Told(
        form=FORM,
        day=tally.day,
        baseline=tally.baseline,
        counts=zlib.compress(tally.counts.astype("<i8").tobytes(), _LEVEL),
        whole={name: getattr(tally, name) for name in _WHOLE},
        reasons=dict(sorted(tally.reasons.items())),
        groups={name: counts.tolist() for name, counts in sorted(tally.groups.items())},
        outcomes=tally.outcomes.tolist(),
        latency=tally.latency.tolist(),
        judged=tally.judged.tolist(),
        acted=tally.acted.ravel().tolist(),
        logs=tally.logs.ravel().tolist(),
        contributions=tally.contributions.tolist(),
        by_care=tally.by_care.ravel().tolist(),
        about=dict(sorted(tally.about.items())),
        codes=dict(sorted(tally.codes.items())),
        coded=tally.coded,
    )
    return msgspec.msgpack.encode(told)


def tally_from_bytes(by: Baseline | TallyMaker, content: bytes) -> Tally:
    """Read it again.

    Args:
        by: The baseline it was counted by; for many tallies a maker, which prepares once.
        content: From `tally_to_bytes`.

    Raises:
        Refused: these bytes are none (`tally_unreadable`), or it was counted by another baseline
            (`other_baseline`).
    """
    maker = by if isinstance(by, TallyMaker) else TallyMaker(by)
    try:
        told = msgspec.msgpack.decode(content, type=_Told)
        if told.form != FORM or set(told.whole) != set(_WHOLE):
            raise ValueError("another form")
        other = told.baseline != maker.digest
        made = None if other else _tally(told, maker)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError, zlib.error):
        raise Refused(
            "The tally of a day cannot be read.",
            fix="forget what was counted, and count the answers again.",
            code="tally_unreadable",
        ) from None
    if made is None:
        raise Refused(
            "The tally of a day was counted by another baseline.",
            fix="forget what was counted, and count the answers again.",
            code="other_baseline",
        )
    return made


def _tally(told: _Told, maker: TallyMaker) -> Tally:
    counts = _counts(told.counts, maker.layout.size)
    sums, won = maker.streams_of(counts)
    k = len(maker.baseline.features)
    return Tally(
        day=told.day,
        baseline=told.baseline,
        n=sums.n,
        total=sums.total,
        squares=sums.squares,
        wealth=won,
        counts=counts,
        reasons=told.reasons,
        groups={name: _whole(one, (len(GROUP_COUNTS),)) for name, one in told.groups.items()},
        outcomes=_whole(told.outcomes, (3,)),
        latency=_whole(told.latency, (len(LATENCY_EDGES_MS) + 1,)),
        judged=_whole(told.judged, (2,)),
        acted=_whole(told.acted, (2, 2)),
        logs=_real(told.logs, (k, 3)),
        contributions=_real(told.contributions, (k + 1,)),
        by_care=_real(told.by_care, (4, 3)),
        about=told.about,
        codes=told.codes,
        coded=told.coded,
        **told.whole,
    )


def _counts(content: bytes, size: int) -> npt.NDArray[np.int64]:
    """So many counts; no more is unpacked than they take."""
    reader = zlib.decompressobj()
    found = reader.decompress(content, 8 * size + 1)
    if len(found) != 8 * size or not reader.eof:
        raise ValueError("another number of cells")
    counts = np.frombuffer(found, dtype="<i8").astype(np.int64)
    if (counts < 0).any():
        raise ValueError("a count below 0")
    return counts


def _whole(told: list[int], shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    found = np.array(told, dtype=np.int64).reshape(shape)
    if (found < 0).any():
        raise ValueError("a count below 0")
    return found


def _real(told: list[float], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    found: npt.NDArray[Any] = np.array(told, dtype=np.float64).reshape(shape)
    if not np.isfinite(found).all():
        raise ValueError("a sum that is not finite")
    return found
