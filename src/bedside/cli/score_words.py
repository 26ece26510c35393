"""What `bedside score` prints."""

from typing import Any

from bedside.lifecycle.scores import BatchScores

__all__ = ["scored_json", "scored_words"]


def scored_json(done: BatchScores) -> dict[str, Any]:
    """The counts and digests as one JSON document; no row of it."""
    return {
        "version": done.version.id,
        "bundle": done.version.bundle,
        "stage": done.version.stage.value,
        "table" if done.is_table else "snapshot": done.of,
        "rows": done.rows,
        "subjects": done.subjects,
        **done.counts,
        **({"left_out": done.left_out} if done.is_table else {}),
        "output": done.output,
        "parts": list(done.parts),
        "to": done.to,
        "file": done.file,
    }


def scored_words(done: BatchScores) -> str:
    """How many rows came to what, and where they lie."""
    lines = [
        f"{done.version.id} ({done.version.stage}) on {done.subjects:,} patients, "
        f"{done.rows:,} rows:",
        *(f"  {outcome:<11} {count:>12,}" for outcome, count in done.counts.items()),
        f"Sealed in the workspace as {done.output[:12]}…, in {len(done.parts)} part(s).",
    ]
    if done.left_out:
        lines.append(f"Left out, as their patients refused it or were erased: {done.left_out:,}.")
    if done.counts["failure"]:
        lines.append("! The model FAILED on some rows: look at their code before you use the rest.")
    if done.to is not None:
        lines.append(f"Exported, NOT encrypted: {done.to} (SHA-256 {str(done.file)[:12]}…).")
    return "\n".join(lines)
