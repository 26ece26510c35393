"""What becomes of each kind of identifier under each release mode: a table, and who may change it.

The table is `release_rules.csv`: for each kind and mode what may be done, first what is done if
nobody says otherwise. It is the list of 45 CFR 164.514(b)(2)(i), with the kinds that are treated
differently apart from each other: a street from a town and a state, a birth date from a date.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files

from bedside.core.errors import Invalid, Refused
from bedside.core.records.release_mode import ReleaseMode
from bedside.privacy.drawing import project_name

__all__ = ["Action", "ReleasePlan", "clause_of", "kinds"]


class Action(StrEnum):
    """What is done with an identifier."""

    DROP = "drop"
    STAND_IN = "stand_in"
    """Something drawn at random takes its place, and the vault keeps it."""
    KEYED_HASH = "keyed_hash"
    """A keyed digest takes its place: derived from it, so never Safe Harbor (164.514(c)(1))."""
    ZIP3 = "zip3"
    """The first three digits, where more than 20,000 people live; else `000`."""
    CAP = "cap"
    """Above 89 it becomes 90, which stands for 90 and more."""
    YEAR = "year"
    ELAPSED = "elapsed"
    """The time since the subject's first event, told from the first of January of its year."""
    SHIFT = "shift"
    """Moved by the subject's offset."""
    CLEAN = "clean"
    """Given to what cleans notes, if there is a certificate for it."""
    KEEP = "keep"


_DERIVED = {
    Action.SHIFT: "a shifted date is still all of a date (45 CFR 164.514(b)(2)(i)(C))",
    Action.KEYED_HASH: "a keyed hash is derived from the identifier (45 CFR 164.514(c)(1))",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePlan:
    """One release: its mode, whose vault it draws from, and what it does differently.

    Args:
        mode: Under which rule.
        project: Names the vault; a project's releases can be joined, two projects' cannot.
        agreement: For a limited data set: the name of the data use agreement.
        dossier: For an expert's determination: where it is written down.
        attested_by: Who says that nothing left is known to identify anybody (164.514(b)(2)(ii)).
        actions: What is done differently, by kind; within what the mode allows.

    Raises:
        Refused: the mode does not allow it, or asks for something that is missing (code
            `release_mode`).
        Invalid: there is no such kind, or the project has no plain name.
    """

    mode: ReleaseMode
    project: str
    agreement: str = ""
    dossier: str = ""
    attested_by: str = ""
    actions: Mapping[str, Action] = field(default_factory=dict)

    def __post_init__(self) -> None:
        project_name(self.project)
        if self.mode is ReleaseMode.IDENTIFIED:
            raise _refused("nothing is taken out of identified data", "name another release mode")
        if self.mode is ReleaseMode.LIMITED_DATASET and not self.agreement.strip():
            raise _refused(
                "a limited data set needs a data use agreement (45 CFR 164.514(e)(4))",
                "name the agreement with --agreement",
            )
        if self.mode is ReleaseMode.EXPERT and not self.dossier.strip():
            raise _refused(
                "an expert's determination must be documented (45 CFR 164.514(b)(1)(ii))",
                "name the dossier with --dossier; bedside deid risk drafts one",
            )
        for kind, action in self.actions.items():
            self._check(kind, action)

    def action(self, kind: str) -> Action:
        """What is done with a kind of identifier, or with one of the table's finer kinds.

        >>> plan = ReleasePlan(mode=ReleaseMode.SAFE_HARBOR, project="sepsis")
        >>> plan.action("postcode").value, plan.action("street").value
        ('zip3', 'drop')
        """
        return self.actions.get(str(kind)) or _allowed(self.mode, str(kind))[0]

    def _check(self, kind: str, action: Action) -> None:
        allowed = _allowed(self.mode, kind)
        if action in allowed:
            return
        why = _DERIVED.get(action, f"{kind} is one of its identifiers") if allowed else ""
        told = ", ".join(f"{kind}={one}" for one in allowed)
        mode = self.mode.replace("_", " ")
        raise _refused(f"{kind}={action} is not allowed as {mode}: {why}", f"use one of: {told}")


def kinds() -> list[str]:
    """Every kind of the table."""
    return list(_table())


def clause_of(kind: str) -> str:
    """The letter of 45 CFR 164.514(b)(2)(i) under which a kind falls, `-` for none."""
    return _row(kind)["clause"]


def _allowed(mode: ReleaseMode, kind: str) -> tuple[Action, ...]:
    return tuple(Action(one) for one in _row(kind)[mode.value].split("|"))


def _row(kind: str) -> dict[str, str]:
    if kind not in _table():
        raise Invalid(
            "There is no such kind of identifier.", fix=f"use one of: {', '.join(_table())}."
        )
    return _table()[kind]


@cache
def _table() -> dict[str, dict[str, str]]:
    text = files("bedside.privacy").joinpath("release_rules.csv").read_text("utf-8")
    return {row["kind"]: row for row in csv.DictReader(text.splitlines())}


def _refused(problem: str, fix: str) -> Refused:
    return Refused(f"{problem[0].upper()}{problem[1:]}.", fix=f"{fix}.", code="release_mode")
