"""What the monitor of live answers did and what it cannot know yet, in words for a terminal."""

from collections.abc import Sequence

from bedside.lifecycle.live_watch import Watched
from bedside.lifecycle.missed_runs import Attended
from bedside.lifecycle.watch_coverage import WHY_NOT, Coverage

__all__ = ["attended_words", "live_words"]

_FEW = "ten or fewer"


def live_words(watched: Watched) -> str:
    """One run: what moved first, then what was counted, then what is not known."""
    lines = [f"{watched.version} ({watched.stage}), compared with {watched.baseline}."]
    lines += _moved(watched)
    lines.append(_counted(watched))
    lines += [f"  Counted once more, because {why}." for why in watched.again]
    if watched.corrected:
        lines.append(f"  {_some(watched.corrected, 'outcome was', 'outcomes were')} corrected.")
    if watched.ahead:
        lines.append(
            f"! {_some(watched.ahead, 'answer is', 'answers are')} stamped with a day that has not "
            "come: the clock of a server is wrong. They count when their day is over."
        )
    lines += _coverage(watched.coverage)
    lines += [f"? Cannot be known yet: {one}." for one in watched.unknown]
    if watched.unwatched:
        lines.append("? Not watched, for the baseline does not tell it:")
        lines += [f"    {one}" for one in watched.unwatched]
    lines += [f"  {one.alarm}: {one.text}" for one in watched.done]
    if watched.page:
        lines.append(f"  Page: {watched.page}")
    lines.append(f"Next run: before {_minute(watched.next_due)}.")
    if watched.alarms:
        lines.append(f"Look: bedside alarm show {watched.alarms[0].id}")
    return "\n".join(lines)


def attended_words(attended: Sequence[Attended]) -> str:
    """Which versions in use are watched, and which are not."""
    if not attended:
        return "No version is in use, so none has to be watched."
    lines = []
    for one in attended:
        last = "never" if one.last is None else _minute(one.last)
        told = f"{one.version} ({one.stage}): watched last {last}, every {one.every}"
        if one.alarm is None:
            lines.append(f"✓ {told}; due before {_minute(one.due)}.")
        else:
            lines.append(f"✗ {told}; MISSED, was due before {_minute(one.due)}: {one.alarm.id}.")
    if any(one.missed for one in attended):
        lines.append("Run: bedside monitor --all")
    return "\n".join(lines)


def _moved(watched: Watched) -> list[str]:
    waits = {one.id for one in watched.alarms}
    closed = [
        f"✓ {name} recovered, and is closed." for name in watched.recovered if name not in waits
    ]
    if not watched.alarms:
        quiet = ["Nothing moved that chance would not explain."] if watched.through else []
        return closed or quiet
    news = dict.fromkeys(watched.raised, ", new") | dict.fromkeys(watched.grown, ", grew")
    news |= dict.fromkeys(watched.reopened, ", came back")
    news |= {one.id: f", {one.standing}" for one in watched.alarms if one.state == "recovered"}
    return closed + [
        f"! {one.id} ({one.severity}{news.get(one.id, '')}): {one.text}" for one in watched.alarms
    ]


def _counted(watched: Watched) -> str:
    waiting = f" Today's {watched.waiting} wait until the day is over." if watched.waiting else ""
    if watched.through is None:
        return f"No day with answers is over yet.{waiting}"
    if not watched.days:
        return f"Nothing to count since the last run; counted through {watched.through}.{waiting}"
    span = f"{watched.days:,} days, {watched.first} to {watched.through},"
    return (
        f"Counted {watched.through if watched.days == 1 else span} with "
        f"{_some(watched.answers, 'answer', 'answers')}.{waiting}"
    )


def _coverage(coverage: Coverage) -> list[str]:
    if not coverage.scores:
        return []
    span = f"{coverage.since} to {coverage.until}"
    if coverage.share is None:
        first = f"? Of the predictions of {span}, {_FEW} of {coverage.scores} can be judged."
    else:
        first = f"? {coverage.share:.0%} of the predictions of {span} can be judged."
    reasons = [
        f"    {_FEW if count is None else f'{count:,}'}: {WHY_NOT[name]}"
        for name, count in coverage.not_judged.items()
        if count != 0
    ]
    return [first, *reasons]


def _some(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _minute(at: str) -> str:
    """To the minute, in UTC."""
    return f"{at[:10]} {at[11:16]} UTC"
