"""What some days of a model in use show: use, performance, alarms, incidents, changes, risks."""

from collections.abc import Iterator, Mapping
from typing import Any

from bedside.core.records.evidence import figure_text
from bedside.governance.documents.document import Line, Path
from bedside.governance.documents.facts_of_performance import in_order, title_of
from bedside.governance.documents.held import Held

__all__ = [
    "alarms",
    "budget",
    "burden",
    "changes",
    "coverage",
    "feedback",
    "gates",
    "hazards",
    "intended_use",
    "missed",
    "open_alarms",
    "other_incidents",
    "performance",
    "period",
    "plan",
    "population",
    "process",
    "responses",
    "responses_declared",
    "serious_incidents",
    "subgroups",
    "times",
    "unknown",
    "versions",
    "volumes",
]

_MAIN = {
    "binary": ("auroc", "expected_observed_ratio"),
    "multiclass": ("macro_auroc",),
    "ordinal": ("ordinal_c",),
    "regression": ("mae",),
}
_DID = {
    "approve": "approved",
    "build.done": "built",
    "hold": "held",
    "monitor.baseline": "its baseline was replaced",
    "promote": "promoted",
    "recalibrate": "recalibrated",
    "release": "released",
    "release.refused": "a release was refused",
    "resume": "resumed",
    "retrain.done": "learnt anew",
    "retrain.judged": "a challenger was judged against it",
    "retrain.promote": "a challenger was weighed for promotion",
    "retrain.refused": "learning anew was refused",
    "retrain.start": "learning anew began",
    "rollback": "rolled back",
    "suspend": "suspended",
}


def period(held: Held) -> list[Line]:
    """Of which days the report speaks."""
    told = held.told["period"]
    text = f"{told['since']} to {told['until']}, {told['days']} days (UTC)"
    made = f"made at {held.told['made_at'][:10]}"
    return [held.line("Period", text, ("period",)), held.line("Report", made, ("made_at",))]


def intended_use(held: Held) -> list[Line]:
    """As the declaration says it."""
    return [
        held.line(name.replace("_", " ").capitalize(), _words(told), ("intended_use", name))
        for name, told in held.told["intended_use"].items()
        if told
    ]


def _words(told: Any) -> str:
    return "; ".join(map(str, told)) if isinstance(told, list | tuple) else str(told)


def versions(held: Held) -> list[Line]:
    """Each version that was in use, and where it is now."""
    return [
        held.line(one["version"], f"{one['stage']} now; built {one['built_at'][:10]}",
                  ("versions", at))
        for at, one in enumerate(held.told["versions"])
    ]  # fmt: skip


def process(held: Held) -> list[Line]:
    """How the answers are watched, and how often that was done."""
    watch = held.told["watch"]
    text = f"every answer of a version in use, day by day; due every {watch['every']}"
    made = [held.line("Watched", text, ("watch", "every"))]
    for at, one in enumerate(held.told["runs"]):
        last = "never" if one["last"] is None else one["last"][:10]
        text = f"{one['runs']:,} runs in the period; the last run of all: {last}"
        made.append(held.line(one["version"], text, ("runs", at)))
    return made


def budget(held: Held) -> list[Line]:
    """How many false alarms were agreed to."""
    watch = held.told["watch"]
    text = f"on average at most {watch['false_alarms']:g} in {watch['per']}, over all figures"
    owner = held.line("Answers for alarms", str(watch["owner"]), ("watch", "owner"))
    return [held.line("False alarms of a version", text, ("watch",)), owner]


def responses_declared(held: Held) -> list[Line]:
    """What is done about which alarms, as declared; without one, a person is asked."""
    return [
        held.line(
            f"On {', '.join(one['when'])}",
            f"{one['then']}, from severity {one['severity']}"
            + (f", where the cause is {', '.join(one['causes'])}" if one["causes"] else ""),
            ("watch", "respond", at),
        )
        for at, one in enumerate(held.told["watch"]["respond"])
    ]


def volumes(held: Held) -> list[Line]:
    """How often each version was asked and answered, on the days that the monitor counted."""
    made = []
    for at, one in enumerate(held.told["volumes"]):
        if "why" in one:
            continue
        text = (
            f"scores: {_count(one['scores'])}; abstentions: {_count(one['abstentions'])}; "
            f"failures: {_count(one['failures'])}; alerts: {_count(one['alerts'])}; shown to "
            f"somebody: {_count(one['shown'])}; over {one['days']:,} counted days"
        )
        made.append(held.line(one["version"], text, ("volumes", at)))
    return made


def coverage(held: Held) -> list[Line]:
    """For how many scores the outcome is known, and why not for the others."""
    made = []
    for at, one in _judged(held):
        told = one["coverage"]
        if not told["scores"]:
            continue
        parts = [f"{_count(told['judged'])} of {told['scores']:,} scores"]
        if told["share"] is not None:
            parts[0] += f" ({100 * told['share']:.0f} %)"
        parts += [
            f"{name.replace('_', ' ')}: {_count(many)}"
            for name, many in told["not_judged"].items()
            if many != 0
        ]
        label = f"{one['version']}: outcome known"
        made.append(held.line(label, "; ".join(parts), ("performance", at, "coverage")))
    return made


def performance(held: Held) -> list[Line]:
    """Each figure over everybody whose outcome is known, with its 95 % interval and its n."""
    return [
        held.line(
            f"{one['version']}: {title_of(name)}",
            _figure(one["metrics"][name]),
            ("performance", at, "metrics", name),
        )
        for at, one in _judged(held)
        for name in in_order(one["metrics"])
    ]


def population(held: Held) -> list[Line]:
    """How many patients the figures rest on, and how many had the outcome."""
    made = []
    for at, one in _judged(held):
        if one["subjects"] is not None:
            text = f"{one['subjects']:,} patients whose outcome is known"
            paths: list[Path] = [("performance", at, "subjects")]
            if one["with_outcome"] is not None:
                text += f", {one['with_outcome']:,} of them with it"
                paths.append(("performance", at, "with_outcome"))
            made.append(held.line(one["version"], text, *paths))
    return made


def subgroups(held: Held) -> list[Line]:
    """Each level of each subgroup with its leading figures; small ones are hidden."""
    return list(_levels(held))


def _levels(held: Held) -> Iterator[Line]:
    for at, one in _judged(held):
        for group, levels in one["subgroups"].items():
            for level, told in levels.items():
                path: Path = ("performance", at, "subgroups", group, level)
                label = f"{one['version']}, {group.replace('_', ' ')}: {level or 'unknown'}"
                if told["subjects"] is None:
                    yield held.line(label, f"not shown: {told['why']}", (*path, "why"))
                    continue
                names = [name for name in _MAIN.get(one["outcome"], ()) if name in told["metrics"]]
                parts = [f"{title_of(name)} {_figure(told['metrics'][name])}" for name in names]
                text = "; ".join([f"{told['subjects']:,} patients", *parts])
                cited = [(*path, "metrics", name) for name in names]
                yield held.line(label, text, (*path, "subjects"), *cited)


def gates(held: Held) -> list[Line]:
    """The gates of the release, judged again on the answers of these days."""
    return [
        held.line(
            f"{one['version']}: gate",
            f"{gate['state']}: {gate['text']}",
            ("performance", at, "gates", number),
        )
        for at, one in _judged(held)
        for number, gate in enumerate(one["gates"])
    ]


def burden(held: Held) -> list[Line]:
    """How many alerts there were, and how many of them were false."""
    return [
        held.line(
            f"{one['version']}: {name.replace('_', ' ')}",
            f"{_figure(figure)}, of alerts that were {one['burden']['of']}",
            ("performance", at, "burden", "figures", name),
        )
        for at, one in _judged(held)
        for name, figure in one["burden"]["figures"].items()
    ]


def feedback(held: Held) -> list[Line]:
    """What staff did with what they were shown."""
    made = []
    for at, one in _judged(held):
        told = one["feedback"]
        if told["accepted"] == 0 and told["overridden"] == 0:
            continue
        text = f"followed: {_count(told['accepted'])}; not followed: {_count(told['overridden'])}"
        made.append(held.line(f"{one['version']}: feedback", text, ("performance", at, "feedback")))
    return made


def unknown(held: Held) -> list[Line]:
    """What these days cannot tell."""
    return [
        held.line(f"{one['version']}: not known", text, ("performance", at, "unknown", number))
        for at, one in _judged(held)
        for number, text in enumerate(one["unknown"])
    ] + [
        held.line(f"{one['version']}: not told", one["why"], (part, at, "why"))
        for part in ("volumes", "performance")
        for at, one in enumerate(held.told[part])
        if "why" in one
    ]


def alarms(held: Held) -> list[Line]:
    """Each alarm of these days, what was likely behind it, and what was found."""
    made = [held.line("Alarms", f"{held.told['alarm_count']:,}", ("alarm_count",))]
    for at, one in enumerate(held.told["alarms"]):
        found = "" if one["found"] is None else f"; found: {one['found']}"
        text = f"{one['severity']}, {one['state']}: {one['text']} Likely: {one['likely']}{found}"
        made.append(held.line(f"{one['id']} ({one['raised']})", text, ("alarms", at)))
    return made


def open_alarms(held: Held) -> list[Line]:
    """Those that are not resolved."""
    return [
        held.line(one["id"], f"{one['severity']}, {one['state']}; {one['owner']} answers for it",
                  ("alarms", at))
        for at, one in enumerate(held.told["alarms"])
        if one["state"] != "resolved"
    ]  # fmt: skip


def times(held: Held) -> list[Line]:
    """How long each took to be acknowledged and resolved, counted from when it was raised."""
    return [
        held.line(
            one["id"],
            f"acknowledged {_after(one['hours_to_acknowledge'])}; "
            f"resolved {_after(one['hours_to_resolve'])}",
            ("alarms", at),
        )
        for at, one in enumerate(held.told["alarms"])
    ]


def missed(held: Held) -> list[Line]:
    """Alarms about the monitor itself, which did not run when it should have."""
    return [
        held.line(one["id"], str(one["text"]), ("alarms", at, "text"))
        for at, one in enumerate(held.told["alarms"])
        if one["kind"] == "run"
    ]


def responses(held: Held) -> list[Line]:
    """What the platform did about alarms by itself, as declared."""
    return [
        held.line(f"{one['id']}: response", text, ("alarms", at, "responses", number))
        for at, one in enumerate(held.told["alarms"])
        for number, text in enumerate(one["responses"])
    ]


def serious_incidents(held: Held) -> list[Line]:
    """Incidents that were judged serious, a death among them, or widespread."""
    return _incidents(held, serious=True)


def other_incidents(held: Held) -> list[Line]:
    """Every other incident and deviation."""
    return _incidents(held, serious=False)


def _incidents(held: Held, *, serious: bool) -> list[Line]:
    many = sum(one["serious"] is serious for one in held.told["incidents"])
    if not many:
        return [held.line("Written down", "none in these days", ("incidents",))]
    made = []
    for at, one in enumerate(held.told["incidents"]):
        if one["serious"] is not serious:
            continue
        parts = [one["severity"], "open" if one["closed"] is None else f"closed {one['closed']}"]
        parts += [f"hazard {one['hazard']}"] if one["hazard"] else []
        parts += [f"deviation from {one['deviation']}"] if one["deviation"] else []
        label = f"{one['id']} (noticed {one['noticed']})"
        made.append(held.line(label, "; ".join(parts), ("incidents", at)))
    return made


def changes(held: Held) -> list[Line]:
    """What was changed, by whom, and what became of it; each is an entry of the ledger."""
    made = []
    for at, one in enumerate(held.told["changes"]):
        told = "".join(f"; {name}: {value}" for name, value in one["told"].items())
        text = f"{one['version']} {_DID[one['action']]}, by {one['by']}{told}"
        label = f"{one['day']}, entry {one['sequence']}"
        made.append(held.line(label, text, ("changes", at)))
    return made


def plan(held: Held) -> list[Line]:
    """The changes that were planned beforehand."""
    return [
        held.line(one["id"], f"{one['kind']}: {one['text']}", ("plan", at))
        for at, one in enumerate(held.told["plan"])
    ]


def hazards(held: Held) -> list[Line]:
    """Each hazard, whether its risk is open, and the controls that do not work now."""
    made = []
    for at, one in enumerate(held.told["hazards"]["log"]):
        state = "OPEN" if one["open"] else "controlled"
        controls = "".join(f"; {c['kind']} {c['name']}: {c['state']}" for c in one["controls"])
        text = f"{one['hazard']}: {one['harm']} ({one['severity']}); {state}{controls}"
        made.append(held.line(one["id"], text, ("hazards", "log", at)))
    return made


def _judged(held: Held) -> list[tuple[int, Mapping[str, Any]]]:
    """The versions of which it is told how their predictions came true."""
    return [(at, one) for at, one in enumerate(held.told["performance"]) if "why" not in one]


def _figure(told: Mapping[str, Any]) -> str:
    text = figure_text(told)
    n = told.get("n")
    return text if told["estimate"] is None or n is None else f"{text}, n = {n:,}"


def _count(many: int | str | None) -> str:
    if many is None:
        return "10 or fewer"
    return many if isinstance(many, str) else f"{many:,}"


def _after(hours: float | None) -> str:
    return "not yet" if hours is None else f"after {hours:g} h"
