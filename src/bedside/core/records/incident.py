"""Something that went wrong with a model in use, or otherwise than its protocol says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

__all__ = [
    "DUTIES",
    "SERIOUS",
    "SEVERITY_OF_INCIDENT",
    "Duty",
    "Incident",
    "IncidentSeverity",
    "IncidentStep",
    "due",
]

IncidentSeverity = Literal["minor", "moderate", "serious", "death", "widespread"]

SEVERITY_OF_INCIDENT: dict[IncidentSeverity, str] = {
    "minor": "nobody came to harm, and nobody would have",
    "moderate": "harm that is not serious, or not judged yet",
    "serious": "serious harm to somebody's health, or it cannot be excluded",
    "death": "somebody died, and the model may have had a part in it",
    "widespread": "a widespread infringement, or a grave disruption of critical infrastructure",
}
"""How severe an incident is, and what each word means."""

SERIOUS: tuple[IncidentSeverity, ...] = ("serious", "death", "widespread")
"""The severities at which no version of the model goes further until the incident is closed."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Who tells whom, by when, of incidents of these severities.

    Args:
        of: Severities of which it speaks.
        who: Who has the duty.
        told: Who must be told.
        days: At the latest so many days after it was noticed; 0: at once.
        working_days: Whether only Monday to Friday count; public holidays are not known here.
        when: Where it applies at all.
        source: The clause.
    """

    of: tuple[IncidentSeverity, ...]
    who: str
    told: str
    days: int
    working_days: bool = False
    when: str
    source: str


_AI = "a high-risk AI system of the EU AI Act"
_MDR = "a medical device of the EU MDR"
_US = "a medical device in the USA"

DUTIES: tuple[Duty, ...] = (
    Duty(of=SERIOUS, who="the hospital (deployer)", told="the provider of the model", days=0,
         when=_AI, source="Regulation (EU) 2024/1689, Art. 26(5)"),
    Duty(of=("serious",), who="the provider", told="the market surveillance authority", days=15,
         when=_AI, source="Regulation (EU) 2024/1689, Art. 73(2)"),
    Duty(of=("widespread",), who="the provider", told="the market surveillance authority", days=2,
         when=_AI, source="Regulation (EU) 2024/1689, Art. 73(3)"),
    Duty(of=("death",), who="the provider", told="the market surveillance authority", days=10,
         when=_AI, source="Regulation (EU) 2024/1689, Art. 73(4)"),
    Duty(of=("serious",), who="the manufacturer", told="the competent authority", days=15,
         when=_MDR, source="Regulation (EU) 2017/745, Art. 87(3)"),
    Duty(of=("death",), who="the manufacturer", told="the competent authority", days=10,
         when=_MDR, source="Regulation (EU) 2017/745, Art. 87(5)"),
    Duty(of=("serious", "death"), who="the hospital (user facility)", told="the manufacturer",
         days=10, working_days=True, when=_US, source="21 CFR 803.30(a)"),
    Duty(of=("death",), who="the hospital (user facility)", told="FDA", days=10,
         working_days=True, when=_US, source="21 CFR 803.30(a)(1)"),
)  # fmt: skip
"""Who is told by when, as data to be checked by the hospital's counsel, and no legal advice.

The clauses are cited from secondary texts; when the AI Act's duties begin has moved (see the
manual), and whether a model falls under any of them is not decided here.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentStep:
    """One entry of the ledger about an incident; its words lie sealed there.

    `kind` is `open`, `note` or `close`.
    """

    kind: Literal["open", "note", "close"]
    at: str
    by: str
    entry: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What is known of an incident without opening a sealed word.

    Args:
        id: `INC-` and the number of the ledger's entry that opened it.
        model: The model's name.
        version: Of which version.
        severity: As it is judged now.
        noticed: When somebody noticed it, ISO 8601.
        reporter: Who wrote it down.
        hazard: Id of a hazard of the version's log.
        deviation: What of the protocol was not kept: the id of a planned modification, or a word
            such as `release`.
        automatic: Whether a guard wrote it down.
        is_open: Whether it still waits for its end.
        steps: What happened to it, oldest first.
    """

    id: str
    model: str
    version: str
    severity: IncidentSeverity
    noticed: str
    reporter: str
    hazard: str | None = None
    deviation: str | None = None
    automatic: bool = False
    is_open: bool = True
    steps: tuple[IncidentStep, ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether no version of the model goes further while it is open."""
        return self.is_open and self.severity in SERIOUS


def due(duty: Duty, noticed: datetime) -> datetime:
    """The last moment for a duty, counted from when the incident was noticed.

    >>> friday = datetime(2027, 1, 1, 12)
    >>> due(Duty(of=("death",), who="", told="", days=1, working_days=True, when="", source=""),
    ...     friday).isoformat()
    '2027-01-04T12:00:00'
    """
    if not duty.working_days:
        return noticed + _DAY * duty.days
    moment, left = noticed, duty.days
    while left:
        moment += _DAY
        left -= moment.weekday() < 5
    return moment
