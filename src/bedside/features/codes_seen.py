"""Which codes stand behind the signals of a question.

Counted are the codes of signals that may come under several, and the texts of categories that are
declared. Categories that were learnt have a level of their own for what they do not know.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bedside.core.kept import Kept
from bedside.core.records.codes_seen import CodeSeen, codes_to_text
from bedside.core.records.declaration import Declaration
from bedside.core.records.event import Event
from bedside.core.records.told_now import ToldNow

__all__ = ["Rule", "code_seen", "codes_of", "codes_that_count", "rules_of"]

FEW = 12
"""A signal of more categories than these has only those counted that it does not know."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is counted of a code: itself (`labels` is None), or the texts of its events."""

    signal: str
    labels: frozenset[str] | None
    counts_known: bool


def _rules(declaration: Declaration) -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    for name, signal in declaration.signals.items():
        if signal.role not in ("input", "static") or signal.learn_categories:
            continue
        labels = None if not signal.categories else frozenset(signal.categories.values())
        if labels is not None:
            rule = Rule(name, labels, len(labels) <= FEW)
        elif len(signal.codes) > 1 and not signal.is_categorical:
            rule = Rule(name, None, True)
        else:
            continue
        for code in signal.codes:
            found.setdefault(code, rule)
    return found


rules_of = Kept(_rules)


def codes_that_count(declaration: Declaration) -> list[str]:
    """The codes of the events that `codes_by_row` looks at, sorted."""
    return sorted(rules_of(declaration))


def codes_of(
    declaration: Declaration,
    events: Sequence[Event],
    as_of: datetime,
    unknown: Sequence[CodeSeen] = (),
) -> str:
    """The codes that one question saw, as `codes_to_text`.

    Args:
        declaration: As it is served.
        events: Of one patient.
        as_of: The time of the question; what was not known then is not counted.
        unknown: What the wire left out because nobody knows its code.
    """
    rules = rules_of(declaration)
    if not rules:
        return codes_to_text(unknown) if unknown else ""
    if isinstance(events, ToldNow):
        text = events.layout.once(_of_layout, events, declaration)
        return text if not unknown else codes_to_text([*_seen(rules, events, as_of), *unknown])
    return codes_to_text([*_seen(rules, events, as_of), *unknown])


def _of_layout(told: ToldNow, declaration: Declaration) -> str:
    """Values that are all numbers: their codes are those of the layout."""
    rules = rules_of(declaration)
    found = [(code, rules[code]) for code in told.layout.codes if code in rules]
    return codes_to_text(CodeSeen(one.signal, code, True) for code, one in found if not one.labels)


def _seen(rules: dict[str, Rule], events: Sequence[Event], as_of: datetime) -> list[CodeSeen]:
    pairs: set[tuple[str, str | None]] = set()
    for event in events:
        code = event.code
        if code not in rules:
            continue
        pair = (code, event.text)
        if pair in pairs or event.known_at > as_of:
            continue
        time = event.time
        if time is None or time <= as_of:
            pairs.add(pair)
    told = (code_seen(rules[code], code, text) for code, text in pairs)
    return [one for one in told if one is not None]


def code_seen(rule: Rule, code: str, text: str | None) -> CodeSeen | None:
    """What is counted of an event with this code and text; None: nothing."""
    if rule.labels is None:
        return CodeSeen(rule.signal, code, rule.counts_known)
    if text is None:
        return None
    known = text in rule.labels
    return CodeSeen(rule.signal, text, known, known) if rule.counts_known or not known else None
