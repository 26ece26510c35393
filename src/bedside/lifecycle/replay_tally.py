"""What came of replayed questions: counted while they are asked, told at the end."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from bedside.core.clock import iso

__all__ = ["AnswersOf", "Heard", "Replayed", "Tally", "heard"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a server said to one question.

    Args:
        outcome: score, abstention or withheld; or `failure: CODE`, `refused: CODE`.
        alert: Whether a score alerts.
        version: Which version answered.
        again: Whether there is no answer yet: ask again, after `wait` seconds where it said so.
    """

    outcome: str
    alert: bool = False
    version: str | None = None
    again: bool = False
    wait: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersOf:
    """The answers of one version: how many, and when the first and the last one came."""

    version: str
    answers: int
    first_at: str
    last_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of a replay.

    Args:
        questions: That were to be asked.
        answered: That got an answer: a score, an abstention, a failure or a refusal.
        unanswered: That were asked in vain for as long as patience lasted.
        repeated: How many requests were sent again.
        outcomes: How many answers of each kind.
        alerts: Of the scores that were shown.
        latency_ms: From the first try to the answer: median, p90, p99, max.
        behind_s: How long after its time the latest question was asked; 0 where time was not kept.
        versions: Who answered.
    """

    model: str = ""
    subjects: int = 0
    questions: int
    answered: int
    unanswered: int
    repeated: int
    seconds: float
    per_second: float
    outcomes: dict[str, int]
    alerts: int
    latency_ms: dict[str, float]
    behind_s: float
    versions: tuple[AnswersOf, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every question was asked and got an answer."""
        return self.answered == self.questions


@dataclass(slots=True)
class _Of:
    first: datetime
    last: datetime
    answers: int = 0


@dataclass(slots=True)
class Tally:
    """Counts what comes, from several threads."""

    questions: int
    _began: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _outcomes: Counter[str] = field(default_factory=Counter)
    _versions: dict[str, _Of] = field(default_factory=dict)
    _took: list[float] = field(default_factory=list)
    _alerts: int = 0
    _repeated: int = 0
    _unanswered: int = 0
    _behind: float = 0.0
    _told: tuple[float, int] = (0.0, 0)

    def add(self, heard: Heard, seconds: float, tries: int, at: datetime) -> None:
        """An answer, how long it took with how many tries, and when it came."""
        with self._lock:
            self._outcomes[heard.outcome] += 1
            self._alerts += heard.alert
            self._repeated += tries - 1
            self._took.append(seconds)
            if heard.version is not None:
                of = self._versions.setdefault(heard.version, _Of(at, at))
                of.first, of.last = min(of.first, at), max(of.last, at)
                of.answers += 1

    def give_up(self, heard: Heard | None) -> None:
        """A question that got no answer; what was said last, if anything."""
        with self._lock:
            self._unanswered += 1

    def late(self, seconds: float) -> None:
        """How long after its time a question is asked."""
        self._behind = max(self._behind, seconds)

    def progress(self) -> str:
        """One line: how far, how fast, what was answered, how quickly."""
        with self._lock:
            now, done = time.monotonic() - self._began, len(self._took)
            (before, done_then), self._told = self._told, (now, done)
            recent = self._took[done_then:]
            outcomes = self._outcomes.most_common()
        rate = len(recent) / max(now - before, 1e-9)
        kinds = ", ".join(f"{name} {count:,}" for name, count in outcomes) or "no answer yet"
        told = f"{done:,} of {self.questions:,}, {rate:,.0f} a second; {kinds}"
        if recent:
            middle, late = np.percentile(recent, [50, 99]) * 1000
            told += f"; median {middle:.1f} ms, 99th percentile {late:.1f} ms"
        return told

    def result(self) -> Replayed:
        """All of it."""
        with self._lock:
            seconds, answered = time.monotonic() - self._began, len(self._took)
            return Replayed(
                questions=self.questions,
                answered=answered,
                unanswered=self._unanswered,
                repeated=self._repeated,
                seconds=round(seconds, 3),
                per_second=round(answered / max(seconds, 1e-9), 1),
                outcomes=dict(self._outcomes.most_common()),
                alerts=self._alerts,
                latency_ms=_percentiles(self._took),
                behind_s=round(self._behind, 3),
                versions=tuple(
                    AnswersOf(
                        version=name,
                        answers=of.answers,
                        first_at=iso(of.first),
                        last_at=iso(of.last),
                    )
                    for name, of in sorted(self._versions.items(), key=lambda one: one[1].first)
                ),
            )


def heard(status: int, content: bytes, wait: float | None = None) -> Heard:
    """What an Open Inference response says.

    Args:
        status: Of HTTP.
        content: The body.
        wait: Seconds, where the server says when to come back.
    """
    told = _json(content)
    code = str(told.get("code") or f"status {status}")
    version = told.get("model_version") or told.get("version")
    version = version if isinstance(version, str) else None
    if status in (429, 503):
        return Heard(outcome=f"unavailable: {code}", again=True, wait=wait)
    if status >= 500:
        return Heard(outcome=f"failure: {code}", version=version)
    if status != 200:
        return Heard(outcome=f"refused: {code}")
    outputs = told.get("outputs")
    parts = {
        one.get("name"): (one.get("data") or [None])[0]
        for one in (outputs if isinstance(outputs, list) else [])
        if isinstance(one, dict)
    }
    kind = parts.get("outcome")
    if kind not in ("score", "abstention", "withheld"):
        return Heard(outcome="failure: not an answer", version=version)
    return Heard(outcome=str(kind), alert=parts.get("alert") is True, version=version)


def _json(content: bytes) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _percentiles(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    found = np.percentile(seconds, [50, 90, 99, 100]) * 1000
    return dict(zip(("median", "p90", "p99", "max"), np.round(found, 2).tolist(), strict=True))
