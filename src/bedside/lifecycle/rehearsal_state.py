"""What a rehearsal knows after a day, so that one that was killed goes on where it was."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from bedside.core.clock import iso, parse_instant
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.core.records.version import Stage
from bedside.lifecycle.rehearsal_account import AlarmRaised, DayFigures, DayTold, StageReached

__all__ = ["YearState"]

FORM = "bedside.rehearsal-state/1"
_TOLD = {"told": DayTold, "alarms": AlarmRaised, "stages": StageReached, "figures": DayFigures}


@dataclass(slots=True, kw_only=True)
class YearState:
    """How far a rehearsal has come.

    Args:
        data: Digest of the rows that are asked about: it goes on with the same ones alone.
        first: Id of the version that was built first; '': none is yet.
        day: The next day to be lived through.
        came: How many came on each day so far, and who, in order.
        seconds: Processor time so far.
        answers: Of every version.
        outcomes: That were noted.
        told: Everything that happened, in order.
        alarms: Every alarm.
        stages: When which version came where.
        figures: Of each day.
        waiting: Outcomes that are not known yet: when they will be, and what is noted then.
        refused: By the number of the event, why its act was refused.
        live_page: The page of the last run of the monitor.
        waits: Why a challenger waits, as it was told last.
    """

    data: str = ""
    first: str = ""
    day: int = 0
    came: list[list[int]] = field(default_factory=list)
    seconds: float = 0.0
    answers: int = 0
    outcomes: int = 0
    told: list[DayTold] = field(default_factory=list)
    alarms: list[AlarmRaised] = field(default_factory=list)
    stages: list[StageReached] = field(default_factory=list)
    figures: list[DayFigures] = field(default_factory=list)
    waiting: list[tuple[datetime, LedgerDraft]] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    live_page: str = ""
    waits: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON; it holds outcomes of patients, and stays beside their tables."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        told |= {name: [asdict(one) for one in getattr(self, name)] for name in _TOLD}
        told["waiting"] = [[iso(at), _draft_told(draft)] for at, draft in self.waiting]
        told["refused"] = {str(number): why for number, why in self.refused.items()}
        return {"form": FORM, **told}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "YearState":
        """What `to_json` wrote.

        Raises:
            ValueError: it is of another form.
        """
        told = dict(given)
        if told.pop("form", None) != FORM:
            raise ValueError(FORM)
        told["told"] = [DayTold(**one) for one in told["told"]]
        told["alarms"] = [
            AlarmRaised(**{**one, "signals": tuple(one["signals"])}) for one in told["alarms"]
        ]
        told["stages"] = [
            StageReached(**{**one, "stage": Stage(one["stage"])}) for one in told["stages"]
        ]
        told["figures"] = [DayFigures(**one) for one in told["figures"]]
        told["waiting"] = [(parse_instant(at), _draft_read(one)) for at, one in told["waiting"]]
        told["refused"] = {int(number): why for number, why in told["refused"].items()}
        told["waits"] = tuple(told["waits"])
        return cls(**told)


def _draft_told(draft: LedgerDraft) -> dict[str, Any]:
    sealed = None if draft.sealed is None else b64encode(draft.sealed).decode()
    return {**asdict(draft), "sealed": sealed}


def _draft_read(told: Mapping[str, Any]) -> LedgerDraft:
    sealed = None if told["sealed"] is None else b64decode(told["sealed"])
    return LedgerDraft(**{**told, "actor": Actor(**told["actor"]), "sealed": sealed})
