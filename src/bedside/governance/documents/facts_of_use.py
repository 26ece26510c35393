"""What the declaration says of use, question, predictors and change, as lines of a document."""

from collections.abc import Mapping
from typing import Any

from bedside.core.units import display
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Line

__all__ = [
    "answers",
    "change_control",
    "channels",
    "decision",
    "eligibility",
    "gates",
    "horizon",
    "keywords",
    "manufacturer",
    "monitoring",
    "not_for",
    "outcome",
    "poor_input",
    "population",
    "predictors",
    "question",
    "rollout",
    "sealed",
    "seen_when",
    "title",
    "treatments",
    "users",
    "whole_model",
]

_KINDS = {
    "binary": "the risk that the answer is yes",
    "survival": "the risk by each horizon",
    "multiclass": "a chance for each level",
    "ordinal": "a chance for each ordered level",
    "regression": "a value",
}


def decision(case: Case) -> list[Line]:
    """Which decision it supports."""
    text = case.declared["intended_use"]["decision"]
    return [case.said("Supports", text, ("intended_use", "decision"))]


def users(case: Case) -> list[Line]:
    """Who uses it."""
    text = ", ".join(case.declared["intended_use"]["users"])
    return [case.said("Users", text, ("intended_use", "users"))]


def population(case: Case) -> list[Line]:
    """For which patients."""
    text = case.declared["intended_use"]["population"]
    return [case.said("Population", text, ("intended_use", "population"))]


def not_for(case: Case) -> list[Line]:
    """What it must not be used for."""
    told = case.declared["intended_use"]["not_for"]
    return [
        case.said("Not for", text, ("intended_use", "not_for", at)) for at, text in enumerate(told)
    ]


def question(case: Case) -> list[Line]:
    """The question, as it is asked."""
    return [case.said("Question", case.declared["question"]["ask"], ("question", "ask"))]


def answers(case: Case) -> list[Line]:
    """What kind of answer it gives."""
    told = case.declared["question"]["outcome"]
    parts = ", ".join([*told["horizons"], *told["levels"]])
    text = _KINDS[told["kind"]] + (f": {parts}" if parts else "")
    return [case.said("Gives", text, ("question", "outcome"))]


def outcome(case: Case) -> list[Line]:
    """What comes true, by which signal."""
    made = answers(case)
    for name, signal in case.declared["signals"].items():
        if signal["role"] == "outcome":
            text = f"{signal['label']}, from {_from(signal)}"
            made.append(case.said("Outcome", text, ("signals", name)))
    return made


def _from(signal: Mapping[str, Any]) -> str:
    where = f"column {signal['column']}" if signal["column"] else f"code {signal['code']}"
    return where + (f" in {signal['unit']}" if signal["unit"] else "")


def horizon(case: Case) -> list[Line]:
    """By when it must come true."""
    asked = case.declared["question"]
    made = []
    if asked["time_at_risk"] is not None:
        risk = asked["time_at_risk"]
        text = f"from {risk['start']} to {risk['end']} after the prediction time"
        for name, words in (("censored_by", "censored by"), ("competing", "competing with")):
            if risk[name]:
                text += f", {words} {', '.join(risk[name])}".replace("_", " ")
        made.append(case.said("Time at risk", text, ("question", "time_at_risk")))
    for name, window in asked["windows"].items():
        if window["label"]:
            text = _counts_when(window, asked["trigger"])
            made.append(case.said("Counts when", text, ("question", "windows", name)))
    if asked["settles_after"] != "0 min":
        text = f"an outcome may be written down up to {asked['settles_after']} later"
        made.append(case.said("Settles", text, ("question", "settles_after")))
    return made


def _counts_when(window: Mapping[str, Any], trigger: str) -> str:
    """When the outcome counts.

    >>> _counts_when({"label": "heart_attack", "start": "trigger", "end": "trigger"}, "icu_stay")
    'heart attack at the icu stay'
    >>> _counts_when({"label": "sepsis", "start": None, "end": "trigger + 6h"}, "icu_hour")
    'sepsis up to the icu hour + 6h'
    """
    if window["start"] is None:
        end = str(window["end"]).replace("trigger", f"the {trigger}")
        return f"{window['label']} up to {end}".replace("_", " ")
    edges = [str(window[end]).replace("trigger", f"the {trigger}") for end in ("start", "end")]
    when = f"at {edges[0]}" if edges[0] == edges[1] else f"between {' and '.join(edges)}"
    return f"{window['label']} {when}".replace("_", " ")


def eligibility(case: Case) -> list[Line]:
    """Who is asked about, and who gets no score."""
    asked, made = case.declared["question"], []
    made.append(
        case.said("Asked at", f"each {asked['trigger'].replace('_', ' ')}", ("question", "trigger"))
    )
    for at, gone in enumerate(asked["washout"]):
        span = f" within {gone['span']} before" if gone["span"] else " at any time before"
        text = f"who had {gone['predicate']}{span} is left out"
        made.append(case.said("Left out", text, ("question", "washout", at)))
    for name, window in asked["windows"].items():
        for predicate, bounds in window["has"].items():
            why = f", because {window['because']}" if window["because"] else ""
            text = f"{predicate} {bounds} times from {window['start']} to {window['end']}{why}"
            made.append(case.said("Must have", text, ("question", "windows", name)))
    for at, one in enumerate(case.declared["eligibility"]):
        bounds = [
            f"{words} {one[key]:g}"
            for key, words in (("at_least", "at least"), ("at_most", "at most"))
            if one[key] is not None
        ]
        text = f"no score unless {one['signal']} is {' and '.join(bounds)}"
        made.append(case.said("Eligible", text, ("eligibility", at)))
    return made


def predictors(case: Case) -> list[Line]:
    """Which signals it looks at, how they are summed up and from how far back."""
    signals, made = case.declared["signals"], []
    for at, rule in enumerate(case.declared["features"]):
        names = [_name(signals, one) for one in rule["signals"]]
        how = ", ".join(rule["aggregates"]) or "as learnt or as of the calendar"
        back = f"; from the {rule['lookback']} before" if rule.get("lookback") else ""
        if names:
            text = f"{'; '.join(names)} (as: {how}{back})"
            made.append(case.said("Looks at", text, ("features", at), ("signals",)))
    return made


def _name(signals: Mapping[str, Any], name: str) -> str:
    told = signals.get(name)
    if told is None:
        return name
    unit = display(told["unit"])
    return f"{told['label']} [{unit}]" if unit else str(told["label"])


def seen_when(case: Case) -> list[Line]:
    """That only what could be seen by then counts, and with which declared delays."""
    delays: dict[str, list[str]] = {}
    for signal in case.declared["signals"].values():
        if signal["role"] != "outcome" and signal["visible_after"]:
            delays.setdefault(signal["visible_after"], []).append(signal["label"])
    return [
        case.said(
            "Seen after",
            f"{delay}: {'every input' if len(delays) == 1 else '; '.join(labels)}",
            ("signals",),
        )
        for delay, labels in delays.items()
    ]


def treatments(case: Case) -> list[Line]:
    """Signals that name a treatment among the inputs."""
    words = ("therapy", "treatment", "drug", "dose", "medication", "surgery", "radiotherapy")
    return [
        case.said("Input", signal["label"], ("signals", name, "label"))
        for name, signal in case.declared["signals"].items()
        if signal["role"] != "outcome" and any(word in signal["label"].lower() for word in words)
    ]


def gates(case: Case) -> list[Line]:
    """The bounds that were set before the model was judged."""
    made = []
    for at, gate in enumerate(case.declared["gates"]):
        bounds = [
            f"{words} {gate[key]:g}"
            for key, words in (("at_least", "at least"), ("at_most", "at most"))
            if gate[key] is not None
        ]
        end = "" if gate["bound"] == "estimate" else f" ({gate['bound']} end of the interval)"
        group = f", between levels of {gate['subgroup']}" if gate["subgroup"] else ""
        text = f"{gate['metric']} {' and '.join(bounds)}{end}{group}"
        made.append(case.said("Gate", text, ("gates", at)))
    return made


def change_control(case: Case) -> list[Line]:
    """What may change without a new approval."""
    told = case.declared["change_control"]
    if not told:
        return [case.said("May change", "nothing", ("change_control",))]
    if isinstance(told, Mapping):
        return [
            case.said("May change", one["description"], ("change_control", "modifications", at))
            for at, one in enumerate(told["modifications"])
        ]
    return [case.said("May change", text, ("change_control", at)) for at, text in enumerate(told)]


def monitoring(case: Case) -> list[Line]:
    """How it is watched when it is in use."""
    told = case.declared["monitoring"]
    text = (
        f"each run has a chance of {told['alpha']:g} of any false alarm, and needs at least "
        f"{told['minimum_subjects']:,} subjects"
    )
    return [case.said("Watched", text, ("monitoring",))]


def channels(case: Case) -> list[Line]:
    """On which wires it answers."""
    told = case.declared["channels"]
    names = ["the inference service"] if told["inference"] else []
    hooks = told["cds_hooks"] or []
    for one in [hooks] if isinstance(hooks, dict) else hooks:
        names.append(f"CDS Hooks ({one['hook']})")
    if told.get("fhir"):
        names.append("FHIR R4 ($predict)")
    if not names:
        return []
    return [case.said("Answers on", " and ".join(names), ("channels",))]


def title(case: Case) -> list[Line]:
    """What the model is called."""
    return [case.said("Title", case.declared["title"], ("title",))]


def poor_input(case: Case) -> list[Line]:
    """What happens when an input is missing, old or outside its bounds."""
    made, signals = [], case.declared["signals"]
    needed = [name for name, told in signals.items() if told["required"]]
    if needed:
        text = "no score without " + ", ".join(signals[name]["label"] for name in needed)
        made.append(case.said("Missing", text, ("signals",)))
    for name, told in signals.items():
        if told["stale_after"]:
            text = f"{told['label']} counts as old after {told['stale_after']}"
            made.append(case.said("Old", text, ("signals", name)))
    made += [line for line in eligibility(case) if line.label == "Eligible"]
    if case.declared["uncertainty"]["domain"] is not None:
        text = f"no score outside the domain of {case.declared['uncertainty']['domain']:g}"
        made.append(case.said("Unlike the training patients", text, ("uncertainty", "domain")))
    return made


def whole_model(case: Case) -> list[Line]:
    """Where the model itself is."""
    text = (
        "model.onnx predicts; learnt.json holds every term or tree; features.json says how inputs "
        "are made; all of them are in this bundle"
    )
    return [case.said("The model", text, ("learner",), ("features",))]


def sealed(case: Case) -> list[Line]:
    """That the definition is part of what was sealed."""
    text = "bedside.yaml is sealed with the version, and each change of it makes another version"
    return [case.said("Set beforehand", text, ("question",))]


def manufacturer(case: Case) -> list[Line]:
    """Who answers for it, where the FHIR channel says so."""
    name = (case.declared["channels"]["fhir"] or {}).get("manufacturer", "")
    return [case.said("Manufacturer", name, ("channels", "fhir", "manufacturer"))] if name else []


def keywords(case: Case) -> list[Line]:
    """Words to find it by."""
    words = [
        case.declared["name"].replace("_", " "),
        case.outcome,
        case.declared["learner"]["kind"],
    ]
    paths = (("name",), ("question", "outcome", "kind"), ("learner", "kind"))
    return [case.said("Keyword", word, path) for word, path in zip(words, paths, strict=True)]


def rollout(case: Case) -> list[Line]:
    """What a version must show on its way to patients, and what sends it back."""
    told, made = case.declared.get("rollout") or {}, []
    for name, label in (("gates", "Live gate"), ("guards", "Guard")):
        for at, one in enumerate(told.get(name) or ()):
            words = ", ".join(
                f"{key.replace('_', ' ')} {value}"
                for key, value in one.items()
                if value not in (None, "", [])
            )
            made.append(case.said(label, words, ("rollout", name, at)))
    return made
