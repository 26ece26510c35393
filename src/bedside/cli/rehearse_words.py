"""The end of a rehearsal on the terminal: what was expected, what followed, where to read on."""

from pathlib import Path

from bedside.lifecycle.rehearsal_account import Rehearsed

__all__ = ["rehearsed_words"]


def rehearsed_words(done: Rehearsed, workspace: Path) -> str:
    """What was expected of each event, whether it came, and what was found."""
    lines = [
        "",
        f"{done.days} days: {done.answers:,} answers, {done.outcomes:,} outcomes, "
        f"{len(done.alarms)} alarms, {done.seconds:,.0f} s of processor time.",
    ]
    if done.lighter:
        lines.append(f"Lighter than the use case: {' '.join(done.lighter.split())}")
    for one in done.events:
        if one.met is not None:
            sign = "✓" if one.met else "✗"
            lines.append(f"{sign} day {one.day}, {one.planned}: {one.expected or 'done'}")
            lines.append(f"    {one.found}")
    missed = sum(one.met is False for one in done.events)
    lines.append(
        f"{missed} of these were MISSED." if missed else "Everything followed as the plan expects."
    )
    if done.ledger_faults:
        lines.append(f"The ledger does NOT verify: {'; '.join(done.ledger_faults)}")
    else:
        lines.append(f"The ledger holds {done.entries:,} entries, and verifies.")
    lines += [
        f"The story as a page: {done.page}",
        f"The page of the model at the end: {done.live_page}",
        f"The whole account: bedside ledger show --workspace {workspace}",
    ]
    return "\n".join(lines)
