"""Hazards, verdicts on changes, and incidents, in words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bedside.core.records.change_control import Modification
from bedside.core.records.incident import Incident
from bedside.governance.changes.verdict import Considered, Verdict

__all__ = ["change_words", "duty_lines", "hazards_words", "incident_line", "incident_words"]

_SIGN = {"works": "✓", "not yet": "…", "broken": "✗"}
_STANDING = {
    "inside": "inside the plan",
    "outside": "OUTSIDE the plan",
    "described": "the plan is sentences: described, not executable, so nothing is judged",
    "unplanned": "no change is planned: change_control is empty",
    "unchanged": "nothing has changed",
}


def hazards_words(told: Mapping[str, Any]) -> str:
    """The log: each hazard, its risk without and with its controls, and what each shows now."""
    lines = [f"{told['version']} ({told['stage']}), {len(told['hazards'])} hazards:"]
    for one in told["hazards"]:
        state = "OPEN" if one["open"] else "controlled"
        lines += [
            f"  {one['id']} [{state}] {one['hazard']}",
            f"    harm: {one['harm']} ({one['severity']})",
            f"    risk: {one['before']}, {one['risk_before']}; with its controls {one['after']}, "
            f"{one['risk_after']}{'' if one['accepted'] else ', NOT ACCEPTED'}",
        ]
        for each in one["controls"]:
            group = f" of {each['subgroup']}" if each["subgroup"] else ""
            name = "users are told" if each["kind"] == "text" else f"{each['kind']} {each['name']}"
            said = each["name"] if each["kind"] == "text" else each["text"]
            lines.append(f"    {_SIGN[each['state']]} {name}{group}: {said}")
        if not one["controls"]:
            lines.append("    no control")
    if not told["hazards"]:
        lines.append("  The declaration names none (hazards).")
    if "page" in told:
        lines.append(f"Page: {told['page']}")
    return "\n".join(lines)


def change_words(verdict: Verdict, planned: Modification | None) -> str:
    """What changed, what the nearest planned modifications say of it, and what follows."""
    which = f": {verdict.modification}" if verdict.modification else ""
    lines = [f"{verdict.version} from {verdict.parent}: {_STANDING[verdict.standing]}{which}."]
    lines += [f"  changed: {one.text}" for one in verdict.changes]
    shown = verdict.considered[:1] if verdict.standing == "inside" else verdict.considered
    for one in shown:
        lines += _considered(one)
    if planned is not None:
        update = planned.protocol.update
        lines.append(
            f"Update: silent for {update.silent_for} first; told: {', '.join(update.told)}; "
            f"taken back by: {', '.join(update.rollback) or 'people'}."
        )
    if verdict.standing == "outside":
        lines.append("It needs an approval of its own, as a change that nobody planned.")
    return "\n".join(lines)


def _considered(one: Considered) -> Iterator[str]:
    yield f"  planned {one.modification}:"
    for text in one.uncovered:
        yield f"    ✗ not covered: {text}"
    for criterion in one.criteria:
        yield f"    {'✓' if criterion.met else '✗'} {criterion.text}"


def incident_line(one: Incident) -> str:
    """An incident in a line, without its words."""
    state = ("open, blocks releases" if one.blocks else "open") if one.is_open else "closed"
    parts = [f"{one.id}  {one.severity}  {state}  {one.version}", f"noticed {one.noticed[:16]}Z"]
    parts += [f"hazard {one.hazard}"] if one.hazard else []
    parts += [f"deviation {one.deviation}"] if one.deviation else []
    parts.append("by a guard" if one.automatic else f"by {one.reporter}")
    return "  ".join(parts)


def duty_lines(duties: Sequence[Mapping[str, str]]) -> list[str]:
    """Who must be told by when, where a law applies."""
    lines = [
        f"  if it is {one['when']}: {one['who']} tells {one['told']} "
        f"{one['by'] if one['by'] == 'at once' else 'by ' + one['by'][:16] + 'Z'} "
        f"({one['days']}; {one['source']})"
        for one in duties
    ]
    return [*lines, "  Data, no legal advice: ask counsel which of them apply."] if lines else []


def incident_words(told: Mapping[str, Any]) -> str:
    """An incident with every word of it."""
    state = "open" if told["open"] else "closed"
    lines = [
        f"{told['incident']}  {told['severity']}  {state}  {told['version']}",
        f"  noticed {told['noticed']} by {'a guard' if told['automatic'] else told['reporter']}",
    ]
    lines += [f"  {key}: {told[key]}" for key in ("hazard", "deviation") if told[key]]
    lines += duty_lines(told["duties"])
    for step in told["steps"]:
        lines.append(f"  {step['at'][:16]}Z {step['by']}, {step['kind']} (entry {step['entry']}):")
        lines += [
            f"    {key}: {step[key]}" for key in ("what", "text", "cause", "action") if key in step
        ]
    return "\n".join(lines)
