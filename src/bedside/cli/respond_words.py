"""What `bedside suspend`, `resume`, `retrain` and `promote` print."""

from collections.abc import Iterator, Mapping
from typing import Any

from bedside.develop.evaluate.external_page import difference_text, in_order, title_of
from bedside.lifecycle.challenging import Challenge
from bedside.lifecycle.promoting import Promoted
from bedside.lifecycle.suspending import Suspended

__all__ = ["promoted_words", "retrained_words", "suspended_words"]

_MOST = 6
_ENDS = {
    "silent": "It answers in silence beside the champion, by the plan of changes alone.",
    "waits": "It waits for a person: bedside approve {version} --name 'YOUR NAME' "
    "--meaning 'WHAT YOU CONFIRM'",
    "refused": "It is refused; the champion stays.",
}


def suspended_words(done: Suspended) -> str:
    """What a version does now."""
    if done.suspended:
        first = f"{done.version} ({done.stage}) is suspended" + (
            "." if done.changed else " already."
        )
        return (
            f"{first} Each of its answers is an abstention with the reason 'suspended'.\n"
            f"Running servers follow within a second. Lift it: bedside resume {done.version} "
            "--reason 'WHAT WAS FOUND'"
        )
    if not done.changed:
        return f"{done.version} ({done.stage}) was not suspended: nothing has changed."
    return (
        f"{done.version} ({done.stage}) gives scores again; its live evidence begins anew.\n"
        "Running servers follow within a second."
    )


def retrained_words(done: Challenge) -> str:
    """The challenger, how it compares with the champion, and what became of it."""
    return "\n".join(
        [
            f"{done.version} was learnt anew; the champion is {done.parent}.",
            *_compared(done.comparison),
            *_judged(done),
            *(f"  · {one}" for one in done.why),
            _ENDS[done.outcome].format(version=done.version),
            *([] if done.page is None else [f"The comparison: {done.page}"]),
        ]
    )


def promoted_words(done: Promoted) -> str:
    """Whether a challenger went one step on, and why not."""
    if done.outcome == "promoted":
        first = f"{done.version} was {done.was} and is now {done.stage}, by the plan of changes."
    elif done.outcome == "waits":
        first = f"{done.version} stays {done.was}: not yet, or not without a person."
    else:
        first = f"{done.version} stays {done.was}: it does worse than {done.parent}."
    return "\n".join([first, *(f"  · {one}" for one in done.why)])


def _compared(document: Mapping[str, Any] | None) -> Iterator[str]:
    if document is None:
        return
    metrics, days = document["metrics"], document.get("horizon_days")
    many = document["counts"]["subjects"]
    yield f"On {document['patients']} ({many}), challenger less champion:"
    for name in in_order(metrics)[:_MOST]:
        yield f"  {title_of(name, days)}: {difference_text(metrics[name]['difference'])}"


def _judged(done: Challenge) -> Iterator[str]:
    verdict = done.verdict
    if verdict is None:
        return
    named = "" if verdict.modification is None else f", the modification '{verdict.modification}'"
    yield f"The plan of changes of the champion: {verdict.standing}{named}."
