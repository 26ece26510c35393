"""What some days of a model in use show: how it is watched, its use, and what came true."""

from collections.abc import Iterator, Mapping
from typing import Any

from bedside.core.records.evidence import figure_text
from bedside.governance.documents.document import Line, Path
from bedside.governance.documents.facts_of_performance import in_order, title_of
from bedside.governance.documents.held import Held

__all__ = [
    "budget",
    "burden",
    "coverage",
    "feedback",
    "gates",
    "intended_use",
    "performance",
    "period",
    "population",
    "process",
    "responses_declared",
    "subgroups",
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
_CARE = {
    "not_acted": "without those on whom staff acted",
    "not_shown": "of whom nobody was shown anything",
}
_MARKED_BY = {
    "feedback": "by feedback alone",
    "order": "by an order alone",
    "treatment": "by an intervention alone",
    "several": "by more than one of these",
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
        text = f"runs in the period: {one['runs']:,}; the last run of all: {last}"
        made.append(held.line(one["version"], text, ("runs", at)))
    return made


def budget(held: Held) -> list[Line]:
    """How many false alarms were agreed to."""
    watch = held.told["watch"]
    how = "proved" if watch["budget"] == "proved" else "measured on simulated hospitals"
    text = (
        f"on average at most {watch['false_alarms']:g} in {watch['per']}, over all figures ({how})"
    )
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
    """Each figure over everybody whose outcome is known, with its 95 % interval and its n.

    With what they cannot say where the model changed the care, and the leading figures of those
    for whom it did not.
    """
    return list(_figures(held))


def _figures(held: Held) -> Iterator[Line]:
    for at, one in _judged(held):
        for name in in_order(one["metrics"]):
            path: Path = ("performance", at, "metrics", name)
            yield held.line(
                f"{one['version']}: {title_of(name)}", _figure(one["metrics"][name]), path
            )
        if one["metrics"]:
            place: Path = ("performance", at, "read_as")
            yield held.line(f"{one['version']}: how to read them", one["read_as"], place)
        for who, told in one["care"].items():
            for name in _MAIN.get(one["outcome"], ()):
                if name in told["metrics"]:
                    label = f"{one['version']}, {_CARE[who]}: {title_of(name)}"
                    yield held.line(
                        label, _figure(told["metrics"][name]),
                        ("performance", at, "care", who, "metrics", name),
                    )  # fmt: skip


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
    """What staff did with what they were shown, and what followed alerts."""
    made: list[Line] = []
    for at, one in _judged(held):
        made += _treated(held, at, one)
        told = one["feedback"]
        if told["accepted"] == 0 and told["overridden"] == 0:
            continue
        text = f"followed: {_count(told['accepted'])}; not followed: {_count(told['overridden'])}"
        made.append(held.line(f"{one['version']}: feedback", text, ("performance", at, "feedback")))
    return made


def _treated(held: Held, at: int, one: Mapping[str, Any]) -> Iterator[Line]:
    """Patients treated because alerted, by what tells it, and what followed alerts."""
    treated, place = one["treated"], ("performance", at, "treated")
    by = {name: many for name, many in treated["patients"].items() if name != "nobody"}
    if any(many != 0 for many in by.values()):
        text = "; ".join(f"{_MARKED_BY[name]}: {_count(many)}" for name, many in by.items())
        yield held.line(
            f"{one['version']}: patients treated because alerted", text, (*place, "patients")
        )
    for name, told in treated["interventions"].items():
        path: Path = (*place, "interventions", name)
        text = f"of shown alerts {_figure(told['followed'])}; hours after {_figure(told['hours'])}"
        label = f"{one['version']}: {told['label']} within {told['within']}"
        yield held.line(label, text, (*path, "followed"), (*path, "hours"))


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
