"""Which decision needs how many signatures, of whom: the table that Bedside ships."""

import csv
from functools import lru_cache
from importlib.resources import files

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid
from bedside.core.records.decision import DecisionKind, DecisionRule
from bedside.core.records.policy import Role

__all__ = ["read_rules", "shipped_rules"]

_YES = {"yes": True, "no": False}


@lru_cache(maxsize=1)
def shipped_rules() -> dict[DecisionKind, DecisionRule]:
    """The rules in `decisions.csv`, by kind."""
    return read_rules((files("bedside.governance") / "decisions.csv").read_text("utf-8"))


def read_rules(text: str) -> dict[DecisionKind, DecisionRule]:
    """Rules from a table: `places` are separated by `;`, the roles of one by `|`.

    Raises:
        Invalid: a row is none, or a kind is missing or there twice (code `decision_rules`).
    """
    found: dict[DecisionKind, DecisionRule] = {}
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        try:
            rule = DecisionRule(
                kind=DecisionKind(row["kind"]),
                places=tuple(_roles(one) for one in row["places"].split(";")),
                four_eyes=_YES[row["four_eyes"]],
                not_author_alone=_YES[row["not_author_alone"]],
                ordered=_YES[row["ordered"]],
                counts=parse_duration(row["counts"]),
                once=_YES[row["once"]],
            )
        except (KeyError, ValueError, AttributeError, TypeError, Invalid):
            raise _no_table(f"Row {number} is no rule.") from None
        if rule.kind in found or rule.counts.total_seconds() <= 0:
            raise _no_table(f"Row {number} is there twice, or counts for no time.")
        found[rule.kind] = rule
    missing = [kind.value for kind in DecisionKind if kind not in found]
    if missing:
        raise _no_table(f"These have no rule: {', '.join(missing)}.")
    return found


def _roles(written: str) -> frozenset[Role]:
    return frozenset() if written == "any" else frozenset(Role(one) for one in written.split("|"))


def _no_table(problem: str) -> Invalid:
    return Invalid(
        f"This is no table of decisions. {problem}",
        fix="write it as docs/reference/approvals.md shows.",
        code="decision_rules",
    )
