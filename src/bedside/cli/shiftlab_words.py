"""What the shift laboratory says on a screen."""

from collections.abc import Mapping
from typing import Any

__all__ = ["laboratory_words"]


def laboratory_words(told: Mapping[str, Any]) -> str:
    """False alarms, then a line for each shift: found, how soon, and whether named right."""
    quiet = told["undisturbed"]["per_quarter"]
    lines = [
        f"{told['version']}: {told['patients']:,} held-out patients, "
        f"{told['options']['per_day']:g} come a day.",
        f"False alarms: {_number(quiet)} a quarter, over {quiet['of']} undisturbed quarters.",
        "",
        f"{'shift':<62} {'found':>6} {'1st run':>8} {'2nd run':>8} {'days':>6} {'cause right':>12} "
        f"{'strictly':>9}",
    ]
    for row in told["shifts"]:
        delay = "" if row["delay_days"] is None else f"{row['delay_days']:g}"
        right = "" if row["settled"] is None else f"{row['settled']['estimate']:.0%}"
        strict = "" if row["settled_strict"] is None else f"{row['settled_strict']['estimate']:.0%}"
        words = f"{row['title']}: {row['words']}"
        lines.append(
            f"{words[:62]:<62} {row['found']['estimate']:>6.0%} "
            f"{row['first_run']['estimate']:>8.0%} {row['second_run']['estimate']:>8.0%} "
            f"{delay:>6} {right:>12} {strict:>9}"
        )
        if row.get("before_twice"):
            lines.append(
                f"{'':<8}theory asks for {row['theory']:,} patients; found before twice that: "
                f"{row['before_twice']['estimate']:.0%}"
            )
    return "\n".join(lines)


def _number(told: Mapping[str, float]) -> str:
    return f"{told['estimate']:.2f} ({told['low']:.2f} to {told['high']:.2f})"
