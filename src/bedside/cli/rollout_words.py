"""What `bedside rollout`, `release`, `rollback` and `hold` print."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bedside.core.clock import parse_instant
from bedside.core.records.outcome import at_horizon
from bedside.core.records.rollout import Canary
from bedside.core.records.version import SHOWN, ModelVersion, Stage
from bedside.deploy.rollout.horizons import named_at
from bedside.deploy.rollout.wording import figure_words, title_of
from bedside.lifecycle.rollout import Fired, GuardJudged, TakenBack

__all__ = [
    "approved_words",
    "fired_words",
    "guards_words",
    "released_words",
    "rollout_words",
    "taken_back_words",
]

_SIGNS = {"passed": "✓", "not yet": "…", "failed": "✗", "kept": "✓", "too few": "…", "broken": "✗"}
_WHO_SEES = {
    "silent": "answers in silence, nobody is shown",
    "live": "shown to everybody",
    "superseded": "was live before, kept ready",
    "retired": "out of use",
    "approved": "approved, not released yet",
    "built": "not approved yet",
}
_WIDE = 26
_METRICS = (
    "harrell_c", "uno_c", "auroc", "brier", "calibration_slope", "expected_observed_ratio",
    "sensitivity", "ppv", "macro_auroc", "accuracy", "ordinal_c", "quadratic_kappa", "mae", "rmse",
    "r2",
)  # fmt: skip
_MOST_HISTORY = 12
_NONE: dict[str, Any] = {"estimate": None}


def approved_words(version: ModelVersion, step: Stage, name: str, meaning: str) -> str:
    """Who said yes to which step, on which evidence."""
    if step not in SHOWN:
        return f"{version.id} is approved by {name}: {meaning}."
    yes = version.approved_for(step)
    digest = (yes.evidence or "") if yes else ""
    return (
        f"{version.id} is approved for {step} by {name}: {meaning}.\n"
        f"The approval is bound to the live evidence {digest[:12]} and counts until the version "
        f"moves.\nNext: bedside release {version.id} --stage {step}"
    )


def released_words(version: ModelVersion, canary: Canary | None) -> str:
    """Where the version is now, and who sees it."""
    if version.stage is Stage.CANARY and canary is not None:
        return f"{version.id} is now in canary: shown to {_terms(canary.share, canary.wards)}."
    return f"{version.id} is now {version.stage}: {_WHO_SEES[version.stage.value]}."


def taken_back_words(done: TakenBack) -> str:
    """What is no longer shown, and what is shown instead."""
    was = "in canary" if done.was is Stage.CANARY else "live"
    first = f"{done.version} was {was} and is silent now: it goes on scoring and shows nobody."
    if done.restored is not None:
        second = f"{done.restored} is live again."
    elif done.live is not None:
        second = f"{done.live} is live, as before."
    else:
        second = "No version is live: answers are withheld from everybody."
    return f"{first}\n{second}\nRunning servers follow within a second."


def fired_words(fired: Fired) -> str:
    """A guard that was broken, and what was done."""
    done = "rolled back" if fired.then == "rollback" else "held"
    back = f"; {fired.restored} is live again" if fired.restored else ""
    return f"✗ {fired.version} was {done}{back}. {fired.text}"


def guards_words(judged: Sequence[GuardJudged], now: datetime) -> str:
    """One line a look: the state of every guard."""
    at = now.strftime("%H:%M:%S UTC")
    if not judged:
        return f"{at}  nothing is shown, or nothing is watched"
    told = (f"{_SIGNS[one.result.state]} {one.version} {one.result.text}" for one in judged)
    return "\n".join(f"{at}  {line}" for line in told)


def rollout_words(told: Mapping[str, Any], now: datetime) -> str:
    """Every version with what it shows, the comparisons and the history."""
    lines = [_headline(told), ""]
    for one in told["versions"]:
        lines += [*_version(one, now), ""]
    for one in told["comparisons"]:
        lines += [*_comparison(one), ""]
    lines += _history(told["history"])
    return "\n".join(lines)


def _headline(told: Mapping[str, Any]) -> str:
    live, canary = told["live"], told["canary"]
    if live is None and canary is None:
        return f"{told['model']}: nobody is shown anything."
    parts = [f"{live} is live"] if live else ["no version is live"]
    parts += [f"{canary} is in canary"] if canary else []
    return f"{told['model']}: {', and '.join(parts)}."


def _version(told: Mapping[str, Any], now: datetime) -> Iterator[str]:
    who = _WHO_SEES.get(told["stage"], "")
    if told["canary"] is not None:
        who = f"shown to {_terms(told['canary']['share'], told['canary']['wards'])}"
    since = f" since {_when(told['since'])} ({_ago(told['since'], now)})" if told["since"] else ""
    yield f"{told['version']}  {told['stage'].upper()}{since}: {who}"
    if told["suspended"]:
        yield "  ! suspended: it abstains from every answer until: bedside resume, with a reason"
    if told["unreadable"]:
        yield f"  ! {told['unreadable']}"
    if told["evidence"] is None:
        return
    yield from _evidence(told["evidence"])
    for title, gates in _by_result(told):
        yield f"  {title}"
        yield from (f"    {_SIGNS[g['state']]} {g['state']:<8} {g['text']}" for g in gates)
    if told["guards"]:
        yield "  Guards"
        yield from (f"    {_SIGNS[g['state']]} {g['state']:<8} {g['text']}" for g in told["guards"])
    for step in told["approved_for"]:
        yield f"  Approved for {step}. Next: bedside release {told['version']} --stage {step}"


def _evidence(evidence: Mapping[str, Any]) -> Iterator[str]:
    counts, figures = evidence["counts"], evidence["figures"]
    horizons = evidence.get("horizons", ())
    if not counts["answers"]:
        yield "  no answer yet in this stage"
        return
    yield (
        f"  {counts['answers']:,} answers about {counts['subjects']:,} patients: "
        f"{counts['scores']:,} scores, {counts['abstentions']:,} abstentions, "
        f"{counts['failures']:,} failures; {_known(counts, horizons)}"
    )
    if evidence["reasons"]:
        told = ", ".join(f"{reason} {count:,}" for reason, count in evidence["reasons"].items())
        yield f"  not scored because: {told}"
    shown = [name for name in _names(horizons) if figures.get(name, _NONE)["estimate"] is not None]
    for title, name in _titled(shown, horizons):
        yield f"    {title} {figure_words(name, figures[name])}"


def _known(counts: Mapping[str, Any], horizons: Sequence[float]) -> str:
    """Of how many answers it is known what came true; at each horizon, where there are some."""
    if not horizons:
        return f"the outcome of {counts['judged']:,} is known"
    parts = (
        f"of {counts[named_at('judged', day, horizons)]:,} by {day:,g} days"
        f" ({counts[named_at('at_risk', day, horizons)]:,} followed past it)"
        for day in horizons
    )
    return f"the outcome is known {', '.join(parts)}"


def _names(horizons: Sequence[float]) -> Iterator[str]:
    """Which figures are shown first, in their order; at each horizon, the earliest first."""
    yield from ("alert_rate", "latency_p50_ms", "latency_p99_ms")
    for name in _METRICS:
        yield from (at_horizon(name, day) for day in horizons[:-1])
        yield name


def _titled(names: Sequence[str], horizons: Sequence[float]) -> Iterator[tuple[str, str]]:
    """Each figure with its title, all of one width."""
    titles = [title_of(name, horizons) for name in names]
    wide = max([_WIDE, *map(len, titles)])
    return ((f"{title:<{wide}}", name) for title, name in zip(titles, names, strict=True))


def _by_result(told: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """The gates of each step ahead; steps that ask the same are told once."""
    gates = {step: found for step, found in told["gates"].items() if found}
    if told["stage"] in gates:
        yield "Gates, on what it answers now", gates[told["stage"]]
        return
    canary, live = gates.get("canary"), gates.get("live")
    if canary is not None and canary == live:
        yield "Gates towards canary and live", canary
        return
    for step, found in gates.items():
        yield f"Gates towards {step}", found


def _comparison(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"{told['challenger']} beside {told['champion']}, on the same questions"
    yield (
        f"  {told['pairs']:,} questions about {told['subjects']:,} patients; both scored "
        f"{told['scored']:,}, the outcome of {told['judged']:,} is known"
    )
    if not told["scored"]:
        return
    yield f"    {'same kind of answer':<{_WIDE}} {figure_words('failure_rate', told['same_kind'])}"
    yield f"    {'same alert':<{_WIDE}} {figure_words('failure_rate', told['same_alert'])}"
    alerts = {name: "few" if n is None else f"{n:,}" for name, n in told["alerts"].items()}
    yield (
        f"    {'alerted by':<{_WIDE}} both {alerts['both']}, the first alone "
        f"{alerts['challenger_only']}, the second alone {alerts['champion_only']}, "
        f"neither {alerts['neither']}"
    )
    differences, horizons = told["differences"], told.get("horizons", ())
    if any(name in differences for name in _names(horizons)):
        yield "  Differences, the first less the second"
    shown = [n for n in _names(horizons) if differences.get(n, _NONE)["estimate"] is not None]
    for title, name in _titled(shown, horizons):
        figure = differences[name]
        yield f"    {title} {figure_words(name, figure)}{_surely(figure)}"


def _surely(figure: Mapping[str, Any]) -> str:
    if figure["low"] is None:
        return ""
    if figure["low"] == figure["high"] == 0:
        return "  the same"
    return "  differs" if figure["low"] > 0 or figure["high"] < 0 else "  could be chance"


def _history(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "History"
    if len(entries) > _MOST_HISTORY:
        yield f"  … {len(entries) - _MOST_HISTORY} earlier entries: --json prints all"
    for one in entries[-_MOST_HISTORY:]:
        yield f"  {_when(one['at'])}  {one['version']}  {_happened(one)}, by {one['actor']}"


def _happened(entry: Mapping[str, Any]) -> str:
    match entry["action"]:
        case "approve":
            words = f"approved for {entry.get('step', 'silent')}: {entry['meaning']}"
        case "release":
            words = f"released: {entry['stage']}"
            if entry["stage"] == "canary" and "share" in entry:
                words += f", {_terms(entry['share'], entry['wards'])}"
        case "release.refused":
            words = f"refused: {entry['stage']} ({entry['code'].replace('_', ' ')})"
        case "suspend" | "resume":
            done = "suspended" if entry["action"] == "suspend" else "resumed"
            words = f"{done}: {entry['reason']}"
        case _:
            done = "rolled back" if entry["action"] == "rollback" else "held"
            who = " by a guard" if entry.get("automatic") else ""
            back = f", {entry['restored']} live again" if entry.get("restored") else ""
            words = f"{done}{who}{back}: {entry['reason']}"
    if "without_evidence" in entry:
        words += f" WITHOUT LIVE EVIDENCE, because: {entry['without_evidence']}"
    return words


def _terms(share: float, wards: Sequence[str]) -> str:
    parts = [f"{100 * share:g} % of the patients"] if share or not wards else []
    parts += [f"everybody in {', '.join(wards)}"] if wards else []
    return " and ".join(parts)


def _when(at: str) -> str:
    return f"{at[:16].replace('T', ' ')} UTC"


def _ago(at: str, now: datetime) -> str:
    seconds = max((now - parse_instant(at)).total_seconds(), 0.0)
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
