"""What is known of the data: source, dates, counts, flow, quality, split, leakage."""

from collections.abc import Sequence

from bedside.core.records.split import SIDES
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Line

__all__ = [
    "counts",
    "dates",
    "flow",
    "groups_of_subjects",
    "leakage",
    "licence",
    "quality",
    "source",
    "split",
]


def source(case: Case) -> list[Line]:
    """From where the data are."""
    told = case.declared["data"]
    if told["source"]:
        return [case.said("Source", f"the collected source {told['source']}", ("data", "source"))]
    bundled = f", or {told['bundled']} where no data are given" if told["bundled"] else ""
    text = f"one wide table, {told['file']}{bundled}"
    return [case.said("Source", text, ("data", "file"), ("data", "bundled"))]


def licence(case: Case) -> list[Line]:
    """Under which licence, and how far patients can be known."""
    told = case.declared["data"]
    return [
        case.said("Licence", told["licence"], ("data", "licence")),
        case.said("Released as", told["release_mode"].replace("_", " "), ("data", "release_mode")),
    ]


def dates(case: Case) -> list[Line]:
    """From when the data are, as far as it is declared."""
    told, made = case.declared["data"], []
    clock = told["clock"]
    if not told["source"] and clock["column"] is not None:
        text = f"column {clock['column']}, counted from {clock['origin']}"
        made.append(case.said("Times", text, ("data", "clock")))
    elif not told["source"]:
        text = f"the table has none; each row is placed at {clock['origin']}, which is no date"
        made.append(case.said("Dates of care", text, ("data", "clock")))
    end = case.declared["question"]["data_end"]
    if end is not None:
        made.append(case.said("Taken to end", end, ("question", "data_end")))
    return made


def counts(case: Case) -> list[Line]:
    """Subjects, predictions and outcomes on each side."""
    number = case.outcome == "regression"
    return [
        case.seen(
            side.replace("_", " ").capitalize(),
            f"{told['subjects']:,} subjects, {told['rows']:,} predictions"
            + ("" if number else f", {told['positive']:,} with the outcome"),
            ("counts", side),
            section="data",
        )
        for side in SIDES
        if (told := case.found("counts", side)) is not None
    ]


def flow(case: Case) -> list[Line]:
    """How many subjects each step of the question left."""
    return [
        case.seen(
            step["text"].rstrip(".").replace("_", " "),
            f"{step['subjects']} subjects"
            + ("" if step["rows"] in ("", "0") else f", {step['rows']} predictions")
            + (f"; left out: {step['dropped'].rstrip('.')}" if step["dropped"] else ""),
            ("flow", at),
            section="data",
        )
        for at, step in enumerate(case.found("flow") or [])
    ]


def groups_of_subjects(case: Case) -> list[Line]:
    """The subgroups among those who were asked about."""
    steps: Sequence[dict[str, dict[str, dict[str, str]]]] = case.found("flow") or []
    if not steps:
        return []
    last = len(steps) - 1
    return [
        case.seen(
            f"By {name}",
            ", ".join(f"{level or 'unknown'}: {count}" for level, count in levels.items()),
            ("flow", last, "groups", name),
            section="data",
        )
        for name, levels in steps[last]["groups"].items()
    ]


def quality(case: Case) -> list[Line]:
    """What was set aside in preparation."""
    told = case.found("quality", "set_aside")
    if told is None:
        return []
    text = ", ".join(f"{why}: {_count(count)}" for why, count in told.items()) or "none"
    made = [case.seen("Set aside", text, ("quality", "set_aside"), section="data")]
    events = case.found("quality", "events")
    if events is not None:
        made.insert(0, case.seen("Events", _count(events), ("quality", "events"), section="data"))
    return made


def _count(told: int | str) -> str:
    """A count in words; one that is hidden is words already."""
    return told if isinstance(told, str) else f"{told:,}"


def split(case: Case) -> list[Line]:
    """Who is held out, and how."""
    told = case.declared["evaluation"]["split"]
    made = []
    if told["held_out_sites"]:
        text = f"everyone at {', '.join(told['held_out_sites'])}"
        path = ("evaluation", "split", "held_out_sites")
        made.append(case.said("Held-out site", text, path))
    if told["held_out_from"] is not None:
        text = f"whoever is asked about from {told['held_out_from']} on"
        made.append(case.said("Held-out time", text, ("evaluation", "split", "held_out_from")))
    if not made:
        text = (
            f"whole subjects, by shares: {told['train']:g} to learn from, {told['tuning']:g} to "
            f"tune and calibrate on, {told['held_out']:g} to be judged by"
        )
        made.append(case.said("Divided", text, ("evaluation", "split")))
    if told["group"] is not None:
        text = f"subjects with the same {told['group']} stay on one side"
        made.append(case.said("Kept together", text, ("evaluation", "split", "group")))
    return made


def leakage(case: Case) -> list[Line]:
    """What the audit found, and what was said to it."""
    told = case.evidence["leakage"]
    if not told:
        return [case.seen("Leakage audit", "nothing was found", ("leakage",), section="leakage")]
    return [
        case.seen(
            "Acknowledged" if finding["because"] else "Warning",
            finding["text"]
            + (f" Acknowledged: {finding['because']}" if finding["because"] else ""),
            ("leakage", at),
            section="leakage",
        )
        for at, finding in enumerate(told)
    ]
