"""The story of a rehearsed year as Markdown: dates and figures, and what was missed."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from bedside.core.clock import day_number
from bedside.core.records.watch import CAUSES
from bedside.monitor.causes.telling import day_words

__all__ = ["rehearsal_story"]


def rehearsal_story(told: Mapping[str, Any]) -> str:
    """The account of a rehearsal, as `Rehearsed` tells it, as a page of Markdown."""
    return "\n".join(_lines(told)) + "\n"


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    expected = [one for one in told["events"] if one["met"] is not None]
    missed = [one for one in expected if not one["met"]]
    yield f"# A rehearsed year: {told['model']}"
    yield ""
    yield f"Written by `bedside rehearse {told['name']}`. Do not edit this page by hand."
    yield ""
    yield (
        f"{_day(told, 0)} to {_day(told, told['days'] - 1)}, on a simulated clock. The first "
        f"version learnt from {told['built_from']:,} real patients; {told['came']:,} others came "
        f"in the course of the year, each once. Every one of the {told['answers']:,} answers was "
        f"made by the code that answers on a server, and stands in the ledger; "
        f"{told['outcomes']:,} outcomes were noted once they would have been known. The monitor "
        "ran after each day. What was changed in the patients, and the clock, are not real."
    )
    yield ""
    if told["lighter"]:
        yield f"**What is lighter.** {' '.join(told['lighter'].split())}"
        yield ""
    yield (
        f"**What came of it.** {len(expected) - len(missed)} of {len(expected)} expectations of "
        f"the plan were met; {len(told['alarms'])} alarms were raised. The ledger holds "
        f"{told['entries']:,} entries and "
        + ("verifies" if not told["ledger_faults"] else "does not verify")
        + f". It took {told['seconds'] / 60:.0f} minutes of processor time."
    )
    yield ""
    yield "## What was planned, and what followed"
    yield ""
    yield "| day | planned | expected | followed |"
    yield "|---|---|---|---|"
    for one in told["events"]:
        sign = {True: "✓ ", False: "**✗ missed:** ", None: ""}[one["met"]]
        why = "" if one["because"] == "rehearsed" else f"<br>*{_cell(one['because'])}*"
        yield (
            f"| {_day(told, one['day'])} | {_cell(one['planned'])}{why} "
            f"| {_cell(one['expected']) or '–'} | {sign}{_cell(one['found'])} |"
        )
    yield ""
    yield "## Alarms"
    yield ""
    if not told["alarms"]:
        yield "None came."
    for one in told["alarms"]:
        yield (
            f"- **{_day(told, one['day'])}**, {one['id']} ({one['severity']}), likely because "
            f"{CAUSES[one['cause']]}: {one['text']}"
        )
    yield ""
    yield "## The story, day by day"
    yield ""
    for one in told["told"]:
        yield f"- **{_day(told, one['day'])}**: {one['what']}"


def _day(told: Mapping[str, Any], day: int) -> str:
    moment = date.fromisoformat(told["begins"]) + timedelta(days=day)
    return day_words(day_number(moment.isoformat()))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
