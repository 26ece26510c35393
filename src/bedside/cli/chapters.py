"""The commands by what somebody wants to do, for `bedside --help`."""

from typing import Any

from typer.core import TyperGroup

__all__ = ["CHAPTERS", "Chapters"]

CHAPTERS = {
    "See it whole": ("demo", "rehearse"),
    "Hospital data": ("data", "deid", "consent", "question", "features", "leakage"),
    "Build and prove": (
        "build", "import", "evaluate", "compare", "history", "recalibrate", "reproduce",
        "versions", "documents", "hazards", "change", "export",
    ),
    "Approve, and bring to patients step by step": (
        "approve", "decision", "sign", "release", "rollout", "rollback", "hold", "suspend",
        "resume", "deploy", "site",
    ),
    "Answer": ("serve", "up", "replay", "score", "prediction", "hl7", "fhir", "plan"),
    "Watch and respond": (
        "monitor", "console", "alarms", "alarm", "alerts", "incident", "retrain", "promote",
        "shiftlab",
    ),
    "Govern and protect": (
        "access", "policy", "ledger", "reveal", "keys", "backup", "restore",
    ),
}  # fmt: skip
"""Each command in one chapter, in the order in which it is usually needed."""

_WHOLE = 300  # characters; longer than any first sentence


class Chapters(TyperGroup):
    """A group whose help lists its commands by chapter, each with its whole first sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the chapters, and below them whatever is in none."""
        left = {name: one for name, one in self.commands.items() if not one.hidden}
        width = max(map(len, left))
        for title, names in (*CHAPTERS.items(), ("More", tuple(left))):
            rows = [
                (name.ljust(width), left.pop(name).get_short_help_str(_WHOLE))
                for name in names
                if name in left
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
